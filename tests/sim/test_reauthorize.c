/* The gates of another configuration, asked about connections that are established. */
#include <criterion/criterion.h>
#include <string.h>

#include "conn/conn_state.h"
#include "sim.h"

#define KEY "correct horse battery staple"

/* What the other gates say, and what they were shown. */
static struct {
	enum dt_gate request, psk, auth;
	bool gives_key;
	unsigned requests, psks, auths;
	struct dtlsd_address peer;
	char identity[64], subject[64], status[64];
	uint32_t recommended;
} gates;

static enum dt_gate
on_request(void *arg, struct dt_conn *c, struct dtlsd_request *r)
{
	(void)arg, (void)c;
	gates.requests++;
	gates.peer = r->peer;
	return gates.request;
}

static enum dt_gate
on_psk(void *arg, struct dt_conn *c, struct dtlsd_psk *psk)
{
	(void)arg, (void)c;
	gates.psks++;
	snprintf(gates.identity, sizeof(gates.identity), "%.*s", (int)psk->identity_len, psk->identity);
	if (gates.gives_key)
		memcpy(psk->key, KEY, psk->key_len = sizeof(KEY) - 1);
	return gates.psk;
}

static enum dt_gate
on_auth(void *arg, struct dt_conn *c, struct dtlsd_auth *a)
{
	(void)arg, (void)c;
	gates.auths++;
	gates.recommended = a->recommended;
	snprintf(gates.status, sizeof(gates.status), "%s", a->status);
	snprintf(gates.subject, sizeof(gates.subject), "%s", a->certificate ? a->certificate->subject : "");
	return gates.auth;
}

static const struct dt_conn_events others = {
    .request = on_request, .psk_lookup = on_psk, .client_auth = on_auth};

static bool
may_stay(struct sim *sim)
{
	struct dt_service service = sim->server.service;
	struct dt_conn *c = dt_conns_find(sim->server.conns, sim_newest(&sim->server)->id);
	service.events = &others;
	return dt_conn_may_stay(c, &service, sim_now());
}

static void
reset(void)
{
	memset(&gates, 0, sizeof(gates));
}

TestSuite(reauthorize, .init = reset);

Test(reauthorize, a_client_without_a_certificate_is_asked_about_by_its_address)
{
	struct sim_options o = sim_defaults("address");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	cr_assert(may_stay(sim));
	cr_assert(gates.requests == 1 && gates.psks == 0 && gates.auths == 1);
	cr_assert_eq(gates.peer.port, dt_conns_find(sim->server.conns, sim_newest(&sim->server)->id)->path.peer.port);
	gates.auth = DT_GATE_REJECT;
	cr_assert_not(may_stay(sim));
	gates.request = DT_GATE_REJECT;
	cr_assert_not(may_stay(sim));
	cr_assert_eq(gates.auths, 2, "refused before");
	sim_check_echo(sim, c, "asking ends nothing");
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(reauthorize, an_identity_must_still_have_a_key)
{
	struct sim_options o = sim_defaults("identity");
	o.psk = o.psk_only = true;
	o.suites = "PSK-AES128-CCM8";
	struct sim *sim = sim_new(&o);
	sim->server.psk = SIM_ACCEPT;
	sim->server.key = KEY;
	SSL_CTX *ctx = sim_client_ctx("PSK-AES128-CCM8");
	struct sim_client *c = sim_add_client(sim, ctx);
	c->psk_identity = "device \"1\"";
	c->psk_key = KEY;
	sim_client_start(c);
	sim_settle(sim);
	cr_assert_eq(c->state, SIM_UP);
	gates.gives_key = true;
	cr_assert(may_stay(sim));
	cr_assert_str_eq(gates.identity, "device \"1\"", "as it was sent");
	cr_assert_eq(gates.auths, 0);
	gates.gives_key = false;
	cr_assert_not(may_stay(sim), "nobody knows it, and there is no file");
	gates.gives_key = true;
	gates.psk = DT_GATE_REJECT;
	cr_assert_not(may_stay(sim));
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(reauthorize, a_certificate_is_verified_once_more)
{
	struct sim_identity ca = {0}, client = {0};
	sim_identity_make(&ca, &(struct sim_cert_wish){.name = "CA", .ca = true});
	sim_identity_make(&client, &(struct sim_cert_wish){.name = "good", .issuer = &ca, .from_s = -60, .until_s = 60});
	struct sim_options o = sim_defaults("certificate");
	o.client_auth = DT_CLIENT_AUTH_REQUIRED;
	o.client_ca = ca.cert;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	SSL_CTX_use_certificate(ctx, client.cert);
	SSL_CTX_use_PrivateKey(ctx, client.key);
	struct sim_client *c = sim_connect(sim, ctx);
	cr_assert_eq(c->state, SIM_UP);
	cr_assert(may_stay(sim));
	cr_assert(strstr(gates.subject, "good") && gates.recommended == DTLSD_ACCEPT);
	cr_assert_str_eq(gates.status, "OK");
	sim_run(sim, DT_SECONDS(90));
	cr_assert(may_stay(sim), "the gate has the last word");
	cr_assert_eq(gates.recommended, DTLSD_REJECT, "it has expired: %s", gates.status);
	gates.auth = DT_GATE_REJECT;
	cr_assert_not(may_stay(sim));
	SSL_CTX_free(ctx);
	sim_free(sim);
	sim_identity_free(&ca);
	sim_identity_free(&client);
}
