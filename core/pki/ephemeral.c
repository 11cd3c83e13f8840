#include "pki/ephemeral.h"

#include "base/mem.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define SERIAL_LEN 16u /* bytes; 20 at most (RFC 5280 4.1.2.2) */
#define DAY 86400

static bool
set_serial(X509 *x)
{
	uint8_t bytes[SERIAL_LEN];
	if (RAND_bytes(bytes, (int)sizeof(bytes)) != 1)
		return false;
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, and never 0 */
	BIGNUM *n = BN_bin2bn(bytes, (int)sizeof(bytes), NULL);
	bool done = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return done;
}

static bool
set_name(X509 *x)
{
	X509_NAME *name = X509_get_subject_name(x);
	const unsigned char cn[] = "localhost";
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, cn, -1, -1, 0) &&
	       X509_set_issuer_name(x, name);
}

static bool
add_extensions(X509 *x)
{
	static const struct {
		int nid;
		const char *value;
	} wanted[] = {
	    {NID_basic_constraints, "critical,CA:FALSE"},
	    {NID_key_usage, "critical,digitalSignature"},
	    {NID_ext_key_usage, "serverAuth"},
	    {NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1"},
	    {NID_subject_key_identifier, "hash"},
	};

	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, wanted[i].nid, wanted[i].value);
		bool added = e && X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
		if (!added)
			return false;
	}
	return true;
}

static bool
make_certificate(struct dt_credential *c, struct dt_now now)
{
	time_t from = (time_t)(now.wall.s - 3600), until = from + DT_EPHEMERAL_DAYS * DAY;

	c->key = EVP_EC_gen("P-256");
	c->leaf = X509_new();
	c->chain = sk_X509_new_null();
	return c->key && c->leaf && c->chain && X509_set_version(c->leaf, X509_VERSION_3) &&
	       set_serial(c->leaf) && set_name(c->leaf) &&
	       ASN1_TIME_set(X509_getm_notBefore(c->leaf), from) &&
	       ASN1_TIME_set(X509_getm_notAfter(c->leaf), until) &&
	       X509_set_pubkey(c->leaf, c->key) && add_extensions(c->leaf) &&
	       X509_sign(c->leaf, c->key, EVP_sha256()) > 0;
}

enum dt_err
dt_ephemeral_new(struct dt_now now, struct dt_credential **out, struct dt_pki_error *err)
{
	*out = NULL;
	*err = (struct dt_pki_error){0};
	struct dt_credential *c = dt_alloc(sizeof(*c));
	if (!c)
		return dt_pki_fail(err, DT_PKI_NOMEM, NULL, NULL);
	c->magic = DT_CREDENTIAL_MAGIC;
	if (!make_certificate(c, now)) {
		dt_credential_free(&c);
		ERR_clear_error();
		return dt_pki_fail(err, DT_PKI_CRYPTO, NULL, "making a certificate");
	}
	*out = c;
	return DT_OK;
}
