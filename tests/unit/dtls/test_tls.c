#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/mem.h"
#include "dtls/engine.h"
#include "dtls/tls.h"

static EVP_PKEY *key, *other_key;
static X509 *leaf;

static void
make_certificate(void)
{
	key = EVP_EC_gen("P-256");
	other_key = EVP_EC_gen("P-256");
	leaf = X509_new();
	X509_gmtime_adj(X509_getm_notBefore(leaf), -1000);
	X509_gmtime_adj(X509_getm_notAfter(leaf), 1000);
	X509_set_pubkey(leaf, key);
	cr_assert(X509_sign(leaf, key, EVP_sha256()));
}

static void
free_certificate(void)
{
	X509_free(leaf);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other_key);
}

TestSuite(tls, .init = make_certificate, .fini = free_certificate);

static int
accept_chain(void *arg, X509 *x, STACK_OF(X509) *untrusted, struct dt_wall now)
{
	(void)arg, (void)x, (void)untrusted, (void)now;
	return X509_V_OK;
}

static int
accept_leaf(void *arg, X509 *x, struct dt_wall now)
{
	(void)arg, (void)x, (void)now;
	return X509_V_OK;
}

static struct dt_tls_settings
usual(const struct dt_tls_certificate *cert)
{
	return (struct dt_tls_settings){
	    .certificates = cert,
	    .certificate_count = 1,
	    .verifier = {NULL, accept_chain, accept_leaf},
	    .client_auth = DT_CLIENT_AUTH_REQUIRED,
	    .tickets = true,
	    .psk = true,
	    .ticket_lifetime = DT_SECONDS(3600),
	    .mtu = 1400,
	    .initial_timer = DT_SECONDS(1),
	    .max_timer = DT_SECONDS(60),
	};
}

Test(tls, wrong_settings_are_named)
{
	static const struct {
		const char *suites, *groups, *signatures, *says; /* NULL says = good */
	} table[] = {
	    {NULL, NULL, NULL, NULL},
	    {"ECDHE-ECDSA-AES128-GCM-SHA256", "X25519", "ECDSA+SHA256", NULL},
	    {"ECDHE-ECDSA-AES128-SHA256", NULL, NULL, NULL},
	    {"NO-SUCH-SUITE", NULL, NULL, "cipher_suites"},
	    {"", NULL, NULL, "cipher_suites"},
	    {NULL, "X25519:P-257", NULL, "groups"},
	    {NULL, NULL, "ECDSA+MD17", "signature_algorithms"},
	};
	struct dt_tls_certificate cert = {.leaf = leaf, .key = key};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct dt_tls_settings s = usual(&cert);
		s.suites = table[i].suites;
		s.groups = table[i].groups;
		s.signature_algorithms = table[i].signatures;
		struct dt_tls *tls = NULL;
		char error[256];
		enum dt_err err = dt_tls_new(&s, &tls, error, sizeof(error));
		cr_assert((err == DT_OK) == !table[i].says, "row %zu: %s", i, error);
		cr_assert(!table[i].says || strstr(error, table[i].says), "row %zu: %s", i, error);
		cr_assert((tls != NULL) == (err == DT_OK));
		cr_assert(ERR_peek_error() == 0, "row %zu", i);
		dt_tls_free(&tls);
	}
}

Test(tls, a_key_of_another_certificate_is_refused)
{
	struct dt_tls_certificate cert = {.leaf = leaf, .key = other_key};
	struct dt_tls_settings s = usual(&cert);
	struct dt_tls *tls = NULL;
	char error[256];
	cr_assert(dt_tls_new(&s, &tls, error, sizeof(error)) != DT_OK && !tls);
	cr_assert(strstr(error, "certificate"), "%s", error);
}

Test(tls, without_memory_there_is_none)
{
	struct dt_tls_certificate cert = {.leaf = leaf, .key = key};
	struct dt_tls_settings s = usual(&cert);
	struct dt_tls *tls = NULL;
	char error[256];
	uint64_t nth = 1;
	for (;; nth++) {
		dt_mem_fail_nth(nth);
		enum dt_err err = dt_tls_new(&s, &tls, error, sizeof(error));
		dt_mem_fail_nth(0);
		if (err == DT_OK)
			break;
		cr_assert(err == DT_ERR_NOMEM && !tls);
	}
	cr_assert(nth > 2);
	dt_tls_free(&tls);
}

Test(tls, knows_suites_by_both_their_names)
{
	static const struct {
		const char *name, *openssl;
	} table[] = {
	    {"TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", "ECDHE-ECDSA-AES128-CCM8"},
	    {"ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-CCM8"},
	    {"TLS_PSK_WITH_AES_128_CCM_8", "PSK-AES128-CCM8"},
	    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"},
	    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SH", NULL},
	    {"ALL", NULL},
	    {"", NULL},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *found = dt_tls_suite_name(table[i].name);
		if (table[i].openssl)
			cr_assert_str_eq(found, table[i].openssl);
		else
			cr_assert(found == NULL, "%s", table[i].name);
	}
}

/* ---- the engine that such a context gives ---- */

Test(tls, a_client_without_encrypt_then_mac_gets_no_engine_where_only_cbc_is_on)
{
	static const struct {
		const char *suites;
		bool without_cbc;
		enum dt_err err;
	} table[] = {
	    {"ECDHE-ECDSA-AES128-SHA256", true, DT_ERR_REFUSED},
	    {"ECDHE-ECDSA-AES128-SHA256", false, DT_OK},
	    {"ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256", true, DT_OK},
	    {NULL, true, DT_OK},
	};
	struct dt_tls_certificate cert = {.leaf = leaf, .key = key};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct dt_tls_settings s = usual(&cert);
		s.suites = table[i].suites;
		struct dt_tls *tls = NULL;
		struct dt_engine *e = NULL;
		char error[256];
		cr_assert(dt_tls_new(&s, &tls, error, sizeof(error)) == DT_OK);
		cr_assert(dt_engine_new(tls, table[i].without_cbc, &e) == table[i].err, "row %zu", i);
		cr_assert(ERR_peek_error() == 0, "row %zu", i);
		cr_assert(tls->ssl_objects == (table[i].err == DT_OK ? 1 : 0));
		dt_engine_free(&e);
		cr_assert(tls->ssl_objects == 0);
		dt_tls_free(&tls);
	}
}

Test(tls, an_engine_refuses_what_is_no_hello)
{
	struct dt_tls_certificate cert = {.leaf = leaf, .key = key};
	struct dt_tls_settings s = usual(&cert);
	struct dt_tls *tls;
	char error[256];
	cr_assert(dt_tls_new(&s, &tls, error, sizeof(error)) == DT_OK);
	static uint8_t message[20000] = {1, 0, 0, 30, 0, 1, 0, 0, 0, 0, 0, 30};
	static const size_t lengths[] = {12, 13, 42, 17000};
	for (size_t i = 0; i < 4; i++) {
		struct dt_engine *e;
		cr_assert(dt_engine_new(tls, false, &e) == DT_OK);
		dt_write_uint(message + 1, lengths[i] - 12, 3);
		dt_write_uint(message + 9, lengths[i] - 12, 3);
		cr_assert(!dt_engine_hello(e, (struct dt_span){message, lengths[i]}));
		dt_engine_free(&e);
	}
	dt_tls_free(&tls);
}
