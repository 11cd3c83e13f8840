#include "pki/credential.h"

#include "base/assert.h"
#include "base/mem.h"
#include "pki/asn1_time.h"
#include "pki/proof.h"
#include "pki/select.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

/* What the stores gave, and the pool that the chain is picked from. */
struct parts {
	struct dt_material store, encoded, keys; /* keys: those of `key`, if there is one */
	STACK_OF(X509) *pool; /* owned */
};

static enum dt_err
take_certificate(
    const struct dt_credential_source *src, struct parts *p, struct dt_pki_error *err)
{
	unsigned wanted = DT_STORE_CERTIFICATES | (src->key ? 0 : DT_STORE_KEYS);
	enum dt_err e = dt_store_open(&src->cert, wanted, &p->store, err);
	if (e == DT_OK && src->cert.encoded)
		e = dt_store_encoded(&src->cert, &p->encoded, err);
	/* Said first: what lacks both is the wrong file rather than one without a key. */
	if (e == DT_OK && !src->cert.encoded && sk_X509_num(p->store.certs) == 0)
		e = dt_pki_fail(err, DT_PKI_NO_CERTIFICATE, dt_store_label(&src->cert),
		    p->store.key_count ? "a key alone: give its certificate as \"encoded\"" : NULL);
	return e;
}

static const struct dt_store_source *
key_source(const struct dt_credential_source *src)
{
	return src->key ? src->key : &src->cert;
}

static const struct dt_material *
keys_of(const struct dt_credential_source *src, const struct parts *p)
{
	return src->key ? &p->keys : &p->store;
}

static enum dt_err
take_key(const struct dt_credential_source *src, struct parts *p, struct dt_pki_error *err)
{
	enum dt_err e = DT_OK;
	if (src->key)
		e = dt_store_open(src->key, DT_STORE_KEYS, &p->keys, err);
	if (e == DT_OK && !dt_material_has_private_key(keys_of(src, p)))
		e = dt_pki_fail(err, DT_PKI_NO_KEY, dt_store_label(key_source(src)), NULL);
	return e;
}

static enum dt_err
take_pool(const struct dt_credential_source *src, struct parts *p, struct dt_pki_error *err)
{
	const int flags = X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP;
	enum dt_err e = DT_OK;
	p->pool = sk_X509_new_null();
	if (!p->pool || !X509_add_certs(p->pool, p->encoded.certs, flags) ||
	    !X509_add_certs(p->pool, p->store.certs, flags))
		return dt_pki_fail(err, DT_PKI_NOMEM, NULL, NULL);
	for (size_t i = 0; e == DT_OK && i < src->chain_count; i++)
		e = dt_store_certificates(&src->chain[i], p->pool, err);
	return e;
}

static EVP_PKEY *
find_key(const struct dt_material *m, X509 *x)
{
	for (size_t i = 0; i < m->key_count; i++) {
		EVP_PKEY *key = m->keys[i].key;
		if (m->keys[i].is_private && X509_check_private_key(x, key) == 1 &&
		    dt_proof_signs_for(key, X509_get0_pubkey(x)))
			return key;
	}
	return NULL;
}

/* The first of `candidates` that a key belongs to, and that key, into `c`. */
static bool
pick_pair(const struct dt_material *keys, const STACK_OF(X509) *candidates, struct dt_credential *c)
{
	for (int i = 0; i < sk_X509_num(candidates); i++) {
		X509 *x = sk_X509_value(candidates, i);
		EVP_PKEY *key = find_key(keys, x);
		if (!key)
			continue;
		X509_up_ref(x);
		EVP_PKEY_up_ref(key);
		c->leaf = x;
		c->key = key;
		return true;
	}
	return false;
}

static enum dt_err
pick_leaf(const struct dt_credential_source *src, const struct parts *p, struct dt_credential *c,
    struct dt_pki_error *err)
{
	STACK_OF(X509) *candidates = NULL;
	const char *label = dt_store_label(&src->cert);
	enum dt_pki_fault fault = DT_PKI_NONE;
	if (src->cert.encoded) {
		candidates = sk_X509_new_null();
		if (!candidates || !X509_add_cert(candidates, sk_X509_value(p->encoded.certs, 0),
				       X509_ADD_FLAG_UP_REF))
			fault = DT_PKI_NOMEM;
	} else {
		fault = dt_select(p->store.certs, src->cert.subject, src->cert.thumbprint, &candidates);
	}
	if (fault == DT_PKI_NONE && !pick_pair(keys_of(src, p), candidates, c)) {
		fault = DT_PKI_MISMATCH;
		label = dt_store_label(key_source(src));
	}
	sk_X509_pop_free(candidates, X509_free);
	return fault == DT_PKI_NONE ? DT_OK : dt_pki_fail(err, fault, label, NULL);
}

/* The pool without the leaf, which is no part of its own chain. */
static void
drop_leaf(const struct parts *p, const X509 *leaf)
{
	for (int i = 0; i < sk_X509_num(p->pool); i++) {
		if (X509_cmp(sk_X509_value(p->pool, i), leaf) == 0) {
			X509_free(sk_X509_delete(p->pool, i));
			return;
		}
	}
}

/* Takes the issuer of `x` out of what the files gave; NULL if it is not there, or `x` is a root. */
static X509 *
pick_issuer(const struct parts *p, X509 *x)
{
	if (X509_self_signed(x, 0) == 1)
		return NULL;
	for (int i = 0; i < sk_X509_num(p->pool); i++) {
		if (X509_check_issued(sk_X509_value(p->pool, i), x) == X509_V_OK)
			return sk_X509_delete(p->pool, i);
	}
	return NULL;
}

static enum dt_pki_fault
build_chain(struct dt_credential *c, const struct parts *p)
{
	c->chain = sk_X509_new_null();
	if (!c->chain)
		return DT_PKI_NOMEM;
	X509 *next;
	for (X509 *x = c->leaf; (next = pick_issuer(p, x)) != NULL; x = next) {
		if (!sk_X509_push(c->chain, next)) {
			X509_free(next);
			return DT_PKI_NOMEM;
		}
	}
	c->left_out = (uint32_t)sk_X509_num(p->pool);
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
assemble(const struct dt_credential_source *src, struct dt_now now, struct parts *p,
    struct dt_credential *c, struct dt_pki_error *err)
{
	const char *label = dt_store_label(&src->cert);
	enum dt_err e = pick_leaf(src, p, c, err);
	if (e != DT_OK)
		return e;
	drop_leaf(p, c->leaf);
	enum dt_pki_fault fault = build_chain(c, p);
	if (fault != DT_PKI_NONE)
		return dt_pki_fail(err, fault, label, NULL);
	return check_dates(c->leaf, now, label, err);
}

enum dt_err
dt_credential_load(const struct dt_credential_source *src, struct dt_now now,
    struct dt_credential **out, struct dt_pki_error *err)
{
	*out = NULL;
	*err = (struct dt_pki_error){0};
	struct parts p = {.pool = NULL};
	struct dt_credential *c = dt_alloc(sizeof(*c));
	enum dt_err e = DT_OK;
	ERR_clear_error();
	if (c)
		c->magic = DT_CREDENTIAL_MAGIC;
	if (!c || dt_material_init(&p.store) != DT_PKI_NONE ||
	    dt_material_init(&p.encoded) != DT_PKI_NONE || dt_material_init(&p.keys) != DT_PKI_NONE)
		e = dt_pki_fail(err, DT_PKI_NOMEM, dt_store_label(&src->cert), NULL);
	if (e == DT_OK)
		e = take_certificate(src, &p, err);
	if (e == DT_OK)
		e = take_key(src, &p, err);
	if (e == DT_OK)
		e = take_pool(src, &p, err);
	if (e == DT_OK)
		e = assemble(src, now, &p, c, err);
	ERR_clear_error();
	dt_material_fini(&p.store);
	dt_material_fini(&p.encoded);
	dt_material_fini(&p.keys);
	sk_X509_pop_free(p.pool, X509_free);
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
