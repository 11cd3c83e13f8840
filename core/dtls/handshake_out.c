/* handshake_out.c - from the stream that OpenSSL writes to flights of our own.
 *
 * OpenSSL's records are cut out of its stream, its fragments joined, its Finished opened; what is
 * kept is whole messages. Its record numbers are thrown away, and its alerts taken out: an alert
 * is not part of a flight.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "dtls/alert.h"
#include "dtls/handshake_state.h"
#include "dtls/kdf.h"

#include <openssl/err.h>
#include <string.h>

static void
learn_suite(struct dt_handshake *hs)
{
	const SSL_CIPHER *c = SSL_get_pending_cipher(hs->engine->ssl);
	if (!c)
		c = SSL_get_current_cipher(hs->engine->ssl);
	if (!c || hs->suite_known)
		return;
	hs->suite_known = true;
	hs->state.suite = SSL_CIPHER_get_protocol_id(c);
	hs->suite = dt_suite_find(hs->state.suite);
	dt_state_set_limits(&hs->state, hs->suite, hs->tls->records_per_key, hs->tls->forgeries_per_key);
}

bool
dt_hs_derive(struct dt_handshake *hs)
{
	learn_suite(hs);
	if (hs->state.keyed)
		return true;
	if (!hs->suite || !(hs->key_exchange_fed || SSL_session_reused(hs->engine->ssl)))
		return false;

	struct dt_secrets s;
	const char *digest = dt_engine_prf_digest(hs->engine);
	if (digest && dt_engine_secrets(hs->engine, &s) &&
	    dt_derive_keys(digest, hs->suite, &s, &hs->state.read, &hs->state.write) == DT_OK)
		hs->state.keyed = 1;
	dt_wipe(&s, sizeof(s));
	return hs->state.keyed;
}

void
dt_hs_fail(struct dt_handshake *hs, enum dt_hs_failure why, int alert, const struct dt_wire *wire)
{
	if (hs->step == DT_HS_FAILED)
		return;
	hs->step = DT_HS_FAILED;
	hs->failure = why;
	hs->alert = alert;
	hs->deadline = DT_NEVER;
	if (alert < 0)
		return;
	/* Sealed only when the client reads sealed records already: after our Finished. */
	uint16_t epoch = hs->change_sent && hs->state.keyed ? 1 : 0;
	dt_state_send_alert(&hs->state, hs->worker.pool, hs->owner, epoch, DT_ALERT_FATAL, (uint8_t)alert,
	    wire);
	dt_count(hs->worker.counters, DT_COUNT_ALERTS_SENT, 1);
	dt_hs_note(hs, DT_HS_NOTE_ALERT_SENT, alert);
}

static bool
begin_message(struct dt_handshake *hs, const struct dt_fragment *f)
{
	dt_free_secret(hs->join, hs->join_total);
	hs->join_total = DT_HS_HEADER + f->length;
	hs->join = dt_alloc(hs->join_total);
	if (!hs->join)
		return false;
	hs->join[0] = f->type;
	dt_write_uint(hs->join + 1, f->length, 3);
	dt_write_uint(hs->join + 4, f->message_seq, 2);
	dt_write_uint(hs->join + 9, f->length, 3);
	hs->join_len = DT_HS_HEADER;
	return true;
}

static bool
end_message(struct dt_handshake *hs, uint16_t epoch)
{
	struct dt_span message = {hs->join, hs->join_len};
	enum dt_err err = dt_flight_add_message(&hs->flight, epoch, message);
	dt_free_secret(hs->join, hs->join_total);
	hs->join = NULL;
	hs->join_len = hs->join_total = 0;
	return err == DT_OK;
}

/* One fragment of a message of ours; OpenSSL writes them in order and without repetition. */
static bool
join_fragment(struct dt_handshake *hs, uint16_t epoch, struct dt_span bytes)
{
	struct dt_reader r = dt_reader(bytes.data, bytes.len);
	struct dt_fragment f;
	while (r.left) {
		if (!dt_fragment_read(&r, &f))
			return false;
		if (f.offset == 0 && !begin_message(hs, &f))
			return false;
		if (hs->join_len != DT_HS_HEADER + f.offset || hs->join_len + f.bytes.len > hs->join_total)
			return false;
		memcpy(hs->join + hs->join_len, f.bytes.data, f.bytes.len);
		hs->join_len += f.bytes.len;
		if (hs->join_len == hs->join_total && !end_message(hs, epoch))
			return false;
	}
	return true;
}

/* Its epoch-1 records, opened with our own write key; this copy stays here. */
static bool
open_own(struct dt_handshake *hs, const struct dt_record *rec, uint8_t **plain, size_t *len)
{
	struct dt_key_ref ref = {dt_hs_local_owner(hs), DT_READ, hs->suite, &hs->state.write, {NULL, 0}};
	return dt_open(hs->worker.pool, &ref, rec, plain, len) == DT_OPEN_OK;
}

static bool
take_alert(struct dt_handshake *hs, const uint8_t *alert, size_t len, const struct dt_wire *wire)
{
	if (len != DT_ALERT_LEN)
		return false;
	if (alert[0] == DT_ALERT_FATAL) {
		dt_hs_fail(hs, DT_HS_FAILED_PROTOCOL, alert[1], wire);
		return false;
	}
	return true; /* a warning of OpenSSL's in the handshake tells the client nothing it needs */
}

/* Sealed by OpenSSL for a suite that is not ours: sent as it is. */
static bool
take_opaque(struct dt_handshake *hs, const struct dt_record *rec, struct dt_span raw,
    const struct dt_wire *wire)
{
	if (rec->type != DT_ALERT)
		return dt_flight_add_opaque(&hs->flight, raw) == DT_OK;
	uint8_t *out = wire->reserve(wire->arg, raw.len);
	if (out) {
		memcpy(out, raw.data, raw.len);
		dt_wire_commit_alert(wire, raw.len);
		dt_count(hs->worker.counters, DT_COUNT_ALERTS_SENT, 1);
		dt_hs_note(hs, DT_HS_NOTE_ALERT_SENT, -1);
	}
	dt_hs_fail(hs, DT_HS_FAILED_PROTOCOL, -1, wire);
	return false;
}

static bool
take_sealed(struct dt_handshake *hs, const struct dt_record *rec, struct dt_span raw,
    const struct dt_wire *wire)
{
	if (!hs->suite)
		return take_opaque(hs, rec, raw, wire);
	uint8_t *plain;
	size_t len;
	if (!dt_hs_derive(hs) || !open_own(hs, rec, &plain, &len))
		return false;
	if (rec->type == DT_ALERT)
		return take_alert(hs, plain, len, wire);
	return rec->type == DT_HANDSHAKE && join_fragment(hs, 1, (struct dt_span){plain, len});
}

static bool
take_record(struct dt_handshake *hs, const struct dt_record *rec, struct dt_span raw,
    const struct dt_wire *wire)
{
	learn_suite(hs);
	if (rec->epoch != 0)
		return take_sealed(hs, rec, raw, wire);
	switch (rec->type) {
	case DT_HANDSHAKE:
		return join_fragment(hs, 0, (struct dt_span){rec->body, rec->len});
	case DT_CHANGE_CIPHER_SPEC:
		hs->next_out_is_sealed = true;
		return dt_flight_add_change_cipher_spec(&hs->flight, 0) == DT_OK;
	case DT_ALERT:
		return take_alert(hs, rec->body, rec->len, wire);
	default:
		return false;
	}
}

/* What the handshake holds beside the client's messages in parts, which charge for themselves, and
 * what OpenSSL holds of the same: each message that it wrote twice (to repeat it, and where it was
 * made); of the longest that it got the buffer, what it has read and the certificates in it. */
static void
charge(struct dt_handshake *hs)
{
	size_t holds = 3 * hs->flight.bytes + hs->join_total + hs->engine->out_cap + 4 * hs->largest_fed;
	hs->worker.budget->used += holds - hs->charged;
	hs->charged = holds;
}

bool
dt_hs_collect(struct dt_handshake *hs, const struct dt_wire *wire)
{
	size_t at = 0;
	struct dt_record rec;
	struct dt_span raw;
	if (hs->flight_sent && hs->engine->out_len > 0) {
		dt_flight_clear(&hs->flight);
		hs->flight_sent = false;
	}
	while (hs->step != DT_HS_FAILED && dt_engine_next_out(hs->engine, &at, &rec, &raw))
		if (!take_record(hs, &rec, raw, wire))
			dt_hs_fail(hs, DT_HS_FAILED_PROTOCOL, DT_ALERT_INTERNAL_ERROR, wire);
	dt_engine_clear_out(hs->engine, at);
	charge(hs);
	return hs->step != DT_HS_FAILED;
}

void
dt_hs_send_flight(struct dt_handshake *hs, bool await, const struct dt_wire *wire)
{
	/* A flight that could not leave is a loss: the timer, or the client, asks again. */
	(void)!dt_state_send_flight(
	    &hs->state, hs->worker.pool, hs->owner, &hs->flight, hs->state.mtu, wire);
	enum dt_hs_note note = hs->flight_sent ? DT_HS_NOTE_FLIGHT_AGAIN : DT_HS_NOTE_FLIGHT;
	hs->flight_sent = true;
	hs->change_sent = hs->next_out_is_sealed;
	hs->repeat_allowed = hs->engine->now.mono;
	hs->deadline = await ? dt_mono_add(hs->engine->now.mono, hs->interval) : DT_NEVER;
	dt_hs_note(hs, note, -1);
}
