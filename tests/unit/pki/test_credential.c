#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "pki/asn1_time.h"
#include "pki/credential.h"
#include "pki/ephemeral.h"
#include "support.h"

struct row {
	enum dt_store_type type;
	const char *path, *key_path; /* in CERTS */
	const char *password, *key_password;
	const char *chain; /* in CERTS */
	enum dt_pki_fault fault;
	int chain_count;
	uint32_t left_out;
};

#define AUTO DT_STORE_AUTO
#define PEM DT_STORE_PEM_KEY_FILE
#define P12 DT_STORE_PFX_FILE

static const struct row rows[] = {
    {AUTO, .path = "server.pem", .chain_count = 0},
    {PEM, .path = "server.pem", .chain_count = 0},
    {AUTO, .path = "server-rsa.pem", .chain_count = 0},
    {AUTO, .path = "server-inter.pem", .chain_count = 1},
    {AUTO, .path = "server-key-first.pem", .chain_count = 1},
    {AUTO, .path = "server-5k.pem", .chain_count = 2},
    {AUTO, .path = "server-20k.pem", .chain_count = 4},
    {AUTO, .path = "server.crt", .key_path = "server.key"},
    {AUTO, .path = "server.pem", .key_path = "client.key", .fault = DT_PKI_MISMATCH},
    {AUTO, .path = "server-inter.crt", .key_path = "server-inter.key", .chain = "inter.crt",
	.chain_count = 1},
    {AUTO, .path = "server-inter.pem", .chain = "inter.crt", .chain_count = 1},
    {AUTO, .path = "server-inter.pem", .chain = "ca.crt", .chain_count = 2},
    {AUTO, .path = "server-inter.pem", .chain = "roots.crt", .chain_count = 2, .left_out = 1},
    {AUTO, .path = "server.pem", .chain = "client.crt", .left_out = 1},
    {AUTO, .path = "server.pem", .chain = "ca-dir/README", .fault = DT_PKI_FORMAT},
    {AUTO, .path = "server.pem", .chain = "nothing", .fault = DT_PKI_MISSING},
    {AUTO, .path = "server.crt", .fault = DT_PKI_NO_KEY},
    {AUTO, .path = "server.key", .fault = DT_PKI_NO_CERTIFICATE},
    {AUTO, .path = "server.key", .key_path = "server.key", .fault = DT_PKI_NO_CERTIFICATE},
    {AUTO, .path = "server.crt", .key_path = "server.crt", .fault = DT_PKI_NO_KEY},
    {AUTO, .path = "server-mismatch.pem", .fault = DT_PKI_MISMATCH},
    {AUTO, .path = "server.crt", .key_path = "client.key", .fault = DT_PKI_MISMATCH},
    {AUTO, .path = "server.crt", .key_path = "nothing", .fault = DT_PKI_MISSING},
    {AUTO, .path = "server.crt", .key_path = "ca-dir/README", .fault = DT_PKI_FORMAT},

    {AUTO, .path = "server-encrypted.pem", .password = "secret"},
    {AUTO, .path = "server-encrypted.pem", .password = "wrong", .key_password = "secret"},
    {AUTO, .path = "server-encrypted.pem", .fault = DT_PKI_NO_PASSWORD},
    {AUTO, .path = "server-encrypted.pem", .password = "wrong", .fault = DT_PKI_WRONG_PASSWORD},
    {AUTO, .path = "server-encrypted.pem", .password = "", .fault = DT_PKI_WRONG_PASSWORD},
    {AUTO, .path = "server.crt", .key_path = "server-encrypted.key", .password = "secret"},
    {AUTO, .path = "server.crt", .key_path = "server-traditional.key", .password = "secret"},
    {AUTO, .path = "server.crt", .key_path = "server-traditional.key", .fault = DT_PKI_NO_PASSWORD},
    {AUTO, .path = "server.crt", .key_path = "server-traditional.key", "wrong",
	.fault = DT_PKI_WRONG_PASSWORD},

    {AUTO, .path = "server.p12", .password = "secret", .chain_count = 1},
    {P12, .path = "server.p12", .password = "secret", .chain_count = 1},
    {AUTO, .path = "server.p12", .fault = DT_PKI_NO_PASSWORD},
    {AUTO, .path = "server.p12", .password = "wrong", .fault = DT_PKI_WRONG_PASSWORD},
    {AUTO, .path = "server.p12", .password = "", .fault = DT_PKI_WRONG_PASSWORD},
    {AUTO, .path = "server-open.p12", .chain_count = 1},
    {AUTO, .path = "server-open.p12", .password = "", .chain_count = 1},
    {AUTO, .path = "server-open.p12", .password = "wrong", .fault = DT_PKI_WRONG_PASSWORD},
    {AUTO, .path = "server-old.p12", .password = "secret", .fault = DT_PKI_OLD_ENCRYPTION},
    {AUTO, .path = "server-old.p12", .password = "wrong", .fault = DT_PKI_WRONG_PASSWORD},
    {AUTO, .path = "server-cert-only.p12", .password = "secret", .fault = DT_PKI_NO_KEY},
    {AUTO, .path = "server-cert-only.p12", .key_path = "server-inter.key", .password = "secret"},
    {AUTO, .path = "server-inter.crt", .key_path = "server.p12", .key_password = "secret"},
    {P12, .path = "server.pem", .fault = DT_PKI_WRONG_TYPE},
    {PEM, .path = "server.p12", .password = "secret", .fault = DT_PKI_WRONG_TYPE},
    {AUTO, .path = "server.der", .fault = DT_PKI_NO_KEY},
    {AUTO, .path = "server.der", .key_path = "server.key"},
    {AUTO, .path = "ca-dir/README", .fault = DT_PKI_FORMAT},

    {AUTO, .path = "certbot", .chain_count = 1},
    {AUTO, .path = "certbot", .key_path = "client.key", .fault = DT_PKI_MISMATCH},
    {AUTO, .path = "ca-dir", .fault = DT_PKI_MISSING},
    {PEM, .path = "certbot", .fault = DT_PKI_UNREADABLE},
    {AUTO, .path = "nothing", .fault = DT_PKI_MISSING},
    {AUTO, .path = "server.pem/nothing", .fault = DT_PKI_MISSING},
    {AUTO, .path = "server-expired.pem", .fault = DT_PKI_EXPIRED},
    {AUTO, .path = "client-future.pem", .fault = DT_PKI_NOT_YET_VALID},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct dtlsd_bytes
bytes(const char *text)
{
	return (struct dtlsd_bytes){(const uint8_t *)text, text ? strlen(text) : 0};
}

static enum dt_err
load_row(const struct row *r, struct dt_credential **out, struct dt_pki_error *err)
{
	const struct dt_store_source chain = {.path = cert_path(r->chain)};
	const char *inner = r->key_password ? r->key_password : r->password;
	const struct dt_store_source key = {.path = cert_path(r->key_path), .password = bytes(inner)};
	struct dt_credential_source src = {
	    .cert = {.type = r->type,
		.path = cert_path(r->path),
		.password = bytes(r->password),
		.key_password = bytes(r->key_password)},
	    .key = r->key_path ? &key : NULL,
	    .chain = &chain,
	    .chain_count = r->chain ? 1 : 0};
	return dt_credential_load(&src, TODAY, out, err);
}

static enum dt_pki_fault
fault_of(enum dt_store_type type, const char *path, struct dt_pki_error *err)
{
	struct dt_credential_source src = {.cert = {.type = type, .path = path}};
	struct dt_credential *c = NULL;
	enum dt_err e = dt_credential_load(&src, TODAY, &c, err);
	cr_assert_eq(e == DT_OK, c != NULL);
	dt_credential_free(&c);
	return err->fault;
}

Test(credential, each_form_loads_or_says_what_is_wrong)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];
		struct dt_pki_error err;
		struct dt_credential *c = NULL;
		enum dt_err e = load_row(r, &c, &err);
		cr_assert_eq(err.fault, r->fault, "row %zu (%s): %s", i, r->path, err.text);
		cr_assert_eq(e == DT_OK, r->fault == DT_PKI_NONE);
		cr_assert_eq(ERR_peek_error(), 0ul, "row %zu left an error behind", i);
		if (e != DT_OK) {
			cr_assert_null(c);
			cr_assert(strstr(err.text, CERTS), "row %zu: %s", i, err.text);
			continue;
		}
		cr_assert_str_empty(err.text);
		cr_assert_eq(X509_check_private_key(c->leaf, c->key), 1);
		cr_assert_eq(sk_X509_num(c->chain), r->chain_count, "row %zu (%s)", i, r->path);
		cr_assert_eq(c->left_out, r->left_out, "row %zu (%s)", i, r->path);
		for (int k = 0; k < sk_X509_num(c->chain); k++) {
			X509 *below = k ? sk_X509_value(c->chain, k - 1) : c->leaf;
			cr_assert_eq(
			    X509_check_issued(sk_X509_value(c->chain, k), below), X509_V_OK);
		}
		dt_credential_free(&c);
		cr_assert_null(c);
	}
}

Test(credential, a_text_names_the_file_that_is_at_fault_and_the_mend)
{
	static const struct {
		struct row row;
		const char *text;
	} wanted[] = {
	    {{AUTO, .path = "nothing"}, CERTS "/nothing: no such file or directory"},
	    {{AUTO, .path = "server.crt", .key_path = "server.crt"},
		CERTS "/server.crt: holds no private key"},
	    {{AUTO, .path = "server.crt", .key_path = "client.key"},
		CERTS "/client.key: the private key belongs to none of the certificates"},
	    {{AUTO, .path = "server.pem", .chain = "ca-dir/README"},
		CERTS "/ca-dir/README: is no certificate store that is known here (PEM, PFX, P7B, "
		      "DER, JWK, PPK, XML, SSH)"},
	    {{AUTO, .path = "ca-dir"}, CERTS "/ca-dir/fullchain.pem: no such file or directory"},
	    {{AUTO, .path = "server-expired.pem"},
		CERTS "/server-expired.pem: the certificate has "
		      "expired (valid until 2010-01-01 00:00:00 UTC)"},
	    {{AUTO, .path = "client-future.pem"},
		CERTS "/client-future.pem: the certificate is not yet "
		      "valid (valid from 2090-01-01 00:00:00 UTC)"},
	    {{PEM, .path = "certbot"}, CERTS "/certbot: cannot be read (it is a directory)"},
	};
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct dt_credential *c;
		struct dt_pki_error err;
		cr_assert_neq(load_row(&wanted[i].row, &c, &err), DT_OK);
		cr_assert_str_eq(err.text, wanted[i].text);
	}
}

Test(credential, dates_are_inclusive_and_those_of_now)
{
	/* 2001-01-01 and 2010-01-01, both at midnight. */
	static const struct {
		int64_t wall;
		enum dt_pki_fault fault;
	} edges[] = {{978307199, DT_PKI_NOT_YET_VALID}, {978307200, DT_PKI_NONE},
	    {1262304000, DT_PKI_NONE}, {1262304001, DT_PKI_EXPIRED}};
	struct dt_credential_source src = {.cert = {.path = cert_path("server-expired.pem")}};
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		struct dt_credential *c;
		struct dt_pki_error err;
		struct dt_now now = {.wall = {edges[i].wall}};
		enum dt_err e = dt_credential_load(&src, now, &c, &err);
		cr_assert_eq(e == DT_OK, edges[i].fault == DT_PKI_NONE);
		cr_assert_eq(err.fault, edges[i].fault);
		dt_credential_free(&c);
	}
}

Test(credential, broken_files_are_refused)
{
	static const struct {
		const char *text;
		enum dt_pki_fault fault;
	} files[] = {
	    {"", DT_PKI_FORMAT},
	    {"-----BEGIN ", DT_PKI_NO_CERTIFICATE},
	    {"-----BEGIN CERTIFICATE-----\n", DT_PKI_BAD_CERTIFICATE},
	    {"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
		DT_PKI_BAD_CERTIFICATE},
	    {"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
		DT_PKI_BAD_CERTIFICATE},
	};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct dt_pki_error err;
		const char *path = temp_file(files[i].text, strlen(files[i].text));
		cr_assert_eq(fault_of(AUTO, path, &err), files[i].fault, "%zu: %s", i, err.text);
		unlink(path);
	}
}

Test(credential, a_cut_file_never_loads)
{
	size_t len;
	uint8_t *whole = read_bytes(cert_path("server-inter.pem"), &len);
	for (size_t cut = 0; cut + 1 < len; cut += 7) {
		struct dt_pki_error err;
		const char *path = temp_file(whole, cut);
		cr_assert_neq(fault_of(AUTO, path, &err), DT_PKI_NONE, "cut at %zu", cut);
		unlink(path);
	}
	dt_free(whole);
}

Test(credential, a_broken_key_is_not_taken_for_a_wrong_password)
{
	size_t len;
	uint8_t *cert = read_bytes(cert_path("server.crt"), &len);
	const char key[] = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
	memcpy(cert + len, key, sizeof(key) - 1);
	const char *path = temp_file(cert, len + sizeof(key) - 1);
	struct dt_pki_error err;
	cr_assert_eq(fault_of(AUTO, path, &err), DT_PKI_BAD_KEY, "%s", err.text);
	unlink(path);
	dt_free(cert);
}

Test(credential, a_huge_file_and_a_pipe_are_refused_without_reading, .timeout = 20)
{
	struct dt_pki_error err;
	const char *path = temp_file("", 0);
	cr_assert_eq(truncate(path, 1024 * 1024 + 1), 0);
	cr_assert_eq(fault_of(AUTO, path, &err), DT_PKI_TOO_LONG);
	unlink(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(fault_of(AUTO, path, &err), DT_PKI_UNREADABLE);
	unlink(path);
}

Test(credential, an_unreadable_file_is_told_from_a_missing_one)
{
	if (geteuid() == 0)
		cr_skip_test("root may read everything");
	struct dt_pki_error err;
	const char *path = temp_file("x", 1);
	chmod(path, 0);
	cr_assert_eq(fault_of(AUTO, path, &err), DT_PKI_UNREADABLE);
	unlink(path);
}

Test(credential, a_password_is_bytes_and_never_in_a_text)
{
	static uint8_t longer[4096];
	memset(longer, 'x', sizeof(longer));
	const struct dtlsd_bytes passwords[] = {{(const uint8_t *)"secret\0", 7},
	    {(const uint8_t *)"SeCrEtWord", 10}, {longer, sizeof(longer)}};
	const char *files[] = {"server.p12", "server-encrypted.pem"};
	for (size_t f = 0; f < 2; f++) {
		for (size_t i = 0; i < 3; i++) {
			struct dt_credential_source src = {
			    .cert = {.path = cert_path(files[f]), .password = passwords[i]}};
			struct dt_credential *c;
			struct dt_pki_error err;
			cr_assert_neq(dt_credential_load(&src, TODAY, &c, &err), DT_OK);
			cr_assert_eq(err.fault, DT_PKI_WRONG_PASSWORD, "%s", err.text);
			cr_assert_null(strstr(err.text, "SeCrEtWord"));
		}
	}
}

Test(credential, a_long_path_is_cut_in_the_text)
{
	char path[5000];
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	struct dt_pki_error err;
	cr_assert_eq(fault_of(AUTO, path, &err), DT_PKI_UNREADABLE);
	cr_assert_eq(strlen(err.text), DT_PKI_TEXT - 1);
}

Test(credential, no_memory_is_said_and_leaks_nothing)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].fault != DT_PKI_NONE)
			continue;
		enum dt_err e = DT_ERR_NOMEM;
		for (uint64_t n = 1; e == DT_ERR_NOMEM; n++) {
			cr_assert_lt(n, 100u);
			struct dt_credential *c;
			struct dt_pki_error err;
			dt_mem_fail_nth(n);
			e = load_row(&rows[i], &c, &err);
			dt_mem_fail_nth(0);
			cr_assert_eq(err.fault, e == DT_OK ? DT_PKI_NONE : DT_PKI_NOMEM);
			cr_assert_eq(c == NULL, e != DT_OK);
			dt_credential_free(&c);
		}
		cr_assert_eq(e, DT_OK);
	}
}

Test(credential, freeing_nothing_is_fine)
{
	struct dt_credential *c = NULL;
	dt_credential_free(&c);
}

Test(ephemeral, is_a_working_certificate_for_localhost)
{
	struct dt_credential *c = NULL, *other = NULL;
	struct dt_pki_error err;
	cr_assert_eq(dt_ephemeral_new(TODAY, &c, &err), DT_OK);
	cr_assert_eq(dt_ephemeral_new(TODAY, &other, &err), DT_OK);
	cr_assert_eq(X509_check_private_key(c->leaf, c->key), 1);
	cr_assert_eq(X509_verify(c->leaf, c->key), 1);
	cr_assert_eq(sk_X509_num(c->chain), 0);
	cr_assert_eq(X509_check_host(c->leaf, "localhost", 0, 0, NULL), 1);
	cr_assert_eq(X509_check_ip_asc(c->leaf, "127.0.0.1", 0), 1);
	cr_assert_eq(X509_check_ip_asc(c->leaf, "::1", 0), 1);
	cr_assert_eq(X509_check_purpose(c->leaf, X509_PURPOSE_SSL_SERVER, 0), 1);
	cr_assert_neq(X509_cmp(c->leaf, other->leaf), 0);

	int64_t from, until;
	cr_assert(dt_asn1_seconds(X509_get0_notBefore(c->leaf), &from));
	cr_assert(dt_asn1_seconds(X509_get0_notAfter(c->leaf), &until));
	cr_assert_eq(from, TODAY.wall.s - 3600);
	cr_assert_eq(until - from, 30 * 86400);
	dt_credential_free(&c);
	dt_credential_free(&other);
}

Test(ephemeral, no_memory_is_said)
{
	struct dt_credential *c;
	struct dt_pki_error err;
	dt_mem_fail_nth(1);
	cr_assert_eq(dt_ephemeral_new(TODAY, &c, &err), DT_ERR_NOMEM);
	cr_assert_null(c);
	cr_assert_eq(err.fault, DT_PKI_NOMEM);
}
