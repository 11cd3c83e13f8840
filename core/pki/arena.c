#include "pki/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdint.h>

#define BLOCK_SIZE 4000u /* bytes: the fields of a usual certificate fit into one */

struct dt_cert_block {
	struct dt_cert_block *older; /* owned; NULL for the first */
	size_t used, size;	     /* bytes of data */
	alignas(max_align_t) uint8_t data[];
};

void *
dt_arena_take(struct dt_cert_block **arena, size_t size)
{
	const size_t unit = sizeof(void *);
	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + unit - 1) / unit * unit;
	struct dt_cert_block *b = *arena;
	if (!b || b->size - b->used < size) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
		b = dt_alloc(sizeof(*b) + room);
		if (!b)
			return NULL;
		b->size = room;
		b->older = *arena;
		*arena = b;
	}
	void *p = b->data + b->used;
	b->used += size;
	return p;
}

void
dt_arena_free(struct dt_cert_block **arena)
{
	struct dt_cert_block *b = *arena;
	*arena = NULL;
	while (b) {
		struct dt_cert_block *older = b->older;
		dt_free(b);
		b = older;
	}
}
