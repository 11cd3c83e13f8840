#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void
dt_assert_failed(const char *file, int line, const char *expr)
{
	fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, expr);
	abort();
}
