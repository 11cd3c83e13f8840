#include <criterion/criterion.h>
#include <openssl/err.h>
#include <string.h>

#include "sim.h"

#define KEY "a shared secret"

struct wish {
	const char *server, *client; /* OpenSSL lists */
	const char *expected;	     /* IANA name; NULL = the handshake is refused */
	bool rsa, psk;
	bool without_etm; /* the client offers no encrypt_then_mac */
};

/* A handshake with this suite, echoes, whether the SSL object is gone, the end. */
static void
try_suite(const struct wish *w)
{
	struct sim_options o = sim_defaults("suites");
	o.suites = w->server;
	o.rsa = w->rsa;
	o.psk = o.psk_only = w->psk;
	struct sim *sim = sim_new(&o);
	sim->server.psk = SIM_ACCEPT;
	sim->server.key = KEY;
	SSL_CTX *ctx = sim_client_ctx(w->client);
	struct sim_client *c = sim_add_client(sim, ctx);
	if (w->psk) {
		c->psk_identity = "somebody";
		c->psk_key = KEY;
	}
	if (w->without_etm)
		SSL_set_options(c->ssl, SSL_OP_NO_ENCRYPT_THEN_MAC);
	sim_client_start(c);
	sim_settle(sim);
	if (!w->expected) {
		cr_assert(c->state == SIM_FAILED && c->alert == SSL_AD_HANDSHAKE_FAILURE,
		    "%s: state %d alert %d", w->client, (int)c->state, c->alert);
	} else {
		cr_assert(c->state == SIM_UP, "%s: state %d alert %d", w->client, (int)c->state, c->alert);
		struct dt_conn *conn = dt_conns_find(sim->server.conns, sim_newest(&sim->server)->id);
		cr_assert_str_eq(dt_conn_suite(conn), w->expected);
		bool ours = strstr(w->expected, "_CBC_") == NULL;
		cr_assert(sim->server.tls->ssl_objects == (ours ? 0 : 1));
		for (int i = 0; i < 5; i++)
			sim_check_echo(sim, c, "over and over");
		sim_client_close(c);
		sim_settle(sim);
		cr_assert(sim_newest(&sim->server)->disconnected == 1);
		cr_assert(sim_newest(&sim->server)->end_status == 0);
	}
	SSL_CTX_free(ctx);
	sim_free(sim);
}

#define TRY(...)                                                                                   \
	do {                                                                                       \
		static const struct wish table[] = {__VA_ARGS__};                                  \
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)                      \
			try_suite(&table[i]);                                                      \
	} while (0)

#define ECDSA(openssl, iana) {NULL, "ECDHE-ECDSA-" openssl, "TLS_ECDHE_ECDSA_WITH_" iana, false, false, false}
#define RSA(openssl, iana) {NULL, "ECDHE-RSA-" openssl, "TLS_ECDHE_RSA_WITH_" iana, true, false, false}
#define PSK(openssl, iana) {NULL, openssl, "TLS_" iana, false, true, false}

Test(suites, every_aead_suite_of_the_default_list_with_an_ecdsa_certificate)
{
	TRY(ECDSA("AES128-GCM-SHA256", "AES_128_GCM_SHA256"), ECDSA("AES256-GCM-SHA384", "AES_256_GCM_SHA384"),
	    ECDSA("CHACHA20-POLY1305", "CHACHA20_POLY1305_SHA256"), ECDSA("AES128-CCM", "AES_128_CCM"),
	    ECDSA("AES256-CCM", "AES_256_CCM"), ECDSA("AES128-CCM8", "AES_128_CCM_8"));
}

Test(suites, every_aead_suite_of_the_default_list_with_an_rsa_certificate)
{
	TRY(RSA("AES128-GCM-SHA256", "AES_128_GCM_SHA256"), RSA("AES256-GCM-SHA384", "AES_256_GCM_SHA384"),
	    RSA("CHACHA20-POLY1305", "CHACHA20_POLY1305_SHA256"));
}

Test(suites, every_psk_suite_of_the_default_list)
{
	TRY(PSK("PSK-AES128-CCM8", "PSK_WITH_AES_128_CCM_8"), PSK("PSK-AES128-CCM", "PSK_WITH_AES_128_CCM"),
	    PSK("PSK-AES128-GCM-SHA256", "PSK_WITH_AES_128_GCM_SHA256"),
	    PSK("PSK-AES256-GCM-SHA384", "PSK_WITH_AES_256_GCM_SHA384"),
	    PSK("PSK-CHACHA20-POLY1305", "PSK_WITH_CHACHA20_POLY1305_SHA256"),
	    PSK("ECDHE-PSK-CHACHA20-POLY1305", "ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256"));
}

#define CBC_LIST "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES128-SHA"

Test(suites, cbc_stays_with_openssl_and_needs_encrypt_then_mac)
{
	TRY({CBC_LIST, "ECDHE-ECDSA-AES128-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", false, false, false},
	    {CBC_LIST, "ECDHE-ECDSA-AES256-SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", false, false, false},
	    {CBC_LIST, "ECDHE-RSA-AES128-SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", true, false, false},
	    {CBC_LIST, "ECDHE-ECDSA-AES128-SHA256", NULL, false, false, true},
	    {CBC_LIST, "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256",
		"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", false, false, true});
}

Test(suites, a_server_with_cbc_only_refuses_a_client_without_encrypt_then_mac)
{
	TRY({"ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA256", NULL, false, false, true});
}

Test(suites, cbc_is_not_on_by_default)
{
	TRY({NULL, "ECDHE-ECDSA-AES128-SHA256", NULL, false, false, false},
	    {NULL, "AES128-GCM-SHA256", NULL, true, false, false});
}
