#include "conn/pause.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "conn/conn_state.h"
#include "conn/tell.h"

struct waiting {
	struct dt_list node;
	size_t len, capacity;
	uint8_t data[];
};

struct dt_pause_queue {
	struct dt_list items; /* owned, oldest first */
	uint32_t count;
	size_t bytes; /* of memory */
};

bool
dt_pause_holds(const struct dt_conn *c)
{
	return c->pause.paused || c->pause.ahead;
}

bool
dt_conn_paused(const struct dt_conn *c)
{
	return c->pause.paused;
}

static size_t
size_of(size_t capacity)
{
	return sizeof(struct waiting) + capacity;
}

static bool
has_room(const struct dt_conn *c, size_t size)
{
	const struct dt_pause_limits *l = &c->service->pause_queue;
	const struct dt_pause_queue *q = c->pause.queue;
	return (q ? q->count : 0) < l->datagrams && (q ? q->bytes : 0) + size <= l->bytes &&
	    c->conns->pause_bytes + size <= c->conns->config.pause_memory;
}

static struct dt_pause_queue *
need_queue(struct dt_conn *c)
{
	if (!c->pause.queue && (c->pause.queue = dt_alloc(sizeof(*c->pause.queue))) != NULL)
		dt_list_init(&c->pause.queue->items);
	return c->pause.queue;
}

static bool
keep(struct dt_conn *c, const uint8_t *data, size_t len, size_t capacity)
{
	size_t size = size_of(capacity);
	struct dt_pause_queue *q = has_room(c, size) ? need_queue(c) : NULL;
	struct waiting *w = q ? dt_alloc(size) : NULL;
	if (!w)
		return false;
	w->len = len;
	w->capacity = capacity;
	memcpy(w->data, data, len);
	dt_list_append(&q->items, &w->node);
	q->count++;
	q->bytes += size;
	c->conns->pause_bytes += size;
	return true;
}

void
dt_pause_hold(struct dt_conn *c, const uint8_t *data, size_t len, size_t capacity)
{
	if (keep(c, data, len, capacity))
		return;
	dt_count_drop(c->conns->config.counters, DT_DROP_PAUSED);
	if (!c->pause.told)
		dt_tell_error(c, ENOBUFS, "data for a paused connection is dropped: pause_queue is full");
	c->pause.told = true;
}

static struct waiting *
take(struct dt_conn *c)
{
	struct dt_pause_queue *q = c->pause.queue;
	struct waiting *w = DT_CONTAINER(q->items.next, struct waiting, node);
	size_t size = size_of(w->capacity);
	dt_list_remove(&w->node);
	q->bytes -= size;
	c->conns->pause_bytes -= size;
	if (--q->count == 0) {
		dt_free(q);
		c->pause.queue = NULL;
	}
	return w;
}

static void
let_go(struct waiting *w)
{
	dt_free_secret(w, size_of(w->capacity)); /* what a peer said under seal */
}

void
dt_pause_drop(struct dt_conn *c)
{
	char text[96];
	uint32_t dropped = c->pause.queue ? c->pause.queue->count : 0;
	if (!dropped)
		return;
	while (c->pause.queue) {
		let_go(take(c));
		dt_count_drop(c->conns->config.counters, DT_DROP_PAUSED);
	}
	snprintf(text, sizeof(text), "%u datagrams of a paused connection are dropped: it ends", dropped);
	dt_tell_error(c, ECONNABORTED, text);
}

void
dt_conn_pause(struct dt_conn *c)
{
	DT_CHECK_MAGIC(c, DT_CONN_MAGIC);
	c->pause.paused = true;
	c->pause.ahead = false;
}

void
dt_conn_pause_ahead(struct dt_conn *c)
{
	DT_CHECK_MAGIC(c, DT_CONN_MAGIC);
	c->pause.ahead = true;
}

void
dt_conn_process(struct dt_conn *c)
{
	DT_CHECK_MAGIC(c, DT_CONN_MAGIC);
	struct dt_conns *conns = c->conns;
	dt_conns_enter(conns);
	c->pause = (struct dt_pause){.queue = c->pause.queue};
	while (c->state == DT_CONN_ESTABLISHED && c->pause.queue && !dt_pause_holds(c)) {
		struct waiting *w = take(c);
		dt_conn_deliver(c, w->data, w->len, w->capacity);
		let_go(w);
	}
	dt_conns_leave(conns);
}
