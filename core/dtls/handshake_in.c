/* handshake_in.c - the records of the client while the handshake lasts: read, opened, or held until
 * they can be.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "dtls/alert.h"
#include "dtls/handshake_state.h"

#include <string.h>

#define FRAGMENTS_MAX 64u     /* looked at in one record: a flight has a handful of messages */
#define HELD_CAP (8u * 1024u) /* bytes of early records */
#define UNOPENED_MAX 3u	      /* first flight of a client and two repetitions */

static void
drop(const struct dt_handshake *hs, enum dt_drop why)
{
	if (!hs->retried)
		dt_count_drop(hs->worker.counters, why);
}

/* ---- early records ---- */

static void
take_held(struct dt_handshake *hs, struct dt_held *h)
{
	dt_list_remove(&h->node);
	hs->held_bytes -= h->size;
	hs->worker.budget->used -= h->size;
}

void
dt_hs_drop_held(struct dt_handshake *hs, struct dt_held *h)
{
	take_held(hs, h);
	dt_free(h);
}

static bool
hold(struct dt_handshake *hs, const struct dt_record *rec, bool opened)
{
	size_t size = sizeof(struct dt_held) + rec->len + DT_CID_LEN;
	struct dt_budget *b = hs->worker.budget;
	struct dt_held *h = NULL;
	if (hs->held_bytes + size <= HELD_CAP && b->used + size <= b->cap)
		h = dt_alloc(size);
	if (!h) {
		drop(hs, DT_DROP_HELD_FULL);
		return false;
	}
	h->rec = *rec;
	h->rec.body = (uint8_t *)(h + 1);
	h->size = size;
	h->opened = opened;
	h->datagram = *hs->worker.datagram;
	memcpy(h->rec.body, rec->body, rec->len);
	if (rec->cid)
		h->rec.cid = memcpy(h->rec.body + rec->len, rec->cid, DT_CID_LEN);
	hs->held_bytes += size;
	b->used += size;
	dt_list_append(&hs->held, &h->node);
	return true;
}

void
dt_hs_each_held(struct dt_handshake *hs,
    void (*each)(void *arg, const struct dt_record *rec, bool opened), void *arg)
{
	DT_LIST_EACH (node, next, &hs->held) {
		struct dt_held *h = DT_CONTAINER(node, struct dt_held, node);
		each(arg, &h->rec, h->opened);
		dt_hs_drop_held(hs, h);
	}
}

/* ---- epoch 1 while the handshake lasts ---- */

static void
repeat_flight(struct dt_handshake *hs, const struct dt_wire *wire)
{
	struct dt_mono now = hs->engine->now.mono;
	if (!hs->flight_sent || !dt_mono_reached(hs->repeat_allowed, now))
		return;
	dt_hs_send_flight(hs, hs->deadline.ns != DT_NEVER.ns, wire);
	/* One for each interval: a replayed record must not make an amplifier of us. */
	hs->repeat_allowed = dt_mono_add(now, hs->tls->initial_timer);
	dt_count(hs->worker.counters, DT_COUNT_FLIGHTS_REPEATED, 1);
}

/* All fragments in the plaintext of one record. */
static bool
take_fragments(struct dt_handshake *hs, uint16_t epoch, struct dt_span bytes, const struct dt_wire *wire)
{
	struct dt_reader r = dt_reader(bytes.data, bytes.len);
	struct dt_fragment f;
	bool used = false;
	for (unsigned n = 0; n < FRAGMENTS_MAX && r.left && dt_fragment_read(&r, &f); n++) {
		/* Finished is the one message of epoch 1, and of no other. */
		if ((f.type == DT_HS_FINISHED) != (epoch == 1)) {
			drop(hs, DT_DROP_UNEXPECTED);
			continue;
		}
		enum dt_reassembly_verdict v = dt_reassembly_add(&hs->messages, &f);
		if (v == DT_REASSEMBLY_OLD)
			repeat_flight(hs, wire);
		else if (v != DT_REASSEMBLY_STORED)
			drop(hs, DT_DROP_UNEXPECTED);
		else if (f.type == DT_HS_CLIENT_KEY_EXCHANGE)
			hs->key_datagram = *hs->worker.datagram;
		used |= v == DT_REASSEMBLY_OLD || v == DT_REASSEMBLY_STORED;
	}
	if (r.left)
		drop(hs, DT_DROP_BAD_CONTENT);
	return used;
}

bool
dt_hs_is_psk(const struct dt_handshake *hs)
{
	return dt_tls_is_psk(SSL_get_pending_cipher(hs->engine->ssl));
}

/* Most clients send key exchange and Finished in one datagram. Both are from one hand then, and a hand
 * that wrote the key exchange which was taken can end the handshake anyway: told at once. Any other
 * record may be anybody's. It is held against the client as the third one or later, and when there
 * was time for the second repetition of its flight (1 s and 2 s): who forges needs the loss of two. */
bool
dt_hs_note_unopened(struct dt_handshake *hs, uint64_t datagram)
{
	struct dt_mono repeated = dt_mono_add(hs->keyed_at, (struct dt_dur){2 * hs->tls->initial_timer.ns});
	/* What has opened once shows that the key is right. */
	if (!dt_hs_is_psk(hs) || hs->state.replay.next != 0)
		return false;
	hs->unopened++;
	return datagram == hs->key_datagram ||
	    (hs->unopened >= UNOPENED_MAX && dt_mono_reached(repeated, hs->engine->now.mono));
}

static void
fail_psk(struct dt_handshake *hs, const struct dt_wire *wire)
{
	dt_hs_fail(hs, DT_HS_FAILED_PSK, DT_ALERT_DECRYPT_ERROR, wire); /* RFC 4279 2 */
}

/* An epoch-1 record of a suite of ours, when the keys are there. */
static bool
open_sealed(struct dt_handshake *hs, const struct dt_record *rec, uint64_t datagram, bool *wrong_key,
    const struct dt_wire *wire)
{
	uint8_t type, *plain;
	size_t len;
	enum dt_state_verdict v =
	    dt_state_open(&hs->state, hs->worker.pool, hs->owner, rec, &type, &plain, &len);
	if (v == DT_STATE_FORGED && (rec->type == DT_HANDSHAKE || rec->cid) && hs->change_seen)
		*wrong_key |= dt_hs_note_unopened(hs, datagram);
	if (v != DT_STATE_OPENED) {
		drop(hs, dt_state_drop(v));
		return false;
	}
	if (type == DT_HANDSHAKE)
		return take_fragments(hs, 1, (struct dt_span){plain, len}, wire);
	if (type == DT_APPLICATION_DATA) {
		struct dt_record data = {type, rec->version, rec->epoch, rec->seq, plain, len, NULL};
		return hold(hs, &data, true);
	}
	if (type == DT_ALERT && len == DT_ALERT_LEN && plain[0] == DT_ALERT_FATAL) {
		dt_hs_fail(hs, DT_HS_FAILED_ALERT, -1, wire);
		hs->alert = plain[1];
		dt_hs_note(hs, DT_HS_NOTE_ALERT_RECEIVED, hs->alert);
		return true;
	}
	drop(hs, DT_DROP_UNEXPECTED);
	return false;
}

/* Application data waits for the session; all else too, while there are no keys yet. What OpenSSL
 * will open by itself is held as well, for feed_held(). */
static bool
take_sealed(struct dt_handshake *hs, const struct dt_record *rec, const struct dt_wire *wire)
{
	if (rec->type == DT_HEARTBEAT) { /* RFC 6520 3; nor may OpenSSL see it */
		drop(hs, DT_DROP_UNEXPECTED);
		return false;
	}
	if (rec->type == DT_APPLICATION_DATA || !dt_hs_derive(hs))
		return hold(hs, rec, false);
	bool wrong_key = false;
	bool used = open_sealed(hs, rec, *hs->worker.datagram, &wrong_key, wire);
	if (wrong_key)
		fail_psk(hs, wire);
	return used || wrong_key;
}

/* Records that were held until keys are there: all of them are tried before one is held against the
 * client. */
void
dt_hs_open_held(struct dt_handshake *hs, const struct dt_wire *wire)
{
	bool wrong_key = false;
	DT_LIST_EACH (node, next, &hs->held) {
		struct dt_held *h = DT_CONTAINER(node, struct dt_held, node);
		if (h->rec.type == DT_APPLICATION_DATA)
			continue; /* opened or not: for the session */
		take_held(hs, h); /* what is in it may be held again, and has its place */
		open_sealed(hs, &h->rec, h->datagram, &wrong_key, wire);
		dt_free(h);
	}
	if (wrong_key && hs->state.replay.next == 0)
		fail_psk(hs, wire);
}

/* ---- entrance ---- */

static bool
take_plain(struct dt_handshake *hs, const struct dt_record *rec, const struct dt_wire *wire)
{
	switch (rec->type) {
	case DT_HANDSHAKE:
		return take_fragments(hs, 0, (struct dt_span){rec->body, rec->len}, wire);
	case DT_CHANGE_CIPHER_SPEC:
		if (rec->len != 1 || rec->body[0] != 1)
			break;
		hs->change_seen = true;
		return true;
	case DT_ALERT:
		/* Anybody can write it: remembered, not obeyed. */
		if (rec->len == DT_ALERT_LEN && rec->body[0] == DT_ALERT_FATAL && hs->plain_alert < 0) {
			hs->plain_alert = rec->body[1];
			dt_hs_note(hs, DT_HS_NOTE_ALERT_RECEIVED, hs->plain_alert);
		}
		break;
	default:
		break;
	}
	drop(hs, DT_DROP_UNEXPECTED);
	return false;
}

bool
dt_hs_take_record(struct dt_handshake *hs, const struct dt_record *rec, const struct dt_wire *wire)
{
	if (rec->epoch == 0)
		return take_plain(hs, rec, wire);
	if (rec->epoch == 1)
		return take_sealed(hs, rec, wire);
	drop(hs, DT_DROP_BAD_EPOCH);
	return false;
}
