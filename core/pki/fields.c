#include "pki/fields.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/text.h"
#include "pki/asn1_time.h"
#include "pki/names.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#define SHA256_LEN 32u

static enum dt_cert_verdict
fill_der(struct dt_cert_fields *f, const uint8_t *der, size_t len)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned digest_len;
	uint8_t *copy = dt_arena_take(&f->blocks, len);
	char *hex = dt_arena_take(&f->blocks, 2 * SHA256_LEN + 1);
	if (!copy || !hex || !EVP_Digest(der, len, digest, &digest_len, EVP_sha256(), NULL))
		return DT_CERT_NOMEM;
	memcpy(copy, der, len);
	f->cert.der = (struct dtlsd_bytes){copy, len};
	f->cert.fingerprint_sha256 = dt_text_hex(digest, SHA256_LEN, hex);
	return DT_CERT_OK;
}

/* A negative number (RFC 5280 4.1.2.2 forbids it, some devices have one) begins with "-". */
static enum dt_cert_verdict
fill_serial(struct dt_cert_fields *f, const X509 *x)
{
	const ASN1_INTEGER *n = X509_get0_serialNumber(x);
	size_t len = (size_t)ASN1_STRING_length(n);
	bool negative = ASN1_STRING_type(n) == V_ASN1_NEG_INTEGER;
	char *text = dt_arena_take(&f->blocks, negative + 2 * len + 1);
	if (!text)
		return DT_CERT_NOMEM;
	if (negative)
		text[0] = '-';
	dt_text_hex(ASN1_STRING_get0_data(n), len, text + negative);
	for (char *p = text; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	f->cert.serial = text;
	return DT_CERT_OK;
}

static enum dt_cert_verdict
fill_numbers(struct dt_cert_fields *f, const X509 *x)
{
	long version = X509_get_version(x);
	if (version < X509_VERSION_1 || version > X509_VERSION_3)
		return DT_CERT_MALFORMED;
	f->cert.version = (uint32_t)version + 1;
	if (!dt_asn1_seconds(X509_get0_notBefore(x), &f->cert.not_before) ||
	    !dt_asn1_seconds(X509_get0_notAfter(x), &f->cert.not_after))
		return DT_CERT_MALFORMED;
	return fill_serial(f, x);
}

static enum dt_cert_verdict
fill_names(struct dt_cert_fields *f, const X509 *x)
{
	struct dtlsd_certificate *c = &f->cert;
	const X509_NAME *subject = X509_get_subject_name(x), *issuer = X509_get_issuer_name(x);
	enum dt_cert_verdict v = dt_cert_name_text(&f->blocks, subject, &c->subject);
	if (v == DT_CERT_OK)
		v = dt_cert_name_text(&f->blocks, issuer, &c->issuer);
	if (v == DT_CERT_OK)
		v = dt_cert_name_parts(
		    &f->blocks, subject, &c->subject_parts, &c->subject_part_count);
	if (v == DT_CERT_OK)
		v = dt_cert_name_parts(&f->blocks, issuer, &c->issuer_parts, &c->issuer_part_count);
	if (v == DT_CERT_OK)
		v = dt_cert_sans(&f->blocks, x, &c->sans, &c->san_count);
	return v;
}

static enum dt_cert_verdict
decode(struct dt_cert_fields *f, const uint8_t *der, size_t len)
{
	const uint8_t *at = der;
	X509 *x = d2i_X509(NULL, &at, (long)len);
	if (!x)
		return DT_CERT_MALFORMED;
	enum dt_cert_verdict v = at == der + len ? DT_CERT_OK : DT_CERT_MALFORMED;
	if (v == DT_CERT_OK)
		v = fill_der(f, der, len);
	if (v == DT_CERT_OK)
		v = fill_numbers(f, x);
	if (v == DT_CERT_OK)
		v = fill_names(f, x);
	X509_free(x);
	return v;
}

enum dt_cert_verdict
dt_cert_fields_new(const uint8_t *der, size_t len, struct dt_cert_fields **out)
{
	DT_ASSERT(der);
	*out = NULL;
	if (len > DT_CERT_DER_MAX)
		return DT_CERT_TOO_LONG;
	struct dt_cert_fields *f = dt_alloc(sizeof(*f));
	if (!f)
		return DT_CERT_NOMEM;
	f->magic = DT_CERT_FIELDS_MAGIC;
	f->cert.size = sizeof(f->cert);
	f->cert.subject_part_size = f->cert.issuer_part_size = sizeof(struct dtlsd_name_part);
	f->cert.san_size = sizeof(struct dtlsd_san);

	/* Called within a handshake: what we leave on the error queue would be taken for an error
	 * of that. */
	ERR_set_mark();
	enum dt_cert_verdict v = decode(f, der, len);
	ERR_pop_to_mark();
	if (v == DT_CERT_OK)
		*out = f;
	else
		dt_cert_fields_free(&f);
	return v;
}

void
dt_cert_fields_free(struct dt_cert_fields **slot)
{
	struct dt_cert_fields *f = *slot;
	*slot = NULL;
	if (!f)
		return;
	DT_CHECK_MAGIC(f, DT_CERT_FIELDS_MAGIC);
	dt_arena_free(&f->blocks);
	f->magic = 0;
	dt_free(f);
}

const char *
dt_cert_verdict_text(enum dt_cert_verdict v)
{
	switch (v) {
	case DT_CERT_OK:
		return "OK";
	case DT_CERT_MALFORMED:
		return "the certificate cannot be decoded";
	case DT_CERT_TOO_LONG:
		return "the certificate is longer than 64 KiB";
	case DT_CERT_TOO_MANY:
		return "the certificate has too many names";
	case DT_CERT_NOMEM:
		return "out of memory";
	}
	return "an unknown verdict";
}
