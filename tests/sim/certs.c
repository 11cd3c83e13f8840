#include "certs.h"

#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "clock.h"

#define HALF_A_YEAR (INT64_C(183) * 86400)

static void
add_extension(X509 *x, const struct sim_identity *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer ? issuer->cert : x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	DT_ASSERT(e && X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
}

static void
add_comment(X509 *x, size_t bytes)
{
	char *text = malloc(bytes + 1);
	DT_ASSERT(text);
	memset(text, 'x', bytes);
	text[bytes] = '\0';
	add_extension(x, NULL, NID_netscape_comment, text);
	free(text);
}

static void
set_dates(X509 *x, const struct sim_cert_wish *w)
{
	int64_t now = sim_now().wall.s;
	int64_t from = w->from_s || w->until_s ? w->from_s : -HALF_A_YEAR;
	int64_t until = w->from_s || w->until_s ? w->until_s : HALF_A_YEAR;
	DT_ASSERT(ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(now + from)));
	DT_ASSERT(ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(now + until)));
}

void
sim_identity_make(struct sim_identity *id, const struct sim_cert_wish *w)
{
	static long serial;
	id->key = w->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	id->cert = X509_new();
	DT_ASSERT(id->key && id->cert);
	X509 *x = id->cert;
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_NAME *name = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)w->name, -1, -1, 0);
	X509_set_issuer_name(x, w->issuer ? X509_get_subject_name(w->issuer->cert) : name);
	X509_set_pubkey(x, id->key);
	set_dates(x, w);
	add_extension(x, w->issuer, NID_basic_constraints, w->ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (w->ca)
		add_extension(x, w->issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
	if (w->comment)
		add_comment(x, w->comment);
	DT_ASSERT(X509_sign(x, w->issuer ? w->issuer->key : id->key, EVP_sha256()));
}

void
sim_identity_free(struct sim_identity *id)
{
	X509_free(id->cert);
	EVP_PKEY_free(id->key);
	memset(id, 0, sizeof(*id));
}
