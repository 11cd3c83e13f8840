#include "dtls/handshake.h"

#include "base/assert.h"
#include "base/mem.h"
#include "dtls/alert.h"
#include "dtls/handshake_state.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>

#define MESSAGES_CAP (128u * 1024u) /* bytes of the client's messages in parts */

static enum dt_hs_step advance(struct dt_handshake *hs, const struct dt_wire *wire);

enum dt_err
dt_hs_new(struct dt_tls *tls, const struct dt_hs_worker *worker, uint64_t owner, struct dt_span message,
    const struct dt_hello *hello, uint64_t record_seq, const uint8_t *cid, struct dt_handshake **out)
{
	DT_ASSERT(owner != 0 && owner >> 63 == 0);
	struct dt_handshake *hs = dt_alloc(sizeof(*hs));
	if (!hs)
		return DT_ERR_NOMEM;
	hs->magic = DT_HANDSHAKE_MAGIC;
	hs->tls = tls;
	hs->worker = *worker;
	hs->owner = owner;
	hs->state.mtu = tls->mtu;
	hs->state.fragment_max = hs->state.sealed_max = DT_PLAIN_MAX;
	hs->state.next_plain = record_seq;
	hs->interval = tls->initial_timer;
	hs->deadline = DT_NEVER;
	hs->alert = hs->plain_alert = -1;
	hs->psk_answered = !tls->psk;
	dt_list_init(&hs->held);
	dt_flight_init(&hs->flight);
	dt_reassembly_init(&hs->messages, 2, MESSAGES_CAP, worker->budget); /* the hello was 1 */

	enum dt_err err = DT_ERR_NOMEM;
	hs->hello = dt_copy(message.data, message.len);
	hs->hello_len = message.len;
	if (hs->hello)
		err = dt_engine_new(tls, !hello->offers_encrypt_then_mac, &hs->engine);
	if (err == DT_OK)
		hs->engine->extensions.cid_ours = cid;
	if (err != DT_OK)
		dt_hs_free(&hs);
	*out = hs;
	return err;
}

void
dt_hs_free(struct dt_handshake **slot)
{
	struct dt_handshake *hs = *slot;
	if (!hs)
		return;
	DT_CHECK_MAGIC(hs, DT_HANDSHAKE_MAGIC);
	DT_LIST_EACH (node, next, &hs->held)
		dt_hs_drop_held(hs, DT_CONTAINER(node, struct dt_held, node));
	hs->worker.budget->used -= hs->charged;
	dt_aead_pool_forget(hs->worker.pool, dt_hs_local_owner(hs));
	dt_reassembly_fini(&hs->messages);
	dt_flight_clear(&hs->flight);
	dt_hs_free_certificates(hs);
	dt_free_secret(hs->join, hs->join_total);
	dt_free(hs->hello);
	dt_engine_free(&hs->engine);
	dt_free_secret(hs, sizeof(*hs));
	*slot = NULL;
}

/* ---- what OpenSSL gets ---- */

static enum dt_hs_step
engine_failed(struct dt_handshake *hs, const struct dt_wire *wire)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	if (reason && !hs->reason[0])
		strncpy(hs->reason, reason, sizeof(hs->reason) - 1);
	ERR_clear_error();
	dt_hs_collect(hs, wire); /* its alert, if it wrote one */
	dt_hs_fail(hs, DT_HS_FAILED_PROTOCOL, DT_ALERT_INTERNAL_ERROR, wire);
	return hs->step;
}

static void
finish(struct dt_handshake *hs, const struct dt_wire *wire)
{
	bool resumed = SSL_session_reused(hs->engine->ssl);
	if (!dt_flight_empty(&hs->flight) && !hs->flight_sent)
		dt_hs_send_flight(hs, false, wire);
	if (resumed)
		dt_flight_clear(&hs->flight); /* the client's flight was the last one */
	if (hs->engine->extensions.heartbeat_answered) {
		hs->state.heartbeat_ours = (uint8_t)hs->tls->heartbeat;
		hs->state.heartbeat_peers = hs->engine->extensions.heartbeat_offered;
	}
	hs->state.rrc = hs->engine->extensions.rrc_answered;
	hs->deadline = DT_NEVER;
	hs->step = DT_HS_DONE;
}

/* max_fragment_length is for every record, record_size_limit for sealed ones, and the type in a
 * record with a connection id counts. No message of ours in epoch 1 is as long as the least of them. */
static void
learn_sizes(struct dt_handshake *hs)
{
	const struct dt_extensions *e = &hs->engine->extensions;
	struct dt_record_state *s = &hs->state;
	uint16_t fragment_max = dt_extensions_fragment_max(hs->engine->ssl);
	size_t limit = (size_t)e->size_limit - (s->cid_len ? 1 : 0);
	if (fragment_max)
		s->fragment_max = s->sealed_max = fragment_max;
	if (e->size_limit && hs->tls->record_size_limit && limit < s->sealed_max)
		s->sealed_max = (uint16_t)limit; /* answered or not: shorter is always good */
	if (e->size_limit_answered)
		s->read_max = hs->tls->record_size_limit;
}

/* Before anything of epoch 1 is written or read. */
static void
learn_cid(struct dt_handshake *hs)
{
	const struct dt_extensions *e = &hs->engine->extensions;
	if (!e->cid_answered || hs->state.cid_ours)
		return;
	hs->state.cid_ours = 1;
	hs->state.cid_len = e->cid_len;
	memcpy(hs->state.cid, e->cid, e->cid_len);
}

/* After OpenSSL has worked on something. */
static void
digest(struct dt_handshake *hs, enum dt_engine_result r, const struct dt_wire *wire)
{
	learn_cid(hs);
	if (r == DT_ENGINE_FAILED) {
		engine_failed(hs, wire);
		return;
	}
	if (!dt_hs_collect(hs, wire))
		return;
	learn_sizes(hs);
	if (!hs->ephemeral_bits)
		hs->ephemeral_bits = dt_negotiated_ephemeral_bits(hs->engine->ssl);
	if (!hs->resumed_told && SSL_session_reused(hs->engine->ssl)) {
		hs->resumed_told = true;
		dt_hs_note(hs, DT_HS_NOTE_RESUMED, -1);
	}
	if (r == DT_ENGINE_DONE) {
		finish(hs, wire);
		return;
	}
	/* The flight of a resumption waits for the gate. */
	bool gated = SSL_session_reused(hs->engine->ssl) && !hs->auth_answered;
	if (!dt_flight_empty(&hs->flight) && !hs->flight_sent && !gated) {
		hs->interval = hs->tls->initial_timer;
		hs->timeouts = 0;
		dt_hs_send_flight(hs, true, wire);
	}
}

static bool
change_is_due(const struct dt_handshake *hs)
{
	SSL *ssl = hs->engine->ssl;
	if (!hs->change_seen || hs->change_fed)
		return false;
	switch (SSL_get_state(ssl)) {
	case TLS_ST_SR_CERT_VRFY:
		return true;
	case TLS_ST_SR_KEY_EXCH:
		return SSL_get0_peer_certificate(ssl) == NULL;
	case TLS_ST_SW_FINISHED:
		return SSL_session_reused(ssl);
	default:
		return false;
	}
}

/* Reads the identity at the head of a PSK ClientKeyExchange (RFC 4279 2). False: malformed. */
static bool
read_identity(struct dt_handshake *hs)
{
	struct dt_reader r = dt_reader(hs->message.data + DT_HS_HEADER, hs->message.len - DT_HS_HEADER);
	struct dt_span id = dt_read_vector(&r, 2);
	if (r.bad)
		return false;
	if (id.len > 0 && id.len <= DT_IDENTITY_MAX && !memchr(id.data, 0, id.len)) {
		memcpy(hs->identity, id.data, id.len);
		hs->identity_len = id.len;
	}
	return true;
}

/* An identity that OpenSSL would choke on is replaced: the transcript differs then, the client's
 * Finished does not open, and the handshake goes the way of any wrong key. */
static enum dt_engine_result
feed_substitute(struct dt_handshake *hs)
{
	struct dt_reader r = dt_reader(hs->message.data + DT_HS_HEADER, hs->message.len - DT_HS_HEADER);
	(void)dt_read_vector(&r, 2);
	size_t len = DT_HS_HEADER + 3 + r.left;
	uint8_t *copy = dt_alloc(len);
	if (!copy)
		return DT_ENGINE_FAILED;
	memcpy(copy, hs->message.data, DT_HS_HEADER);
	dt_write_uint(copy + 1, len - DT_HS_HEADER, 3);
	dt_write_uint(copy + 9, len - DT_HS_HEADER, 3);
	dt_write_uint(copy + DT_HS_HEADER, 1, 2);
	copy[DT_HS_HEADER + 2] = '?';
	memcpy(copy + DT_HS_HEADER + 3, r.at, r.left);
	enum dt_engine_result result = dt_engine_message(hs->engine, (struct dt_span){copy, len});
	dt_free(copy);
	return result;
}

static void
feed_plain(struct dt_handshake *hs, const struct dt_wire *wire)
{
	struct dt_span message = hs->message;
	bool key_exchange = message.data[0] == DT_HS_CLIENT_KEY_EXCHANGE;
	hs->largest_fed = message.len > hs->largest_fed ? message.len : hs->largest_fed;
	bool psk = key_exchange && dt_hs_is_psk(hs);
	if (psk && !hs->psk_answered) {
		if (!read_identity(hs)) {
			dt_hs_fail(hs, DT_HS_FAILED_PROTOCOL, DT_ALERT_DECODE_ERROR, wire);
			return;
		}
		hs->step = DT_HS_PSK;
		return;
	}
	enum dt_engine_result r = psk && hs->identity_len == 0 ? feed_substitute(hs)
							      : dt_engine_message(hs->engine, message);
	if (r != DT_ENGINE_FAILED && key_exchange)
		dt_hs_note(hs, DT_HS_NOTE_KEY_EXCHANGE, -1);
	if (r != DT_ENGINE_FAILED && message.data[0] == DT_HS_CERTIFICATE && message.len > DT_HS_HEADER + 3)
		dt_hs_note(hs, DT_HS_NOTE_CERTIFICATE, -1);
	hs->message.len = 0;
	hs->key_exchange_fed |= key_exchange;
	hs->keyed_at = key_exchange ? hs->engine->now.mono : hs->keyed_at;
	hs->deadline = hs->deadline.ns == DT_NEVER.ns
	    ? DT_NEVER
	    : dt_mono_add(hs->engine->now.mono, hs->interval);
	digest(hs, r, wire);
	if (key_exchange && hs->step == DT_HS_GOES_ON && dt_hs_derive(hs))
		dt_hs_open_held(hs, wire);
}

/* The client's Finished, sealed again as one plain epoch-1 record. This is the client's key and
 * a number of the client's: the copy stays in this function. */
static void
feed_finished(struct dt_handshake *hs, const struct dt_wire *wire)
{
	uint8_t record[DT_RECORD_HEADER + DT_EXPLICIT_MAX + DT_HS_HEADER + 64 + DT_TAG_MAX];
	struct dt_key_ref ref = {dt_hs_local_owner(hs), DT_WRITE, hs->suite, &hs->state.read, {NULL, 0}};
	enum dt_engine_result r = DT_ENGINE_FAILED;
	if (hs->message.len <= DT_HS_HEADER + 64) {
		size_t len = dt_seal(hs->worker.pool, &ref, DT_HANDSHAKE, 1, 0, hs->message.data,
		    hs->message.len, record);
		if (len)
			r = dt_engine_record(hs->engine, (struct dt_span){record, len});
	}
	dt_wipe(record, sizeof(record));
	hs->message.len = 0;
	/* What it is made of was authentic, so OpenSSL swallowing it in silence is a failure. */
	if (r == DT_ENGINE_WANTS_MORE)
		r = DT_ENGINE_FAILED;
	if (r == DT_ENGINE_DONE)
		dt_hs_note(hs, DT_HS_NOTE_FINISHED, -1);
	digest(hs, r, wire);
}

/* A suite that is not ours: the first of the client's sealed records that it may have, forgeries
 * thrown away. */
static struct dt_held *
authentic_held(struct dt_handshake *hs, const struct dt_wire *wire)
{
	bool wrong_key = false;
	if (!hs->change_fed || !hs->suite_known || hs->suite)
		return NULL;
	DT_LIST_EACH (node, next, &hs->held) {
		struct dt_held *h = DT_CONTAINER(node, struct dt_held, node);
		bool finished = h->rec.type == DT_HANDSHAKE;
		if (h->rec.type == DT_APPLICATION_DATA)
			continue;
		if (h->rec.len && dt_engine_authentic(hs->engine, &h->rec))
			return h;
		dt_count_drop(hs->worker.counters, DT_DROP_BAD_TAG);
		wrong_key |= finished && dt_hs_note_unopened(hs, h->datagram);
		dt_hs_drop_held(hs, h);
	}
	if (wrong_key)
		dt_hs_fail(hs, DT_HS_FAILED_PSK, DT_ALERT_DECRYPT_ERROR, wire);
	return NULL;
}

/* As it is. */
static void
feed_held(struct dt_handshake *hs, struct dt_held *h, const struct dt_wire *wire)
{
	uint8_t raw[DT_RECORD_HEADER + DT_CIPHER_MAX];
	dt_record_write_header(raw, h->rec.type, h->rec.version, 1, h->rec.seq, h->rec.len);
	memcpy(raw + DT_RECORD_HEADER, h->rec.body, h->rec.len);
	size_t len = DT_RECORD_HEADER + h->rec.len;
	dt_hs_drop_held(hs, h);
	enum dt_engine_result r = dt_engine_record(hs->engine, (struct dt_span){raw, len});
	if (r == DT_ENGINE_DONE)
		dt_hs_note(hs, DT_HS_NOTE_FINISHED, -1);
	digest(hs, r, wire);
}

/* The gate stands where everything is proven: a full handshake at the client's ChangeCipherSpec
 * (certificate, key exchange and CertificateVerify are through) and its opened Finished; a
 * resumption before our flight. */
static bool
gate_is_due(const struct dt_handshake *hs, bool finished)
{
	SSL *ssl = hs->engine->ssl;
	if (hs->auth_answered)
		return false;
	if (SSL_session_reused(ssl))
		return !dt_flight_empty(&hs->flight);
	return SSL_get_state(ssl) == TLS_ST_SR_CHANGE && finished;
}

/* What the client sealed, once OpenSSL may have it. */
static void
feed_sealed(struct dt_handshake *hs, struct dt_held *held, const struct dt_wire *wire)
{
	if (held)
		feed_held(hs, held, wire);
	else
		feed_finished(hs, wire);
}

/* One step towards the end; false when there is nothing to do now. */
static bool
step_once(struct dt_handshake *hs, const struct dt_wire *wire)
{
	if (hs->message.len == 0 && !dt_reassembly_next(&hs->messages, &hs->message))
		hs->message.len = 0;
	bool message_finished = hs->message.len != 0 && hs->message.data[0] == DT_HS_FINISHED;
	if (hs->message.len != 0 && !message_finished) {
		feed_plain(hs, wire);
		return true;
	}
	struct dt_held *held = authentic_held(hs, wire);
	bool finished = message_finished || held;
	if (hs->step == DT_HS_FAILED)
		return true;
	if (gate_is_due(hs, finished)) {
		hs->step = DT_HS_AUTH;
		return true;
	}
	if (change_is_due(hs)) {
		hs->change_fed = true;
		digest(hs, dt_engine_change_cipher_spec(hs->engine), wire);
		return true;
	}
	if (finished && hs->change_seen && !hs->change_fed) {
		/* The numbers of the messages have no gap, so the proof of its certificate's key will
		 * not come any more. */
		dt_hs_fail(hs, DT_HS_FAILED_PROTOCOL, DT_ALERT_UNEXPECTED_MESSAGE, wire);
		return true;
	}
	if (!finished || !hs->change_fed || !hs->auth_answered)
		return false;
	feed_sealed(hs, held, wire);
	return true;
}

static enum dt_hs_step
advance(struct dt_handshake *hs, const struct dt_wire *wire)
{
	while (hs->step == DT_HS_GOES_ON && step_once(hs, wire))
		;
	if (hs->step == DT_HS_PSK || hs->step == DT_HS_AUTH)
		hs->deadline = DT_NEVER;
	return hs->step;
}

/* ---- entrances ---- */

static void
enter(struct dt_handshake *hs, struct dt_now now)
{
	DT_CHECK_MAGIC(hs, DT_HANDSHAKE_MAGIC);
	hs->engine->now = now;
}

void
dt_hs_watch(struct dt_handshake *hs, void (*tell)(void *arg, enum dt_hs_note note, int alert), void *arg)
{
	DT_ASSERT(hs->hello);
	hs->tell = tell;
	hs->tell_arg = arg;
}

enum dt_hs_step
dt_hs_start(struct dt_handshake *hs, struct dt_now now, const struct dt_wire *wire)
{
	enter(hs, now);
	DT_ASSERT(hs->hello);
	bool heard = dt_engine_hello(hs->engine, (struct dt_span){hs->hello, hs->hello_len});
	dt_free(hs->hello);
	hs->hello = NULL;
	if (!heard)
		return engine_failed(hs, wire);
	digest(hs, dt_engine_run(hs->engine), wire);
	return advance(hs, wire);
}

enum dt_hs_step
dt_hs_record(struct dt_handshake *hs, const struct dt_record *rec, bool retried, struct dt_now now,
    const struct dt_wire *wire, bool *used)
{
	enter(hs, now);
	*used = false;
	if (hs->step == DT_HS_FAILED || hs->step == DT_HS_DONE)
		return hs->step;
	hs->retried = retried;
	*used = dt_hs_take_record(hs, rec, wire);
	hs->retried = false;
	return advance(hs, wire);
}

struct dt_mono
dt_hs_deadline(const struct dt_handshake *hs)
{
	return hs->deadline;
}

/* What OpenSSL has sealed only OpenSSL can seal again. False: the handshake has failed. */
static bool
seal_again(struct dt_handshake *hs, const struct dt_wire *wire)
{
	if (hs->suite || !hs->change_sent)
		return true;
	if (dt_engine_repeat(hs->engine) != DT_ENGINE_FAILED)
		return dt_hs_collect(hs, wire);
	engine_failed(hs, wire);
	return false;
}

enum dt_hs_step
dt_hs_timer(struct dt_handshake *hs, struct dt_now now, const struct dt_wire *wire)
{
	enter(hs, now);
	if (!dt_mono_reached(hs->deadline, now.mono))
		return hs->step;
	/* What was learned here holds for the flights that follow, and for the session. */
	if (++hs->timeouts >= DT_LOSSES_BEFORE_SMALLER)
		dt_state_halve_mtu(&hs->state);
	hs->interval.ns *= 2;
	if (hs->interval.ns > hs->tls->max_timer.ns)
		hs->interval = hs->tls->max_timer;
	if (!seal_again(hs, wire))
		return hs->step;
	dt_hs_send_flight(hs, true, wire);
	dt_count(hs->worker.counters, DT_COUNT_FLIGHTS_REPEATED, 1);
	return hs->step;
}

bool
dt_hs_too_long(struct dt_handshake *hs, size_t len)
{
	uint16_t before = hs->state.mtu;
	dt_state_lower_mtu(&hs->state, len);
	return hs->state.mtu < before;
}

struct dt_span
dt_hs_psk_identity(const struct dt_handshake *hs)
{
	return (struct dt_span){hs->identity, hs->identity_len};
}

enum dt_hs_step
dt_hs_give_psk(struct dt_handshake *hs, struct dt_span key, struct dt_now now, const struct dt_wire *wire)
{
	enter(hs, now);
	DT_ASSERT(hs->step == DT_HS_PSK && key.len <= DT_PSK_MAX);
	struct dt_engine *e = hs->engine;
	if (key.len) {
		memcpy(e->psk, key.data, key.len);
		e->psk_len = key.len;
	} else if (RAND_bytes(e->psk, 32) == 1) {
		e->psk_len = 32; /* nobody's key: the same work and the same alert as a wrong one */
	}
	hs->psk_answered = true;
	hs->step = DT_HS_GOES_ON;
	enum dt_hs_step step = advance(hs, wire);
	dt_wipe(e->psk, sizeof(e->psk));
	e->psk_len = 0; /* nobody gets a key of zeros */
	return step;
}

enum dt_hs_step
dt_hs_give_auth(struct dt_handshake *hs, bool accept, uint8_t alert, struct dt_now now,
    const struct dt_wire *wire)
{
	enter(hs, now);
	DT_ASSERT(hs->step == DT_HS_AUTH);
	hs->auth_answered = true;
	hs->step = DT_HS_GOES_ON;
	if (!accept) {
		dt_hs_fail(hs, DT_HS_FAILED_AUTH, alert, wire);
		return hs->step;
	}
	if (!dt_flight_empty(&hs->flight) && !hs->flight_sent)
		dt_hs_send_flight(hs, true, wire);
	return advance(hs, wire);
}

void
dt_hs_abort(struct dt_handshake *hs, uint8_t alert, const struct dt_wire *wire)
{
	dt_hs_fail(hs, DT_HS_FAILED_PROTOCOL, alert, wire);
}

enum dt_hs_failure
dt_hs_failure(const struct dt_handshake *hs, int *alert, const char **reason)
{
	*alert = hs->alert;
	*reason = hs->reason;
	return hs->failure;
}

int
dt_hs_plain_alert(const struct dt_handshake *hs)
{
	return hs->plain_alert;
}

const char *
dt_hs_suite_name(const struct dt_handshake *hs)
{
	const SSL_CIPHER *c = SSL_get_current_cipher(hs->engine->ssl);
	return c ? SSL_CIPHER_standard_name(c) : NULL;
}

void
dt_hs_take(struct dt_handshake *hs, struct dt_session *session, struct dt_flight *last)
{
	DT_ASSERT(hs->step == DT_HS_DONE);
	memset(session, 0, sizeof(*session));
	session->state = hs->state;
	session->suite = hs->state.suite;
	dt_negotiated_read(hs->engine->ssl, hs->ephemeral_bits, &session->negotiated);
	dt_wipe(&hs->state, sizeof(hs->state)); /* one owner for the numbers, from now on the session */
	dt_flight_move(last, &hs->flight);
	if (!hs->suite) {
		/* OpenSSL answers a repeated Finished by itself. */
		dt_flight_clear(last);
		session->engine = hs->engine;
		hs->engine = NULL;
	}
}
