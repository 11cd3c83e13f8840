#include "conn/move.h"

#include "base/mem.h"
#include "conn/conn_state.h"
#include "dtls/heartbeat.h"
#include "io/random.h"

#include <string.h>

#define FACTOR 3u /* bytes out for each byte in, RFC 9853 2 */
#define ASK_TIMES 3u
#define ASK_EVERY DT_SECONDS(1)
#define ASK_OLD_EVERY DT_MILLISECONDS(334) /* one second in all, RFC 9853 5.5 */
#define REFUSALS_MAX 16u /* in a second; after that nobody is asked until it is over */
#define QUESTION 16u	 /* bytes of a heartbeat's payload; a cookie is shorter */

struct dt_move {
	struct dt_path to, proven;	       /* the new path, and the one before */
	struct dt_listener *to_at, *proven_at; /* of these */
	uint64_t received, sent;	       /* bytes, along the new path */
	bool asks_old;			       /* the old path is asked, and still in use */
	unsigned asked;			       /* how often; 0: nobody can be asked */
	uint8_t questions[ASK_TIMES][QUESTION];
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
	uint8_t *question = m->questions[m->asked];
	bool sent;
	if (dt_session_checks_paths(&c->session)) {
		dt_random(question, DT_RRC_COOKIE); /* each has its own, RFC 9853 5.3 */
		sent = dt_session_send_path(&c->session, c->conns->pool, c->id, DT_RRC_CHALLENGE, question, &wire);
	} else {
		if (m->asked == 0)
			dt_random(question, QUESTION);
		memcpy(question, m->questions[0], QUESTION); /* a repetition, RFC 6520 4 */
		sent = dt_session_send_heartbeat(&c->session, c->conns->pool, c->id, DT_HEARTBEAT_REQUEST,
		    (struct dt_span){question, QUESTION}, &wire);
	}
	if (sent)
		dt_count(c->conns->config.counters, DT_COUNT_PATHS_CHALLENGED, 1);
	m->asked++;
	m->due = dt_mono_add(now.mono, m->asks_old ? ASK_OLD_EVERY : ASK_EVERY);
	dt_conn_arm(c);
}

static bool
can_ask(const struct dt_conn *c)
{
	return dt_session_checks_paths(&c->session) || dt_session_may_ask(&c->session);
}

static void
bind(struct dt_conn *c, const struct dt_path *path, struct dt_listener *listener)
{
	dt_conns_unlink(c); /* from the path where it shook hands: from now on its id alone leads to it */
	c->path = *path;
	c->listener = listener;
}

/* The new path is in use from now on, within its limit. */
static void
use_new(struct dt_conn *c, struct dt_now now)
{
	struct dt_move *m = c->move;
	bind(c, &m->to, m->to_at);
	m->asks_old = false;
	m->asked = 0;
	m->due = DT_NEVER;
	if (can_ask(c))
		ask(c, now);
}

/* Back to the path before. */
static void
go_home(struct dt_conn *c)
{
	struct dt_move *m = c->move;
	if (!m->asks_old)
		bind(c, &m->proven, m->proven_at);
	dt_move_free(c);
}

static void
count_refusal(struct dt_conn *c, struct dt_now now)
{
	if (dt_mono_reached(dt_mono_add(c->moves_refused_from, DT_SECONDS(1)), now.mono)) {
		c->moves_refused_from = now.mono;
		c->moves_refused = 0;
	}
	c->moves_refused++;
	dt_count(c->conns->config.counters, DT_COUNT_PATHS_REFUSED, 1);
}

static bool
modules_agree(struct dt_conn *c, const struct dt_path *path, struct dt_now now)
{
	const struct dt_conn_events *ev = c->service->events;
	if (c->moves_refused >= REFUSALS_MAX &&
	    !dt_mono_reached(dt_mono_add(c->moves_refused_from, DT_SECONDS(1)), now.mono))
		return false;
	if (!ev->peer_moved || ev->peer_moved(ev->arg, c, path))
		return true;
	count_refusal(c, now);
	return false;
}

static void
go(struct dt_conn *c, const struct dt_arrival *from, size_t bytes, struct dt_now now)
{
	enum dt_move_policy policy = c->service->move_policy;
	struct dt_move *m = c->move;
	bool nested = m != NULL, trusted = policy == DT_MOVE_TRUST && !can_ask(c);
	if (!modules_agree(c, from->path, now))
		return;
	if (!trusted && !m && !(m = c->move = dt_alloc(sizeof(*m))))
		return; /* the old path stays */
	dt_count(c->conns->config.counters, DT_COUNT_PATHS_MOVED, 1);
	if (trusted) {
		bind(c, from->path, from->listener);
		return;
	}
	if (!nested) {
		m->proven = c->path;
		m->proven_at = c->listener;
		m->asks_old = policy == DT_MOVE_ASK_OLD && dt_session_checks_paths(&c->session);
	}
	m->to = *from->path;
	m->to_at = from->listener;
	m->received = bytes;
	m->sent = 0;
	if (!m->asks_old)
		use_new(c, now);
	else if (!nested)
		ask(c, now); /* once for all that wants to take the place of the old path meanwhile */
}

static bool
is_check(enum dt_session_kind kind)
{
	return kind == DT_SESSION_PATH_CHALLENGE || kind == DT_SESSION_PATH_RESPONSE ||
	    kind == DT_SESSION_PATH_DROP || kind == DT_SESSION_PATH_UNKNOWN;
}

void
dt_move_record(struct dt_conn *c, const struct dt_arrival *from, const struct dt_session_event *e, size_t bytes,
    bool newest, struct dt_now now)
{
	struct dt_move *m = c->move;
	if (m && dt_path_equal(&m->to, from->path)) {
		m->received += bytes;
	} else if (!newest || is_check(e->kind)) {
		return;
	} else if (m && dt_path_equal(&m->proven, from->path)) {
		dt_count(c->conns->config.counters, DT_COUNT_PATHS_MOVED, 1);
		go_home(c);
	} else if (!dt_path_equal(&c->path, from->path)) {
		go(c, from, bytes, now);
	}
}

bool
dt_move_allows(const struct dt_conn *c, size_t bytes)
{
	const struct dt_move *m = c->move;
	return !m || m->asks_old || m->sent + bytes <= FACTOR * m->received;
}

void
dt_move_sent(struct dt_conn *c, size_t bytes)
{
	if (c->move && !c->move->asks_old)
		c->move->sent += bytes;
}

/* Whether it answers what was asked. Compared in the open: what was sealed tells nobody else. Where the
 * new path leads is answered along it only, so that it is seen to lead both ways; for the old path an
 * answer may come from anywhere, since one who carries records faster carries this one as well. */
static bool
is_answer(const struct dt_conn *c, const struct dt_arrival *from, const struct dt_session_event *e)
{
	const struct dt_move *m = c->move;
	size_t len = is_check(e->kind) ? DT_RRC_COOKIE : QUESTION;
	if (!m || is_check(e->kind) != dt_session_checks_paths(&c->session) || e->len != len)
		return false;
	if (!m->asks_old && !(from && dt_path_equal(&m->to, from->path)))
		return false;
	for (unsigned i = 0; i < m->asked; i++)
		if (memcmp(m->questions[i], e->data, len) == 0)
			return true;
	return false;
}

void
dt_move_answer(struct dt_conn *c, const struct dt_arrival *from, const struct dt_session_event *e, struct dt_now now)
{
	struct dt_move *m = c->move;
	if (!is_answer(c, from, e)) {
		if (is_check(e->kind))
			dt_count_drop(c->conns->config.counters, DT_DROP_UNEXPECTED);
	} else if (e->kind != DT_SESSION_PATH_DROP && !m->asks_old) {
		dt_move_free(c); /* proven */
	} else if (e->kind == DT_SESSION_PATH_DROP && m->asks_old) {
		use_new(c, now); /* it has left the old path */
	} else {
		count_refusal(c, now);
		go_home(c);
	}
}

void
dt_move_challenged(struct dt_conn *c, const struct dt_arrival *from, const struct dt_session_event *e,
    size_t bytes)
{
	struct dt_conns *conns = c->conns;
	struct dt_move *m = c->move;
	size_t answer = dt_session_path_size(&c->session);
	bool in_use = !from || dt_path_equal(&c->path, from->path);
	if (!in_use && answer > FACTOR * bytes) /* its own connection id may be long */
		return;
	struct dt_wire wire =
	    in_use ? dt_conn_wire(c) : dt_path_wire(conns, from->listener, from->path);
	if (!dt_session_send_path(&c->session, conns->pool, c->id, DT_RRC_RESPONSE, e->data, &wire))
		return;
	dt_count(conns->config.counters, DT_COUNT_CHALLENGES_ANSWERED, 1);
	if (m && !in_use && dt_path_equal(&m->to, from->path))
		m->sent += answer;
}

bool
dt_move_asks(const struct dt_conn *c)
{
	return c->move && c->move->asked && !dt_session_checks_paths(&c->session);
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
	} else if (m->asks_old) {
		use_new(c, now);
	} else {
		count_refusal(c, now);
		go_home(c);
	}
}
