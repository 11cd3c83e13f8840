#include "dtls/session.h"

#include "base/assert.h"
#include "base/mem.h"
#include "dtls/alert.h"
#include "dtls/engine.h"
#include "dtls/extensions.h"
#include "dtls/heartbeat.h"
#include "dtls/hello.h"
#include "dtls/session_engine.h"

#include <string.h>

#define FINISHED 20u

static struct dt_session_event
dropped(enum dt_drop why)
{
	return (struct dt_session_event){.kind = DT_SESSION_DROPPED, .drop = why};
}

static struct dt_session_event
read_alert(const uint8_t *plain, size_t len)
{
	if (len != DT_ALERT_LEN)
		return dropped(DT_DROP_BAD_CONTENT);
	struct dt_session_event e = {.kind = DT_SESSION_WARNING, .alert = plain[1]};
	if (plain[1] == DT_ALERT_CLOSE_NOTIFY)
		e.kind = DT_SESSION_CLOSE_NOTIFY;
	else if (plain[0] == DT_ALERT_FATAL)
		e.kind = DT_SESSION_FATAL_ALERT;
	return e;
}

static struct dt_session_event
read_handshake(const uint8_t *plain, size_t len)
{
	struct dt_reader r = dt_reader(plain, len);
	struct dt_fragment f;
	if (!dt_fragment_read(&r, &f))
		return dropped(DT_DROP_BAD_CONTENT);
	if (f.type == FINISHED)
		return (struct dt_session_event){.kind = DT_SESSION_FINISHED_AGAIN};
	if (f.type == DT_HS_CLIENT_HELLO)
		return (struct dt_session_event){.kind = DT_SESSION_RENEGOTIATION};
	return dropped(DT_DROP_UNEXPECTED);
}

static struct dt_session_event
read_heartbeat(const struct dt_record_state *s, uint8_t *plain, size_t len)
{
	struct dt_heartbeat_message m;
	if (s->heartbeat_ours == DT_HEARTBEAT_OFF)
		return dropped(DT_DROP_UNEXPECTED);
	if (!dt_heartbeat_read((struct dt_span){plain, len}, &m))
		return dropped(DT_DROP_BAD_CONTENT);
	bool request = m.type == DT_HEARTBEAT_REQUEST;
	uint8_t allowed = request ? s->heartbeat_ours : s->heartbeat_peers;
	if (allowed != DT_HEARTBEAT_PEER_MAY_SEND)
		return dropped(DT_DROP_UNEXPECTED);
	return (struct dt_session_event){
	    .kind = request ? DT_SESSION_HEARTBEAT_REQUEST : DT_SESSION_HEARTBEAT_RESPONSE,
	    .data = plain + (m.payload.data - plain),
	    .len = m.payload.len,
	};
}

static struct dt_session_event
read_path_check(const struct dt_record_state *s, uint8_t *plain, size_t len)
{
	static const enum dt_session_kind kinds[] = {
	    [DT_RRC_CHALLENGE] = DT_SESSION_PATH_CHALLENGE,
	    [DT_RRC_RESPONSE] = DT_SESSION_PATH_RESPONSE,
	    [DT_RRC_DROP] = DT_SESSION_PATH_DROP,
	};
	struct dt_rrc_message m;
	if (!s->rrc)
		return dropped(DT_DROP_UNEXPECTED);
	switch (dt_rrc_read((struct dt_span){plain, len}, &m)) {
	case DT_RRC_BAD:
		return dropped(DT_DROP_BAD_CONTENT);
	case DT_RRC_UNKNOWN:
		return (struct dt_session_event){.kind = DT_SESSION_PATH_UNKNOWN};
	case DT_RRC_OK:
		break;
	}
	return (struct dt_session_event){
	    .kind = kinds[m.type],
	    .data = plain + (m.cookie.data - plain),
	    .len = m.cookie.len,
	};
}

static struct dt_session_event
read_plain(const struct dt_record_state *s, uint8_t type, uint8_t *plain, size_t len)
{
	switch (type) {
	case DT_APPLICATION_DATA:
		return (struct dt_session_event){.kind = DT_SESSION_DATA, .data = plain, .len = len};
	case DT_ALERT:
		return read_alert(plain, len);
	case DT_HANDSHAKE:
		return read_handshake(plain, len);
	case DT_HEARTBEAT:
		return read_heartbeat(s, plain, len);
	case DT_RETURN_ROUTABILITY_CHECK:
		return read_path_check(s, plain, len);
	default:
		return dropped(DT_DROP_UNEXPECTED);
	}
}

struct dt_session_event
dt_session_open(struct dt_session *s, struct dt_aead_pool *pool, uint64_t owner,
    const struct dt_record *rec, const struct dt_wire *wire)
{
	if (rec->epoch != 1)
		return dropped(DT_DROP_BAD_EPOCH);
	if (s->engine && rec->type >= DT_HEARTBEAT)
		return dropped(DT_DROP_UNEXPECTED); /* nothing that OpenSSL knows, and its end of the session */
	if (s->engine) {
		struct dt_session_event e = dt_session_engine_open(s, rec, wire);
		s->state.forgeries += e.kind == DT_SESSION_DROPPED && e.drop == DT_DROP_BAD_TAG;
		return e;
	}

	uint8_t type, *plain;
	size_t len;
	enum dt_state_verdict v = dt_state_open(&s->state, pool, owner, rec, &type, &plain, &len);
	return v == DT_STATE_OPENED ? read_plain(&s->state, type, plain, len) : dropped(dt_state_drop(v));
}

const char *
dt_session_suite_name(const struct dt_session *s)
{
	if (s->engine)
		return SSL_CIPHER_standard_name(SSL_get_current_cipher(s->engine->ssl));
	const struct dt_suite *suite = dt_suite_find(s->suite);
	return suite ? suite->name : NULL;
}

size_t
dt_session_max(const struct dt_session *s)
{
	return s->state.sealed_max;
}

bool
dt_session_too_long(struct dt_session *s, size_t len)
{
	uint16_t max_before = s->state.sealed_max, mtu_before = s->state.mtu;
	size_t mtu = dt_state_lower_mtu(&s->state, len);
	size_t around = s->engine ? DT_SESSION_ENGINE_USUAL : dt_state_overhead(&s->state, 1);
	size_t rest = mtu > around ? mtu - around : 0;
	if (rest < s->state.sealed_max)
		s->state.sealed_max = (uint16_t)rest;
	return s->state.sealed_max < max_before || s->state.mtu < mtu_before;
}

size_t
dt_session_overhead(const struct dt_session *s)
{
	return s->engine ? DT_SESSION_ENGINE_OVERHEAD : dt_state_overhead(&s->state, 1);
}

enum dt_key_use
dt_session_key_use(const struct dt_session *s)
{
	return dt_state_key_use(&s->state);
}

size_t
dt_session_seal(struct dt_session *s, struct dt_aead_pool *pool, uint64_t owner, const uint8_t *data,
    size_t len, uint8_t *out)
{
	if (s->engine) {
		if (dt_session_key_use(s) == DT_KEY_USED_UP)
			return 0;
		s->state.next_sealed++; /* counted only: OpenSSL gives the numbers */
		return dt_session_engine_seal(s, data, len, out);
	}
	return dt_state_write(&s->state, pool, owner, 1, DT_APPLICATION_DATA, data, len, out);
}

void
dt_session_send_alert(struct dt_session *s, struct dt_aead_pool *pool, uint64_t owner, uint8_t level,
    uint8_t description, const struct dt_wire *wire)
{
	if (s->engine)
		dt_session_engine_alert(s, description, wire);
	else
		dt_state_send_alert(&s->state, pool, owner, 1, level, description, wire);
}

bool
dt_session_may_ask(const struct dt_session *s)
{
	return s->state.heartbeat_ours != DT_HEARTBEAT_OFF &&
	    s->state.heartbeat_peers == DT_HEARTBEAT_PEER_MAY_SEND;
}

bool
dt_session_send_heartbeat(struct dt_session *s, struct dt_aead_pool *pool, uint64_t owner, uint8_t type,
    struct dt_span payload, const struct dt_wire *wire)
{
	uint8_t plain[DT_PLAIN_MAX];
	size_t len = payload.len + DT_HEARTBEAT_OVERHEAD;
	if (s->engine || len > s->state.sealed_max)
		return false;
	size_t total = len + dt_state_overhead(&s->state, 1);
	if (total > s->state.mtu || !dt_heartbeat_write(type, payload, plain))
		return false;
	uint8_t *out = wire->reserve(wire->arg, total);
	size_t sealed = out ? dt_state_write(&s->state, pool, owner, 1, DT_HEARTBEAT, plain, len, out) : 0;
	if (sealed)
		wire->commit(wire->arg, sealed);
	return sealed != 0;
}

bool
dt_session_checks_paths(const struct dt_session *s)
{
	return s->state.rrc != 0;
}

size_t
dt_session_path_size(const struct dt_session *s)
{
	return DT_RRC_LEN + dt_state_overhead(&s->state, 1);
}

bool
dt_session_send_path(struct dt_session *s, struct dt_aead_pool *pool, uint64_t owner, enum dt_rrc_type type,
    const uint8_t cookie[DT_RRC_COOKIE], const struct dt_wire *wire)
{
	uint8_t plain[DT_RRC_LEN];
	DT_ASSERT(dt_session_checks_paths(s));
	dt_rrc_write(type, cookie, plain);
	uint8_t *out = wire->reserve(wire->arg, dt_session_path_size(s));
	size_t sealed = out ? dt_state_write(&s->state, pool, owner, 1, DT_RETURN_ROUTABILITY_CHECK, plain,
				   sizeof(plain), out)
			    : 0;
	if (sealed)
		wire->commit(wire->arg, sealed);
	return sealed != 0;
}

enum dt_err
dt_session_repeat(struct dt_session *s, struct dt_aead_pool *pool, uint64_t owner,
    const struct dt_flight *last, const struct dt_wire *wire)
{
	DT_ASSERT(!s->engine);
	if (s->repeats < UINT16_MAX && ++s->repeats >= DT_LOSSES_BEFORE_SMALLER)
		dt_state_halve_mtu(&s->state);
	return dt_state_send_flight(&s->state, pool, owner, last, s->state.mtu, wire);
}

void
dt_session_fini(struct dt_session *s, struct dt_aead_pool *pool, uint64_t owner)
{
	dt_aead_pool_forget(pool, owner);
	dt_engine_free(&s->engine);
	dt_wipe(s, sizeof(*s));
}
