#include "server/waiting.h"

#include <string.h>

#include "base/mem.h"

struct dt_waiting_item {
	struct dt_list node;
	void *socket;
	struct dt_udp_datagram datagram; /* its data are `bytes` */
	uint8_t bytes[];
};

void
dt_waiting_init(struct dt_waiting *w, size_t cap)
{
	*w = (struct dt_waiting){.cap = cap};
	dt_list_init(&w->items);
}

void
dt_waiting_fini(struct dt_waiting *w)
{
	void *socket;
	while (dt_waiting_next(w, &socket))
		;
}

enum dt_err
dt_waiting_add(struct dt_waiting *w, void *socket, const struct dt_udp_datagram *d)
{
	size_t size = sizeof(struct dt_waiting_item) + d->len;
	if (size > w->cap - w->bytes)
		return DT_ERR_FULL;
	struct dt_waiting_item *item = dt_alloc(size);
	if (!item)
		return DT_ERR_NOMEM;
	item->socket = socket;
	item->datagram = *d;
	item->datagram.data = memcpy(item->bytes, d->data, d->len);
	item->datagram.capacity = d->len;
	w->bytes += size;
	dt_list_append(&w->items, &item->node);
	return DT_OK;
}

const struct dt_udp_datagram *
dt_waiting_next(struct dt_waiting *w, void **socket)
{
	dt_free(w->given);
	w->given = NULL;
	if (dt_list_empty(&w->items))
		return NULL;
	struct dt_waiting_item *item = DT_CONTAINER(w->items.next, struct dt_waiting_item, node);
	dt_list_remove(&item->node);
	w->bytes -= sizeof(*item) + item->datagram.len;
	w->given = item;
	*socket = item->socket;
	return &item->datagram;
}
