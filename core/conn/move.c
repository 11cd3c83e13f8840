#include "conn/move.h"

#include "base/mem.h"
#include "conn/conn_state.h"
#include "dtls/heartbeat.h"
#include "io/random.h"

#include <string.h>

#define FACTOR 3u		 /* bytes out for each byte in, RFC 9146 6 */
#define ASK_EVERY DT_SECONDS(1)
#define ASK_TIMES 3u

struct dt_move {
	struct dt_path proven;		/* the path before */
	struct dt_listener *listener;	/* of that path    */
	uint64_t received, sent;	/* bytes, along the new path */
	uint8_t question[16];
	unsigned asked;			/* 0: nobody can be asked    */
	struct dt_mono due;
};

void
dt_move_free(struct dt_conn *c)
{
	dt_free(c->move);
	c->move = NULL;
}

static void
ask(struct dt_conn *c, struct dt_now now)
{
	struct dt_move *m = c->move;
	struct dt_wire wire = dt_conn_wire(c);
	m->asked++;
	m->due = dt_mono_add(now.mono, ASK_EVERY);
	if (dt_session_send_heartbeat(&c->session, c->conns->pool, c->id, DT_HEARTBEAT_REQUEST,
		(struct dt_span){m->question, sizeof(m->question)}, &wire))
		dt_count(c->conns->config.counters, DT_COUNT_PATHS_CHALLENGED, 1);
}

static void
go(struct dt_conn *c, struct dt_listener *listener, const struct dt_path *path, size_t bytes, struct dt_now now)
{
	const struct dt_service *s = c->service;
	if (s->events->peer_moved && !s->events->peer_moved(s->events->arg, c, path))
		return;
	struct dt_move m = {.proven = c->path, .listener = c->listener, .received = bytes, .due = DT_NEVER};
	if (c->move) {
		m.proven = c->move->proven;
		m.listener = c->move->listener;
	}
	bool back = dt_path_equal(&m.proven, path);
	if (!back && s->move_policy == DT_MOVE_LIMITED) {
		if (!c->move && !(c->move = dt_alloc(sizeof(*c->move))))
			return; /* the old path stays */
		dt_random(m.question, sizeof(m.question));
		*c->move = m;
	} else {
		dt_move_free(c);
	}
	dt_conns_unlink(c); /* from the path where it shook hands: from now on its id alone leads to it */
	c->path = *path;
	c->listener = listener;
	dt_count(c->conns->config.counters, DT_COUNT_PATHS_MOVED, 1);
	if (c->move && dt_session_may_ask(&c->session))
		ask(c, now);
	dt_conn_arm(c);
}

void
dt_move_record(struct dt_conn *c, struct dt_listener *listener, const struct dt_path *path, size_t bytes,
    bool newest, struct dt_now now)
{
	if (dt_path_equal(&c->path, path)) {
		if (c->move)
			c->move->received += bytes;
	} else if (newest) {
		go(c, listener, path, bytes, now);
	}
}

bool
dt_move_allows(const struct dt_conn *c, size_t bytes)
{
	const struct dt_move *m = c->move;
	return !m || m->sent + bytes <= FACTOR * m->received;
}

void
dt_move_sent(struct dt_conn *c, size_t bytes)
{
	if (c->move)
		c->move->sent += bytes;
}

void
dt_move_answer(struct dt_conn *c, const struct dt_session_event *e)
{
	const struct dt_move *m = c->move;
	if (m && m->asked && e->len == sizeof(m->question) &&
	    memcmp(e->data, m->question, sizeof(m->question)) == 0) /* it was sealed: no secret leaks */
		dt_move_free(c);
}

bool
dt_move_asks(const struct dt_conn *c)
{
	return c->move && c->move->asked;
}

struct dt_mono
dt_move_deadline(const struct dt_conn *c)
{
	return c->move ? c->move->due : DT_NEVER;
}

void
dt_move_tick(struct dt_conn *c, struct dt_now now)
{
	struct dt_move *m = c->move;
	if (!m || !dt_mono_reached(m->due, now.mono))
		return;
	if (m->asked < ASK_TIMES) {
		ask(c, now);
		return;
	}
	c->path = m->proven;
	c->listener = m->listener;
	dt_move_free(c);
	dt_count(c->conns->config.counters, DT_COUNT_PATHS_REFUSED, 1);
}
