#include "conn/tell.h"

#include <inttypes.h>
#include <stdio.h>

#include "conn/conn_state.h"
#include "conn/journal.h"
#include "dtls/alert.h"

#define TEXT_BYTES 128

void
dt_tell_error(struct dt_conn *c, int32_t code, const char *text)
{
	const struct dt_conn_events *ev = c->service->events;
	if (ev->error)
		ev->error(ev->arg, c, code, text);
}

/* ---- steps ---- */

static void
tell(struct dt_conn *c, const struct dtlsd_tls_status *event)
{
	const struct dt_conn_events *ev = c->service->events;
	ev->tls_status(ev->arg, c, event);
}

static struct dtlsd_tls_status
event_of(uint32_t step, const char *text)
{
	static const char *const names[] = {
	    [DTLSD_TLS_COOKIE] = "the cookie is right",
	    [DTLSD_TLS_HELLO] = "ClientHello received",
	    [DTLSD_TLS_RESUMED] = "session resumed",
	    [DTLSD_TLS_FLIGHT] = "flight sent",
	    [DTLSD_TLS_FLIGHT_AGAIN] = "flight repeated",
	    [DTLSD_TLS_CERTIFICATE] = "certificate received",
	    [DTLSD_TLS_KEY_EXCHANGE] = "key exchange received",
	    [DTLSD_TLS_FINISHED] = "Finished received",
	};
	return (struct dtlsd_tls_status){.size = sizeof(struct dtlsd_tls_status),
	    .step = step,
	    .text = text ? text : names[step],
	    .alert = -1};
}

static bool
is_heard(const struct dt_conn *c)
{
	return c->service->events->tls_status != NULL;
}

void
dt_tell_step(struct dt_conn *c, uint32_t step, const char *text)
{
	if (!is_heard(c))
		return;
	struct dtlsd_tls_status event = event_of(step, text);
	tell(c, &event);
}

void
dt_tell_failed(struct dt_conn *c, int32_t status, const char *text)
{
	if (!is_heard(c))
		return;
	struct dtlsd_tls_status event = event_of(DTLSD_TLS_FAILED, text);
	event.status = status;
	tell(c, &event);
}

void
dt_tell_alert(struct dt_conn *c, uint32_t step, int alert)
{
	char text[TEXT_BYTES];
	if (!is_heard(c))
		return;
	snprintf(text, sizeof(text), "alert %s: %s", step == DTLSD_TLS_ALERT_SENT ? "sent" : "received",
	    alert >= 0 ? dt_alert_text((uint8_t)alert) : "sealed");
	struct dtlsd_tls_status event = event_of(step, text);
	event.alert = alert;
	tell(c, &event);
}

static void
take_note(void *arg, enum dt_hs_note note, int alert)
{
	static const uint32_t steps[] = {
	    [DT_HS_NOTE_RESUMED] = DTLSD_TLS_RESUMED,
	    [DT_HS_NOTE_FLIGHT] = DTLSD_TLS_FLIGHT,
	    [DT_HS_NOTE_FLIGHT_AGAIN] = DTLSD_TLS_FLIGHT_AGAIN,
	    [DT_HS_NOTE_CERTIFICATE] = DTLSD_TLS_CERTIFICATE,
	    [DT_HS_NOTE_KEY_EXCHANGE] = DTLSD_TLS_KEY_EXCHANGE,
	    [DT_HS_NOTE_FINISHED] = DTLSD_TLS_FINISHED,
	    [DT_HS_NOTE_ALERT_SENT] = DTLSD_TLS_ALERT_SENT,
	    [DT_HS_NOTE_ALERT_RECEIVED] = DTLSD_TLS_ALERT_RECEIVED,
	};
	uint32_t step = steps[note];
	if (step == DTLSD_TLS_ALERT_SENT || step == DTLSD_TLS_ALERT_RECEIVED)
		dt_tell_alert(arg, step, alert);
	else
		dt_tell_step(arg, step, NULL);
}

void
dt_tell_handshake(struct dt_conn *c)
{
	if (is_heard(c))
		dt_hs_watch(c->setup->hs, take_note, c);
}

/* ---- records ---- */

static const char *
type_name(uint8_t type)
{
	static const char *const names[] = {
	    [DT_CHANGE_CIPHER_SPEC] = "change_cipher_spec",
	    [DT_ALERT] = "alert",
	    [DT_HANDSHAKE] = "handshake",
	    [DT_APPLICATION_DATA] = "application_data",
	    [DT_HEARTBEAT] = "heartbeat",
	    [DT_TLS12_CID] = "tls12_cid",
	    [DT_RETURN_ROUTABILITY_CHECK] = "return_routability_check",
	};
	const char *name = type < sizeof(names) / sizeof(names[0]) ? names[type] : NULL;
	return name ? name : "unknown";
}

static void
tell_record(struct dt_conn *c, const struct dt_record *rec, bool outgoing)
{
	char text[TEXT_BYTES];
	snprintf(text, sizeof(text), "record %s: %s, epoch %u, sequence %" PRIu64 ", %zu bytes",
	    outgoing ? "sent" : "received", type_name(rec->type), rec->epoch, rec->seq, rec->len);
	dt_journal_record(c, text);
	if (!is_heard(c))
		return;
	struct dtlsd_tls_status event = event_of(DTLSD_TLS_RECORD, text);
	event.outgoing = outgoing;
	event.record_type = rec->type;
	event.epoch = rec->epoch;
	event.sequence = rec->seq;
	event.length = (uint32_t)rec->len;
	tell(c, &event);
}

void
dt_tell_record(struct dt_conn *c, const struct dt_record *rec)
{
	if (c->service->tls_records)
		tell_record(c, rec, false);
}

static uint8_t
peers_cid_len(const struct dt_conn *c)
{
	if (c->setup)
		return c->setup->hs ? dt_hs_cid_len(c->setup->hs) : 0;
	return c->session.state.cid_len;
}

void
dt_tell_sent(struct dt_conn *c, const uint8_t *datagram, size_t len)
{
	struct dt_reader r = dt_reader(datagram, len);
	if (!c->service->tls_records)
		return;
	while (r.left) {
		struct dt_record rec = {.type = (uint8_t)dt_read_uint(&r, 1)};
		rec.version = (uint16_t)dt_read_uint(&r, 2);
		rec.epoch = (uint16_t)dt_read_uint(&r, 2);
		rec.seq = dt_read_uint(&r, 6);
		if (rec.type == DT_TLS12_CID)
			(void)dt_read_bytes(&r, peers_cid_len(c));
		rec.len = dt_read_uint(&r, 2);
		(void)dt_read_bytes(&r, rec.len);
		if (r.bad)
			return; /* its own records are whole: never */
		tell_record(c, &rec, true);
	}
}
