/* list.h - an intrusive ring: the node lives in its object, nothing is allocated.
 *
 * A node that is in no list points to itself. Threads: none.
 */
#ifndef DT_BASE_LIST_H
#define DT_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct dt_list {
	struct dt_list *next, *prev; /* borrowed: neighbours */
};

#define DT_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
/* `next` is read before the body, so that the body may remove `node`. */
#define DT_LIST_EACH(node, following, list)                                                        \
	for (struct dt_list *node = (list)->next, *following = node->next; node != (list);         \
	     node = following, following = node->next)

static inline void
dt_list_init(struct dt_list *l)
{
	l->next = l->prev = l;
}

static inline bool
dt_list_empty(const struct dt_list *l)
{
	return l->next == l;
}

static inline void
dt_list_append(struct dt_list *list, struct dt_list *node)
{
	node->prev = list->prev;
	node->next = list;
	list->prev->next = node;
	list->prev = node;
}

static inline void
dt_list_remove(struct dt_list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	dt_list_init(node);
}

#endif
