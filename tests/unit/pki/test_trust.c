#include <criterion/criterion.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "pki/trust.h"
#include "support.h"

/* Loads from up to three paths in CERTS. */
static enum dt_err
load(const char *a, const char *b, const char *c, struct dt_trust **out, struct dt_pki_error *err)
{
	const struct dt_store_source stores[] = {
	    {.path = cert_path(a)}, {.path = cert_path(b)}, {.path = cert_path(c)}};
	size_t count = a ? b ? c ? 3 : 2 : 1 : 0;
	struct dt_trust_source src = {.stores = stores, .store_count = count};
	enum dt_err e = dt_trust_load(&src, out, err);
	cr_assert_eq(e == DT_OK, *out != NULL);
	cr_assert_eq(e == DT_OK, err->fault == DT_PKI_NONE);
	cr_assert_eq(ERR_peek_error(), 0ul);
	return e;
}

Test(trust, files_and_directories_are_a_set_of_certificates)
{
	static const struct {
		const char *a, *b, *c;
		uint32_t count;
	} rows[] = {
	    {"ca.crt", NULL, NULL, 1},
	    {"roots.crt", NULL, NULL, 2},
	    {"ca-dir", NULL, NULL, 2},
	    {"ca.crt", "rsa-ca.crt", NULL, 2},
	    {"ca.crt", "ca.crt", NULL, 1},
	    {"roots.crt", "ca-dir", "ca.crt", 2},
	    {"roots.crt", "other-ca.crt", "inter.crt", 4},
	    {"server-20k.pem", NULL, NULL, 5},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_trust *t;
		struct dt_pki_error err;
		cr_assert_eq(
		    load(rows[i].a, rows[i].b, rows[i].c, &t, &err), DT_OK, "%s", err.text);
		cr_assert_eq(t->count, rows[i].count, "row %zu", i);
		cr_assert_eq(sk_X509_NAME_num(t->names), (int)rows[i].count, "row %zu", i);
		dt_trust_free(&t);
		cr_assert_null(t);
	}
}

Test(trust, what_holds_no_certificate_is_an_error_that_names_it)
{
	static const struct {
		const char *a, *b;
		enum dt_pki_fault fault;
		const char *text;
	} rows[] = {
	    {NULL, NULL, DT_PKI_EMPTY, "holds no CA certificate (no file is configured)"},
	    {"ca.crt", "server.key", DT_PKI_EMPTY, CERTS "/server.key: holds no CA certificate"},
	    {"ca-dir/README", NULL, DT_PKI_FORMAT, CERTS
		"/ca-dir/README: is no certificate store that is known here (PEM, PFX, P7B, DER, JWK, "
		"PPK, XML, SSH)"},
	    {"ca.crt", "nothing", DT_PKI_MISSING, CERTS "/nothing: no such file or directory"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_trust *t;
		struct dt_pki_error err;
		cr_assert_neq(load(rows[i].a, rows[i].b, NULL, &t, &err), DT_OK);
		cr_assert_eq(err.fault, rows[i].fault);
		cr_assert_str_eq(err.text, rows[i].text);
	}
}

Test(trust, a_broken_file_in_a_directory_is_named)
{
	const char *dir = temp_directory();
	const struct dt_store_source stores[] = {{.path = dir}};
	struct dt_trust_source src = {.stores = stores, .store_count = 1};
	struct dt_trust *t;
	struct dt_pki_error err;
	cr_assert_neq(dt_trust_load(&src, &t, &err), DT_OK);
	cr_assert_eq(err.fault, DT_PKI_EMPTY);

	char path[256];
	snprintf(path, sizeof(path), "%s/bad.pem", dir);
	FILE *f = fopen(path, "w");
	fputs("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", f);
	fclose(f);
	cr_assert_neq(dt_trust_load(&src, &t, &err), DT_OK);
	cr_assert_eq(err.fault, DT_PKI_BAD_CERTIFICATE);
	cr_assert(strstr(err.text, path), "%s", err.text);
	unlink(path);
	rmdir(dir);
}

Test(trust, digest_is_that_of_the_set)
{
	struct dt_trust *one, *same, *other;
	struct dt_pki_error err;
	cr_assert_eq(load("ca.crt", "rsa-ca.crt", "inter.crt", &one, &err), DT_OK);
	cr_assert_eq(load("inter.crt", "ca-dir", "ca.crt", &same, &err), DT_OK);
	cr_assert_eq(load("ca.crt", "rsa-ca.crt", NULL, &other, &err), DT_OK);
	cr_assert_eq(memcmp(dt_trust_digest(one), dt_trust_digest(same), DT_TRUST_DIGEST), 0);
	cr_assert_neq(memcmp(dt_trust_digest(one), dt_trust_digest(other), DT_TRUST_DIGEST), 0);
	dt_trust_free(&one);
	dt_trust_free(&same);
	dt_trust_free(&other);
}

/* Names of the length that `count` of them take up to DT_TRUST_NAMES_MAX and beyond. */
static int
names_of_many(int count)
{
	const char *path = temp_file("", 0);
	for (int i = 0; i < count; i++) {
		char cn[65];
		snprintf(cn, sizeof(cn), "%064d", i);
		X509 *x = new_certificate(cn);
		sign_to_file(x, path);
		X509_free(x);
	}
	const struct dt_store_source store = {.path = path};
	struct dt_trust_source src = {.stores = &store, .store_count = 1};
	struct dt_trust *t;
	struct dt_pki_error err;
	cr_assert_eq(dt_trust_load(&src, &t, &err), DT_OK, "%s", err.text);
	cr_assert_eq(t->count, (uint32_t)count);
	int names = sk_X509_NAME_num(t->names);
	dt_trust_free(&t);
	unlink(path);
	return names;
}

Test(trust, too_many_names_become_any)
{
	/* Each: SEQUENCE, SET, SEQUENCE, OID of 3 bytes, 64 characters, and 2 of length: 79. */
	int fit = DT_TRUST_NAMES_MAX / 79;
	cr_assert_eq(names_of_many(fit), fit);
	cr_assert_eq(names_of_many(fit + 1), 0);
}

Test(trust, one_name_is_told_once)
{
	const char *path = temp_file("", 0);
	for (int i = 0; i < 3; i++) {
		X509 *x = new_certificate("the same");
		ASN1_INTEGER_set(X509_get_serialNumber(x), i + 1);
		sign_to_file(x, path);
		X509_free(x);
	}
	const struct dt_store_source store = {.path = path};
	struct dt_trust_source src = {.stores = &store, .store_count = 1};
	struct dt_trust *t;
	struct dt_pki_error err;
	cr_assert_eq(dt_trust_load(&src, &t, &err), DT_OK);
	cr_assert_eq(t->count, 3u);
	cr_assert_eq(sk_X509_NAME_num(t->names), 1);
	dt_trust_free(&t);
	unlink(path);
}

Test(trust, the_systems_cas_join_without_their_names)
{
	if (access(X509_get_default_cert_file(), R_OK) != 0)
		cr_skip_test("this system has no CA bundle");
	const char *path = cert_path("ca.crt");
	const struct dt_store_source store = {.path = path};
	struct dt_trust_source src = {.stores = &store, .store_count = 1, .system = true};
	struct dt_trust *t;
	struct dt_pki_error err;
	cr_assert_eq(dt_trust_load(&src, &t, &err), DT_OK, "%s", err.text);
	cr_assert_gt(t->count, 1u);
	cr_assert_eq(sk_X509_NAME_num(t->names), 0);
	dt_trust_free(&t);
}

Test(trust, no_memory_is_said_and_leaks_nothing)
{
	enum dt_err e = DT_ERR_NOMEM;
	for (uint64_t n = 1; e == DT_ERR_NOMEM; n++) {
		cr_assert_lt(n, 100u);
		struct dt_trust *t;
		struct dt_pki_error err;
		dt_mem_fail_nth(n);
		e = load("roots.crt", "ca-dir", "inter.crt", &t, &err);
		dt_mem_fail_nth(0);
		dt_trust_free(&t);
	}
	cr_assert_eq(e, DT_OK);
}
