#include "config/json_memory.h"

#include "base/mem.h"

#include <jansson.h>

/* A variable, since jansson hands no argument to its allocator. */
static _Thread_local bool starved;

static void *
allocate(size_t size)
{
	void *p = dt_alloc(size);
	starved = starved || p == NULL;
	return p;
}

void
dt_json_begin(void)
{
	/* The same for every caller, and in line with malloc() and free(): who else in the process
	 * uses jansson does not notice. */
	json_set_alloc_funcs(allocate, dt_free);
	starved = false;
}

bool
dt_json_starved(void)
{
	return starved;
}
