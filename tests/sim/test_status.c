/* What is told of a handshake, of records, of what goes wrong; exported keys. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "conn/conn_state.h"
#include "dtls/alert.h"
#include "sim.h"

#define GCM "ECDHE-ECDSA-AES128-GCM-SHA256"
#define CBC "ECDHE-ECDSA-AES128-SHA256"
#define PSK "PSK-AES128-CCM8"

static void
steps_are(const struct sim *sim, const char *steps)
{
	const struct sim_diary *d = sim_newest((struct sim_server *)(uintptr_t)&sim->server);
	cr_assert_str_eq(d->steps, steps);
}

/* ---- steps ---- */

Test(status, the_steps_of_a_full_handshake_of_records_that_are_ours_and_others)
{
	static const char *const suites[] = {GCM, CBC};
	for (size_t i = 0; i < 2; i++) {
		struct sim_options o = sim_defaults("status_full");
		o.suites = suites[i];
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(suites[i]);
		struct sim_client *c = sim_connect(sim, ctx);
		cr_assert(c->state == SIM_UP);
		steps_are(sim, "CHFKfFE");
		cr_assert(strncmp(sim_newest(&sim->server)->step_text, "TLS_ECDHE_ECDSA_", 16) == 0);
		sim_client_close(c);
		sim_settle(sim);
		steps_are(sim, "CHFKfFEIO"); /* close_notify, and ours */
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(status, a_certificate_is_a_step_and_a_resumption_says_so)
{
	struct sim_identity ca, id;
	sim_identity_make(&ca, &(struct sim_cert_wish){.name = "CA", .ca = true});
	sim_identity_make(&id, &(struct sim_cert_wish){.name = "c", .issuer = &ca});
	struct sim_options o = sim_defaults("status_resumed");
	o.tickets = true;
	o.client_auth = DT_CLIENT_AUTH_REQUIRED;
	o.client_ca = ca.cert;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	SSL_CTX_use_certificate(ctx, id.cert);
	SSL_CTX_use_PrivateKey(ctx, id.key);
	struct sim_client *c = sim_connect(sim, ctx);
	steps_are(sim, "CHFxKfFE");
	struct sim_client *again = sim_add_client(sim, ctx);
	SSL_set_session(again->ssl, SSL_get0_session(c->ssl));
	sim_client_start(again);
	sim_settle(sim);
	cr_assert(SSL_session_reused(again->ssl));
	steps_are(sim, "CHRFfE");

	SSL_CTX *bare = sim_client_ctx(NULL); /* no certificate: the step is left out */
	sim_connect(sim, bare);
	steps_are(sim, "CHFKO!");
	cr_assert(sim_newest(&sim->server)->status == 404);
	SSL_CTX_free(bare);
	SSL_CTX_free(ctx);
	sim_free(sim);
	sim_identity_free(&id);
	sim_identity_free(&ca);
}

static void
shake_psk(const char *key, const char *steps)
{
	struct sim_options o = sim_defaults("status_psk");
	o.psk = o.psk_only = true;
	o.suites = PSK;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(PSK);
	sim->server.psk = SIM_ACCEPT;
	sim->server.key = "right";
	struct sim_client *c = sim_add_client(sim, ctx);
	c->psk_identity = "device";
	c->psk_key = key;
	sim_client_start(c);
	sim_settle(sim);
	steps_are(sim, steps);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(status, the_steps_with_a_pre_shared_key_right_and_wrong)
{
	shake_psk("right", "CHFKfFE");
	shake_psk("wrong", "CHFKO!");
}

Test(status, a_refused_request_and_a_client_that_goes_silent_fail)
{
	struct sim_options o = sim_defaults("status_failed");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	sim->server.request = SIM_REJECT;
	sim->server.alert = DT_ALERT_ACCESS_DENIED;
	sim_connect(sim, ctx);
	steps_are(sim, "CHO!");
	sim->server.request = SIM_INHERIT;
	struct sim_client *c = sim_add_client(sim, ctx);
	sim_client_start(c);
	sim_run(sim, DT_MILLISECONDS(16)); /* cookie and hello are through */
	sim_drop_client(sim, c);
	sim_run(sim, DT_SECONDS(70));
	steps_are(sim, "CHFaaaaa!");
	cr_assert(sim_newest(&sim->server)->status == ETIMEDOUT);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* ---- records ---- */

Test(status, each_record_is_told_when_that_is_on_and_none_when_it_is_off)
{
	for (unsigned on = 0; on < 2; on++) {
		struct sim_options o = sim_defaults("status_records");
		o.tls_records = on;
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(GCM);
		struct sim_client *c = sim_connect(sim, ctx);
		struct sim_diary *d = sim_newest(&sim->server);
		unsigned in = d->records_in, out = d->records_out;
		cr_assert(on ? in == 4 && out == 6 : in == 0 && out == 0, "%u in, %u out", in, out);
		sim_check_echo(sim, c, "one");
		cr_assert(d->records_in == in + on && d->records_out == out + on);
		sim_client_close(c);
		sim_settle(sim);
		cr_assert(d->records_in == in + 2 * on && d->records_out == out + 2 * on);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

/* ---- errors, data out ---- */

Test(status, a_datagram_that_the_system_refuses_is_told)
{
	struct sim_options o = sim_defaults("status_mtu");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	uint8_t text[1200] = {0};
	sim_connect(sim, ctx);
	sim->server.kernel_mtu = 1000;
	cr_assert(sim_server_send(&sim->server, text, sizeof(text)) == DT_OK);
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(d->errors == 1 && d->error == EMSGSIZE);
	dt_conns_not_sent(sim->server.conns, &sim->server.out_path, ENOBUFS);
	cr_assert(d->errors == 2 && d->error == ENOBUFS);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(status, many_forged_records_are_told_once)
{
	struct sim_options o = sim_defaults("status_forged");
	o.forgeries_per_key = 20;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(GCM);
	struct sim_client *c = sim_connect(sim, ctx);
	uint8_t forged[13 + 40] = {23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 1, 0, 0, 40};
	for (unsigned i = 0; i < 15; i++)
		sim_server_input(&sim->server, c->number, forged, sizeof(forged));
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(d->errors == 1 && d->error == 401 && d->disconnected == 0);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(status, what_goes_out_may_be_rewritten_and_kept)
{
	struct sim_options o = sim_defaults("data_out");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	sim->server.rewrites = "another text, longer than it";
	sim_client_send(c, "a", 1);
	sim_settle(sim);
	cr_assert(sim_client_got(c, "another text, longer than it"));
	sim->server.rewrites = "";
	sim_client_send(c, "a", 1);
	sim_settle(sim);
	cr_assert(c->message_count == 1 && sim_counter(&sim->server, DT_COUNT_DATA_OUT_KEPT) == 1);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* ---- what was negotiated, exported keys ---- */

Test(status, what_was_negotiated_is_told)
{
	static const struct {
		const char *suite, *cipher, *key_exchange;
		uint16_t bits, key_exchange_bits;
		bool psk;
	} rows[] = {
	    {GCM, "AES-128-GCM", "ECDHE", 128, 253, false},
	    {CBC, "AES-128-CBC", "ECDHE", 128, 253, false},
	    {"ECDHE-ECDSA-CHACHA20-POLY1305", "CHACHA20-POLY1305", "ECDHE", 256, 253, false},
	    {PSK, "AES-128-CCM", "PSK", 128, 0, true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_options o = sim_defaults("negotiated");
		o.suites = rows[i].suite;
		o.psk = o.psk_only = rows[i].psk;
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(rows[i].suite);
		SSL_CTX_set1_groups_list(ctx, "X25519:P-256");
		sim->server.psk = SIM_ACCEPT;
		sim->server.key = "k";
		struct sim_client *c = sim_add_client(sim, ctx);
		c->psk_identity = rows[i].psk ? "i" : NULL;
		c->psk_key = "k";
		sim_client_start(c);
		sim_settle(sim);
		struct dt_negotiated n;
		dt_conn_negotiated(dt_conns_find(sim->server.conns, sim_newest(&sim->server)->id), &n);
		cr_assert_str_eq(n.cipher, rows[i].cipher);
		cr_assert_str_eq(n.key_exchange, rows[i].key_exchange);
		cr_assert(n.cipher_bits == rows[i].bits && n.key_exchange_bits == rows[i].key_exchange_bits);
		cr_assert(!n.resumed);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

static void
check_export(struct sim *sim, const struct sim_client *c)
{
	uint8_t theirs[32];
	const struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(SSL_export_keying_material(c->ssl, theirs, 32, SIM_LABEL, strlen(SIM_LABEL),
	    (const unsigned char *)"ctx", 3, 1) == 1);
	cr_assert(d->export_err == DT_OK && memcmp(d->exported, theirs, 32) == 0);
}

Test(exporter, gives_what_the_client_gets_in_full_and_resumed_handshakes)
{
	static const char *const suites[] = {GCM, "ECDHE-ECDSA-AES256-GCM-SHA384", CBC};
	for (size_t i = 0; i < 3; i++) {
		struct sim_options o = sim_defaults("export");
		o.suites = suites[i];
		o.tickets = true;
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(suites[i]);
		struct sim_client *c = sim_connect(sim, ctx);
		check_export(sim, c);
		struct sim_client *again = sim_add_client(sim, ctx);
		SSL_set_session(again->ssl, SSL_get0_session(c->ssl));
		sim_client_start(again);
		sim_settle(sim);
		cr_assert(SSL_session_reused(again->ssl));
		check_export(sim, again);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(exporter, is_there_later_only_when_it_is_kept)
{
	static const struct dt_span none = {NULL, 0}, empty = {(const uint8_t *)"", 0};
	for (unsigned kept = 0; kept < 2; kept++) {
		struct sim_options o = sim_defaults("export_kept");
		o.exporter = kept;
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(NULL);
		struct sim_client *c = sim_connect(sim, ctx);
		const struct dt_conn *conn = dt_conns_find(sim->server.conns, sim_newest(&sim->server)->id);
		uint8_t a[80], b[80], theirs[80];
		enum dt_err err = dt_conn_export(conn, "EXPORTER-a", none, a, 80);
		cr_assert(err == (kept ? DT_OK : DT_ERR_UNSUPPORTED));
		if (kept) {
			SSL_export_keying_material(c->ssl, theirs, 80, "EXPORTER-a", 10, NULL, 0, 0);
			cr_assert(memcmp(a, theirs, 80) == 0);
			cr_assert(dt_conn_export(conn, "EXPORTER-a", empty, b, 80) == DT_OK);
			cr_assert(memcmp(a, b, 80) != 0, "an empty context is one");
			cr_assert(dt_conn_export(conn, "key expansion", none, a, 80) == DT_ERR_INVALID);
			cr_assert(dt_conn_export(conn, "", none, a, 80) == DT_ERR_INVALID);
		}
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(exporter, needs_the_extended_master_secret)
{
	struct sim_options o = sim_defaults("export_ems");
	o.exporter = true;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	cr_assert(sim_connect(sim, ctx)->state == SIM_UP);
	cr_assert(sim_newest(&sim->server)->export_err == DT_ERR_UNSUPPORTED);
	SSL_CTX_free(ctx);
	sim_free(sim);
}
