/* gate.c - puts what is known of a client into the events of the gates, and asks. */
#include "base/assert.h"
#include "base/mem.h"
#include "conn/conn_state.h"
#include "conn/psk_file.h"
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

/* What the gate of the certificate is asked. */
struct client {
	struct dt_hs_peer peer;
	const struct dtlsd_bytes *chain;
	uint32_t chain_count;
	enum dt_client_auth wanted;
};

static bool
recommended(const struct client *client)
{
	return client->peer.has_certificate ? client->peer.verify_code == 0
					    : client->wanted != DT_CLIENT_AUTH_REQUIRED;
}

static enum dt_gate
ask_auth(const struct dt_conn_events *ev, struct dt_conn *c, const struct client *client, uint8_t *alert)
{
	const struct dtlsd_bytes *chain = client->chain;
	struct dt_cert_fields *fields = NULL;
	enum dt_gate gate = DT_GATE_REJECT; /* a certificate that cannot be shown is not let in */
	*alert = DT_ALERT_BAD_CERTIFICATE;
	if (!client->peer.has_certificate ||
	    (client->chain_count && dt_cert_fields_new(chain[0].data, chain[0].len, &fields) == DT_CERT_OK)) {
		struct dtlsd_auth a = {
		    .size = sizeof(a),
		    .recommended = recommended(client) ? DTLSD_ACCEPT : DTLSD_REJECT,
		    .status = dt_verify_text(client->peer.verify_code),
		    .verify_code = client->peer.verify_code,
		    .resumed = client->peer.resumed,
		    .certificate = fields ? &fields->cert : NULL,
		    .chain = chain,
		    .chain_count = client->chain_count,
		    .chain_size = sizeof(chain[0]),
		};
		gate = ev->client_auth(ev->arg, c, &a);
		*alert = (uint8_t)a.alert;
	}
	dt_cert_fields_free(&fields);
	return gate;
}

enum dt_gate
dt_gate_auth(struct dt_conn *c, uint8_t *alert)
{
	struct client client = {.wanted = c->service->tls->client_auth};
	dt_hs_peer(c->setup->hs, &client.peer);
	client.chain = dt_hs_certificates(c->setup->hs, &client.chain_count);
	return remember(c, DT_GATE_AUTH, ask_auth(events_of(c), c, &client, alert));
}

/* ---- once more ---- */

static bool
address_may_stay(struct dt_conn *c, const struct dt_conn_events *ev)
{
	struct dtlsd_request r = {
	    .size = sizeof(r),
	    .peer = c->path.peer,
	    .local = c->path.local,
	    .server_name = dt_conn_server_name(c),
	};
	return ev->request(ev->arg, c, &r) == DT_GATE_ACCEPT;
}

static bool
identity_may_stay(struct dt_conn *c, const struct dt_service *service)
{
	struct dt_span identity = c->cold->raw_identity;
	struct dtlsd_psk psk = {
	    .size = sizeof(psk), .identity = identity.data, .identity_len = (uint32_t)identity.len};
	const struct dt_conn_events *ev = service->events;
	bool stays = ev->psk_lookup(ev->arg, c, &psk) == DT_GATE_ACCEPT &&
	    (psk.key_len || dt_psk_file_find(service->psk_file, identity).len);
	dt_wipe(&psk, sizeof(psk));
	return stays;
}

static bool
certificate_may_stay(struct dt_conn *c, const struct dt_service *service, struct dt_now now)
{
	struct dt_span leaf = {NULL, 0};
	if (service->tls->client_auth != DT_CLIENT_AUTH_NONE) /* else nobody could verify it */
		leaf = dt_conn_certificate(c);
	struct dtlsd_bytes chain = {leaf.data, leaf.len};
	struct client client = {
	    .peer = {.has_certificate = leaf.len != 0, .resumed = true, .verify_code = -1},
	    .chain = &chain,
	    .chain_count = leaf.len != 0,
	    .wanted = service->tls->client_auth,
	};
	uint8_t alert;
	if (leaf.len)
		client.peer.verify_code = dt_tls_verify_leaf(service->tls, leaf, now.wall);
	return ask_auth(service->events, c, &client, &alert) == DT_GATE_ACCEPT;
}

bool
dt_conn_may_stay(struct dt_conn *c, const struct dt_service *service, struct dt_now now)
{
	DT_ASSERT(c->state == DT_CONN_ESTABLISHED);
	bool by_identity = c->cold && c->cold->raw_identity.len;
	return address_may_stay(c, service->events) &&
	    (by_identity ? identity_may_stay(c, service) : certificate_may_stay(c, service, now));
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
