#include "conn/keep_alive.h"

#include "conn/conn_state.h"
#include "conn/move.h"
#include "dtls/heartbeat.h"
#include "io/random.h"

#include <string.h>

#define ANSWERS_MAX 16u /* in a second: more is load that a client makes, not a question */

static const struct dt_keep_alive_config *
config_of(const struct dt_conn *c)
{
	return &c->service->keep_alive;
}

void
dt_keep_alive_heard(struct dt_conn *c, struct dt_now now)
{
	c->keep_alive.heard = now.mono;
	c->keep_alive.tries = 0;
}

static void
send(struct dt_conn *c, uint8_t type, struct dt_span payload, enum dt_counter counter)
{
	struct dt_wire wire = dt_conn_wire(c);
	if (dt_session_send_heartbeat(&c->session, c->conns->pool, c->id, type, payload, &wire))
		dt_count(c->conns->config.counters, counter, 1);
}

void
dt_keep_alive_answer(struct dt_conn *c, const struct dt_session_event *e, struct dt_now now)
{
	struct dt_keep_alive *k = &c->keep_alive;
	if (dt_mono_reached(dt_mono_add(k->answers_from, DT_SECONDS(1)), now.mono)) {
		k->answers_from = now.mono;
		k->answers = 0;
	}
	if (k->answers++ >= ANSWERS_MAX) {
		dt_count_drop(c->conns->config.counters, DT_DROP_HEARTBEAT_RATE);
		return;
	}
	send(c, DT_HEARTBEAT_RESPONSE, (struct dt_span){e->data, e->len}, DT_COUNT_HEARTBEATS_ANSWERED);
}

static bool
is_on(const struct dt_conn *c)
{
	return config_of(c)->enabled && dt_session_may_ask(&c->session);
}

struct dt_mono
dt_keep_alive_deadline(const struct dt_conn *c)
{
	if (!is_on(c) || dt_move_asks(c)) /* one request at a time, RFC 6520 3 */
		return DT_NEVER;
	const struct dt_keep_alive *k = &c->keep_alive;
	return k->tries ? k->due : dt_mono_add(k->heard, config_of(c)->time);
}

bool
dt_keep_alive_tick(struct dt_conn *c, struct dt_now now)
{
	struct dt_keep_alive *k = &c->keep_alive;
	if (!dt_mono_reached(dt_keep_alive_deadline(c), now.mono))
		return false;
	if (k->tries > config_of(c)->retries)
		return true;
	if (k->tries++ == 0)
		dt_random(k->request, sizeof(k->request));
	k->due = dt_mono_add(now.mono, config_of(c)->interval);
	send(c, DT_HEARTBEAT_REQUEST, (struct dt_span){k->request, sizeof(k->request)},
	    DT_COUNT_HEARTBEATS_ASKED);
	return false;
}
