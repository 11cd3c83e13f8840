/* mem.h - the funnel every allocation of the core goes through.
 *
 * A failed allocation drops one peer, never the server: callers check for NULL.
 * Tests make the nth allocation of a thread fail, to walk every error path.
 * Threads: any; the failure counter belongs to the calling thread.
 */
#ifndef DT_BASE_MEM_H
#define DT_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed memory, or NULL. */
void *dt_alloc(size_t size) __attribute__((malloc));
/* Zeroed memory for `count` items, or NULL (also when count * size overflows). */
void *dt_alloc_array(size_t count, size_t size) __attribute__((malloc));
/* Like realloc(); new bytes are not zeroed. NULL leaves the old block. */
void *dt_resize(void *ptr, size_t size);
/* A copy of `len` bytes; a NUL follows them, so that text can be kept as well. */
void *dt_copy(const void *src, size_t len);
char *dt_copy_text(const char *text);
void dt_free(void *ptr);
/* Overwrites secrets; the compiler may not leave it out. */
void dt_wipe(void *ptr, size_t len);
/* dt_wipe(), then dt_free(). Accepts NULL. */
void dt_free_secret(void *ptr, size_t len);

/* The nth allocation from now on (1 = the next) of this thread fails, once. 0 = none. */
void dt_mem_fail_nth(uint64_t nth);
/* Allocations of this thread so far; tests use it to know when torture ends. */
uint64_t dt_mem_count(void);

#endif
