#include "pki/credential.h"

#include "base/assert.h"
#include "base/mem.h"
#include "pki/asn1_time.h"
#include "pki/file.h"
#include "pki/pem.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE_MAX (1024u * 1024u) /* bytes; a chain of hundreds fits */
#define PATH_TEXT 4096u		 /* bytes, with NUL: what the kernel takes as a path */

/* What the files gave so far. */
struct material {
	STACK_OF(X509) *certs; /* owned: each once, in the order of the files */
	EVP_PKEY *key;		/* owned; NULL before it is found */
};

enum wanted { WANT_CERTIFICATES = 1, WANT_KEY = 2 };

struct passwords {
	struct dtlsd_bytes store, key; /* borrowed */
};

static enum dt_pki_fault
take_pem(struct dt_span text, struct dtlsd_bytes password, unsigned wanted, struct material *m)
{
	enum dt_pki_fault fault = DT_PKI_NONE;
	if (wanted & WANT_CERTIFICATES)
		fault = dt_pem_certificates(text, m->certs);
	if (fault != DT_PKI_NONE || !(wanted & WANT_KEY))
		return fault;
	return dt_pem_key(text, password, &m->key);
}

static enum dt_pki_fault
take_pkcs12(struct dt_span der, struct dtlsd_bytes password, unsigned wanted, struct material *m)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	EVP_PKEY *key = NULL;
	enum dt_pki_fault fault = certs ? dt_pkcs12_read(der, password, certs, &key) : DT_PKI_NOMEM;
	if (fault == DT_PKI_NONE && (wanted & WANT_CERTIFICATES) &&
	    !X509_add_certs(m->certs, certs, X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP))
		fault = DT_PKI_NOMEM;
	if (fault == DT_PKI_NONE && (wanted & WANT_KEY)) {
		m->key = key;
		key = NULL;
		if (!m->key)
			fault = DT_PKI_NO_KEY;
	}
	EVP_PKEY_free(key);
	sk_X509_pop_free(certs, X509_free);
	return fault;
}

static enum dt_err
take_file(const char *path, enum dt_credential_kind kind, const struct passwords *pw,
    unsigned wanted, struct material *m, struct dt_pki_error *err)
{
	struct dt_pki_file file;
	enum dt_err e = dt_pki_file_init(&file, path, FILE_MAX, err);
	if (e != DT_OK)
		return e;

	struct dt_span bytes = {file.data, file.len};
	bool pem = kind == DT_CREDENTIAL_AUTO ? dt_pem_seen(bytes) : kind == DT_CREDENTIAL_PEM;
	enum dt_pki_fault fault =
	    pem ? take_pem(bytes, pw->key, wanted, m) : take_pkcs12(bytes, pw->store, wanted, m);
	dt_pki_file_fini(&file);
	/* Said first: what lacks both is the wrong file rather than one without a key. */
	if ((fault == DT_PKI_NONE || fault == DT_PKI_NO_KEY) && (wanted & WANT_CERTIFICATES) &&
	    sk_X509_num(m->certs) == 0)
		fault = DT_PKI_NO_CERTIFICATE;
	return fault == DT_PKI_NONE ? DT_OK : dt_pki_fail(err, fault, path, NULL);
}

static enum dt_err
take_certbot(const struct dt_credential_source *src, const struct passwords *pw, unsigned wanted,
    struct material *m, struct dt_pki_error *err)
{
	static const struct {
		const char *name;
		unsigned has;
	} files[] = {{"fullchain.pem", WANT_CERTIFICATES}, {"privkey.pem", WANT_KEY}};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (!(wanted & files[i].has))
			continue;
		char path[PATH_TEXT];
		int n = snprintf(path, sizeof(path), "%s/%s", src->path, files[i].name);
		if (n < 0 || (size_t)n >= sizeof(path))
			return dt_pki_fail(err, DT_PKI_MISSING, src->path, NULL);
		enum dt_err e = take_file(path, DT_CREDENTIAL_PEM, pw, files[i].has, m, err);
		if (e != DT_OK)
			return e;
	}
	return DT_OK;
}

static bool
is_directory(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static enum dt_err
take_all(const struct dt_credential_source *src, struct material *m, struct dt_pki_error *err)
{
	struct dtlsd_bytes key = src->key_password.data ? src->key_password : src->password;
	const struct passwords main = {src->password, key}, apart = {key, key};
	enum dt_credential_kind kind = src->kind;
	unsigned wanted = WANT_CERTIFICATES | (src->key_path ? 0 : WANT_KEY);

	if (kind == DT_CREDENTIAL_AUTO && is_directory(src->path))
		kind = DT_CREDENTIAL_CERTBOT;
	enum dt_err e = kind == DT_CREDENTIAL_CERTBOT
			    ? take_certbot(src, &main, wanted, m, err)
			    : take_file(src->path, kind, &main, wanted, m, err);
	if (e == DT_OK && src->key_path)
		e = take_file(src->key_path, DT_CREDENTIAL_AUTO, &apart, WANT_KEY, m, err);
	return e;
}

static enum dt_err
take_chain(const struct dt_credential_source *src, struct material *m, struct dt_pki_error *err)
{
	for (size_t i = 0; i < src->chain_count; i++) {
		const char *path = src->chain_paths[i];
		struct dt_pki_file file;
		enum dt_err e = dt_pki_file_init(&file, path, FILE_MAX, err);
		if (e != DT_OK)
			return e;
		struct dt_span text = {file.data, file.len};
		STACK_OF(X509) *certs = sk_X509_new_null();
		enum dt_pki_fault fault = certs ? dt_pem_certificates(text, certs) : DT_PKI_NOMEM;
		if (fault == DT_PKI_NONE && sk_X509_num(certs) == 0)
			fault = DT_PKI_NO_CERTIFICATE;
		if (fault == DT_PKI_NONE &&
		    !X509_add_certs(m->certs, certs, X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP))
			fault = DT_PKI_NOMEM;
		sk_X509_pop_free(certs, X509_free);
		dt_pki_file_fini(&file);
		if (fault != DT_PKI_NONE)
			return dt_pki_fail(err, fault, path, NULL);
	}
	return DT_OK;
}

/* Takes the first certificate that the key belongs to out of what the files gave; NULL if none. */
static X509 *
pick_leaf(const struct material *m)
{
	for (int i = 0; i < sk_X509_num(m->certs); i++) {
		if (X509_check_private_key(sk_X509_value(m->certs, i), m->key) == 1)
			return sk_X509_delete(m->certs, i);
	}
	return NULL;
}

/* Takes the issuer of `x` out of what the files gave; NULL if it is not there, or `x` is a root. */
static X509 *
pick_issuer(const struct material *m, X509 *x)
{
	if (X509_self_signed(x, 0) == 1)
		return NULL;
	for (int i = 0; i < sk_X509_num(m->certs); i++) {
		if (X509_check_issued(sk_X509_value(m->certs, i), x) == X509_V_OK)
			return sk_X509_delete(m->certs, i);
	}
	return NULL;
}

static enum dt_pki_fault
build_chain(struct dt_credential *c, struct material *m)
{
	c->chain = sk_X509_new_null();
	if (!c->chain)
		return DT_PKI_NOMEM;
	X509 *next;
	for (X509 *x = c->leaf; (next = pick_issuer(m, x)) != NULL; x = next) {
		if (!sk_X509_push(c->chain, next)) {
			X509_free(next);
			return DT_PKI_NOMEM;
		}
	}
	c->left_out = (uint32_t)sk_X509_num(m->certs);
	return DT_PKI_NONE;
}

static enum dt_err
check_dates(const X509 *leaf, struct dt_now now, const char *path, struct dt_pki_error *err)
{
	int64_t from, until;
	if (!dt_asn1_seconds(X509_get0_notBefore(leaf), &from) ||
	    !dt_asn1_seconds(X509_get0_notAfter(leaf), &until))
		return dt_pki_fail(err, DT_PKI_BAD_CERTIFICATE, path, "its dates");

	char date[DT_DATE_TEXT], detail[DT_DATE_TEXT + 16];
	if (now.wall.s < from) {
		snprintf(detail, sizeof(detail), "valid from %s", dt_date_text(from, date));
		return dt_pki_fail(err, DT_PKI_NOT_YET_VALID, path, detail);
	}
	if (now.wall.s > until) {
		snprintf(detail, sizeof(detail), "valid until %s", dt_date_text(until, date));
		return dt_pki_fail(err, DT_PKI_EXPIRED, path, detail);
	}
	return DT_OK;
}

static enum dt_err
assemble(const struct dt_credential_source *src, struct dt_now now, struct material *m,
    struct dt_credential *c, struct dt_pki_error *err)
{
	c->leaf = pick_leaf(m);
	c->key = m->key;
	m->key = NULL;
	if (!c->leaf)
		return dt_pki_fail(
		    err, DT_PKI_MISMATCH, src->key_path ? src->key_path : src->path, NULL);
	enum dt_pki_fault fault = build_chain(c, m);
	if (fault != DT_PKI_NONE)
		return dt_pki_fail(err, fault, src->path, NULL);
	return check_dates(c->leaf, now, src->path, err);
}

enum dt_err
dt_credential_load(const struct dt_credential_source *src, struct dt_now now,
    struct dt_credential **out, struct dt_pki_error *err)
{
	*out = NULL;
	*err = (struct dt_pki_error){0};
	struct material m = {.certs = sk_X509_new_null()};
	struct dt_credential *c = dt_alloc(sizeof(*c));
	enum dt_err e;
	ERR_clear_error();
	if (c)
		c->magic = DT_CREDENTIAL_MAGIC;
	if (!m.certs || !c) {
		e = dt_pki_fail(err, DT_PKI_NOMEM, src->path, NULL);
		goto done;
	}
	e = take_all(src, &m, err);
	if (e == DT_OK)
		e = take_chain(src, &m, err);
	if (e == DT_OK)
		e = assemble(src, now, &m, c, err);
done:
	ERR_clear_error();
	sk_X509_pop_free(m.certs, X509_free);
	EVP_PKEY_free(m.key);
	if (e == DT_OK)
		*out = c;
	else
		dt_credential_free(&c);
	return e;
}

void
dt_credential_free(struct dt_credential **slot)
{
	struct dt_credential *c = *slot;
	*slot = NULL;
	if (!c)
		return;
	DT_CHECK_MAGIC(c, DT_CREDENTIAL_MAGIC);
	X509_free(c->leaf);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	c->magic = 0;
	dt_free(c);
}
