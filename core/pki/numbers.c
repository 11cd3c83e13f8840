#include "pki/numbers.h"

#include "base/mem.h"
#include "pki/proof.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <string.h>

/* The builder's memory is plain where the numbers are: wipe what it made. */
static void
free_params(OSSL_PARAM *params)
{
	for (OSSL_PARAM *p = params; p && p->key; p++)
		dt_wipe(p->data, p->data_size);
	OSSL_PARAM_free(params);
}

/* Takes over `b`. */
static enum dt_pki_fault
build(const char *type, OSSL_PARAM_BLD *b, bool is_private, EVP_PKEY **out)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	enum dt_pki_fault fault = params && ctx ? DT_PKI_BAD_KEY : DT_PKI_NOMEM;
	int selection = is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
	if (fault == DT_PKI_BAD_KEY && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, out, selection, params) == 1)
		fault = DT_PKI_NONE;
	if (fault == DT_PKI_NONE && is_private && !dt_proof_signs_for(*out, *out))
		fault = DT_PKI_BAD_KEY;
	if (fault != DT_PKI_NONE) {
		EVP_PKEY_free(*out);
		*out = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	free_params(params);
	OSSL_PARAM_BLD_free(b);
	return fault;
}

/* What the numbers of an RSA key become; all owned. */
struct rsa {
	BIGNUM *n, *e, *d, *p, *q, *dp, *dq, *qi;
	BN_CTX *ctx;
};

static BIGNUM *
number(struct dt_span s)
{
	return BN_bin2bn(s.data, (int)s.len, NULL);
}

/* d mod (prime - 1) */
static bool
reduce(BIGNUM *to, const BIGNUM *d, const BIGNUM *prime, BN_CTX *ctx)
{
	BIGNUM *less = BN_dup(prime);
	bool good = less && BN_sub_word(less, 1) && !BN_is_zero(less) && BN_mod(to, d, less, ctx);
	BN_clear_free(less);
	return good;
}

static enum dt_pki_fault
make_exponents(struct rsa *k)
{
	k->dp = BN_new();
	k->dq = BN_new();
	k->ctx = BN_CTX_secure_new();
	if (!k->dp || !k->dq || !k->ctx)
		return DT_PKI_NOMEM;
	BN_set_flags(k->p, BN_FLG_CONSTTIME);
	BN_set_flags(k->d, BN_FLG_CONSTTIME);
	if (BN_cmp(k->p, BN_value_one()) <= 0 || BN_cmp(k->q, BN_value_one()) <= 0 ||
	    !reduce(k->dp, k->d, k->p, k->ctx) || !reduce(k->dq, k->d, k->q, k->ctx))
		return DT_PKI_BAD_KEY;
	k->qi = BN_mod_inverse(NULL, k->q, k->p, k->ctx);
	return k->qi ? DT_PKI_NONE : DT_PKI_BAD_KEY;
}

static enum dt_pki_fault
push_rsa(struct rsa *k, EVP_PKEY **out)
{
	const struct {
		const char *name;
		const BIGNUM *value;
	} parts[] = {
	    {OSSL_PKEY_PARAM_RSA_N, k->n}, {OSSL_PKEY_PARAM_RSA_E, k->e},
	    {OSSL_PKEY_PARAM_RSA_D, k->d}, {OSSL_PKEY_PARAM_RSA_FACTOR1, k->p},
	    {OSSL_PKEY_PARAM_RSA_FACTOR2, k->q}, {OSSL_PKEY_PARAM_RSA_EXPONENT1, k->dp},
	    {OSSL_PKEY_PARAM_RSA_EXPONENT2, k->dq}, {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, k->qi},
	};
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	bool good = b != NULL;
	for (size_t i = 0; good && i < sizeof(parts) / sizeof(parts[0]); i++)
		good = !parts[i].value || OSSL_PARAM_BLD_push_BN(b, parts[i].name, parts[i].value);
	if (good)
		return build("RSA", b, k->d != NULL, out);
	OSSL_PARAM_BLD_free(b);
	return DT_PKI_NOMEM;
}

static bool
fits(const struct dt_rsa_numbers *n)
{
	const struct dt_span *all[] = {&n->n, &n->e, &n->d, &n->p, &n->q};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->len > DT_RSA_BYTES_MAX + 1) /* a sign byte of SSH */
			return false;
	return n->n.len && n->e.len && (n->p.len == 0) == (n->q.len == 0);
}

enum dt_pki_fault
dt_numbers_rsa(const struct dt_rsa_numbers *n, EVP_PKEY **out)
{
	*out = NULL;
	if (!fits(n))
		return DT_PKI_BAD_KEY;
	struct rsa k = {.n = number(n->n), .e = number(n->e)};
	bool good = k.n && k.e, crt = n->d.len && n->p.len;
	if (n->d.len)
		good = (k.d = number(n->d)) != NULL && good;
	if (crt)
		good = (k.p = number(n->p)) != NULL && (k.q = number(n->q)) != NULL && good;
	enum dt_pki_fault fault = good ? DT_PKI_NONE : DT_PKI_NOMEM;
	if (good && (BN_num_bits(k.n) < 512 || !BN_is_odd(k.n) || !BN_is_odd(k.e)))
		fault = DT_PKI_BAD_KEY;
	if (fault == DT_PKI_NONE && crt)
		fault = make_exponents(&k);
	if (fault == DT_PKI_NONE)
		fault = push_rsa(&k, out);
	BN_free(k.n);
	BN_free(k.e);
	BN_clear_free(k.d);
	BN_clear_free(k.p);
	BN_clear_free(k.q);
	BN_clear_free(k.dp);
	BN_clear_free(k.dq);
	BN_clear_free(k.qi);
	BN_CTX_free(k.ctx);
	return fault;
}

static bool
is_named(const struct dt_point *p, const char *name)
{
	return p->name.len == strlen(name) && memcmp(p->name.data, name, p->name.len) == 0;
}

enum dt_pki_fault
dt_numbers_ec(const struct dt_point *p, EVP_PKEY **out)
{
	static const struct {
		const char *name;
		size_t len; /* bytes of a coordinate */
	} curves[] = {{"P-256", 32}, {"P-384", 48}, {"P-521", 66}};
	const size_t count = sizeof(curves) / sizeof(curves[0]);
	*out = NULL;
	size_t i = 0;
	while (i < count && !is_named(p, curves[i].name))
		i++;
	if (i == count)
		return DT_PKI_UNKNOWN_KEY;
	if (p->pub.len != 1 + 2 * curves[i].len || p->priv.len > curves[i].len + 1)
		return DT_PKI_BAD_KEY;

	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	BIGNUM *d = p->priv.len ? number(p->priv) : NULL;
	bool good = b && (d || !p->priv.len) &&
		    OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].name, 0) &&
		    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, p->pub.data, p->pub.len) &&
		    (!d || OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d));
	enum dt_pki_fault fault = DT_PKI_NOMEM;
	if (good)
		fault = build("EC", b, d != NULL, out);
	else
		OSSL_PARAM_BLD_free(b);
	BN_clear_free(d);
	return fault;
}

enum dt_pki_fault
dt_numbers_edwards(const struct dt_point *p, EVP_PKEY **out)
{
	static const char *const names[] = {"Ed25519", "Ed448"};
	*out = NULL;
	const char *name = is_named(p, names[0]) ? names[0] : is_named(p, names[1]) ? names[1] : NULL;
	if (!name)
		return DT_PKI_UNKNOWN_KEY;
	EVP_PKEY *pub = EVP_PKEY_new_raw_public_key_ex(NULL, name, NULL, p->pub.data, p->pub.len);
	if (!pub || !p->priv.len) {
		*out = pub;
		return pub ? DT_PKI_NONE : DT_PKI_BAD_KEY;
	}
	*out = EVP_PKEY_new_raw_private_key_ex(NULL, name, NULL, p->priv.data, p->priv.len);
	bool good = *out && EVP_PKEY_eq(pub, *out) == 1;
	EVP_PKEY_free(pub);
	if (good)
		return DT_PKI_NONE;
	EVP_PKEY_free(*out);
	*out = NULL;
	return DT_PKI_BAD_KEY;
}
