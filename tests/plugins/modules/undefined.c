/* Calls what nobody has. */
#include <dtlsd/module.h>

extern void no_such_function_anywhere(void);

static void
close_instance(const struct dtlsd_ctx *c)
{
	(void)c;
	no_such_function_anywhere();
}

DTLSD_MODULE(.name = "undefined", .version = "1", .close = close_instance);
