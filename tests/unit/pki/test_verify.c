#include <criterion/criterion.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "pki/trust.h"
#include "support.h"

static struct dt_trust *
trust_in(const char *name)
{
	const char *path = cert_path(name);
	const struct dt_store_source store = {.path = path};
	struct dt_trust_source src = {.stores = &store, .store_count = 1};
	struct dt_trust *t;
	struct dt_pki_error err;
	cr_assert_eq(dt_trust_load(&src, &t, &err), DT_OK, "%s", err.text);
	return t;
}

static struct dt_verify_result
verify(const char *ca, const char *leaf, const char *untrusted, struct dt_now now)
{
	struct dt_trust *t = trust_in(ca);
	X509 *x = read_certificate(leaf);
	STACK_OF(X509) *chain = NULL;
	if (untrusted) {
		chain = sk_X509_new_null();
		sk_X509_push(chain, read_certificate(leaf));
		sk_X509_push(chain, read_certificate(untrusted));
	}
	struct dt_verify_result r;
	dt_trust_verify(t, x, chain, now, &r);
	cr_assert_eq(ERR_peek_error(), 0ul, "%s left an error behind", leaf);
	sk_X509_pop_free(chain, X509_free);
	X509_free(x);
	dt_trust_free(&t);
	return r;
}

Test(verify, each_kind_of_client_has_its_result_and_alert)
{
	static const struct {
		const char *ca, *leaf, *untrusted;
		int32_t code;
		uint8_t alert;
	} rows[] = {
	    {"ca.crt", "client.crt", NULL, X509_V_OK, 0},
	    {"ca.crt", "client-2.crt", NULL, X509_V_OK, 0},
	    {"ca.crt", "client-rsa.crt", NULL, X509_V_OK, 0},
	    {"rsa-ca.crt", "client-odd.crt", NULL, X509_V_OK, 0},
	    {"ca.crt", "client-inter.crt", "inter.crt", X509_V_OK, 0},
	    {"ca.crt", "client-inter.crt", NULL, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 48},
	    {"inter.crt", "client-inter.crt", NULL, X509_V_OK, 0},
	    {"client-self.crt", "client-self.crt", NULL, X509_V_OK, 0},
	    {"ca.crt", "client-expired.crt", NULL, X509_V_ERR_CERT_HAS_EXPIRED, 45},
	    {"ca.crt", "client-future.crt", NULL, X509_V_ERR_CERT_NOT_YET_VALID, 45},
	    {"roots.crt", "client-unknown.crt", NULL, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		48},
	    {"ca.crt", "client-unknown.crt", "other-ca.crt", X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
		48},
	    {"ca.crt", "client-self.crt", NULL, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, 48},
	    {"ca.crt", "client-weak.crt", NULL, X509_V_ERR_EE_KEY_TOO_SMALL, 42},
	    {"ca.crt", "server.crt", NULL, X509_V_ERR_INVALID_PURPOSE, 43},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_verify_result r =
		    verify(rows[i].ca, rows[i].leaf, rows[i].untrusted, TODAY);
		cr_assert_eq(r.code, rows[i].code, "%s: %d %s", rows[i].leaf, r.code, r.text);
		cr_assert_eq(strcmp(r.text, "OK") == 0, r.code == X509_V_OK);
		if (r.code != X509_V_OK)
			cr_assert_eq(dt_verify_alert(r.code), rows[i].alert, "%s", rows[i].leaf);
	}
}

Test(verify, the_time_is_now_and_not_the_machines)
{
	static const struct {
		const char *leaf;
		int year;
		int32_t code;
	} rows[] = {
	    {"client.crt", 1971, X509_V_ERR_CERT_NOT_YET_VALID},
	    {"client.crt", 2019, X509_V_ERR_CERT_NOT_YET_VALID},
	    {"client.crt", 2021, X509_V_OK},
	    {"client.crt", 2040, X509_V_OK},
	    {"client.crt", 2051, X509_V_ERR_CERT_HAS_EXPIRED},
	    {"client.crt", 3000, X509_V_ERR_CERT_HAS_EXPIRED},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_verify_result r =
		    verify("ca.crt", rows[i].leaf, NULL, IN_YEAR(rows[i].year));
		cr_assert_eq(r.code, rows[i].code, "%d: %s", rows[i].year, r.text);
	}
}

/* The cast of the forgeries: a root that is trusted, its intermediate, one that nobody knows. */
struct cast {
	EVP_PKEY *root_key, *inter_key, *evil_key, *leaf_key;
	X509 *root, *inter;
};

struct dates {
	const char *first, *last;
};

static const struct dates in_time = {"200101000000Z", "491231235959Z"};
static const struct dates over = {"200101000000Z", "220101000000Z"};
static const struct dates not_yet = {"400101000000Z", "491231235959Z"};

static X509 *
issue(const char *cn, EVP_PKEY *key, const char *issuer, EVP_PKEY *signer,
    const struct dates *dates, const char *usage)
{
	X509 *x = new_certificate(cn);
	X509_NAME *name = X509_NAME_new();
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_UTF8, (const unsigned char *)issuer, -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_NAME_free(name);
	X509_set_pubkey(x, key);
	ASN1_TIME_set_string(X509_getm_notBefore(x), dates->first);
	ASN1_TIME_set_string(X509_getm_notAfter(x), dates->last);
	if (usage)
		add_extension(x, NID_ext_key_usage, usage);
	else
		add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
	cr_assert(X509_sign(x, signer, EVP_sha256()) > 0);
	return x;
}

static void
make_cast(struct cast *c, const struct dates *inter)
{
	EVP_PKEY **keys[] = {&c->root_key, &c->inter_key, &c->evil_key, &c->leaf_key};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		*keys[i] = EVP_EC_gen("P-256");
	c->root = issue("root", c->root_key, "root", c->root_key, &in_time, NULL);
	c->inter = issue("inter", c->inter_key, "root", c->root_key, inter, NULL);
}

static void
free_cast(struct cast *c)
{
	X509_free(c->root);
	X509_free(c->inter);
	EVP_PKEY_free(c->root_key);
	EVP_PKEY_free(c->inter_key);
	EVP_PKEY_free(c->evil_key);
	EVP_PKEY_free(c->leaf_key);
}

static struct dt_trust *
trust_in_root(const struct cast *c)
{
	const char *path = temp_file("", 0);
	FILE *f = fopen(path, "w");
	cr_assert(f && PEM_write_X509(f, c->root));
	fclose(f);
	const struct dt_store_source store = {.path = path};
	struct dt_trust_source src = {.stores = &store, .store_count = 1};
	struct dt_trust *t;
	struct dt_pki_error err;
	cr_assert_eq(dt_trust_load(&src, &t, &err), DT_OK, "%s", err.text);
	unlink(path);
	return t;
}

/* A module may forgive expired certificates: whatever else is wrong must not hide behind that. */
Test(verify, expired_is_said_only_of_a_chain_that_is_good_but_for_its_dates)
{
	enum signer { ROOT, INTER, EVIL };
	static const struct {
		const char *what;
		const struct dates *inter, *leaf;
		const char *issuer;
		enum signer signer;
		const char *usage;
		int32_t code;
	} rows[] = {
	    {"all good", &in_time, &in_time, "inter", INTER, "clientAuth", X509_V_OK},
	    {"leaf over", &in_time, &over, "inter", INTER, "clientAuth",
		X509_V_ERR_CERT_HAS_EXPIRED},
	    {"leaf over, below the root", &in_time, &over, "root", ROOT, "clientAuth",
		X509_V_ERR_CERT_HAS_EXPIRED},
	    {"intermediate over", &over, &in_time, "inter", INTER, "clientAuth",
		X509_V_ERR_CERT_HAS_EXPIRED},
	    {"both over", &over, &over, "inter", INTER, "clientAuth", X509_V_ERR_CERT_HAS_EXPIRED},
	    {"leaf not yet", &in_time, &not_yet, "inter", INTER, "clientAuth",
		X509_V_ERR_CERT_NOT_YET_VALID},
	    {"intermediate not yet", &not_yet, &in_time, "inter", INTER, "clientAuth",
		X509_V_ERR_CERT_NOT_YET_VALID},
	    {"forged leaf below an intermediate that is over", &over, &in_time, "inter", EVIL,
		"clientAuth", X509_V_ERR_CERT_SIGNATURE_FAILURE},
	    {"forged leaf below an intermediate not yet valid", &not_yet, &in_time, "inter", EVIL,
		"clientAuth", X509_V_ERR_CERT_SIGNATURE_FAILURE},
	    {"forged leaf that is over", &in_time, &over, "inter", EVIL, "clientAuth",
		X509_V_ERR_CERT_SIGNATURE_FAILURE},
	    {"forged leaf, both over", &over, &over, "inter", EVIL, "clientAuth",
		X509_V_ERR_CERT_SIGNATURE_FAILURE},
	    {"forged leaf that is over, below the root", &in_time, &over, "root", EVIL,
		"clientAuth", X509_V_ERR_CERT_SIGNATURE_FAILURE},
	    {"leaf over, of an unknown CA", &in_time, &over, "nobody", EVIL, "clientAuth",
		X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
	    {"leaf over, for servers", &in_time, &over, "inter", INTER, "serverAuth",
		X509_V_ERR_INVALID_PURPOSE},
	    {"leaf for servers, intermediate over", &over, &in_time, "inter", INTER, "serverAuth",
		X509_V_ERR_INVALID_PURPOSE},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cast c;
		make_cast(&c, rows[i].inter);
		EVP_PKEY *signers[] = {c.root_key, c.inter_key, c.evil_key};
		X509 *leaf = issue("device", c.leaf_key, rows[i].issuer, signers[rows[i].signer],
		    rows[i].leaf, rows[i].usage);
		struct dt_trust *t = trust_in_root(&c);
		STACK_OF(X509) *chain = sk_X509_new_null();
		sk_X509_push(chain, leaf);
		sk_X509_push(chain, c.inter);
		struct dt_verify_result r;
		dt_trust_verify(t, leaf, chain, TODAY, &r);
		cr_expect_eq(r.code, rows[i].code, "%s: %d %s", rows[i].what, r.code, r.text);
		cr_expect_eq(ERR_peek_error(), 0ul, "%s", rows[i].what);
		sk_X509_free(chain);
		X509_free(leaf);
		dt_trust_free(&t);
		free_cast(&c);
	}
}

/* An attacker may send more than one certificate of the name: which of them OpenSSL tries must not
 * matter. */
Test(verify, a_second_intermediate_of_the_same_name_opens_nothing)
{
	struct cast c;
	make_cast(&c, &over);
	X509 *evil = issue("inter", c.evil_key, "root", c.evil_key, &in_time, NULL);
	X509 *leaf = issue("device", c.leaf_key, "inter", c.evil_key, &over, "clientAuth");
	struct dt_trust *t = trust_in_root(&c);
	for (int order = 0; order < 2; order++) {
		STACK_OF(X509) *chain = sk_X509_new_null();
		sk_X509_push(chain, order ? evil : c.inter);
		sk_X509_push(chain, order ? c.inter : evil);
		struct dt_verify_result r;
		dt_trust_verify(t, leaf, chain, TODAY, &r);
		cr_expect_eq(r.code, X509_V_ERR_CERT_SIGNATURE_FAILURE, "order %d: %d %s", order,
		    r.code, r.text);
		sk_X509_free(chain);
	}
	X509_free(leaf);
	X509_free(evil);
	dt_trust_free(&t);
	free_cast(&c);
}

Test(verify, a_changed_certificate_is_bad)
{
	struct dt_trust *t = trust_in("ca.crt");
	size_t len;
	uint8_t *der = read_bytes(cert_path("client-2.der"), &len);
	uint8_t *name = memmem(der, len, "device-2", 8);
	cr_assert(name);
	name[7] = '1';
	struct dt_verify_result r;
	dt_trust_verify_leaf(t, der, len, TODAY, &r);
	cr_assert_eq(r.code, X509_V_ERR_CERT_SIGNATURE_FAILURE);
	cr_assert_eq(dt_verify_alert(r.code), 42);
	dt_free(der);
	dt_trust_free(&t);
}

Test(verify, a_remembered_leaf_is_checked_against_todays_trust)
{
	static const struct {
		const char *ca, *leaf;
		int year;
		int32_t code;
	} rows[] = {
	    {"ca.crt", "client.der", 2023, X509_V_OK},
	    {"ca.crt", "client.der", 2051, X509_V_ERR_CERT_HAS_EXPIRED},
	    {"rsa-ca.crt", "client.der", 2023, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
	    {"ca.crt", "client-inter.der", 2023, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
	    {"inter.crt", "client-inter.der", 2023, X509_V_OK},
	    {"ca.crt", "client.crt", 2023, X509_V_ERR_UNSPECIFIED},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_trust *t = trust_in(rows[i].ca);
		size_t len;
		uint8_t *der = read_bytes(cert_path(rows[i].leaf), &len);
		struct dt_verify_result r;
		dt_trust_verify_leaf(t, der, len, IN_YEAR(rows[i].year), &r);
		cr_assert_eq(r.code, rows[i].code, "row %zu: %s", i, r.text);
		cr_assert_eq(ERR_peek_error(), 0ul);
		dt_trust_verify_leaf(t, der, len - 1, TODAY, &r);
		cr_assert_neq(r.code, X509_V_OK);
		dt_trust_verify_leaf(t, der, len + 1, TODAY, &r);
		cr_assert_neq(r.code, X509_V_OK);
		dt_trust_verify_leaf(t, der, 0, TODAY, &r);
		cr_assert_neq(r.code, X509_V_OK);
		dt_free(der);
		dt_trust_free(&t);
	}
}

Test(verify, errors_of_others_on_the_queue_stay)
{
	struct dt_trust *t = trust_in("ca.crt");
	X509 *x = read_certificate("client-unknown.crt");
	struct dt_verify_result r;
	ERR_raise(ERR_LIB_USER, 42);
	unsigned long before = ERR_peek_last_error();
	dt_trust_verify(t, x, NULL, TODAY, &r);
	cr_assert_neq(r.code, X509_V_OK);
	cr_assert_eq(ERR_get_error(), before);
	cr_assert_eq(ERR_get_error(), 0ul);
	X509_free(x);
	dt_trust_free(&t);
}

Test(verify, a_long_chain_of_strangers_is_bounded)
{
	struct dt_trust *t = trust_in("ca.crt");
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *leaf = NULL;
	for (int i = 0; i < 40; i++) {
		char cn[16];
		snprintf(cn, sizeof(cn), "%d", i);
		X509 *x = new_certificate(cn);
		snprintf(cn, sizeof(cn), "%d", i + 1);
		X509_NAME *issuer = X509_NAME_new();
		X509_NAME_add_entry_by_txt(
		    issuer, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
		X509_set_issuer_name(x, issuer);
		X509_NAME_free(issuer);
		add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
		size_t len;
		OPENSSL_free(sign_der(x, &len));
		if (!leaf)
			leaf = x;
		else
			sk_X509_push(chain, x);
	}
	struct dt_verify_result r;
	dt_trust_verify(t, leaf, chain, TODAY, &r);
	cr_assert_eq(r.code, X509_V_ERR_CERT_CHAIN_TOO_LONG, "%s", r.text);
	X509_free(leaf);
	sk_X509_pop_free(chain, X509_free);
	dt_trust_free(&t);
}

Test(verify, alerts_of_what_no_certificate_here_shows)
{
	static const struct {
		int32_t code;
		uint8_t alert;
	} rows[] = {
	    {-1, 40},
	    {X509_V_ERR_CERT_REVOKED, 44},
	    {X509_V_ERR_CERT_CHAIN_TOO_LONG, 48},
	    {X509_V_ERR_OUT_OF_MEM, 80},
	    {X509_V_ERR_UNABLE_TO_GET_CRL, 46},
	    {X509_V_ERR_APPLICATION_VERIFICATION, 46},
	    {9999, 46},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_eq(dt_verify_alert(rows[i].code), rows[i].alert, "%d", rows[i].code);
}

Test(verify, an_alert_for_a_good_certificate_is_a_programmer_error, .signal = SIGABRT)
{
	dt_verify_alert(X509_V_OK);
}

static void *
verify_often(void *arg)
{
	const struct dt_trust *t = arg;
	X509 *good = read_certificate("client.crt"), *bad = read_certificate("client-unknown.crt");
	size_t wrong = 0;
	for (int i = 0; i < 200; i++) {
		struct dt_verify_result r;
		dt_trust_verify(t, good, NULL, TODAY, &r);
		wrong += r.code != X509_V_OK;
		dt_trust_verify(t, bad, NULL, TODAY, &r);
		wrong += r.code == X509_V_OK;
	}
	X509_free(good);
	X509_free(bad);
	return (void *)wrong;
}

Test(verify, one_trust_serves_many_threads)
{
	struct dt_trust *t = trust_in("roots.crt");
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, verify_often, t), 0);
	for (size_t i = 0; i < 4; i++) {
		void *wrong;
		pthread_join(threads[i], &wrong);
		cr_assert_null(wrong);
	}
	dt_trust_free(&t);
}
