/* arena.h - many small texts that die together.
 *
 * What it gives never moves. Owner: the caller keeps the slot. Threads: none.
 */
#ifndef DT_PKI_ARENA_H
#define DT_PKI_ARENA_H

#include <stddef.h>

struct dt_cert_block;

/* Zeroed, aligned for pointers; NULL when there is no memory. */
void *dt_arena_take(struct dt_cert_block **arena, size_t size);
void dt_arena_free(struct dt_cert_block **arena);

#endif
