#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static _Thread_local uint64_t count;
static _Thread_local uint64_t fail_at;

static int
must_fail(void)
{
	count++;
	if (fail_at == 0 || count != fail_at)
		return 0;
	fail_at = 0;
	return 1;
}

void *
dt_alloc(size_t size)
{
	return dt_alloc_array(1, size);
}

void *
dt_alloc_array(size_t n, size_t size)
{
	return must_fail() ? NULL : calloc(n, size ? size : 1);
}

void *
dt_resize(void *ptr, size_t size)
{
	return must_fail() ? NULL : realloc(ptr, size ? size : 1);
}

void *
dt_copy(const void *src, size_t len)
{
	if (len == SIZE_MAX)
		return NULL;
	char *copy = dt_alloc(len + 1);
	if (copy && len)
		memcpy(copy, src, len);
	return copy;
}

char *
dt_copy_text(const char *text)
{
	return dt_copy(text, strlen(text));
}

void
dt_free(void *ptr)
{
	free(ptr);
}

void
dt_wipe(void *ptr, size_t len)
{
	if (len)
		explicit_bzero(ptr, len);
}

void
dt_free_secret(void *ptr, size_t len)
{
	if (ptr)
		dt_wipe(ptr, len);
	dt_free(ptr);
}

void
dt_mem_fail_nth(uint64_t nth)
{
	fail_at = nth ? count + nth : 0;
}

uint64_t
dt_mem_count(void)
{
	return count;
}
