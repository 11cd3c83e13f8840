/* The gate for client certificates, on a full handshake. */
#include <criterion/criterion.h>
#include <string.h>

#include "dtls/alert.h"
#include "sim.h"

enum offer { GOOD, UNKNOWN_CA, EXPIRED, NOTHING, WITH_INTERMEDIATE, OFFERS };

static struct sim_identity ca, intermediate, stranger, offers[OFFERS];

static void
make_identities(void)
{
	sim_identity_make(&ca, &(struct sim_cert_wish){.name = "CA", .ca = true});
	sim_identity_make(&stranger, &(struct sim_cert_wish){.name = "stranger", .ca = true});
	sim_identity_make(&intermediate,
	    &(struct sim_cert_wish){.name = "intermediate", .ca = true, .issuer = &ca});
	sim_identity_make(&offers[GOOD], &(struct sim_cert_wish){.name = "good", .issuer = &ca});
	sim_identity_make(&offers[UNKNOWN_CA],
	    &(struct sim_cert_wish){.name = "unknown", .issuer = &stranger});
	sim_identity_make(&offers[EXPIRED],
	    &(struct sim_cert_wish){.name = "expired", .issuer = &ca, .from_s = -7200, .until_s = -3600});
	sim_identity_make(&offers[WITH_INTERMEDIATE],
	    &(struct sim_cert_wish){.name = "deep", .issuer = &intermediate});
}

static void
free_identities(void)
{
	sim_identity_free(&ca);
	sim_identity_free(&intermediate);
	sim_identity_free(&stranger);
	for (int i = 0; i < OFFERS; i++)
		sim_identity_free(&offers[i]);
}

TestSuite(auth, .init = make_identities, .fini = free_identities);

static SSL_CTX *
ctx_with(enum offer offer)
{
	SSL_CTX *ctx = sim_client_ctx(NULL);
	if (offers[offer].cert) {
		SSL_CTX_use_certificate(ctx, offers[offer].cert);
		SSL_CTX_use_PrivateKey(ctx, offers[offer].key);
	}
	if (offer == WITH_INTERMEDIATE)
		SSL_CTX_add1_chain_cert(ctx, intermediate.cert);
	return ctx;
}

struct row {
	enum dt_client_auth asked;
	enum offer offer;
	enum sim_verdict verdict;
	int alert; /* that the client gets; -1 = it gets in */
	int32_t status;
};

/* The verdict comes at once, or later after the client has repeated itself. */
static void
play(const struct row *row, size_t i, bool deferred, const char *suites)
{
	struct sim_options o = sim_defaults("auth");
	o.suites = suites;
	o.client_auth = row->asked;
	o.client_ca = ca.cert;
	struct sim *sim = sim_new(&o);
	sim->server.auth = deferred ? SIM_WAIT : row->verdict;
	SSL_CTX *ctx = ctx_with(row->offer);
	struct sim_client *c = sim_connect(sim, ctx);
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(d->auths == 1, "row %zu: the gate was asked %u times", i, d->auths);
	if (deferred) {
		cr_assert(c->state == SIM_BUSY && d->connected == 0, "row %zu: in before the verdict", i);
		sim_run(sim, DT_SECONDS(5));
		cr_assert(c->state == SIM_BUSY && d->connected == 0 && d->auths == 1);
		bool accept = row->verdict == SIM_ACCEPT || (row->verdict == SIM_INHERIT && d->recommended);
		sim_verdict(&sim->server, DT_GATE_AUTH, accept, 0, NULL);
		sim_settle(sim);
	}
	cr_assert(d->connected == 1);
	if (row->alert < 0) {
		cr_assert(c->state == SIM_UP, "row %zu: alert %d, %s", i, c->alert, d->text);
		sim_check_echo(sim, c, "in");
	} else {
		cr_assert(c->state == SIM_FAILED && c->alert == row->alert, "row %zu: state %d, alert %d", i,
		    (int)c->state, c->alert);
	}
	cr_assert(d->status == row->status, "row %zu: status %d", i, d->status);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

static const struct row gate_table[] = {
    {DT_CLIENT_AUTH_NONE, GOOD, SIM_INHERIT, -1, 0},
    {DT_CLIENT_AUTH_NONE, NOTHING, SIM_INHERIT, -1, 0},
    {DT_CLIENT_AUTH_NONE, NOTHING, SIM_ACCEPT, -1, 0},
    {DT_CLIENT_AUTH_NONE, NOTHING, SIM_REJECT, DT_ALERT_HANDSHAKE_FAILURE, 404},
    {DT_CLIENT_AUTH_REQUESTED, GOOD, SIM_INHERIT, -1, 0},
    {DT_CLIENT_AUTH_REQUESTED, GOOD, SIM_ACCEPT, -1, 0},
    {DT_CLIENT_AUTH_REQUESTED, GOOD, SIM_REJECT, DT_ALERT_ACCESS_DENIED, 404},
    {DT_CLIENT_AUTH_REQUESTED, NOTHING, SIM_INHERIT, -1, 0},
    {DT_CLIENT_AUTH_REQUESTED, NOTHING, SIM_REJECT, DT_ALERT_HANDSHAKE_FAILURE, 404},
    {DT_CLIENT_AUTH_REQUESTED, UNKNOWN_CA, SIM_INHERIT, DT_ALERT_UNKNOWN_CA, 404},
    {DT_CLIENT_AUTH_REQUESTED, UNKNOWN_CA, SIM_ACCEPT, -1, 0},
    {DT_CLIENT_AUTH_REQUESTED, EXPIRED, SIM_INHERIT, DT_ALERT_CERTIFICATE_EXPIRED, 404},
    {DT_CLIENT_AUTH_REQUIRED, GOOD, SIM_INHERIT, -1, 0},
    {DT_CLIENT_AUTH_REQUIRED, GOOD, SIM_REJECT, DT_ALERT_ACCESS_DENIED, 404},
    {DT_CLIENT_AUTH_REQUIRED, NOTHING, SIM_INHERIT, DT_ALERT_HANDSHAKE_FAILURE, 404},
    {DT_CLIENT_AUTH_REQUIRED, NOTHING, SIM_ACCEPT, -1, 0},
    {DT_CLIENT_AUTH_REQUIRED, UNKNOWN_CA, SIM_INHERIT, DT_ALERT_UNKNOWN_CA, 404},
    {DT_CLIENT_AUTH_REQUIRED, UNKNOWN_CA, SIM_ACCEPT, -1, 0},
    {DT_CLIENT_AUTH_REQUIRED, UNKNOWN_CA, SIM_REJECT, DT_ALERT_UNKNOWN_CA, 404},
    {DT_CLIENT_AUTH_REQUIRED, EXPIRED, SIM_INHERIT, DT_ALERT_CERTIFICATE_EXPIRED, 404},
    {DT_CLIENT_AUTH_REQUIRED, EXPIRED, SIM_ACCEPT, -1, 0},
    {DT_CLIENT_AUTH_REQUIRED, WITH_INTERMEDIATE, SIM_INHERIT, -1, 0},
};
#define ROWS (sizeof(gate_table) / sizeof(gate_table[0]))

Test(auth, the_gate_decides_at_once)
{
	for (size_t i = 0; i < ROWS; i++)
		play(&gate_table[i], i, false, NULL);
}

Test(auth, the_gate_decides_later)
{
	for (size_t i = 0; i < ROWS; i++)
		play(&gate_table[i], i, true, NULL);
}

#define CBC "ECDHE-ECDSA-AES128-SHA256"

Test(auth, the_gate_decides_at_once_on_a_cbc_suite)
{
	for (size_t i = 0; i < ROWS; i++)
		play(&gate_table[i], i, false, CBC);
}

Test(auth, the_gate_decides_later_on_a_cbc_suite)
{
	for (size_t i = 0; i < ROWS; i++)
		play(&gate_table[i], i, true, CBC);
}

Test(auth, the_gate_is_shown_the_leaf_and_the_whole_chain)
{
	struct sim_options o = sim_defaults("chain");
	o.client_auth = DT_CLIENT_AUTH_REQUIRED;
	o.client_ca = ca.cert;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = ctx_with(WITH_INTERMEDIATE);
	struct sim_client *c = sim_connect(sim, ctx);
	cr_assert(c->state == SIM_UP);
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert_str_eq(d->subject, "CN=deep");
	cr_assert(d->chain_count == 2 && d->verify_code == 0 && d->recommended && !d->resumed);
	struct dt_span der = dt_conn_certificate(dt_conns_find(sim->server.conns, d->id));
	uint8_t *expected = NULL;
	int len = i2d_X509(offers[WITH_INTERMEDIATE].cert, &expected);
	cr_assert(der.len == (size_t)len && memcmp(der.data, expected, der.len) == 0);
	OPENSSL_free(expected);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(auth, a_module_names_the_alert_of_its_refusal)
{
	struct sim_options o = sim_defaults("alert");
	o.client_auth = DT_CLIENT_AUTH_REQUIRED;
	o.client_ca = ca.cert;
	struct sim *sim = sim_new(&o);
	sim->server.auth = SIM_REJECT;
	sim->server.alert = DT_ALERT_CERTIFICATE_REVOKED;
	SSL_CTX *ctx = ctx_with(GOOD);
	struct sim_client *c = sim_connect(sim, ctx);
	cr_assert(c->state == SIM_FAILED && c->alert == DT_ALERT_CERTIFICATE_REVOKED);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(auth, a_verdict_that_never_comes_ends_at_the_bound_of_the_handshake)
{
	struct sim_options o = sim_defaults("never");
	o.client_auth = DT_CLIENT_AUTH_REQUIRED;
	o.client_ca = ca.cert;
	struct sim *sim = sim_new(&o);
	sim->server.auth = SIM_WAIT;
	SSL_CTX *ctx = ctx_with(GOOD);
	struct sim_client *c = sim_connect(sim, ctx);
	sim_run(sim, DT_SECONDS(61));
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(c->state == SIM_BUSY && d->connected == 1 && d->status == 403 && d->released == 1);
	SSL_CTX_free(ctx);
	sim_free(sim);
}
