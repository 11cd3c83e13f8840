/* The client's certificate, as modules get it. */
#include <stdio.h>
#include <string.h>

#include "pki/fields.h"
#include "world.h"

static struct script a, b;
static struct script *const two[] = {&a, &b};
static struct world w;
static uint8_t der[8192];
static size_t der_len;
static const struct dtlsd_certificate *seen;
static char subject[256];

static void
begin(void)
{
	a = (struct script){.name = "a"};
	b = (struct script){.name = "b"};
	seen = NULL;
	FILE *f = fopen(CERTS "/client.der", "rb");
	cr_assert_not_null(f);
	der_len = fread(der, 1, sizeof(der), f);
	cr_assert(der_len > 100 && der_len < sizeof(der));
	fclose(f);
}

TestSuite(certificate, .init = begin);

static void
ask_twice(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	const struct dtlsd_certificate *again;
	(void)d;
	cr_assert_eq(c->host->peer_certificate(c, c->conn, &seen), DTLSD_OK);
	cr_assert_eq(c->host->peer_certificate(c, c->conn, &again), DTLSD_OK);
	cr_assert_eq(seen, again, "decoded once for each hook");
	snprintf(subject, sizeof(subject), "%s", seen->subject);
}

Test(certificate, is_decoded_for_the_hook_that_asks)
{
	a.on_data = ask_twice;
	world_open(&w, two, 2);
	struct dt_conn *conn = world_established(&w, 0);
	conn->certificate = (struct dt_span){der, der_len};
	world_data(&w, conn, "x");
	cr_assert_str_not_empty(subject);
	world_data(&w, conn, "x");
	world_close(&w);
}

static void
expect_none(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	(void)d;
	seen = (const struct dtlsd_certificate *)&w;
	cr_assert_eq(c->host->peer_certificate(c, c->conn, &seen), DTLSD_GONE);
	cr_assert_null(seen);
	cr_assert_eq(c->host->peer_certificate(c, c->conn + 1, &seen), DTLSD_GONE);
	cr_assert_eq(c->host->peer_certificate(c, c->conn, NULL), DTLSD_INVALID);
}

Test(certificate, of_a_client_without_one_is_gone)
{
	a.on_data = expect_none;
	world_open(&w, two, 2);
	struct dt_conn *conn = world_established(&w, 0);
	world_data(&w, conn, "x");
	conn->certificate = (struct dt_span){der, 40}; /* cannot be read */
	world_data(&w, conn, "x");
	world_close(&w);
}

static void
ask_in_gate(const struct dtlsd_ctx *c, struct dtlsd_auth *auth)
{
	cr_assert_eq(c->host->peer_certificate(c, c->conn, &seen), DTLSD_OK);
	cr_assert_eq(seen, auth->certificate);
	cr_assert_str_eq(auth->status, "fine");
	cr_assert_eq(auth->chain_count, 1);
	cr_assert_arr_eq(auth->chain[0].data, der, der_len);
	snprintf(subject, sizeof(subject), "%s", auth->certificate->subject);
}

Test(certificate, in_the_gate_is_that_of_the_event_and_it_survives_a_deferral)
{
	a.defers = true;
	a.auth = DTLSD_DEFER;
	b.on_auth = ask_in_gate;
	world_open(&w, two, 2);
	struct dt_cert_fields *fields;
	cr_assert_eq(dt_cert_fields_new(der, der_len, &fields), DT_CERT_OK);
	char wanted[256], status[] = "fine";
	snprintf(wanted, sizeof(wanted), "%s", fields->cert.subject);
	struct dtlsd_bytes chain[] = {{der, der_len}};
	struct dtlsd_auth auth = {.size = sizeof(auth),
	    .recommended = DTLSD_ACCEPT,
	    .status = status,
	    .certificate = &fields->cert,
	    .chain = chain,
	    .chain_count = 1,
	    .chain_size = sizeof(chain[0])};
	struct dt_conn *conn = world_conn(&w, 0);
	cr_assert_eq(fake_ask_auth(conn, &auth), DT_GATE_WAIT);
	dt_cert_fields_free(&fields);
	memset(status, 'x', 4);
	chain[0].data = NULL;
	a.open_ctx->host->resolve(a.open_ctx, a.token, DTLSD_NEXT, NULL, 0);
	dt_plugin_worker_flush(w.pw[0]);
	cr_assert(conn->verdict.given && conn->verdict.accept);
	cr_assert_str_eq(subject, wanted);
	world_close(&w);
}
