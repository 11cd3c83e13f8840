/* gate.c - puts what is known of a client into the events of the gates, and asks. */
#include "base/assert.h"
#include "base/mem.h"
#include "conn/conn_state.h"
#include "dtls/alert.h"
#include "pki/fields.h"
#include "pki/trust.h"

#include <string.h>

static const struct dt_conn_events *
events_of(const struct dt_conn *c)
{
	return c->service->events;
}

static enum dt_gate
remember(struct dt_conn *c, enum dt_gate_kind kind, enum dt_gate gate)
{
	if (gate == DT_GATE_WAIT && c->state != DT_CONN_CLOSED)
		c->gate = (int8_t)kind;
	return gate;
}

enum dt_gate
dt_gate_request(struct dt_conn *c, uint8_t *alert)
{
	const struct dt_hello *h = &c->setup->hello;
	struct dtlsd_request r = {
	    .size = sizeof(r),
	    .offers = (h->offers_connection_id ? DTLSD_OFFERS_CONNECTION_ID : 0) |
		(h->offers_heartbeat ? DTLSD_OFFERS_HEARTBEAT : 0) |
		(h->offers_extended_master_secret ? DTLSD_OFFERS_EXTENDED_MASTER_SECRET : 0) |
		(h->offers_ticket ? DTLSD_OFFERS_TICKET : 0),
	    .peer = c->path.peer,
	    .local = c->path.local,
	    .server_name = h->server_name[0] ? h->server_name : NULL,
	    .alpn = {h->alpn.data, h->alpn.len},
	    .suites = h->suites,
	    .suite_count = h->suite_count,
	};
	memcpy(r.fingerprint, h->fingerprint, sizeof(r.fingerprint));
	const struct dt_conn_events *ev = events_of(c);
	enum dt_gate gate = ev->request(ev->arg, c, &r);
	*alert = (uint8_t)r.alert;
	return remember(c, DT_GATE_REQUEST, gate);
}

enum dt_gate
dt_gate_psk(struct dt_conn *c, struct dt_span identity, struct dtlsd_psk *psk)
{
	psk->identity = identity.data;
	psk->identity_len = (uint32_t)identity.len;
	const struct dt_conn_events *ev = events_of(c);
	enum dt_gate gate = ev->psk_lookup(ev->arg, c, psk);
	DT_ASSERT(psk->key_len <= sizeof(psk->key));
	return remember(c, DT_GATE_PSK, gate);
}

static bool
recommended(const struct dt_conn *c, const struct dt_hs_peer *peer)
{
	if (peer->has_certificate)
		return peer->verify_code == 0;
	return c->service->tls->client_auth != DT_CLIENT_AUTH_REQUIRED;
}

enum dt_gate
dt_gate_auth(struct dt_conn *c, uint8_t *alert)
{
	struct dt_hs_peer peer;
	dt_hs_peer(c->setup->hs, &peer);
	struct dt_cert_fields *fields = NULL;
	uint32_t count;
	const struct dtlsd_bytes *chain = dt_hs_certificates(c->setup->hs, &count);
	enum dt_gate gate = DT_GATE_REJECT; /* a certificate that cannot be shown is not let in */
	*alert = DT_ALERT_BAD_CERTIFICATE;
	if (!peer.has_certificate || (count && dt_cert_fields_new(chain[0].data, chain[0].len, &fields) == DT_CERT_OK)) {
		struct dtlsd_auth a = {
		    .size = sizeof(a),
		    .recommended = recommended(c, &peer) ? DTLSD_ACCEPT : DTLSD_REJECT,
		    .status = dt_verify_text(peer.verify_code),
		    .verify_code = peer.verify_code,
		    .resumed = peer.resumed,
		    .certificate = fields ? &fields->cert : NULL,
		    .chain = chain,
		    .chain_count = count,
		    .chain_size = sizeof(chain[0]),
		};
		const struct dt_conn_events *ev = events_of(c);
		gate = ev->client_auth(ev->arg, c, &a);
		*alert = (uint8_t)a.alert;
	}
	dt_cert_fields_free(&fields);
	return remember(c, DT_GATE_AUTH, gate);
}

uint8_t
dt_gate_auth_alert(struct dt_conn *c, uint8_t alert)
{
	struct dt_hs_peer peer;
	if (alert)
		return alert;
	dt_hs_peer(c->setup->hs, &peer);
	if (!peer.has_certificate)
		return DT_ALERT_HANDSHAKE_FAILURE; /* RFC 5246 7.4.6 */
	return peer.verify_code == 0 ? DT_ALERT_ACCESS_DENIED : dt_verify_alert(peer.verify_code);
}
