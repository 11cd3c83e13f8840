/* control_watch.c - `watch`: what happens to connections, told as it happens.
 *
 * Each worker writes into a feed of its own; the main thread empties it when the client has read
 * what went before. A feed that is full drops what comes, and counts it for the client: no worker
 * waits, and nobody's memory grows.
 */
#include "base/mem.h"
#include "server/control_filter.h"
#include "server/control_state.h"
#include "server/worker_state.h"

#include <stdatomic.h>
#include <string.h>

#define FEED_BYTES 32768u
#define NO_DATA                                                                                    \
	(1u << DT_CONTROL_CONNECTED | 1u << DT_CONTROL_WAS_REFUSED | 1u << DT_CONTROL_FAILED |     \
	    1u << DT_CONTROL_DISCONNECTED)

/* One for each worker. */
struct feed {
	struct dt_list node; /* of the worker that holds it; the worker's */
	struct dt_control_watch *watch;
	struct dt_control_parcel wake; /* there is something */
	struct dt_control_parcel gone; /* the worker has let it go */
	atomic_bool orphan;	       /* the worker could not be told to let it go */
	pthread_mutex_t lock;	       /* guards all below */
	bool woken;		       /* wake is on its way */
	uint64_t dropped;
	struct dt_lines lines;
	char bytes[FEED_BYTES];
};

struct dt_control_watch {
	struct dt_control_request *request; /* main thread */
	const char *id;			    /* of the request; read-only, like all below */
	const struct dt_control_filter *filter;
	uint32_t events; /* bit i: enum dt_control_event */
	uint64_t only;	 /* this connection; 0 = all */
	uint32_t count;
	struct feed feeds[];
};

static const struct {
	const char *name;
	enum dt_control_event event;
	bool data; /* of so many bytes: who it is from is known already */
} kinds[] = {
    [DT_SIGHT_CONNECTED] = {"connected", DT_CONTROL_CONNECTED, false},
    [DT_SIGHT_REFUSED] = {"refused", DT_CONTROL_WAS_REFUSED, false},
    [DT_SIGHT_FAILED] = {"failed", DT_CONTROL_FAILED, false},
    [DT_SIGHT_DISCONNECTED] = {"disconnected", DT_CONTROL_DISCONNECTED, false},
    [DT_SIGHT_DATA_IN] = {"data_in", DT_CONTROL_DATA_IN, true},
    [DT_SIGHT_DATA_OUT] = {"data_out", DT_CONTROL_DATA_OUT, true},
};

/* ---- on the worker ---- */

struct sight {
	const struct dt_conn *c;
	enum dt_conn_sight what;
	const char *text;
	size_t bytes;
	struct dt_now now;
};

static void
write_event(struct dt_lines *l, const char *id, const struct sight *s)
{
	char identity[DT_CONTROL_IDENTITY];
	bool data = kinds[s->what].data;
	dt_lines_begin(l, id);
	dt_lines_open(l, "row");
	dt_lines_text(l, "event", kinds[s->what].name);
	dt_lines_date(l, "time", s->now.wall.s);
	dt_lines_conn(l, "id", dt_conn_id(s->c));
	dt_lines_text(l, "server", dt_conn_service(s->c)->name);
	dt_lines_address(l, "peer", &dt_conn_path(s->c)->peer);
	dt_lines_text(l, "identity", data ? NULL : dt_control_identity(s->c, identity));
	if (data)
		dt_lines_number(l, "bytes", s->bytes);
	else
		dt_lines_text(l, "bytes", NULL);
	dt_lines_text(l, "text", s->text);
	dt_lines_close(l);
}

static bool
wants(const struct dt_control_watch *watch, const struct sight *s)
{
	if (!(watch->events & 1u << kinds[s->what].event))
		return false;
	if (watch->only && watch->only != dt_conn_id(s->c))
		return false;
	return dt_control_filter_allows(watch->filter, s->c);
}

static void
tell(struct feed *f, const struct sight *s)
{
	pthread_mutex_lock(&f->lock);
	write_event(&f->lines, f->watch->id, s);
	if (!dt_lines_end(&f->lines))
		f->dropped++;
	bool wake = !f->woken;
	f->woken = true;
	pthread_mutex_unlock(&f->lock);
	if (wake)
		dt_control_parcel_send(&f->wake);
}

static void
let_go(struct dt_worker *w, struct feed *f)
{
	static const struct dt_conn_onlooker nobody;
	dt_list_remove(&f->node);
	if (dt_list_empty(&w->feeds))
		dt_conns_look_on(w->conns, &nobody);
	dt_control_parcel_send(&f->gone);
}

static void
saw(void *arg, const struct dt_conn *c, enum dt_conn_sight what, const char *text, size_t bytes)
{
	struct dt_worker *w = arg;
	const struct sight s = {c, what, text, bytes, w->now};
	DT_LIST_EACH(node, next, &w->feeds) {
		struct feed *f = DT_CONTAINER(node, struct feed, node);
		if (atomic_load_explicit(&f->orphan, memory_order_relaxed))
			let_go(w, f);
		else if (wants(f->watch, &s))
			tell(f, &s);
	}
}

static void
attach(void *arg, void *data, size_t len)
{
	struct dt_worker *w = arg;
	struct feed *f = data;
	const struct dt_conn_onlooker onlooker = {w, saw};
	(void)len;
	dt_list_append(&w->feeds, &f->node);
	dt_conns_look_on(w->conns, &onlooker);
}

static void
detach(void *arg, void *data, size_t len)
{
	(void)len;
	let_go(arg, data);
}

/* ---- on the main thread ---- */

static void
wake_arrives(struct dt_control_parcel *parcel)
{
	struct feed *f = DT_CONTAINER(parcel, struct feed, wake);
	pthread_mutex_lock(&f->lock);
	f->woken = false;
	pthread_mutex_unlock(&f->lock);
	if (f->watch->request->client)
		dt_control_client_go_on(f->watch->request->client);
}

static void
gone_arrives(struct dt_control_parcel *parcel)
{
	dt_control_request_is_back(DT_CONTAINER(parcel, struct feed, gone)->watch->request);
}

/* The mailbox was closed: the worker is gone. */
static void
is_gone(void *data)
{
	struct feed *f = data;
	dt_control_parcel_send(&f->gone);
}

/* Bytes of whole lines that fit into `room`. */
static size_t
whole_lines(const struct feed *f, size_t room)
{
	size_t n = f->lines.len < room ? f->lines.len : room;
	while (n > 0 && f->bytes[n - 1] != '\n')
		n--;
	return n;
}

static bool
empty(struct feed *f, struct dt_lines *to)
{
	size_t room = DT_CONTROL_QUEUE - DT_CONTROL_LAST - to->len;
	pthread_mutex_lock(&f->lock);
	size_t n = whole_lines(f, room);
	uint64_t dropped = f->dropped;
	memcpy(to->bytes + to->len, f->bytes, n);
	memmove(f->bytes, f->bytes + n, f->lines.len - n);
	f->lines.len -= n;
	f->dropped = 0;
	pthread_mutex_unlock(&f->lock);
	to->len += n;
	if (dropped == 0)
		return n > 0;
	to->cap = DT_CONTROL_QUEUE;
	dt_lines_begin(to, f->watch->id);
	dt_lines_open(to, "row");
	dt_lines_text(to, "event", "dropped");
	dt_lines_number(to, "count", dropped);
	dt_lines_close(to);
	if (!dt_lines_end(to)) {
		pthread_mutex_lock(&f->lock);
		f->dropped += dropped;
		pthread_mutex_unlock(&f->lock);
	}
	return true;
}

bool
dt_control_watch_step(struct dt_control_request *r)
{
	bool any = false;
	for (uint32_t i = 0; i < r->watch->count; i++)
		if (empty(&r->watch->feeds[i], &r->client->lines))
			any = true;
	return any;
}

void
dt_control_watch_leave(struct dt_control_request *r)
{
	for (uint32_t i = 0; i < r->watch->count; i++) {
		struct feed *f = &r->watch->feeds[i];
		struct dt_mailbox *to = dt_server_mailbox(r->control->server, i);
		if (dt_mailbox_post_owned(to, detach, is_gone, f, sizeof(*f)) != DT_OK)
			atomic_store(&f->orphan, true);
	}
}

void
dt_control_watch_free(struct dt_control_watch **slot)
{
	struct dt_control_watch *watch = *slot;
	*slot = NULL;
	for (uint32_t i = 0; watch && i < watch->count; i++)
		pthread_mutex_destroy(&watch->feeds[i].lock);
	dt_free(watch);
}

static struct dt_control_watch *
new_watch(struct dt_control_request *r, uint64_t only)
{
	const struct dt_control_watch_arguments *a = r->arguments;
	const int32_t *events = a->events.items;
	uint32_t count = dt_server_workers(r->control->server);
	struct dt_control_watch *watch = dt_alloc(sizeof(*watch) + count * sizeof(watch->feeds[0]));
	if (!watch)
		return NULL;
	*watch = (struct dt_control_watch){
	    .request = r, .id = r->asked.id, .filter = &a->filter, .only = only, .count = count};
	for (uint32_t i = 0; i < a->events.count; i++)
		watch->events |= 1u << events[i];
	if (!watch->events)
		watch->events = NO_DATA;
	for (uint32_t i = 0; i < count; i++) {
		struct feed *f = &watch->feeds[i];
		dt_list_init(&f->node);
		f->watch = watch;
		dt_control_parcel_init(&f->wake, &r->control->returns, wake_arrives);
		dt_control_parcel_init(&f->gone, &r->control->returns, gone_arrives);
		pthread_mutex_init(&f->lock, NULL);
		f->lines = (struct dt_lines){.bytes = f->bytes, .cap = FEED_BYTES};
	}
	return watch;
}

static enum dt_err
attach_all(struct dt_control_request *r, struct dt_control_watch *watch)
{
	struct dt_mailbox *boxes[DT_CONN_WORKERS_MAX];
	void *feeds[DT_CONN_WORKERS_MAX];
	for (uint32_t i = 0; i < watch->count; i++) {
		boxes[i] = dt_server_mailbox(r->control->server, i);
		feeds[i] = &watch->feeds[i];
	}
	return dt_mailbox_post_to_each(
	    boxes, watch->count, attach, NULL, feeds, sizeof(struct feed));
}

/* The first row: from here on nothing is missed. */
static void
say_watching(struct dt_control_request *r)
{
	struct dt_lines *l = dt_control_row(r);
	if (!l)
		return;
	dt_lines_text(l, "event", "watching");
	dt_control_row_end(r);
}

void
dt_control_watch(struct dt_control_request *r)
{
	const struct dt_control_watch_arguments *a = r->arguments;
	uint64_t only = 0;
	if (!dt_control_filter_check(&a->filter, r))
		return;
	if (a->id && !dt_control_read_id(r, a->id, &only))
		return;
	struct dt_control_watch *watch = new_watch(r, only);
	enum dt_err err = watch ? attach_all(r, watch) : DT_ERR_NOMEM;
	if (err != DT_OK) {
		dt_control_watch_free(&watch);
		dt_control_refuse(r, DT_CONTROL_BUSY, "%s", dt_err_text(err));
		return;
	}
	r->watch = watch;
	r->away += watch->count;
	say_watching(r);
}
