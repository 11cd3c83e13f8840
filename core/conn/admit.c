/* admit.c - who may have memory here: shape, budget, cookie, limits, in the order of their price.
 *
 * Until the cookie was right nothing is kept of a peer; it is answered by less than it sent.
 * RFC 6347 4.2.1, 4.2.8.
 */
#include "base/assert.h"
#include "conn/budget.h"
#include "conn/shadow.h"

#include <string.h>

/* Record numbers of epoch 0 go on from that of the hello, and end 2^32 before the last (state.c):
 * leave them room. */
#define HELLO_SEQ_MAX (DT_SEQ_MAX - (UINT64_C(1) << 33))

struct arrival {
	struct dt_conns *conns;
	struct dt_listener *listener;
	const struct dt_path *path;
	const struct dt_record *rec;
	size_t datagram_len;
	struct dt_now now;
	struct dt_fragment fragment;
	struct dt_hello_head head;
	enum dt_drop *why;
};

static bool
drop(const struct arrival *a, enum dt_drop why)
{
	*a->why = why;
	return false;
}

static uint64_t
hash_path(const struct arrival *a)
{
	return dt_siphash(&a->conns->config.hash_key, a->path, sizeof(*a->path));
}

/* A record that is no new hello: maybe of a peer that was refused a moment ago. */
static bool
answer_from_tombstone(struct arrival *a)
{
	struct dt_conns *conns = a->conns;
	const uint8_t *alert;
	size_t len;
	if (!dt_tombstone_find(&conns->tombstones, hash_path(a), a->path, a->now.mono, &alert, &len))
		return drop(a, DT_DROP_UNKNOWN_PEER);
	if (alert && len <= a->datagram_len) {
		struct dt_wire wire = dt_path_wire(conns, a->listener, a->path);
		uint8_t *out = wire.reserve(wire.arg, len);
		if (out) {
			memcpy(out, alert, len);
			wire.commit(wire.arg, len);
			dt_count(conns->config.counters, DT_COUNT_ALERTS_REPEATED, 1);
		}
	}
	return drop(a, DT_DROP_TOMBSTONE);
}

static bool
send_cookie(struct arrival *a)
{
	uint8_t cookie[DT_COOKIE_LEN];
	if (a->datagram_len < DT_HVR_LEN)
		return drop(a, DT_DROP_HELLO_TOO_SHORT);
	if (dt_cookie_make(a->conns->cookies, a->now.wall, a->path, &a->head, cookie) != DT_OK)
		return drop(a, DT_DROP_MEMORY);
	struct dt_wire wire = dt_path_wire(a->conns, a->listener, a->path);
	uint8_t *out = wire.reserve(wire.arg, DT_HVR_LEN);
	if (!out)
		return drop(a, DT_DROP_MEMORY);
	wire.commit(wire.arg, dt_hvr_write(a->rec->seq, cookie, out));
	dt_count(a->conns->config.counters, DT_COUNT_COOKIES_SENT, 1);
	return drop(a, DT_DROP_NO_COOKIE);
}

/* A connection with an id leaves the path: its address may be another client's now. Another one
 * that is established stays, and is returned: the newcomer is its shadow. What still shakes hands
 * there is given up. */
static struct dt_conn *
clear_path(struct arrival *a)
{
	struct dt_conn *c = dt_conns_find_path(a->conns, a->path), *live = NULL;
	if (c && c->state == DT_CONN_ESTABLISHED && c->has_cid) {
		dt_conns_unlink(c);
		return NULL;
	}
	if (c && c->state == DT_CONN_ESTABLISHED) {
		live = c;
		c = dt_shadow_of(live);
	}
	if (c) {
		dt_hello_spend(a->conns, a->path, c->hello_mark, a->now.mono);
		dt_conn_close(c, DT_CLOSE_REPLACED, a->now);
	}
	return live;
}

/* The address is proven. Is there room? */
static bool
begin(struct arrival *a)
{
	struct dt_service *s = a->listener->service;
	struct dt_conns *conns = a->conns;
	if (a->fragment.message_seq != 1) /* a client that was sent two HelloVerifyRequests */
		return drop(a, DT_DROP_BAD_HELLO);
	/* Refused already: the verdict stands, and nobody is asked again. */
	uint64_t mark = dt_hello_mark(conns, a->head.random);
	if (dt_tombstone_is_of(&conns->tombstones, hash_path(a), a->path, mark, a->now.mono))
		return answer_from_tombstone(a);
	if (dt_hello_spent(conns, a->path, mark, a->now.mono))
		return drop(a, DT_DROP_SPENT_HELLO);
	if (!s->listening)
		return drop(a, DT_DROP_NOT_LISTENING);
	if (s->load->handshakes >= s->handshake_limit ||
	    conns->handshake_memory.used + DT_HANDSHAKE_COST > conns->handshake_memory.cap)
		return drop(a, DT_DROP_HANDSHAKE_LIMIT);

	struct dt_conn *live = clear_path(a), *c;
	enum dt_err err = live ? dt_conns_add_shadow(live, a->now, &c)
			       : dt_conns_add(conns, a->listener, a->path, a->now, &c);
	if (err != DT_OK)
		return drop(a, err == DT_ERR_FULL ? DT_DROP_CONNECTION_LIMIT : DT_DROP_MEMORY);
	c->hello_mark = mark;
	return dt_setup_begin(c, a->rec, a->now) || drop(a, DT_DROP_MEMORY);
}

bool
dt_admit(struct dt_conns *conns, struct dt_listener *listener, const struct dt_path *path,
    const struct dt_record *rec, size_t datagram_len, struct dt_now now, enum dt_drop *why)
{
	struct dt_path where = *path; /* the caller's may die with a connection that is replaced */
	struct arrival a = {conns, listener, &where, rec, datagram_len, now, {0}, {0}, why};
	const struct dt_service *s = listener->service;
	struct dt_reader r = dt_reader(rec->body, rec->len);
	if (rec->epoch != 0 || rec->type != DT_HANDSHAKE)
		return answer_from_tombstone(&a);
	if (!dt_fragment_read(&r, &a.fragment))
		return drop(&a, DT_DROP_BAD_HELLO);
	if (a.fragment.type != DT_HS_CLIENT_HELLO)
		return answer_from_tombstone(&a);
	if (!dt_prefix_budget_take(conns->prefixes, &conns->config.hash_key, &where.peer,
		s->hellos_per_prefix, s->hellos_window_ns, now.mono))
		return drop(&a, DT_DROP_BUDGET);
	if (a.fragment.offset != 0)
		return drop(&a, DT_DROP_HELLO_FRAGMENT);
	if (rec->seq > HELLO_SEQ_MAX)
		return drop(&a, DT_DROP_SEQUENCE_HIGH);
	if (!dt_hello_read_head(a.fragment.bytes, &a.head))
		return drop(&a, DT_DROP_BAD_HELLO);
	if (!dt_cookie_verify(conns->cookies, now.wall, &where, &a.head))
		return s->listening ? send_cookie(&a) : drop(&a, DT_DROP_NOT_LISTENING);
	return begin(&a);
}
