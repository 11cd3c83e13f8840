#include "plugin/actions.h"

#include <string.h>

#include "base/mem.h"

#define BLOCK_BYTES 65536u
#define FIRST_ITEMS 64u
#define KEPT_ITEMS 4096u /* a queue that was longer gives its memory back */

struct dt_action_block {
	struct dt_action_block *next; /* owned */
	size_t used, size;	      /* bytes */
	uint8_t bytes[];
};

static enum dt_err
add_block(struct dt_actions *a, size_t len)
{
	size_t size = len > BLOCK_BYTES ? len : BLOCK_BYTES;
	if (size > DT_ACTIONS_BYTES_MAX - a->bytes)
		return DT_ERR_AGAIN;
	struct dt_action_block *b = dt_alloc(sizeof(*b) + size);
	if (!b)
		return DT_ERR_NOMEM;
	b->size = size;
	b->next = a->blocks;
	a->blocks = b;
	a->bytes += size;
	return DT_OK;
}

static enum dt_err
copy_bytes(struct dt_actions *a, struct dt_action *action)
{
	struct dt_action_block *b = a->blocks;
	if (!b || action->len > b->size - b->used) {
		enum dt_err err = add_block(a, action->len);
		if (err != DT_OK)
			return err;
		b = a->blocks;
	}
	uint8_t *to = b->bytes + b->used;
	if (action->len)
		memcpy(to, action->data, action->len);
	b->used += action->len;
	action->data = to;
	return DT_OK;
}

static enum dt_err
make_room(struct dt_actions *a)
{
	if (a->count < a->cap)
		return DT_OK;
	if (a->cap >= DT_ACTIONS_MAX)
		return DT_ERR_AGAIN;
	size_t cap = a->cap ? 2 * a->cap : FIRST_ITEMS;
	struct dt_action *items = dt_resize(a->items, cap * sizeof(items[0]));
	if (!items)
		return DT_ERR_NOMEM;
	a->items = items;
	a->cap = cap;
	return DT_OK;
}

enum dt_err
dt_actions_add(struct dt_actions *a, const struct dt_action *action, bool copy)
{
	enum dt_err err = make_room(a);
	if (err != DT_OK)
		return err;
	struct dt_action *to = &a->items[a->count];
	*to = *action;
	if (copy) {
		err = copy_bytes(a, to);
		if (err != DT_OK)
			return err;
	}
	a->secret |= action->kind == DT_ACTION_VERDICT && action->len;
	a->count++;
	return DT_OK;
}

static bool
borrows(const struct dt_action *action, const uint8_t *from, size_t len)
{
	uintptr_t at = (uintptr_t)action->data, begin = (uintptr_t)from;
	return action->kind == DT_ACTION_SEND && at >= begin && at - begin < len;
}

bool
dt_actions_detach(struct dt_actions *a, const uint8_t *from, size_t len)
{
	size_t kept = a->next;
	bool whole = true;
	for (size_t i = a->next; i < a->count; i++) {
		struct dt_action action = a->items[i];
		if (borrows(&action, from, len) && copy_bytes(a, &action) != DT_OK)
			whole = false;
		else
			a->items[kept++] = action;
	}
	a->count = kept;
	return whole;
}

bool
dt_actions_take(struct dt_actions *a, struct dt_action *out)
{
	if (a->next == a->count)
		return false;
	*out = a->items[a->next++];
	return true;
}

static void
free_block(struct dt_actions *a, struct dt_action_block *b)
{
	a->bytes -= b->size;
	if (a->secret)
		dt_wipe(b->bytes, b->used);
	dt_free(b);
}

void
dt_actions_reset(struct dt_actions *a)
{
	struct dt_action_block *kept = NULL;
	for (struct dt_action_block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		if (next || b->size > BLOCK_BYTES || a->secret)
			free_block(a, b);
		else
			kept = b;
	}
	if (kept)
		kept->used = 0;
	a->blocks = kept;
	a->count = a->next = 0;
	a->secret = false;
	if (a->cap > KEPT_ITEMS) {
		dt_free(a->items);
		a->items = NULL;
		a->cap = 0;
	}
}

void
dt_actions_fini(struct dt_actions *a)
{
	for (struct dt_action_block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		free_block(a, b);
	}
	dt_free(a->items);
	memset(a, 0, sizeof(*a));
}
