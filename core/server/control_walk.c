#include "server/control_walk.h"

#include "base/assert.h"
#include "base/mem.h"
#include "io/clock.h"
#include "server/control_filter.h"
#include "server/control_state.h"
#include "server/worker_state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SLOTS_PER_PIECE 4096u		  /* looked at */
#define TIME_PER_PIECE DT_MILLISECONDS(1) /* about; one connection may take longer */

/* ---- there and back ---- */

enum dt_err
dt_control_returns_init(struct dt_control_returns *t)
{
	dt_list_init(&t->walks);
	pthread_mutex_init(&t->lock, NULL);
	t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return t->fd < 0 ? DT_ERR_SYSTEM : DT_OK;
}

void
dt_control_returns_fini(struct dt_control_returns *t)
{
	if (t->fd >= 0)
		close(t->fd);
	pthread_mutex_destroy(&t->lock);
}

static void
come_back(void *data)
{
	struct dt_control_walk *walk = data;
	struct dt_control_returns *t = walk->returns;
	uint64_t one = 1;
	pthread_mutex_lock(&t->lock);
	dt_list_append(&t->walks, &walk->node);
	/* Under the lock: what is behind it may be freed as soon as the walk is taken. */
	DT_ASSERT(write(t->fd, &one, sizeof(one)) == sizeof(one));
	pthread_mutex_unlock(&t->lock);
}

struct dt_control_walk *
dt_control_returns_take(struct dt_control_returns *t)
{
	struct dt_control_walk *walk = NULL;
	uint64_t count;
	pthread_mutex_lock(&t->lock);
	if (!dt_list_empty(&t->walks)) {
		walk = DT_CONTAINER(t->walks.next, struct dt_control_walk, node);
		dt_list_remove(&walk->node);
	} else {
		(void)!read(t->fd, &count, sizeof(count)); /* nothing there is fine */
	}
	pthread_mutex_unlock(&t->lock);
	return walk;
}

/* ---- on the worker ---- */

struct piece {
	struct dt_control_walk *walk;
	struct dt_worker *w;
	struct dt_mono until;
	bool begun;
};

/* False: not yet, it is the first of the next piece. */
static bool
visit(struct dt_conn *c, void *arg)
{
	struct piece *p = arg;
	struct dt_control_walk *walk = p->walk;
	if (p->begun && dt_mono_reached(p->until, dt_clock_now().mono))
		return false;
	p->begun = true;
	if (walk->filter && !dt_control_filter_allows(walk->filter, c))
		return true;
	/* A row that does not fit into an empty piece never will. */
	if (!walk->visit(walk, p->w, c) && walk->lines.len > 0)
		return false;
	walk->seen++;
	return true;
}

static void
run_piece(void *arg, void *data, size_t len)
{
	struct dt_worker *w = arg;
	struct dt_control_walk *walk = data;
	(void)len;
	if (walk->only) {
		struct dt_conn *c = dt_conns_find(w->conns, walk->only);
		walk->worker_done = true;
		walk->seen += c && walk->visit(walk, w, c);
	} else {
		struct piece p = {walk, w, dt_mono_add(dt_clock_now().mono, TIME_PER_PIECE), false};
		walk->worker_done =
		    dt_conns_each_from(w->conns, &walk->slot, SLOTS_PER_PIECE, visit, &p);
	}
	come_back(walk);
}

/* ---- on the main thread ---- */

static struct dt_control_walk *
begin(struct dt_control_request *r, dt_control_visit *run,
    void (*end)(struct dt_control_request *r, const struct dt_control_walk *walk))
{
	struct dt_control_walk *walk = dt_alloc(sizeof(*walk));
	if (!walk) {
		dt_control_refuse(r, DT_CONTROL_BUSY, "%s", dt_err_text(DT_ERR_NOMEM));
		return NULL;
	}
	dt_list_init(&walk->node);
	walk->returns = &r->control->returns;
	walk->request = r;
	walk->id = r->asked.id;
	walk->arguments = r->arguments;
	walk->data = r->data;
	walk->data_len = r->data_len;
	walk->visit = run;
	walk->lines = (struct dt_lines){.bytes = walk->bytes, .cap = sizeof(walk->bytes)};
	r->walk = walk;
	r->walk_end = end;
	return walk;
}

void
dt_control_walk_all(struct dt_control_request *r, dt_control_visit *run,
    const struct dt_control_filter *filter,
    void (*end)(struct dt_control_request *r, const struct dt_control_walk *walk))
{
	if (filter && !dt_control_filter_check(filter, r))
		return;
	struct dt_control_walk *walk = begin(r, run, end);
	if (walk)
		walk->filter = filter;
}

static void
refuse_unknown(struct dt_control_request *r, const char *id)
{
	dt_control_refuse(r, DT_CONTROL_NOT_FOUND, "there is no connection \"%.40s\"", id);
}

void
dt_control_walk_one(struct dt_control_request *r, dt_control_visit *run, const char *id,
    void (*end)(struct dt_control_request *r, const struct dt_control_walk *walk))
{
	char *rest;
	uint64_t only = strtoull(id, &rest, 16);
	bool hex = strlen(id) == 16 && strspn(id, "0123456789abcdefABCDEF") == 16;
	if (!hex || !only || dt_conn_id_worker(only) >= dt_server_workers(r->control->server)) {
		refuse_unknown(r, id);
		return;
	}
	struct dt_control_walk *walk = begin(r, run, end);
	if (!walk)
		return;
	walk->only = only;
	walk->only_text = id;
	walk->worker = dt_conn_id_worker(only);
}

/* All workers were visited. */
static void
end_walk(struct dt_control_request *r)
{
	struct dt_control_walk *walk = r->walk;
	walk->visit = NULL;
	if (walk->only && walk->seen == 0)
		refuse_unknown(r, walk->only_text);
	else if (r->walk_end)
		r->walk_end(r, walk);
}

static void
give_rows(struct dt_control_client *client, struct dt_control_walk *walk)
{
	struct dt_lines *to = &client->lines;
	DT_ASSERT(walk->lines.len <= DT_CONTROL_QUEUE - to->len);
	memcpy(to->bytes + to->len, walk->bytes, walk->lines.len);
	to->len += walk->lines.len;
	walk->lines.len = 0;
}

static bool
next_worker(struct dt_control_walk *walk, const struct dt_server *server)
{
	if (walk->only || ++walk->worker == dt_server_workers(server))
		return false;
	walk->slot = 0;
	walk->worker_done = false;
	return true;
}

bool
dt_control_walk_step(struct dt_control_request *r)
{
	struct dt_control_walk *walk = r->walk;
	const struct dt_server *server = r->control->server;
	if (walk->away)
		return false;
	if (walk->lines.len > 0) {
		give_rows(r->client, walk);
		return true;
	}
	if (walk->worker_done && !next_worker(walk, server)) {
		end_walk(r);
		return true;
	}
	enum dt_err err = dt_mailbox_post_owned(
	    dt_server_mailbox(server, walk->worker), run_piece, come_back, walk, sizeof(*walk));
	walk->away = err == DT_OK;
	if (err != DT_OK) {
		walk->visit = NULL;
		dt_control_refuse(
		    r, DT_CONTROL_BUSY, "worker %u: %s", walk->worker, dt_err_text(err));
	}
	return err != DT_OK;
}
