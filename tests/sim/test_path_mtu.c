/* Paths that carry less than the server thinks (RFC 6347 4.1.1.1): told by loss, or by the system. */
#include <criterion/criterion.h>
#include <string.h>

#include "conn/conn_state.h"
#include "sim.h"

#define GCM "ECDHE-ECDSA-AES128-GCM-SHA256"
#define CBC "ECDHE-ECDSA-AES128-SHA256"

static const size_t paths[] = {256, 512, 1280, 1400};
#define PATHS (sizeof(paths) / sizeof(paths[0]))

struct world {
	struct sim_identity ca, id;
	struct sim *sim;
	SSL_CTX *ctx;
};

/* A server with a large certificate that asks for one, and clients with one as large. */
static void
world_init(struct world *w, const char *suite, size_t chain_bytes)
{
	struct sim_options o = sim_defaults("path mtu");
	sim_identity_make(&w->ca, &(struct sim_cert_wish){.name = "CA", .ca = true});
	sim_identity_make(&w->id, &(struct sim_cert_wish){.name = "c", .issuer = &w->ca, .comment = 3000});
	o.suites = suite;
	o.chain_bytes = chain_bytes;
	o.client_auth = DT_CLIENT_AUTH_REQUIRED;
	o.client_ca = w->ca.cert;
	o.tickets = true;
	w->sim = sim_new(&o);
	w->ctx = sim_client_ctx(suite);
	SSL_CTX_use_certificate(w->ctx, w->id.cert);
	SSL_CTX_use_PrivateKey(w->ctx, w->id.key);
}

static void
world_fini(struct world *w)
{
	SSL_CTX_free(w->ctx);
	sim_free(w->sim);
	sim_identity_free(&w->id);
	sim_identity_free(&w->ca);
}

static struct sim_client *
shake_hands(struct world *w, size_t client_mtu, SSL_SESSION *session)
{
	struct sim_client *c = sim_add_client(w->sim, w->ctx);
	SSL_set_mtu(c->ssl, (long)client_mtu);
	if (session)
		SSL_set_session(c->ssl, session);
	sim_client_start(c);
	sim_run(w->sim, DT_SECONDS(55));
	cr_assert(c->state == SIM_UP, "state %d at %zu bytes", (int)c->state, client_mtu);
	return c;
}

static struct dt_conn *
conn_of(const struct world *w)
{
	return dt_conns_find(w->sim->server.conns, sim_newest(&w->sim->server)->id);
}

Test(path_mtu, handshakes_with_large_certificates_get_through_every_path)
{
	static const char *const suites[] = {GCM, CBC};
	for (size_t i = 0; i < 2 * PATHS; i++) {
		struct world w;
		world_init(&w, suites[i / PATHS], 5000);
		w.sim->link.mtu = paths[i % PATHS];
		struct sim_client *c = shake_hands(&w, w.sim->link.mtu, NULL);
		sim_check_echo(w.sim, c, "small enough");
		SSL_SESSION *session = SSL_get1_session(c->ssl);
		c = shake_hands(&w, w.sim->link.mtu, session);
		cr_assert(SSL_session_reused(c->ssl));
		sim_check_echo(w.sim, c, "again");
		SSL_SESSION_free(session);
		world_fini(&w);
	}
}

Test(path_mtu, what_one_flight_learned_holds_for_the_next)
{
	struct world w;
	world_init(&w, GCM, 5000);
	w.sim->link.mtu = 512;
	shake_hands(&w, 512, NULL);
	/* Two repetitions of the first flight and half of the mtu each, none of the last one, for all
	 * that its ticket is longer than the path's datagrams. */
	cr_assert(conn_of(&w)->session.state.mtu == 350);
	cr_assert(conn_of(&w)->session.repeats == 0);
	world_fini(&w);
}

Test(path_mtu, a_last_flight_that_is_asked_for_again_gets_smaller)
{
	struct world w;
	world_init(&w, GCM, 0);
	w.sim->link.mtu = 1300; /* the ticket, with the client's certificate in it, is longer */
	struct sim_client *c = shake_hands(&w, 1300, NULL);
	cr_assert(conn_of(&w)->session.repeats == DT_LOSSES_BEFORE_SMALLER);
	cr_assert(conn_of(&w)->session.state.mtu == 700);
	sim_check_echo(w.sim, c, "there");
	world_fini(&w);
}

/* ---- EMSGSIZE ---- */

Test(path_mtu, a_refused_datagram_makes_the_flights_smaller)
{
	static const size_t limits[] = {300, 512, 1100, 1300, 1399};
	static const uint16_t expected[] = {256, 512, 1024, 1280, 1280};
	for (size_t i = 0; i < 5; i++) {
		struct world w;
		world_init(&w, GCM, 5000);
		w.sim->server.kernel_mtu = limits[i];
		struct sim_client *c = shake_hands(&w, 1400, NULL);
		cr_assert(conn_of(&w)->session.state.mtu <= expected[i], "%u", conn_of(&w)->session.state.mtu);
		cr_assert(sim_counter(&w.sim->server, DT_COUNT_PATH_TOO_SMALL) > 0);
		sim_check_echo(w.sim, c, "small enough");
		world_fini(&w);
	}
}

Test(path_mtu, a_refused_datagram_of_data_reaches_the_application)
{
	static const char *const suites[] = {GCM, CBC, "ECDHE-ECDSA-CHACHA20-POLY1305"};
	static uint8_t data[9000];
	for (size_t i = 0; i < 3; i++) {
		struct sim_options o = sim_defaults("data too long");
		o.suites = suites[i];
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(NULL);
		struct sim_client *c = sim_connect(sim, ctx);
		struct dt_conn *conn = dt_conns_find(sim->server.conns, sim_newest(&sim->server)->id);
		sim->server.kernel_mtu = 1000;
		size_t len = sizeof(data), refused = 0;
		for (;;) { /* as a module would that asks how long a datagram may be */
			cr_assert(sim_server_send(&sim->server, data, len) == DT_OK);
			sim_settle(sim);
			if (c->message_count)
				break;
			refused++;
			cr_assert(sim_server_send(&sim->server, data, len) == DT_ERR_TOO_LONG);
			len = dt_conn_max_datagram(conn);
		}
		cr_assert(refused >= 3 && refused <= 4, "9000, 1400, 1280, and 1024 where it is not filled");
		cr_assert(sim_counter(&sim->server, DT_COUNT_PATH_TOO_SMALL) == refused);
		cr_assert(len > 400 && len < 1000);
		sim_check_echo(sim, c, "alive");
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(path_mtu, a_datagram_of_nobody_that_is_refused_is_counted)
{
	struct sim_options o = sim_defaults("nobody's");
	struct sim *sim = sim_new(&o);
	struct dt_path path = sim_path(7);
	dt_conns_too_long(sim->server.conns, &path, 2000);
	cr_assert(sim_counter(&sim->server, DT_COUNT_PATH_TOO_SMALL) == 1);
	sim_free(sim);
}
