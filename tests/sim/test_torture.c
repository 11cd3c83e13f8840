/* Every allocation of the core fails once, in turn, over a whole connection: what is hit ends or
 * goes on, nothing leaks, and the next client is served. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "sim.h"

#define CBC "ECDHE-ECDSA-AES128-SHA256"
#define PSK "PSK-AES128-CCM8"

struct scene {
	const char *name, *suites;
	bool psk, mutual, resumed, fragmented, deferred;
};

static const struct scene scenes[] = {
    {.name = "plain"},
    {.name = "mutual", .mutual = true},
    {.name = "mutual, deferred", .mutual = true, .deferred = true},
    {.name = "fragmented", .mutual = true, .fragmented = true},
    {.name = "resumed", .resumed = true},
    {.name = "resumed, deferred", .mutual = true, .resumed = true, .deferred = true},
    {.name = "cbc", .suites = CBC},
    {.name = "cbc, mutual", .suites = CBC, .mutual = true, .deferred = true},
    {.name = "psk", .suites = PSK, .psk = true},
    {.name = "psk, deferred", .suites = PSK, .psk = true, .deferred = true},
};

static struct sim_identity ca, id;

static void
make_identities(void)
{
	sim_identity_make(&ca, &(struct sim_cert_wish){.name = "CA", .ca = true});
	sim_identity_make(&id, &(struct sim_cert_wish){.name = "c", .issuer = &ca, .comment = 1500});
}

static void
free_identities(void)
{
	sim_identity_free(&ca);
	sim_identity_free(&id);
}

TestSuite(torture, .init = make_identities, .fini = free_identities);

static void
let_in(struct dt_conn *c, void *arg)
{
	const struct scene *s = arg;
	struct dt_span key = {(const uint8_t *)"k", 1};
	struct dt_span none = {NULL, 0};
	for (enum dt_gate_kind kind = DT_GATE_REQUEST; kind <= DT_GATE_AUTH; kind++)
		if (s->deferred && dt_conn_waiting(c, kind)) {
			dt_conn_verdict(c, kind, true, 0, kind == DT_GATE_PSK ? key : none, sim_now());
			return;
		}
}

/* One client from its hello to its end. */
static enum sim_client_state
one_client(struct sim *sim, SSL_CTX *ctx, SSL_SESSION *session, const struct scene *s)
{
	struct sim_client *c = sim_add_client(sim, ctx);
	c->psk_identity = s->psk ? "i" : NULL;
	c->psk_key = "k";
	if (session)
		SSL_set_session(c->ssl, session);
	SSL_set_tlsext_host_name(c->ssl, "name.example");
	if (s->fragmented)
		SSL_set_mtu(c->ssl, 256);
	sim_client_start(c);
	for (int i = 0; i < 40 && c->state == SIM_BUSY; i++) {
		sim_run(sim, DT_MILLISECONDS(500));
		dt_conns_each(sim->server.conns, let_in, (void *)(uintptr_t)s);
	}
	for (int i = 0; i < 5 && c->state == SIM_UP && !c->message_count; i++) {
		sim_client_send(c, "echo", 4);
		sim_settle(sim);
	}
	enum sim_client_state state = c->state;
	if (state == SIM_UP)
		sim_client_close(c);
	sim_settle(sim);
	sim_drop_client(sim, c);
	return state;
}

static SSL_SESSION *
first_session(struct sim *sim, SSL_CTX *ctx)
{
	struct sim_client *c = sim_connect(sim, ctx);
	if (c->state == SIM_BUSY) {
		sim_verdict(&sim->server, DT_GATE_AUTH, true, 0, NULL);
		sim_settle(sim);
	}
	cr_assert(c->state == SIM_UP);
	SSL_SESSION *session = SSL_get1_session(c->ssl);
	sim_client_close(c);
	sim_settle(sim);
	sim_drop_client(sim, c);
	return session;
}

/* Returns whether there was an nth allocation. */
static bool
fail_nth(const struct scene *s, uint64_t nth)
{
	struct sim_options o = sim_defaults("torture");
	o.seed = nth;
	o.suites = s->suites;
	o.psk = o.psk_only = s->psk;
	o.tickets = true;
	o.idle_timeout = DT_SECONDS(30);
	o.client_auth = s->mutual ? DT_CLIENT_AUTH_REQUIRED : DT_CLIENT_AUTH_NONE;
	o.client_ca = ca.cert;
	struct sim *sim = sim_new(&o);
	sim->server.psk = SIM_ACCEPT;
	sim->server.key = "k";
	SSL_CTX *ctx = sim_client_ctx(s->suites);
	SSL_CTX_use_certificate(ctx, id.cert);
	SSL_CTX_use_PrivateKey(ctx, id.key);
	SSL_SESSION *session = s->resumed ? first_session(sim, ctx) : NULL;
	if (s->deferred)
		sim->server.psk = sim->server.auth = SIM_WAIT;

	uint64_t before = dt_mem_count();
	dt_mem_fail_nth(nth);
	enum sim_client_state state = one_client(sim, ctx, session, s);
	dt_mem_fail_nth(0);
	bool failed = dt_mem_count() - before >= nth;
	cr_assert(failed || state == SIM_UP, "%s: not even without a failure", s->name);

	sim_run(sim, DT_SECONDS(100));
	cr_assert(dt_conns_count(sim->server.conns) == 0, "%s, %llu", s->name, (unsigned long long)nth);
	state = one_client(sim, ctx, session, s);
	cr_assert(state == SIM_UP, "%s, %llu: the next client", s->name, (unsigned long long)nth);
	SSL_SESSION_free(session);
	SSL_CTX_free(ctx);
	sim_free(sim);
	return failed;
}

Test(torture, every_allocation_of_a_connection_may_fail)
{
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		uint64_t nth = 1;
		while (fail_nth(&scenes[i], nth))
			nth++;
		cr_assert(nth > 5);
		fprintf(stderr, "%s: %llu allocations\n", scenes[i].name, (unsigned long long)nth - 1);
	}
}
