#include "dtls/session_engine.h"

#include "base/assert.h"
#include "dtls/alert.h"
#include "dtls/engine.h"

#include <openssl/err.h>
#include <string.h>

/* Sends what OpenSSL wrote by itself: alerts, a flight that the client missed. */
static void
send_out(struct dt_session *s, const struct dt_wire *wire)
{
	struct dt_record rec;
	struct dt_span raw;
	size_t at = 0;
	while (dt_engine_next_out(s->engine, &at, &rec, &raw)) {
		uint8_t *out = wire->reserve(wire->arg, raw.len);
		if (!out)
			break;
		size_t len = raw.len;
		if (rec.epoch == 0)
			len = dt_state_write(&s->state, NULL, 0, 0, rec.type, rec.body, rec.len, out);
		else
			memcpy(out, raw.data, raw.len);
		if (len)
			wire->commit(wire->arg, len);
	}
	dt_engine_clear_out(s->engine, s->engine->out_len);
}

static struct dt_session_event
read_result(struct dt_session *s, int n, uint8_t *data)
{
	SSL *ssl = s->engine->ssl;
	if (n > 0 && s->state.read_max && n > s->state.read_max)
		return (struct dt_session_event){.kind = DT_SESSION_DROPPED, .drop = DT_DROP_BAD_RECORD};
	if (n > 0)
		return (struct dt_session_event){
		    .kind = DT_SESSION_DATA, .data = data, .len = (size_t)n};
	/* Nothing, and yet no end: an empty record. SSL_get_error() calls that a failed system call. */
	if (n == 0 && !(SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) && ERR_peek_error() == 0)
		return (struct dt_session_event){.kind = DT_SESSION_DATA, .data = data, .len = 0};
	switch (SSL_get_error(ssl, n)) {
	case SSL_ERROR_ZERO_RETURN:
		return (struct dt_session_event){.kind = DT_SESSION_CLOSE_NOTIFY};
	case SSL_ERROR_WANT_READ:
		return (struct dt_session_event){.kind = DT_SESSION_DROPPED, .drop = DT_DROP_BAD_TAG};
	default:
		return (struct dt_session_event){
		    .kind = DT_SESSION_FATAL_ALERT, .alert = DT_ALERT_INTERNAL_ERROR};
	}
}

struct dt_session_event
dt_session_engine_open(struct dt_session *s, const struct dt_record *rec, const struct dt_wire *wire)
{
	uint8_t raw[DT_RECORD_HEADER + DT_CIPHER_MAX];
	DT_ASSERT(rec->len <= DT_CIPHER_MAX);
	if (rec->len == 0) /* SSL_read() of no bytes is an error of its own */
		return (struct dt_session_event){.kind = DT_SESSION_DROPPED, .drop = DT_DROP_BAD_RECORD};
	if (!dt_engine_authentic(s->engine, rec))
		return (struct dt_session_event){.kind = DT_SESSION_DROPPED, .drop = DT_DROP_BAD_TAG};
	dt_record_write_header(raw, rec->type, rec->version, rec->epoch, rec->seq, rec->len);
	memcpy(raw + DT_RECORD_HEADER, rec->body, rec->len);

	ERR_clear_error();
	s->engine->in = (struct dt_span){raw, DT_RECORD_HEADER + rec->len};
	/* The plaintext is shorter than the record, so it fits where that stood. */
	int n = SSL_read(s->engine->ssl, rec->body, (int)rec->len);
	s->engine->in.len = 0;
	struct dt_session_event e = read_result(s, n, rec->body);
	ERR_clear_error();
	send_out(s, wire);
	return e;
}

size_t
dt_session_engine_seal(struct dt_session *s, const uint8_t *data, size_t len, uint8_t *out)
{
	DT_ASSERT(len > 0); /* SSL_write() cannot say it */
	ERR_clear_error();
	int n = SSL_write(s->engine->ssl, data, (int)len);
	size_t sealed = s->engine->out_len;
	if (n != (int)len || sealed > len + DT_SESSION_ENGINE_OVERHEAD)
		sealed = 0;
	if (sealed)
		memcpy(out, s->engine->out, sealed);
	dt_engine_clear_out(s->engine, s->engine->out_len);
	return sealed;
}

void
dt_session_engine_alert(struct dt_session *s, uint8_t description, const struct dt_wire *wire)
{
	/* close_notify is the one alert that OpenSSL lets us ask for. */
	if (description == DT_ALERT_CLOSE_NOTIFY)
		SSL_shutdown(s->engine->ssl);
	ERR_clear_error();
	send_out(s, wire);
}
