/* The gates for requests and for PSK identities. */
#include <criterion/criterion.h>
#include <string.h>

#include "conn/conn_state.h"
#include "dtls/alert.h"
#include "sim.h"

#define KEY "correct horse battery staple"

/* ---- request ---- */

static struct sim_client *
ask(struct sim *sim, SSL_CTX *ctx, enum sim_verdict verdict, uint8_t alert)
{
	sim->server.request = verdict;
	sim->server.alert = alert;
	return sim_connect(sim, ctx);
}

Test(request, a_silent_refusal_sends_nothing_and_keeps_nothing)
{
	struct sim_options o = sim_defaults("silent");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = ask(sim, ctx, SIM_REJECT, 0);
	cr_assert(c->state == SIM_BUSY && c->alert == -1);
	cr_assert(dt_conns_count(sim->server.conns) == 0 && sim->server.sent == 1, "more than the cookie");
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(d->asked == 1 && d->connected == 0 && d->released == 1);
	/* The client asks again with the same cookie, and may be let in now. */
	sim->server.request = SIM_ACCEPT;
	sim_run(sim, DT_SECONDS(5));
	cr_assert(c->state == SIM_UP);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(request, a_refusal_may_name_its_alert)
{
	struct sim_options o = sim_defaults("alert");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = ask(sim, ctx, SIM_REJECT, DT_ALERT_ACCESS_DENIED);
	cr_assert(c->state == SIM_FAILED && c->alert == DT_ALERT_ACCESS_DENIED);
	cr_assert(dt_conns_count(sim->server.conns) == 0);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(request, a_deferred_request_costs_no_ssl_object_and_is_asked_once)
{
	static const struct {
		bool accept;
		uint8_t alert;
		enum sim_client_state state;
	} table[] = {{true, 0, SIM_UP}, {false, 0, SIM_BUSY}, {false, DT_ALERT_ACCESS_DENIED, SIM_FAILED}};
	SSL_CTX *ctx = sim_client_ctx(NULL);
	for (size_t i = 0; i < 3; i++) {
		struct sim_options o = sim_defaults("deferred");
		struct sim *sim = sim_new(&o);
		struct sim_client *c = ask(sim, ctx, SIM_WAIT, 0);
		sim_run(sim, DT_SECONDS(4)); /* the client repeats its hello */
		cr_assert(sim->server.tls->ssl_objects == 0 && sim_diary_count(&sim->server) == 1);
		cr_assert(sim->server.sent == 1, "a repeated hello was answered");
		sim_verdict(&sim->server, DT_GATE_REQUEST, table[i].accept, table[i].alert, NULL);
		sim_settle(sim);
		cr_assert(c->state == table[i].state, "row %zu: state %d", i, (int)c->state);
		if (c->state == SIM_UP)
			sim_check_echo(sim, c, "in");
		sim_free(sim);
	}
	SSL_CTX_free(ctx);
}

Test(request, a_verdict_that_never_comes_ends_at_the_bound)
{
	struct sim_options o = sim_defaults("never");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	ask(sim, ctx, SIM_WAIT, 0);
	sim_run(sim, DT_SECONDS(61));
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(d->connected == 0 && d->released == 1);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* ---- psk ---- */

struct psk_row {
	enum sim_verdict verdict; /* of the module */
	const char *server_key;	  /* that it gives; NULL = it does not know */
	const char *identity, *key;
	int alert; /* that the client gets; -1 = it gets in */
};

static const struct psk_row psk_table[] = {
    {SIM_ACCEPT, KEY, "device 7", KEY, -1},
    {SIM_ACCEPT, KEY, "device 7", "wrong", DT_ALERT_DECRYPT_ERROR},
    {SIM_ACCEPT, NULL, "unknown", KEY, DT_ALERT_DECRYPT_ERROR},
    {SIM_REJECT, KEY, "device 7", KEY, DT_ALERT_DECRYPT_ERROR},
};
static const char *const psk_suites[] = {"PSK-AES128-CCM8", "ECDHE-PSK-CHACHA20-POLY1305",
    "ECDHE-PSK-AES128-CBC-SHA256"};

static void
play_psk(const struct psk_row *row, const char *suite, bool deferred)
{
	struct sim_options o = sim_defaults("psk");
	o.psk = o.psk_only = true;
	o.suites = suite;
	struct sim *sim = sim_new(&o);
	sim->server.psk = deferred ? SIM_WAIT : row->verdict;
	sim->server.key = row->server_key;
	SSL_CTX *ctx = sim_client_ctx(suite);
	struct sim_client *c = sim_add_client(sim, ctx);
	c->psk_identity = row->identity;
	c->psk_key = row->key;
	sim_client_start(c);
	sim_settle(sim);
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(d->identities == 1);
	cr_assert_str_eq(d->identity, row->identity);
	if (deferred) {
		cr_assert(c->state == SIM_BUSY && d->connected == 0);
		sim_run(sim, DT_SECONDS(8));
		cr_assert(c->state == SIM_BUSY && d->identities == 1);
		sim_verdict(&sim->server, DT_GATE_PSK, row->verdict == SIM_ACCEPT, 0, row->server_key);
		sim_settle(sim);
	}
	cr_assert(d->connected == 1);
	if (row->alert < 0) {
		cr_assert(c->state == SIM_UP, "%s: alert %d, %s", suite, c->alert, d->text);
		sim_check_echo(sim, c, "known");
		struct dt_conn *conn = dt_conns_find(sim->server.conns, d->id);
		cr_assert_str_eq(dt_conn_psk_identity(conn), row->identity);
	} else if (strstr(suite, "CBC")) {
		cr_assert(c->state != SIM_UP, "%s: state %d", suite, (int)c->state);
	} else {
		cr_assert(c->state == SIM_FAILED && c->alert == row->alert, "%s: state %d, alert %d", suite,
		    (int)c->state, c->alert);
		cr_assert(d->status == 403);
	}
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(psk, an_unknown_identity_is_refused_like_a_wrong_key)
{
	for (size_t s = 0; s < 3; s++)
		for (size_t i = 0; i < sizeof(psk_table) / sizeof(psk_table[0]); i++)
			play_psk(&psk_table[i], psk_suites[s], false);
}

Test(psk, the_key_may_come_later)
{
	for (size_t s = 0; s < 3; s++)
		for (size_t i = 0; i < sizeof(psk_table) / sizeof(psk_table[0]); i++)
			play_psk(&psk_table[i], psk_suites[s], true);
}

/* Writes another identity into the client's key exchange; the handshake fails by its transcript,
 * what counts is how. */
struct forger {
	uint8_t identity[300];
	size_t len;
	bool done;
};

static bool
forge_identity(void *arg, struct sim_packet *p)
{
	struct forger *f = arg;
	struct dt_record rec;
	size_t at = 0;
	if (!p->to_server || dt_record_next(p->bytes, p->len, &at, &rec) != DT_RECORD_OK)
		return true;
	struct dt_reader r = dt_reader(rec.body, rec.len);
	struct dt_fragment frag;
	if (rec.type != DT_HANDSHAKE || !dt_fragment_read(&r, &frag) || frag.type != 16)
		return true;
	/* The identity that OpenSSL wrote is as long: only the bytes differ. */
	cr_assert(frag.bytes.len == 2 + f->len);
	memcpy(rec.body + DT_HS_HEADER + 2, f->identity, f->len);
	f->done = true;
	return true;
}

static void
try_identity(const char *as_sent, const uint8_t *instead, bool asked)
{
	struct sim_options o = sim_defaults("identity");
	o.psk = o.psk_only = true;
	struct sim *sim = sim_new(&o);
	struct forger f = {.len = strlen(as_sent)};
	memcpy(f.identity, instead, f.len);
	sim->link.tap = forge_identity;
	sim->link.tap_arg = &f;
	sim->server.psk = SIM_ACCEPT;
	sim->server.key = KEY;
	SSL_CTX *ctx = sim_client_ctx("PSK-AES128-CCM8");
	struct sim_client *c = sim_add_client(sim, ctx);
	c->psk_identity = as_sent;
	c->psk_key = KEY;
	sim_client_start(c);
	sim_settle(sim);
	cr_assert(f.done && c->state == SIM_FAILED && c->alert == DT_ALERT_DECRYPT_ERROR, "alert %d", c->alert);
	cr_assert(sim_newest(&sim->server)->identities == (asked ? 1 : 0));
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(psk, an_identity_with_a_nul_byte_reaches_nobody)
{
	try_identity("admin", (const uint8_t *)"ad\0in", false);
	try_identity("admin", (const uint8_t *)"\0dmin", false);
	try_identity("admin", (const uint8_t *)"admi\0", false);
	try_identity("admin", (const uint8_t *)"other", true);
}

Test(psk, identities_of_every_length)
{
	static char text[256];
	memset(text, 'i', sizeof(text));
	for (size_t len = 1; len < 256; len += len < 120 ? 13 : 1) {
		text[len] = '\0';
		struct psk_row row = {SIM_ACCEPT, KEY, text, KEY, -1};
		if (len <= 128)
			play_psk(&row, psk_suites[0], false);
		else
			try_identity(text, (const uint8_t *)text, false);
		text[len] = 'i';
	}
}
