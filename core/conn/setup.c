/* setup.c - from a proven address to an established connection: the hello is put together, the
 * gates are asked, the handshake is driven.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "base/text.h"
#include "conn/cid.h"
#include "conn/conn_state.h"
#include "conn/journal.h"
#include "conn/last_flight.h"
#include "conn/psk_file.h"
#include "conn/shadow.h"
#include "conn/tell.h"
#include "dtls/alert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HELLO_CAP (16u * 1024u) /* bytes of a ClientHello in parts */
#define DETAIL_BYTES 192

static struct dt_service *
service_of(struct dt_conn *c)
{
	return c->service;
}

static void
arm(struct dt_conn *c)
{
	struct dt_setup *s = c->setup;
	struct dt_mono at = s->hs ? dt_mono_min(s->give_up, dt_hs_deadline(s->hs)) : s->give_up;
	dt_timer_arm(c->conns->config.wheel, &c->timer, at);
}

static void
free_setup(struct dt_conn *c, struct dt_setup *s)
{
	dt_hs_free(&s->hs);
	dt_reassembly_fini(&s->parts);
	dt_free(s->message);
	dt_free(s);
	c->conns->handshake_memory.used -= DT_HANDSHAKE_COST;
	service_of(c)->load->handshakes--;
}

void
dt_setup_free(struct dt_conn *c)
{
	if (c->setup)
		free_setup(c, c->setup);
	c->setup = NULL;
}

void
dt_setup_fail(struct dt_conn *c, enum dt_close why, const char *detail, struct dt_now now)
{
	struct dt_conns *conns = c->conns;
	const struct dt_conn_events *ev = service_of(c)->events;
	const struct dt_close_info *info = &dt_close_infos[why];
	char text[DETAIL_BYTES];
	snprintf(text, sizeof(text), "%s%s%s", info->text, detail[0] ? ": " : "", detail);
	if (conns->alert_len && dt_path_equal(&conns->alert_path, &c->path)) {
		uint64_t hash = dt_siphash(&conns->config.hash_key, &c->path, sizeof(c->path));
		dt_tombstone_set(&conns->tombstones, hash, &c->path, c->hello_mark, conns->alert,
		    conns->alert_len, now.mono);
		dt_hello_spend(conns, &c->path, c->hello_mark, now.mono);
	}
	conns->alert_len = 0;
	dt_count(conns->config.counters, DT_COUNT_HANDSHAKES_FAILED, 1);
	dt_journal_failed(c, why, text);
	bool accepted = c->accepted;
	/* A reason that is a normal end for a connection is none for a handshake: 0 would say "done". */
	int32_t status = info->status ? info->status : ECANCELED;
	dt_tell_failed(c, status, text);
	dt_conns_bury(c);
	if (accepted)
		ev->connected(ev->arg, c, status, text);
	ev->released(ev->arg, c);
	dt_conns_release(c);
}

static void
handshake_failed(struct dt_conn *c, struct dt_now now)
{
	static const enum dt_close why[] = {
	    [DT_HS_FAILED_PROTOCOL] = DT_CLOSE_HANDSHAKE,
	    [DT_HS_FAILED_AUTH] = DT_CLOSE_CERTIFICATE,
	    [DT_HS_FAILED_PSK] = DT_CLOSE_PSK,
	    [DT_HS_FAILED_ALERT] = DT_CLOSE_ALERT,
	    [DT_HS_FAILED_MEMORY] = DT_CLOSE_MEMORY,
	};
	int alert;
	const char *reason;
	enum dt_hs_failure failure = dt_hs_failure(c->setup->hs, &alert, &reason);
	enum dt_close close = why[failure];
	struct dt_hs_peer peer;
	dt_hs_peer(c->setup->hs, &peer);
	if (close == DT_CLOSE_CERTIFICATE && !peer.has_certificate)
		close = DT_CLOSE_NO_CERTIFICATE;
	char detail[DETAIL_BYTES];
	snprintf(detail, sizeof(detail), "%s%s%s", alert >= 0 ? dt_alert_text((uint8_t)alert) : "",
	    alert >= 0 && reason[0] ? ", " : "", reason);
	dt_setup_fail(c, close, detail, now);
}

/* ---- established ---- */

struct receiver {
	struct dt_conn *c;
	struct dt_now now;
};

static void
give_held(void *arg, const struct dt_record *rec, bool opened)
{
	const struct receiver *to = arg;
	enum dt_drop why;
	if (to->c->state != DT_CONN_ESTABLISHED)
		return;
	if (opened && rec->len)
		dt_conn_give_data(to->c, rec->body, rec->len, rec->len, to->now);
	else if (!opened && !dt_conn_established_record(to->c, rec, NULL, to->now, &why))
		dt_count_drop(to->c->conns->config.counters, why);
}

/* The facts that outlive the handshake. */
static enum dt_err
keep_facts(struct dt_conn *c)
{
	struct dt_setup *s = c->setup;
	uint32_t count;
	const struct dtlsd_bytes *sent = dt_hs_certificates(s->hs, &count);
	struct dt_span leaf = {count ? sent[0].data : NULL, count ? sent[0].len : 0};
	return dt_conn_keep_facts(c, s->hello.server_name, leaf, dt_hs_psk_identity(s->hs));
}

/* For `connected`; without memory nothing can be exported. */
static void
keep_exporter(struct dt_conn *c)
{
	struct dt_exporter e = {0};
	if (dt_exporter_read(c->setup->hs, &e))
		c->exporter = dt_copy(&e, sizeof(e));
	dt_wipe(&e, sizeof(e));
}

static void
establish(struct dt_conn *c, struct dt_now now)
{
	struct dt_setup *s = c->setup;
	const struct dt_conn_events *ev = service_of(c)->events;
	struct dt_hs_peer peer;
	dt_hs_peer(s->hs, &peer);
	if (keep_facts(c) != DT_OK) {
		struct dt_wire wire = dt_conn_wire(c); /* the client takes itself for connected */
		dt_hs_abort(s->hs, DT_ALERT_INTERNAL_ERROR, &wire);
		dt_setup_fail(c, DT_CLOSE_MEMORY, "", now);
		return;
	}
	dt_hello_spend(c->conns, &c->path, c->hello_mark, now.mono);
	dt_shadow_succeed(c, now);
	keep_exporter(c);
	struct dt_flight last;
	dt_hs_take(s->hs, &c->session, &last);
	dt_last_flight_keep(c, &last, now);
	c->state = DT_CONN_ESTABLISHED;
	c->connected = true;
	c->active = now.mono;
	c->conns->alert_len = 0;
	dt_count(c->conns->config.counters, DT_COUNT_HANDSHAKES_DONE, 1);
	if (peer.resumed)
		dt_count(c->conns->config.counters, DT_COUNT_HANDSHAKES_RESUMED, 1);

	c->has_cid = c->session.state.cid_ours;
	/* No longer the connection's: an event may end that while early records are read. */
	c->setup = NULL;
	dt_keep_alive_heard(c, now);
	dt_conn_arm(c);
	dt_journal_connected(c, peer.resumed);
	dt_tell_step(c, DTLSD_TLS_ESTABLISHED, dt_conn_suite(c));
	ev->connected(ev->arg, c, 0, dt_close_infos[DT_CLOSE_NONE].text);
	if (!c->service->exporter)
		dt_conn_forget_exporter(c);
	struct receiver to = {c, now};
	dt_hs_each_held(s->hs, give_held, &to);
	free_setup(c, s);
}

/* ---- driving the handshake ---- */

/* The key of an identity: a module's, else the file's; nothing = unknown. */
static enum dt_hs_step
give_psk(struct dt_conn *c, bool accept, struct dt_span key, struct dt_now now, const struct dt_wire *wire)
{
	if (accept && key.len == 0)
		key = dt_psk_file_find(service_of(c)->psk_file, dt_hs_psk_identity(c->setup->hs));
	if (!accept)
		key.len = 0;
	return dt_hs_give_psk(c->setup->hs, key, now, wire);
}

static bool
ask_psk(struct dt_conn *c, struct dt_now now, const struct dt_wire *wire, enum dt_hs_step *step)
{
	struct dtlsd_psk psk = {.size = sizeof(psk)};
	struct dt_span identity = dt_hs_psk_identity(c->setup->hs);
	enum dt_gate gate = identity.len ? dt_gate_psk(c, identity, &psk) : DT_GATE_REJECT;
	if (c->state == DT_CONN_CLOSED || gate == DT_GATE_WAIT)
		return false;
	*step = give_psk(c, gate == DT_GATE_ACCEPT, (struct dt_span){psk.key, psk.key_len}, now, wire);
	dt_wipe(&psk, sizeof(psk));
	return true;
}

static bool
ask_auth(struct dt_conn *c, struct dt_now now, const struct dt_wire *wire, enum dt_hs_step *step)
{
	uint8_t alert = 0;
	enum dt_gate gate = dt_gate_auth(c, &alert);
	if (c->state == DT_CONN_CLOSED || gate == DT_GATE_WAIT)
		return false;
	*step = dt_hs_give_auth(c->setup->hs, gate == DT_GATE_ACCEPT, dt_gate_auth_alert(c, alert), now, wire);
	return true;
}

/* Goes on from what the handshake said until it waits for the client or a verdict. */
static void
follow(struct dt_conn *c, enum dt_hs_step step, struct dt_now now)
{
	for (;;) {
		struct dt_wire wire = dt_conn_wire(c);
		bool goes_on = false;
		switch (step) {
		case DT_HS_GOES_ON:
			break;
		case DT_HS_PSK:
			goes_on = c->gate == DT_NO_GATE && ask_psk(c, now, &wire, &step);
			break;
		case DT_HS_AUTH:
			goes_on = c->gate == DT_NO_GATE && ask_auth(c, now, &wire, &step);
			break;
		case DT_HS_DONE:
			establish(c, now);
			return;
		case DT_HS_FAILED:
			handshake_failed(c, now);
			return;
		}
		if (c->state == DT_CONN_CLOSED)
			return;
		if (!goes_on)
			break;
	}
	arm(c);
}

/* An alert before there is a handshake. */
static void
send_plain_alert(struct dt_conn *c, uint8_t alert)
{
	struct dt_wire wire = dt_conn_wire(c);
	struct dt_record_state plain = {.next_plain = c->setup->record_seq};
	dt_state_send_alert(&plain, c->conns->pool, c->id, 0, DT_ALERT_FATAL, alert, &wire);
	dt_count(c->conns->config.counters, DT_COUNT_ALERTS_SENT, 1);
	dt_tell_alert(c, DTLSD_TLS_ALERT_SENT, alert);
}

static void
start_handshake(struct dt_conn *c, struct dt_now now)
{
	struct dt_setup *s = c->setup;
	struct dt_conns *conns = c->conns;
	c->accepted = true;
	dt_count(conns->config.counters, DT_COUNT_HANDSHAKES_STARTED, 1);
	/* Without the extended master secret an id could be led to another session (RFC 7627). */
	const uint8_t *cid = NULL;
	if (service_of(c)->connection_id && s->hello.offers_connection_id &&
	    s->hello.offers_extended_master_secret) {
		dt_cid_make(c);
		cid = c->cid;
	}
	enum dt_err err = dt_hs_new(service_of(c)->tls, &conns->hs_worker, c->id,
	    (struct dt_span){s->message, s->message_len}, &s->hello, s->record_seq, cid, &s->hs);
	if (err != DT_OK) {
		if (err == DT_ERR_REFUSED) /* no suite is left for it */
			send_plain_alert(c, DT_ALERT_HANDSHAKE_FAILURE);
		dt_setup_fail(c, err == DT_ERR_NOMEM ? DT_CLOSE_MEMORY : DT_CLOSE_HANDSHAKE, dt_err_text(err),
		    now);
		return;
	}
	c->state = DT_CONN_HANDSHAKE;
	dt_tell_handshake(c);
	struct dt_wire wire = dt_conn_wire(c);
	follow(c, dt_hs_start(s->hs, now, &wire), now);
}

/* ---- the request ---- */

static void
refuse(struct dt_conn *c, uint8_t alert, struct dt_now now)
{
	if (alert)
		send_plain_alert(c, alert);
	dt_count_drop(c->conns->config.counters, DT_DROP_REFUSED);
	dt_setup_fail(c, DT_CLOSE_REFUSED, "", now);
}

static void
ask_request(struct dt_conn *c, struct dt_now now)
{
	uint8_t alert = 0;
	enum dt_gate gate = dt_gate_request(c, &alert);
	if (c->state == DT_CONN_CLOSED)
		return;
	if (gate == DT_GATE_WAIT)
		arm(c);
	else if (gate == DT_GATE_ACCEPT)
		start_handshake(c, now);
	else
		refuse(c, alert, now);
}

/* Whole now: keep it, read it, ask. */
static bool
take_hello(struct dt_conn *c, struct dt_span message, struct dt_now now)
{
	struct dt_setup *s = c->setup;
	struct dt_span body = {message.data + DT_HS_HEADER, message.len - DT_HS_HEADER};
	s->message = dt_copy(message.data, message.len);
	s->message_len = message.len;
	if (!s->message) {
		dt_setup_fail(c, DT_CLOSE_MEMORY, "", now);
		return false;
	}
	body.data = s->message + DT_HS_HEADER;
	enum dt_hello_verdict v = dt_hello_read(body, &s->hello);
	if (v != DT_HELLO_OK) {
		bool version = v == DT_HELLO_VERSION;
		uint8_t alert = version ? DT_ALERT_PROTOCOL_VERSION : DT_ALERT_DECODE_ERROR;
		dt_count_drop(c->conns->config.counters, version ? DT_DROP_HELLO_VERSION : DT_DROP_BAD_CONTENT);
		send_plain_alert(c, alert);
		dt_setup_fail(c, DT_CLOSE_HANDSHAKE, dt_alert_text(alert), now);
		return false;
	}
	dt_tell_step(c, DTLSD_TLS_HELLO, NULL);
	ask_request(c, now);
	return true;
}

static bool
collect_hello(struct dt_conn *c, const struct dt_record *rec, struct dt_now now)
{
	struct dt_setup *s = c->setup;
	struct dt_reader r = dt_reader(rec->body, rec->len);
	struct dt_fragment f;
	bool used = false;
	while (r.left && dt_fragment_read(&r, &f))
		used |= f.type == DT_HS_CLIENT_HELLO && f.message_seq == 1 &&
		    dt_reassembly_add(&s->parts, &f) == DT_REASSEMBLY_STORED;
	struct dt_span message;
	if (used && dt_reassembly_next(&s->parts, &message))
		return take_hello(c, message, now);
	if (!used)
		dt_count_drop(c->conns->config.counters, DT_DROP_UNEXPECTED);
	return used;
}

bool
dt_setup_begin(struct dt_conn *c, const struct dt_record *rec, struct dt_now now)
{
	struct dt_service *service = service_of(c);
	struct dt_setup *s = dt_alloc(sizeof(*s));
	if (!s) {
		dt_conns_bury(c);
		dt_conns_release(c);
		return false;
	}
	c->setup = s;
	s->record_seq = rec->seq;
	s->give_up = dt_mono_add(now.mono, service->handshake_timeout);
	dt_reassembly_init(&s->parts, 1, HELLO_CAP, &c->conns->handshake_memory);
	c->conns->handshake_memory.used += DT_HANDSHAKE_COST;
	c->conns->alert_len = 0;
	service->load->handshakes++;
	arm(c);
	dt_tell_record(c, rec);
	dt_tell_step(c, DTLSD_TLS_COOKIE, NULL);
	/* The datagram proved an address and was answered by a decision: it was of use. */
	collect_hello(c, rec, now);
	return true;
}

static bool
shake_hands(struct dt_conn *c, const struct dt_record *rec, bool retried, struct dt_now now)
{
	struct dt_setup *s = c->setup;
	bool used;
	struct dt_wire wire = dt_conn_wire(c);
	c->conns->alert_len = 0;
	enum dt_hs_step step = dt_hs_record(s->hs, rec, retried, now, &wire, &used);
	s->heard |= used;
	follow(c, step, now);
	return used;
}

bool
dt_setup_record(struct dt_conn *c, const struct dt_record *rec, struct dt_now now)
{
	struct dt_setup *s = c->setup;
	if (!s->hs && !s->message && rec->epoch == 0 && rec->type == DT_HANDSHAKE)
		return collect_hello(c, rec, now);
	if (s->hs)
		return shake_hands(c, rec, false, now);
	dt_count_drop(c->conns->config.counters, DT_DROP_UNEXPECTED);
	return false;
}

bool
dt_setup_retry(struct dt_conn *c, const struct dt_record *rec, struct dt_now now)
{
	return c->setup->hs && shake_hands(c, rec, true, now);
}

void
dt_setup_timer(struct dt_conn *c, struct dt_now now)
{
	struct dt_setup *s = c->setup;
	if (dt_mono_reached(s->give_up, now.mono)) {
		int alert = s->hs ? dt_hs_plain_alert(s->hs) : -1;
		c->conns->alert_len = 0;
		dt_setup_fail(c, s->heard ? DT_CLOSE_HANDSHAKE_TIMEOUT : DT_CLOSE_NO_FLIGHT,
		    alert >= 0 ? dt_alert_text((uint8_t)alert) : "", now);
		return;
	}
	struct dt_wire wire = dt_conn_wire(c);
	if (s->hs)
		follow(c, dt_hs_timer(s->hs, now, &wire), now);
	else
		arm(c);
}

void
dt_setup_verdict(struct dt_conn *c, enum dt_gate_kind kind, bool accept, uint8_t alert, struct dt_span key,
    struct dt_now now)
{
	struct dt_wire wire = dt_conn_wire(c);
	c->gate = DT_NO_GATE;
	c->conns->alert_len = 0;
	switch (kind) {
	case DT_GATE_REQUEST:
		if (accept)
			start_handshake(c, now);
		else
			refuse(c, alert, now);
		break;
	case DT_GATE_PSK:
		follow(c, give_psk(c, accept, key, now, &wire), now);
		break;
	case DT_GATE_AUTH:
		follow(c,
		    dt_hs_give_auth(c->setup->hs, accept, dt_gate_auth_alert(c, alert), now, &wire), now);
		break;
	}
}
