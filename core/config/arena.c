#include "config/arena.h"

#include "base/mem.h"

#include <stddef.h>
#include <string.h>

struct dt_arena_block {
	struct dt_arena_block *next; /* owned */
	size_t len;		     /* bytes of data */
	max_align_t data[];
};

static void *
add_block(struct dt_arena_block **list, size_t size)
{
	if (size > SIZE_MAX - sizeof(struct dt_arena_block))
		return NULL;
	struct dt_arena_block *b = dt_alloc(sizeof(*b) + size);
	if (b == NULL)
		return NULL;
	b->len = size;
	b->next = *list;
	*list = b;
	return b->data;
}

void *
dt_config_arena_alloc(struct dt_config_arena *a, size_t size)
{
	return add_block(&a->blocks, size);
}

char *
dt_config_arena_text(struct dt_config_arena *a, const char *text)
{
	size_t len = strlen(text) + 1;
	char *copy = dt_config_arena_alloc(a, len);
	if (copy)
		memcpy(copy, text, len);
	return copy;
}

void *
dt_config_arena_secret(struct dt_config_arena *a, size_t size)
{
	return add_block(&a->secrets, size);
}

void
dt_config_arena_wipe(struct dt_config_arena *a)
{
	for (struct dt_arena_block *b = a->secrets; b; b = b->next)
		dt_wipe(b->data, b->len);
}

static void
free_list(struct dt_arena_block **list)
{
	struct dt_arena_block *next;
	for (struct dt_arena_block *b = *list; b; b = next) {
		next = b->next;
		dt_free(b);
	}
	*list = NULL;
}

void
dt_config_arena_fini(struct dt_config_arena *a)
{
	dt_config_arena_wipe(a);
	free_list(&a->secrets);
	free_list(&a->blocks);
}
