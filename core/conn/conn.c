#include "conn/conn.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/text.h"
#include "conn/conn_state.h"
#include "conn/journal.h"
#include "conn/last_flight.h"
#include "conn/tell.h"
#include "dtls/alert.h"

#include <string.h>

#define KEYS_TOLD_EVERY DT_SECONDS(10)
#define IDENTITY_TEXT (4 * 128 + 8) /* bytes: every byte of an identity escaped */

/* ---- what is known ---- */

uint64_t
dt_conn_id(const struct dt_conn *c)
{
	return c->id;
}

enum dt_conn_state
dt_conn_state(const struct dt_conn *c)
{
	return c->state;
}

const struct dt_path *
dt_conn_path(const struct dt_conn *c)
{
	return &c->path;
}

const struct dt_service *
dt_conn_service(const struct dt_conn *c)
{
	return c->service;
}

const struct dt_conn_traffic *
dt_conn_traffic(const struct dt_conn *c)
{
	return &c->traffic;
}

struct dt_mono
dt_conn_born(const struct dt_conn *c)
{
	return c->born;
}

struct dt_mono
dt_conn_active(const struct dt_conn *c)
{
	return c->active;
}

const char *
dt_conn_suite(const struct dt_conn *c)
{
	if (c->setup && c->setup->hs)
		return dt_hs_suite_name(c->setup->hs);
	return c->session.suite ? dt_session_suite_name(&c->session) : NULL;
}

const char *
dt_conn_server_name(const struct dt_conn *c)
{
	if (c->setup)
		return c->setup->hello.server_name[0] ? c->setup->hello.server_name : NULL;
	return c->cold ? c->cold->server_name : NULL;
}

const char *
dt_conn_psk_identity(const struct dt_conn *c)
{
	return c->cold ? c->cold->psk_identity : NULL;
}

struct dt_span
dt_conn_certificate(const struct dt_conn *c)
{
	return c->cold ? c->cold->certificate : (struct dt_span){NULL, 0};
}

size_t
dt_conn_max_datagram(const struct dt_conn *c)
{
	return c->state == DT_CONN_ESTABLISHED ? dt_session_max(&c->session) : 0;
}

void
dt_conn_negotiated(const struct dt_conn *c, struct dt_negotiated *out)
{
	if (c->setup && c->setup->hs)
		dt_hs_negotiated(c->setup->hs, out);
	else
		*out = c->session.negotiated;
}

bool
dt_conn_has_cid(const struct dt_conn *c)
{
	return c->state == DT_CONN_ESTABLISHED && c->has_cid;
}

enum dt_err
dt_conn_export(const struct dt_conn *c, const char *label, struct dt_span context, uint8_t *out, size_t len)
{
	return c->exporter ? dt_export(c->exporter, label, context, out, len) : DT_ERR_UNSUPPORTED;
}

void
dt_conn_forget_exporter(struct dt_conn *c)
{
	dt_free_secret(c->exporter, sizeof(*c->exporter));
	c->exporter = NULL;
}

void *
dt_conn_user(const struct dt_conn *c)
{
	return c->user;
}

void
dt_conn_set_user(struct dt_conn *c, void *user)
{
	c->user = user;
}

/* One block: the struct, the certificate, the two texts. */
enum dt_err
dt_conn_keep_facts(struct dt_conn *c, const char *server_name, struct dt_span certificate,
    struct dt_span identity)
{
	char escaped[IDENTITY_TEXT] = "";
	if (identity.len)
		dt_text_escape(identity.data, identity.len, escaped, sizeof(escaped));
	size_t names = strlen(server_name) + 1, ids = strlen(escaped) + 1;
	if (!certificate.len && !server_name[0] && !escaped[0])
		return DT_OK;
	struct dt_conn_cold *cold =
	    dt_alloc(sizeof(*cold) + certificate.len + identity.len + names + ids);
	if (!cold)
		return DT_ERR_NOMEM;
	char *at = (char *)(cold + 1);
	if (identity.len) {
		cold->raw_identity = (struct dt_span){memcpy(at, identity.data, identity.len), identity.len};
		at += identity.len;
	}
	if (certificate.len) {
		cold->certificate = (struct dt_span){memcpy(at, certificate.data, certificate.len),
		    certificate.len};
		at += certificate.len;
	}
	if (server_name[0])
		cold->server_name = memcpy(at, server_name, names);
	if (escaped[0])
		cold->psk_identity = memcpy(at + names, escaped, ids);
	c->cold = cold;
	return DT_OK;
}

/* ---- established ---- */

static struct dt_mono
idle_deadline(const struct dt_conn *c)
{
	struct dt_dur limit = c->service->idle_timeout;
	return limit.ns ? dt_mono_add(c->active, limit) : DT_NEVER;
}

/* Deadlines move with each record; the timer is moved when it fires. */
void
dt_conn_arm(struct dt_conn *c)
{
	struct dt_mono at = dt_mono_min(idle_deadline(c), dt_keep_alive_deadline(c));
	at = dt_mono_min(at, dt_move_deadline(c));
	dt_timer_arm(c->conns->config.wheel, &c->timer, at);
}

void
dt_conn_established_timer(struct dt_conn *c, struct dt_now now)
{
	if (dt_mono_reached(idle_deadline(c), now.mono))
		dt_conn_close(c, DT_CLOSE_IDLE, now);
	else if (dt_keep_alive_tick(c, now))
		dt_conn_close(c, DT_CLOSE_DEAD, now);
	else
		dt_move_tick(c, now);
	if (c->state == DT_CONN_ESTABLISHED)
		dt_conn_arm(c);
}

void
dt_conn_deliver(struct dt_conn *c, uint8_t *data, size_t len, size_t capacity)
{
	const struct dt_conn_events *ev = c->service->events;
	c->traffic.datagrams_in++;
	c->traffic.bytes_in += len;
	dt_count(c->conns->config.counters, DT_COUNT_DATA_IN, 1);
	dt_journal_data(c, DT_SIGHT_DATA_IN, len);
	ev->data_in(ev->arg, c, data, len, capacity);
}

void
dt_conn_give_data(struct dt_conn *c, uint8_t *data, size_t len, size_t capacity, struct dt_now now)
{
	c->active = now.mono;
	if (dt_pause_holds(c))
		dt_pause_hold(c, data, len, capacity);
	else
		dt_conn_deliver(c, data, len, capacity);
}

static void
send_alert(struct dt_conn *c, uint8_t level, uint8_t alert)
{
	struct dt_wire wire = dt_conn_wire(c);
	dt_session_send_alert(&c->session, c->conns->pool, c->id, level, alert, &wire);
	dt_count(c->conns->config.counters, DT_COUNT_ALERTS_SENT, 1);
	dt_tell_alert(c, DTLSD_TLS_ALERT_SENT, alert);
}

/* What an authentic record of `size` bytes means. */
static void
take_event(struct dt_conn *c, const struct dt_session_event *e, const struct dt_record *rec, size_t size,
    const struct dt_arrival *from, struct dt_now now)
{
	switch (e->kind) {
	case DT_SESSION_DROPPED:
		break;
	case DT_SESSION_DATA:
		if (e->len)
			dt_conn_give_data(c, e->data, e->len, rec->len - (size_t)(e->data - rec->body), now);
		break;
	case DT_SESSION_CLOSE_NOTIFY:
		dt_tell_alert(c, DTLSD_TLS_ALERT_RECEIVED, e->alert);
		dt_conn_close(c, DT_CLOSE_PEER, now);
		break;
	case DT_SESSION_FATAL_ALERT:
		dt_tell_alert(c, DTLSD_TLS_ALERT_RECEIVED, e->alert);
		dt_conn_close(c, DT_CLOSE_ALERT, now);
		break;
	case DT_SESSION_WARNING:
		dt_tell_alert(c, DTLSD_TLS_ALERT_RECEIVED, e->alert);
		break;
	case DT_SESSION_PATH_UNKNOWN:
		break;
	case DT_SESSION_HEARTBEAT_REQUEST:
		dt_keep_alive_answer(c, e, now);
		break;
	case DT_SESSION_HEARTBEAT_RESPONSE:
	case DT_SESSION_PATH_RESPONSE:
	case DT_SESSION_PATH_DROP:
		dt_move_answer(c, from, e, now);
		break;
	case DT_SESSION_PATH_CHALLENGE:
		dt_move_challenged(c, from, e, size);
		break;
	case DT_SESSION_FINISHED_AGAIN:
		dt_last_flight_repeat(c, now);
		break;
	case DT_SESSION_RENEGOTIATION:
		send_alert(c, DT_ALERT_WARNING, DT_ALERT_NO_RENEGOTIATION);
		break;
	}
}

/* RFC 9325 4.4: a word at half of what the keys bear. */
static enum dt_key_use
watch_keys(struct dt_conn *c, struct dt_now now)
{
	struct dt_conns *conns = c->conns;
	enum dt_key_use use = dt_session_key_use(&c->session);
	if (c->keys_told || use == DT_KEY_GOOD)
		return use;
	c->keys_told = true;
	dt_count(conns->config.counters, DT_COUNT_KEYS_HALF_USED, 1);
	dt_tell_error(c, dt_close_infos[DT_CLOSE_KEY_LIMIT].status,
	    "its keys are half used up: many records were sealed, or forged ones received");
	if (dt_mono_reached(conns->keys_tell, now.mono)) {
		dt_journal_keys(c);
		conns->keys_tell = dt_mono_add(now.mono, KEYS_TOLD_EVERY);
	}
	return use;
}

bool
dt_conn_established_record(struct dt_conn *c, const struct dt_record *rec, const struct dt_arrival *from,
    struct dt_now now, enum dt_drop *why)
{
	struct dt_conns *conns = c->conns;
	struct dt_wire wire = dt_conn_wire(c);
	bool newest = rec->seq >= c->session.state.replay.next;
	size_t size = DT_RECORD_HEADER + (rec->cid ? DT_CID_LEN : 0) + rec->len;
	struct dt_session_event e = dt_session_open(&c->session, conns->pool, c->id, rec, &wire);
	if (e.kind == DT_SESSION_DROPPED) {
		*why = e.drop;
	} else {
		dt_keep_alive_heard(c, now);
		if (from && rec->cid)
			dt_move_record(c, from, &e, size, newest, now);
		take_event(c, &e, rec, size, from, now);
	}
	if (c->state == DT_CONN_ESTABLISHED && watch_keys(c, now) == DT_KEY_USED_UP)
		dt_conn_close(c, DT_CLOSE_KEY_LIMIT, now);
	return e.kind != DT_SESSION_DROPPED;
}

/* Shows the datagram to whoever may rewrite it; then it is in `space`. False: it is kept. */
static bool
may_leave(struct dt_conn *c, uint8_t space[DT_PLAIN_MAX], const uint8_t **data, size_t *len)
{
	const struct dt_conn_events *ev = c->service->events;
	size_t capacity = dt_session_max(&c->session);
	if (*len)
		memcpy(space, *data, *len);
	*data = space;
	bool leaves = ev->data_out(ev->arg, c, space, len, capacity);
	DT_ASSERT(*len <= capacity && capacity <= DT_PLAIN_MAX);
	return leaves;
}

enum dt_err
dt_conn_send(struct dt_conn *c, const uint8_t *data, size_t len, struct dt_now now)
{
	DT_CHECK_MAGIC(c, DT_CONN_MAGIC);
	struct dt_conns *conns = c->conns;
	if (c->state != DT_CONN_ESTABLISHED)
		return DT_ERR_GONE;
	if (len > dt_session_max(&c->session))
		return DT_ERR_TOO_LONG;
	uint8_t space[DT_PLAIN_MAX];
	if (c->service->events->data_out && !may_leave(c, space, &data, &len)) {
		dt_count(conns->config.counters, DT_COUNT_DATA_OUT_KEPT, 1);
		return DT_OK;
	}
	if (len == 0 && c->session.engine)
		return DT_OK; /* OpenSSL has no empty records: a datagram that got lost */
	struct dt_wire wire = dt_conn_wire(c);
	uint8_t *out = wire.reserve(wire.arg, len + dt_session_overhead(&c->session));
	if (!out)
		return DT_ERR_AGAIN;
	size_t sealed = dt_session_seal(&c->session, conns->pool, c->id, data, len, out);
	if (!sealed) {
		bool used_up = dt_session_key_use(&c->session) == DT_KEY_USED_UP;
		dt_conn_close(c, used_up ? DT_CLOSE_KEY_LIMIT : DT_CLOSE_MEMORY, now);
		return DT_ERR_GONE;
	}
	wire.commit(wire.arg, sealed);
	c->active = now.mono;
	c->traffic.datagrams_out++;
	c->traffic.bytes_out += len;
	dt_count(conns->config.counters, DT_COUNT_DATA_OUT, 1);
	dt_journal_data(c, DT_SIGHT_DATA_OUT, len);
	watch_keys(c, now);
	return DT_OK;
}

/* ---- the end ---- */

static void
close_established(struct dt_conn *c, enum dt_close why)
{
	const struct dt_conn_events *ev = c->service->events;
	const struct dt_close_info *info = &dt_close_infos[why];
	bool connected = c->connected;
	if (why != DT_CLOSE_ALERT && why != DT_CLOSE_REPLACED)
		send_alert(c, DT_ALERT_WARNING, DT_ALERT_CLOSE_NOTIFY);
	dt_pause_drop(c);
	dt_journal_closed(c, info->text);
	dt_conns_bury(c);
	dt_count(c->conns->config.counters, DT_COUNT_CONNECTIONS_CLOSED, 1);
	if (connected)
		ev->disconnected(ev->arg, c, info->status, info->text);
	ev->released(ev->arg, c);
	dt_conns_release(c);
}

void
dt_conn_close(struct dt_conn *c, enum dt_close why, struct dt_now now)
{
	DT_CHECK_MAGIC(c, DT_CONN_MAGIC);
	struct dt_conns *conns = c->conns;
	if (c->state == DT_CONN_CLOSED)
		return;
	dt_conns_enter(conns);
	if (c->state == DT_CONN_ESTABLISHED) {
		close_established(c, why);
	} else {
		struct dt_wire wire = dt_conn_wire(c);
		conns->alert_len = 0;
		if (c->setup->hs && why != DT_CLOSE_REPLACED)
			dt_hs_abort(c->setup->hs, DT_ALERT_USER_CANCELED, &wire);
		conns->alert_len = 0;
		dt_setup_fail(c, why, "", now);
	}
	dt_conns_leave(conns);
}

bool
dt_conn_waiting(const struct dt_conn *c, enum dt_gate_kind kind)
{
	return c->state != DT_CONN_CLOSED && c->gate == (int8_t)kind;
}

void
dt_conn_verdict(struct dt_conn *c, enum dt_gate_kind kind, bool accept, uint8_t alert, struct dt_span key,
    struct dt_now now)
{
	DT_CHECK_MAGIC(c, DT_CONN_MAGIC);
	DT_ASSERT(dt_conn_waiting(c, kind));
	struct dt_conns *conns = c->conns;
	dt_conns_enter(conns);
	dt_setup_verdict(c, kind, accept, alert, key, now);
	dt_conns_leave(conns);
}
