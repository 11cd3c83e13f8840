/* The life of a connection: how it ends, its limits, its timers. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "conn/conn_state.h"
#include "dtls/alert.h"
#include "forge.h"
#include "sim.h"

#define CBC "ECDHE-ECDSA-AES128-SHA256"

static const char *const two_kinds[] = {NULL, CBC}; /* records of ours, records of OpenSSL's */

static struct dt_conn *
conn_of(struct sim *sim)
{
	return dt_conns_find(sim->server.conns, sim_newest(&sim->server)->id);
}

Test(life, renegotiation_is_refused)
{
	for (size_t k = 0; k < 2; k++) {
		struct sim_options o = sim_defaults("renegotiation");
		o.suites = two_kinds[k];
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(NULL);
		struct sim_client *c = sim_connect(sim, ctx);
		SSL_renegotiate(c->ssl);
		SSL_do_handshake(c->ssl);
		sim_settle(sim);
		cr_assert(c->warning == DT_ALERT_NO_RENEGOTIATION, "kind %zu: warning %d", k, c->warning);
		/* OpenSSL's client does not bear it, and says so. */
		cr_assert(sim_diary_count(&sim->server) == 1 && sim_newest(&sim->server)->end_status == 405);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(life, a_refused_renegotiation_leaves_the_connection_as_it_is)
{
	struct sim_options o = sim_defaults("renegotiation");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx("ECDHE-ECDSA-AES128-GCM-SHA256");
	struct sim_client *c = sim_connect(sim, ctx);
	struct sim_forge f;
	sim_forge_init(&f, c);
	uint8_t hello[DT_HS_HEADER + 60] = {DT_HS_CLIENT_HELLO, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 60};
	uint8_t datagram[256];
	for (uint64_t i = 0; i < 5; i++) {
		uint64_t sent = sim->server.sent;
		size_t len = sim_forge_seal(&f, DT_HANDSHAKE, 10 + i, hello, sizeof(hello), datagram);
		sim_server_input(&sim->server, c->number, datagram, len);
		cr_assert(sim->server.sent == sent + 1);
	}
	cr_assert(sim_server_send(&sim->server, "still here", 10) == DT_OK);
	cr_assert(sim_newest(&sim->server)->disconnected == 0);
	sim_forge_fini(&f);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(life, the_server_closes_with_close_notify)
{
	for (size_t k = 0; k < 2; k++) {
		struct sim_options o = sim_defaults("close");
		o.suites = two_kinds[k];
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(NULL);
		struct sim_client *c = sim_connect(sim, ctx);
		sim_server_close(&sim->server, DT_CLOSE_LOCAL);
		struct sim_diary *d = sim_newest(&sim->server);
		cr_assert(d->disconnected == 1 && d->end_status == 0 && d->released == 1);
		cr_assert(dt_conns_find(sim->server.conns, d->id) == NULL);
		sim_settle(sim);
		cr_assert(c->state == SIM_CLOSED);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(life, close_notify_is_answered_once_and_what_follows_is_ignored)
{
	struct sim_options o = sim_defaults("after close_notify");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx("ECDHE-ECDSA-AES128-GCM-SHA256");
	struct sim_client *c = sim_connect(sim, ctx);
	struct sim_forge f;
	sim_forge_init(&f, c);
	const uint8_t close[2] = {DT_ALERT_WARNING, DT_ALERT_CLOSE_NOTIFY};
	uint8_t datagram[256];
	size_t len = sim_forge_seal(&f, DT_ALERT, 5, close, 2, datagram);
	len += sim_forge_seal(&f, DT_APPLICATION_DATA, 6, "late", 4, datagram + len);
	uint64_t sent = sim->server.sent;
	sim_server_input(&sim->server, c->number, datagram, len);
	sim_server_input(&sim->server, c->number, datagram, len);
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(sim->server.sent == sent + 1 && d->datagrams == 0);
	cr_assert(d->disconnected == 1 && d->end_status == 0);
	sim_settle(sim);
	cr_assert(c->state == SIM_CLOSED);
	sim_forge_fini(&f);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(life, a_fatal_alert_ends_it_without_an_answer)
{
	struct sim_options o = sim_defaults("fatal alert");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx("ECDHE-ECDSA-AES128-GCM-SHA256");
	struct sim_client *c = sim_connect(sim, ctx);
	struct sim_forge f;
	sim_forge_init(&f, c);
	const uint8_t warning[2] = {DT_ALERT_WARNING, DT_ALERT_USER_CANCELED};
	const uint8_t fatal[2] = {DT_ALERT_FATAL, DT_ALERT_INTERNAL_ERROR};
	uint8_t datagram[256];
	uint64_t sent = sim->server.sent;
	size_t len = sim_forge_seal(&f, DT_ALERT, 5, warning, 2, datagram);
	sim_server_input(&sim->server, c->number, datagram, len);
	cr_assert(sim_newest(&sim->server)->disconnected == 0);
	len = sim_forge_seal(&f, DT_ALERT, 6, fatal, 2, datagram);
	sim_server_input(&sim->server, c->number, datagram, len);
	cr_assert(sim_newest(&sim->server)->end_status == 405 && sim->server.sent == sent);
	sim_forge_fini(&f);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(life, idle_time_counts_from_the_last_datagram_either_way)
{
	struct sim_options o = sim_defaults("idle");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	sim_run(sim, DT_SECONDS(590));
	sim_check_echo(sim, c, "not idle");
	sim_run(sim, DT_SECONDS(590));
	cr_assert(sim_server_send(&sim->server, "nor now", 7) == DT_OK);
	sim_run(sim, DT_SECONDS(599));
	cr_assert(c->state == SIM_UP && sim_newest(&sim->server)->disconnected == 0);
	sim_run(sim, DT_SECONDS(2));
	cr_assert(c->state == SIM_CLOSED && sim_newest(&sim->server)->end_status == ETIMEDOUT);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(life, without_an_idle_timeout_a_connection_stays)
{
	struct sim_options o = sim_defaults("no idle timeout");
	o.idle_timeout = (struct dt_dur){0};
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	sim_run(sim, DT_SECONDS(1000000));
	sim_check_echo(sim, c, "still there");
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* Lets the first `count` datagrams of the clients pass. */
static bool
pass_some(void *arg, struct sim_packet *p)
{
	unsigned *count = arg;
	if (!p->to_server)
		return true;
	return *count && (*count)--;
}

Test(life, a_client_that_falls_silent_is_given_up)
{
	struct sim_options o = sim_defaults("silent client");
	struct sim *sim = sim_new(&o);
	unsigned passes = 2; /* both hellos */
	sim->link.tap = pass_some;
	sim->link.tap_arg = &passes;
	SSL_CTX *ctx = sim_client_ctx(NULL);
	sim_connect(sim, ctx);
	cr_assert(dt_conns_count(sim->server.conns) == 1);
	sim_run(sim, DT_SECONDS(59));
	cr_assert(dt_conns_count(sim->server.conns) == 1);
	/* After 1, 2, 4, 8, 16 more seconds: at 1, 3, 7, 15, 31. */
	cr_assert(sim_counter(&sim->server, DT_COUNT_FLIGHTS_REPEATED) == 5);
	sim_run(sim, DT_SECONDS(2));
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(d->connected == 1 && d->status == ETIMEDOUT && d->released == 1);
	cr_assert(dt_conns_count(sim->server.conns) == 0 && sim_handshake_memory(&sim->server) == 0);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(life, flights_get_smaller_after_repeated_loss)
{
	struct sim_options o = sim_defaults("smaller flights");
	o.chain_bytes = 3000;
	struct sim *sim = sim_new(&o);
	unsigned passes = 2;
	sim->link.tap = pass_some;
	sim->link.tap_arg = &passes;
	SSL_CTX *ctx = sim_client_ctx(NULL);
	sim_connect(sim, ctx);
	uint64_t at_first = sim->server.sent - 1;
	uint64_t before = sim->server.sent;
	sim_run(sim, DT_SECONDS(2));
	cr_assert(sim->server.sent - before == at_first);
	before = sim->server.sent;
	sim_run(sim, DT_SECONDS(2));
	cr_assert(sim->server.sent - before >= 2 * at_first - 1, "after the second loss");
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(life, the_limit_of_connections_holds_and_gives_way_when_one_ends)
{
	struct sim_options o = sim_defaults("connection limit");
	o.connection_limit = 3;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *first = sim_connect(sim, ctx);
	sim_connect(sim, ctx);
	sim_connect(sim, ctx);
	struct sim_client *late = sim_connect(sim, ctx);
	cr_assert(late->state == SIM_BUSY && sim_drops(&sim->server, DT_DROP_CONNECTION_LIMIT) == 1);
	cr_assert(dt_conns_count(sim->server.conns) == 3);
	sim_client_close(first);
	sim_run(sim, DT_SECONDS(3));
	cr_assert(late->state == SIM_UP);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(life, the_limit_of_handshakes_holds_and_spares_who_is_in)
{
	struct sim_options o = sim_defaults("handshake limit");
	o.handshake_limit = 2;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *in = sim_connect(sim, ctx);
	sim->server.request = SIM_WAIT;
	sim_connect(sim, ctx);
	sim_connect(sim, ctx);
	struct sim_client *late = sim_connect(sim, ctx);
	cr_assert(sim_drops(&sim->server, DT_DROP_HANDSHAKE_LIMIT) == 1 && sim_diary_count(&sim->server) == 3);
	sim_check_echo(sim, in, "in");
	sim_verdict(&sim->server, DT_GATE_REQUEST, true, 0, NULL);
	sim->server.request = SIM_ACCEPT;
	sim_run(sim, DT_SECONDS(3));
	cr_assert(late->state == SIM_UP);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(life, a_server_that_is_not_listening_answers_nobody_new)
{
	struct sim_options o = sim_defaults("not listening");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *in = sim_connect(sim, ctx);
	sim->server.service.listening = false;
	uint64_t sent = sim->server.sent;
	sim_connect(sim, ctx);
	cr_assert(sim->server.sent == sent && sim_drops(&sim->server, DT_DROP_NOT_LISTENING) == 1);
	sim_check_echo(sim, in, "in");
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(life, ids_are_never_used_again)
{
	struct sim_options o = sim_defaults("ids");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	uint64_t seen[40];
	for (size_t i = 0; i < 40; i++) {
		struct sim_client *c = sim_connect(sim, ctx);
		seen[i] = dt_conn_id(conn_of(sim));
		cr_assert(dt_conn_id_worker(seen[i]) == 3 && seen[i] >> 63 == 0);
		for (size_t k = 0; k < i; k++)
			cr_assert(seen[k] != seen[i]);
		if (i % 3)
			sim_client_close(c);
		sim_settle(sim);
		if (i % 3)
			cr_assert(dt_conns_find(sim->server.conns, seen[i]) == NULL);
	}
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(life, an_empty_datagram_is_sent_where_that_can_be_said)
{
	for (size_t k = 0; k < 2; k++) {
		struct sim_options o = sim_defaults("empty datagram");
		o.suites = two_kinds[k];
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(NULL);
		struct sim_client *c = sim_connect(sim, ctx);
		uint64_t sent = sim->server.sent;
		cr_assert(sim_server_send(&sim->server, "", 0) == DT_OK);
		cr_assert(sim->server.sent == sent + (k == 0));
		sim_settle(sim);
		cr_assert(c->message_count == (k == 0));
		sim_check_echo(sim, c, "alive");
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(life, the_end_of_a_keys_use_closes_the_connection)
{
	struct sim_options o = sim_defaults("key limit");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	sim_check_echo(sim, c, "one more");
	conn_of(sim)->session.state.next_sealed = UINT64_C(1) << 40;
	cr_assert(sim_server_send(&sim->server, "too many", 8) == DT_ERR_GONE);
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(d->disconnected == 1 && d->end_status == 401, "%s", d->end_text);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* ---- the last flight ---- */

/* Loses the server's first `count` datagrams that hold a record of epoch 1. */
static bool
lose_last_flight(void *arg, struct sim_packet *p)
{
	unsigned *count = arg;
	struct dt_record rec;
	size_t at = 0;
	if (p->to_server || *count == 0)
		return true;
	while (dt_record_next(p->bytes, p->len, &at, &rec) == DT_RECORD_OK)
		if (rec.epoch == 1)
			return (*count)-- == 0;
	return true;
}

Test(life, the_last_flight_is_sent_again_under_fresh_numbers)
{
	for (size_t k = 0; k < 2; k++) {
		struct sim_options o = sim_defaults("last flight");
		o.suites = two_kinds[k];
		o.tickets = true;
		struct sim *sim = sim_new(&o);
		unsigned losses = 3;
		sim->link.tap = lose_last_flight;
		sim->link.tap_arg = &losses;
		SSL_CTX *ctx = sim_client_ctx(NULL);
		struct sim_client *c = sim_connect(sim, ctx);
		cr_assert(c->state == SIM_BUSY && sim_newest(&sim->server)->connected == 1);
		sim_run(sim, DT_SECONDS(20));
		cr_assert(c->state == SIM_UP && losses == 0);
		sim_check_echo(sim, c, "at last");
		cr_assert(k == 1 || sim_counter(&sim->server, DT_COUNT_FLIGHTS_REPEATED) == 3);
		cr_assert((sim_last_flight_bytes(&sim->server) != 0) == (k == 0));
		sim_run(sim, DT_SECONDS(241));
		sim_check_echo(sim, c, "much later");
		cr_assert(sim_last_flight_bytes(&sim->server) == 0);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(life, last_flights_stay_within_their_memory_oldest_out)
{
	struct sim_options o = sim_defaults("last flight memory");
	o.last_flight_memory = 1000;
	o.tickets = true;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	size_t most = 0;
	for (int i = 0; i < 20; i++) {
		sim_connect(sim, ctx);
		size_t now = sim_last_flight_bytes(&sim->server);
		cr_assert(now <= 1000);
		most = now > most ? now : most;
	}
	cr_assert(most > 300);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(life, an_event_that_closes_its_connection_frees_nothing_under_our_feet)
{
	for (enum sim_place place = SIM_IN_REQUEST; place <= SIM_IN_DATA; place++)
		for (enum sim_verdict v = SIM_INHERIT; v <= SIM_WAIT; v++) {
			struct sim_options o = sim_defaults("closing inside");
			o.psk = o.psk_only = true;
			struct sim *sim = sim_new(&o);
			sim->server.key = "k";
			sim->server.psk = SIM_ACCEPT;
			if (place == SIM_IN_REQUEST)
				sim->server.request = v;
			if (place == SIM_IN_PSK)
				sim->server.psk = v;
			if (place == SIM_IN_AUTH)
				sim->server.auth = v;
			sim->server.closes = place;
			SSL_CTX *ctx = sim_client_ctx("PSK-AES128-CCM8");
			struct sim_client *c = sim_add_client(sim, ctx);
			c->psk_identity = "i";
			c->psk_key = "k";
			sim_client_start(c);
			sim_settle(sim);
			if (place == SIM_IN_DATA) {
				cr_assert(c->state == SIM_UP);
				sim_client_send(c, "x", 1);
				sim_settle(sim);
			}
			cr_assert(dt_conns_count(sim->server.conns) == 0);
			SSL_CTX_free(ctx);
			sim_free(sim);
		}
}
