/* Resumption from tickets. */
#include <criterion/criterion.h>
#include <string.h>

#include "dtls/alert.h"
#include "dtls/record.h"
#include "sim.h"

static struct sim_identity ca, other_ca, id;

static void
make_identities(void)
{
	sim_identity_make(&ca, &(struct sim_cert_wish){.name = "CA", .ca = true});
	sim_identity_make(&other_ca, &(struct sim_cert_wish){.name = "other CA", .ca = true});
	sim_identity_make(&id,
	    &(struct sim_cert_wish){.name = "c", .issuer = &ca, .from_s = -3600, .until_s = 7200});
}

static void
free_identities(void)
{
	sim_identity_free(&ca);
	sim_identity_free(&other_ca);
	sim_identity_free(&id);
}

TestSuite(tickets, .init = make_identities, .fini = free_identities);

static struct sim_options
with_tickets(void)
{
	struct sim_options o = sim_defaults("tickets");
	o.tickets = true;
	o.client_auth = DT_CLIENT_AUTH_REQUIRED;
	o.client_ca = ca.cert;
	return o;
}

static SSL_CTX *
ctx_with_certificate(void)
{
	SSL_CTX *ctx = sim_client_ctx(NULL);
	SSL_CTX_use_certificate(ctx, id.cert);
	SSL_CTX_use_PrivateKey(ctx, id.key);
	return ctx;
}

static SSL_SESSION *
first_visit(struct sim *sim, SSL_CTX *ctx)
{
	struct sim_client *c = sim_connect(sim, ctx);
	cr_assert(c->state == SIM_UP && !SSL_session_reused(c->ssl));
	SSL_SESSION *s = SSL_get1_session(c->ssl);
	cr_assert(SSL_SESSION_has_ticket(s));
	sim_client_close(c);
	sim_settle(sim);
	return s;
}

static struct sim_client *
next_visit(struct sim *sim, SSL_CTX *ctx, SSL_SESSION *s)
{
	struct sim_client *c = sim_add_client(sim, ctx);
	SSL_set_session(c->ssl, s);
	sim_client_start(c);
	sim_settle(sim);
	return c;
}

Test(tickets, a_ticket_resumes_and_the_gate_sees_the_leaf_again)
{
	struct sim_options o = with_tickets();
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = ctx_with_certificate();
	SSL_SESSION *s = first_visit(sim, ctx);
	struct sim_client *c = next_visit(sim, ctx, s);
	cr_assert(c->state == SIM_UP && SSL_session_reused(c->ssl));
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(d->auths == 1 && d->resumed && d->recommended && d->verify_code == 0);
	cr_assert_str_eq(d->subject, "CN=c");
	cr_assert(sim->server.tls->ssl_objects == 0);
	cr_assert(sim_counter(&sim->server, DT_COUNT_HANDSHAKES_RESUMED) == 1);
	sim_check_echo(sim, c, "again");
	SSL_SESSION_free(s);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(tickets, the_gate_of_a_resumption_stands_before_our_flight)
{
	static const struct {
		bool deferred, accept;
		uint8_t alert;
	} table[] = {{false, false, 0}, {false, false, DT_ALERT_CERTIFICATE_REVOKED}, {true, false, 0},
	    {true, true, 0}};
	for (size_t i = 0; i < 4; i++) {
		struct sim_options o = with_tickets();
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = ctx_with_certificate();
		SSL_SESSION *s = first_visit(sim, ctx);
		sim->server.auth = table[i].deferred ? SIM_WAIT : SIM_REJECT;
		sim->server.alert = table[i].alert;
		uint64_t sent = sim->server.sent;
		struct sim_client *c = next_visit(sim, ctx, s);
		struct sim_diary *d = sim_newest(&sim->server);
		if (table[i].deferred) {
			cr_assert(sim->server.sent == sent + 1, "more than the cookie left before the verdict");
			sim_run(sim, DT_SECONDS(5));
			cr_assert(sim->server.sent == sent + 1 && d->connected == 0);
			sim_verdict(&sim->server, DT_GATE_AUTH, table[i].accept, table[i].alert, NULL);
			sim_settle(sim);
		}
		cr_assert(d->resumed && d->connected == 1);
		int expected = table[i].alert ? table[i].alert : DT_ALERT_ACCESS_DENIED;
		if (table[i].accept)
			cr_assert(c->state == SIM_UP && SSL_session_reused(c->ssl));
		else
			cr_assert(c->state == SIM_FAILED && c->alert == expected, "row %zu: %d", i, c->alert);
		SSL_SESSION_free(s);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(tickets, a_certificate_that_expired_since_needs_a_full_handshake_and_is_refused)
{
	struct sim_options o = with_tickets();
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = ctx_with_certificate();
	SSL_SESSION *s = first_visit(sim, ctx);
	sim_run(sim, DT_SECONDS(7300));
	struct sim_client *c = next_visit(sim, ctx, s);
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(d->auths == 1 && !d->resumed && d->verify_code == X509_V_ERR_CERT_HAS_EXPIRED);
	cr_assert(c->state == SIM_FAILED && c->alert == DT_ALERT_CERTIFICATE_EXPIRED);
	SSL_SESSION_free(s);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* Another server process, with the same secret, that may trust others. */
static void
visit_another_server(struct sim_options *second, bool resumed, enum sim_client_state state)
{
	struct sim_options o = with_tickets();
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = ctx_with_certificate();
	SSL_SESSION *s = first_visit(sim, ctx);
	sim_free(sim);

	sim = sim_new(second);
	struct sim_client *c = next_visit(sim, ctx, s);
	cr_assert(c->state == state, "state %d, alert %d", (int)c->state, c->alert);
	cr_assert(sim_newest(&sim->server)->resumed == resumed);
	SSL_SESSION_free(s);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(tickets, another_process_with_the_same_secret_resumes)
{
	struct sim_options o = with_tickets();
	visit_another_server(&o, true, SIM_UP);
}

Test(tickets, a_changed_trust_id_voids_old_tickets)
{
	struct sim_options o = with_tickets();
	o.trust_id = 9;
	visit_another_server(&o, false, SIM_UP);
}

Test(tickets, a_ca_that_was_removed_since_voids_the_ticket_even_under_the_same_id)
{
	struct sim_options o = with_tickets();
	o.client_ca = other_ca.cert;
	visit_another_server(&o, false, SIM_FAILED);
}

Test(tickets, a_ticket_lives_for_its_lifetime_from_the_full_handshake_on)
{
	static const struct {
		int64_t after_s;
		bool resumed;
	} table[] = {{0, true}, {900, true}, {1700, true}, {1799, true}, {1802, false}, {3600, false}, {6000, false}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sim_options o = with_tickets();
		o.ticket_lifetime = DT_SECONDS(1800);
		struct sim *sim = sim_new(&o);
		struct sim_identity fresh;
		sim_identity_make(&fresh, &(struct sim_cert_wish){.name = "c", .issuer = &ca});
		SSL_CTX *ctx = sim_client_ctx(NULL);
		SSL_CTX_use_certificate(ctx, fresh.cert);
		SSL_CTX_use_PrivateKey(ctx, fresh.key);
		SSL_SESSION *s = first_visit(sim, ctx);
		SSL_SESSION_set_timeout(s, 1000000); /* the client would try for ever */
		sim_run(sim, DT_SECONDS(table[i].after_s));
		struct sim_client *c = next_visit(sim, ctx, s);
		cr_assert(c->state == SIM_UP);
		cr_assert(SSL_session_reused(c->ssl) == table[i].resumed, "after %d s", (int)table[i].after_s);
		SSL_SESSION_free(s);
		SSL_CTX_free(ctx);
		sim_identity_free(&fresh);
		sim_free(sim);
	}
}

Test(tickets, a_renewed_ticket_does_not_outlive_the_full_handshake)
{
	struct sim_options o = with_tickets();
	o.client_auth = DT_CLIENT_AUTH_NONE;
	o.ticket_lifetime = DT_SECONDS(1800);
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	SSL_SESSION *s = first_visit(sim, ctx);
	int resumed = 0;
	for (int i = 0; i < 10; i++) {
		sim_run(sim, DT_SECONDS(400));
		SSL_SESSION_set_timeout(s, 1000000);
		struct sim_client *c = next_visit(sim, ctx, s);
		cr_assert(c->state == SIM_UP);
		if (!SSL_session_reused(c->ssl))
			break;
		resumed++;
		SSL_SESSION_free(s);
		s = SSL_get1_session(c->ssl);
	}
	cr_assert(resumed == 4, "%d", resumed);
	SSL_SESSION_free(s);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(tickets, max_fragment_length_is_kept_on_resumption)
{
	struct sim_options o = with_tickets();
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = ctx_with_certificate();
	SSL_CTX_set_tlsext_max_fragment_length(ctx, TLSEXT_max_fragment_length_512);
	SSL_SESSION *s = first_visit(sim, ctx);
	struct sim_client *c = next_visit(sim, ctx, s);
	cr_assert(c->state == SIM_UP && SSL_session_reused(c->ssl));
	cr_assert(dt_conn_max_datagram(dt_conns_find(sim->server.conns, sim_newest(&sim->server)->id)) == 512);
	SSL_SESSION_free(s);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* Else an identity that was taken away would stay in for as long as its ticket. */
Test(tickets, a_pre_shared_key_is_asked_for_each_time)
{
	struct sim_options o = sim_defaults("tickets psk");
	o.psk = o.psk_only = o.tickets = true;
	struct sim *sim = sim_new(&o);
	sim->server.psk = SIM_ACCEPT;
	sim->server.key = "key";
	SSL_CTX *ctx = sim_client_ctx("PSK-AES128-GCM-SHA256");
	SSL_SESSION *session = NULL;
	for (unsigned visit = 1; visit <= 2; visit++) {
		struct sim_client *c = sim_add_client(sim, ctx);
		c->psk_identity = "me";
		c->psk_key = "key";
		if (session)
			SSL_set_session(c->ssl, session);
		sim_client_start(c);
		sim_settle(sim);
		cr_assert(c->state == SIM_UP && !SSL_session_reused(c->ssl));
		cr_assert_str_eq(sim_newest(&sim->server)->identity, "me");
		SSL_SESSION_free(session);
		session = SSL_get1_session(c->ssl);
		sim_client_close(c);
		sim_settle(sim);
	}
	SSL_SESSION_free(session);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(tickets, a_forged_ticket_gives_a_full_handshake)
{
	struct sim_options o = with_tickets();
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = ctx_with_certificate();
	SSL_SESSION *s = first_visit(sim, ctx);
	const unsigned char *ticket;
	size_t len;
	SSL_SESSION_get0_ticket(s, &ticket, &len);
	for (size_t at = 0; at < len; at += 1 + len / 40) {
		unsigned char *byte = (unsigned char *)(uintptr_t)ticket + at;
		*byte ^= 0x40;
		struct sim_client *c = next_visit(sim, ctx, s);
		*byte ^= 0x40;
		cr_assert(c->state == SIM_UP && !SSL_session_reused(c->ssl), "byte %zu", at);
	}
	SSL_SESSION_free(s);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(tickets, cbc_resumes_too)
{
	struct sim_options o = with_tickets();
	o.suites = "ECDHE-ECDSA-AES128-SHA256";
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = ctx_with_certificate();
	SSL_SESSION *s = first_visit(sim, ctx);
	struct sim_client *c = next_visit(sim, ctx, s);
	cr_assert(c->state == SIM_UP && SSL_session_reused(c->ssl));
	sim_check_echo(sim, c, "again");
	SSL_SESSION_free(s);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* Loses the client's first flights with a ChangeCipherSpec. */
static bool
lose_some(void *arg, struct sim_packet *p)
{
	unsigned *left = arg;
	if (!p->to_server || p->bytes[0] != DT_CHANGE_CIPHER_SPEC || *left == 0)
		return true;
	--*left;
	return false;
}

/* The client thinks that it is done, and says it again only when it gets a Finished that it has not seen. */
Test(tickets, a_resumption_completes_when_the_clients_last_flight_was_lost)
{
	static const char *const suites[] = {"ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"};
	for (size_t i = 0; i < 10; i++) {
		struct sim_options o = with_tickets();
		o.suites = suites[i % 2];
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = ctx_with_certificate();
		SSL_SESSION *s = first_visit(sim, ctx);
		unsigned left = 1 + (unsigned)i / 2;
		sim->link.tap = lose_some;
		sim->link.tap_arg = &left;
		struct sim_client *c = next_visit(sim, ctx, s);
		cr_assert(c->state == SIM_UP && sim_newest(&sim->server)->connected == 0);
		sim_run(sim, DT_SECONDS(40)); /* after 1, 2, 4, 8, 16 more */
		cr_assert(left == 0 && sim_newest(&sim->server)->connected == 1, "row %zu", i);
		sim_check_echo(sim, c, "again");
		SSL_SESSION_free(s);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}
