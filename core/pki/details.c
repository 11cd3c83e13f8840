#include "pki/details.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/text.h"
#include "pki/arena.h"
#include "pki/asn1_time.h"
#include "pki/names.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* ---- texts ---- */

static enum dt_cert_verdict
keep(struct dt_details *d, const char *text, size_t len, const char **out)
{
	char *copy = dt_arena_take(&d->blocks, len + 1);
	if (!copy)
		return DT_CERT_NOMEM;
	if (len)
		memcpy(copy, text, len);
	*out = copy;
	return DT_CERT_OK;
}

static enum dt_cert_verdict
keep_text(struct dt_details *d, const char *text, const char **out)
{
	return keep(d, text, strlen(text), out);
}

/* Takes the BIO over; `good`: what was written to it is whole. */
static enum dt_cert_verdict
keep_bio(struct dt_details *d, BIO *bio, bool good, const char **out)
{
	char *text;
	long len = bio ? BIO_get_mem_data(bio, &text) : 0;
	enum dt_cert_verdict v = bio ? DT_CERT_MALFORMED : DT_CERT_NOMEM;
	if (bio && good)
		v = keep(d, text, (size_t)len, out);
	BIO_free(bio);
	return v;
}

/* A list whose items come one after the other. */
static void
add_item(BIO *list, const char *separator, const char *item)
{
	BIO_printf(list, "%s%s", BIO_ctrl_pending(list) ? separator : "", item);
}

/* ---- digests ---- */

static enum dt_cert_verdict
keep_digest(struct dt_details *d, const X509 *x, const EVP_MD *md, const char **thumbprint,
    const char **fingerprint)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1], pairs[3 * EVP_MAX_MD_SIZE + 1];
	unsigned len;
	if (!X509_digest(x, md, digest, &len))
		return DT_CERT_NOMEM;
	dt_text_hex(digest, len, hex);
	for (unsigned i = 0; i < len; i++)
		snprintf(pairs + 3 * (size_t)i, 4, "%.2s:", hex + 2 * (size_t)i);
	for (char *p = hex; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	enum dt_cert_verdict v = keep_text(d, hex, thumbprint);
	return v == DT_CERT_OK ? keep(d, pairs, 3 * (size_t)len - 1, fingerprint) : v;
}

static enum dt_cert_verdict
fill_digests(struct dt_details *d, const X509 *x)
{
	enum dt_cert_verdict v =
	    keep_digest(d, x, EVP_md5(), &d->thumbprint_md5, &d->fingerprint_md5);
	if (v == DT_CERT_OK)
		v = keep_digest(d, x, EVP_sha1(), &d->thumbprint_sha1, &d->fingerprint_sha1);
	if (v == DT_CERT_OK)
		v = keep_digest(d, x, EVP_sha256(), &d->thumbprint_sha256, &d->fingerprint_sha256);
	return v;
}

/* ---- what fields.h has in another form ---- */

static enum dt_cert_verdict
keep_date(struct dt_details *d, int64_t seconds, const char **out)
{
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
	    "Sep", "Oct", "Nov", "Dec"};
	char text[64];
	time_t t = (time_t)seconds;
	struct tm tm;
	if (!localtime_r(&t, &tm))
		return DT_CERT_MALFORMED;
	snprintf(text, sizeof(text), "%02d-%s-%04ld %02d:%02d:%02d", tm.tm_mday, months[tm.tm_mon],
	    tm.tm_year + 1900L, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return keep_text(d, text, out);
}

/* RFC 2253 with a blank behind the commas between parts; one in a value has a backslash before it. */
static enum dt_cert_verdict
keep_name(struct dt_details *d, const char *name, const char **out)
{
	size_t commas = 0;
	for (const char *p = name; *p; p++)
		commas += *p == ',';
	char *text = dt_arena_take(&d->blocks, strlen(name) + commas + 1), *to = text;
	if (!text)
		return DT_CERT_NOMEM;
	for (const char *p = name; *p; p++) {
		*to++ = *p;
		if (*p == '\\' && p[1])
			*to++ = *++p;
		else if (*p == ',')
			*to++ = ' ';
	}
	*out = text;
	return DT_CERT_OK;
}

static enum dt_cert_verdict
keep_sans(struct dt_details *d, const struct dtlsd_certificate *c)
{
	BIO *bio = BIO_new(BIO_s_mem());
	for (uint32_t i = 0; bio && i < c->san_count; i++)
		add_item(bio, ",", c->sans[i].value);
	return keep_bio(d, bio, true, &d->subject_alt_names);
}

static enum dt_cert_verdict
fill_from_fields(struct dt_details *d, const struct dtlsd_certificate *c)
{
	char version[16];
	snprintf(version, sizeof(version), "V%u", c->version);
	enum dt_cert_verdict v = keep_text(d, version, &d->version);
	if (v == DT_CERT_OK)
		v = keep_text(d, c->serial, &d->serial_number);
	if (v == DT_CERT_OK)
		v = keep_name(d, c->subject, &d->subject);
	if (v == DT_CERT_OK)
		v = keep_name(d, c->issuer, &d->issuer);
	if (v == DT_CERT_OK)
		v = keep_date(d, c->not_before, &d->effective_date);
	if (v == DT_CERT_OK)
		v = keep_date(d, c->not_after, &d->expiration_date);
	return v == DT_CERT_OK ? keep_sans(d, c) : v;
}

/* ---- key, signature, usage ---- */

static enum dt_cert_verdict
keep_oid(struct dt_details *d, const ASN1_OBJECT *oid, const char *known, const char **out)
{
	char text[128];
	if (known)
		return keep_text(d, known, out);
	int len = OBJ_obj2txt(text, sizeof(text), oid, 1);
	return len > 0 ? keep_text(d, text, out) : DT_CERT_MALFORMED;
}

static enum dt_cert_verdict
fill_key(struct dt_details *d, X509 *x)
{
	static const struct {
		int nid;
		const char *name;
	} known[] = {{EVP_PKEY_RSA, "RSA"}, {EVP_PKEY_RSA_PSS, "RSASSA-PSS"}, {EVP_PKEY_EC, "EC"},
	    {EVP_PKEY_DSA, "DSA"}, {EVP_PKEY_DH, "DH"}, {EVP_PKEY_ED25519, "ED25519"},
	    {EVP_PKEY_ED448, "ED448"}};
	ASN1_OBJECT *oid = NULL;
	const char *name = NULL;
	char length[16];
	if (!X509_PUBKEY_get0_param(&oid, NULL, NULL, NULL, X509_get_X509_PUBKEY(x)))
		return DT_CERT_MALFORMED;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].nid == OBJ_obj2nid(oid))
			name = known[i].name;
	/* NULL for a kind of key that OpenSSL does not know: it has no length then. */
	EVP_PKEY *key = X509_get0_pubkey(x);
	snprintf(length, sizeof(length), "%d", key ? EVP_PKEY_get_bits(key) : 0);
	enum dt_cert_verdict v = keep_oid(d, oid, name, &d->public_key_algorithm);
	if (v == DT_CERT_OK)
		v = keep_text(d, length, &d->public_key_length);
	BIO *bio = BIO_new(BIO_s_mem());
	bool good = bio && (!key || PEM_write_bio_PUBKEY(bio, key));
	enum dt_cert_verdict w = keep_bio(d, bio, good, &d->public_key);
	return v == DT_CERT_OK ? w : v;
}

static enum dt_cert_verdict
fill_signature(struct dt_details *d, const X509 *x)
{
	const X509_ALGOR *algorithm;
	const ASN1_OBJECT *oid;
	X509_get0_signature(NULL, &algorithm, x);
	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	int nid = OBJ_obj2nid(oid);
	return keep_oid(d, oid, nid == NID_undef ? NULL : OBJ_nid2ln(nid), &d->signature_algorithm);
}

static enum dt_cert_verdict
fill_usage(struct dt_details *d, X509 *x)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} rows[] = {
	    {DT_USAGE_DIGITAL_SIGNATURE, "Digital Signature"},
	    {DT_USAGE_NON_REPUDIATION, "Non-Repudiation"},
	    {DT_USAGE_KEY_ENCIPHERMENT, "Key Encipherment"},
	    {DT_USAGE_DATA_ENCIPHERMENT, "Data Encipherment"},
	    {DT_USAGE_KEY_AGREEMENT, "Key Agreement"},
	    {DT_USAGE_CERTIFICATE_SIGNING, "Certificate Signing"},
	    {DT_USAGE_CRL_SIGNING, "CRL Signing"},
	    {DT_USAGE_ENCIPHER_ONLY, "Encipher Only"},
	};
	/* Without the extension all bits are set: it says nothing. */
	uint32_t all = X509_get_key_usage(x), flags = all == UINT32_MAX ? 0 : all & 0xff;
	char number[16];
	BIO *bio = BIO_new(BIO_s_mem());
	for (size_t i = 0; bio && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (flags & rows[i].flag)
			add_item(bio, ", ", rows[i].name);
	enum dt_cert_verdict v = keep_bio(d, bio, true, &d->usage);
	snprintf(number, sizeof(number), "%u", flags);
	return v == DT_CERT_OK ? keep_text(d, number, &d->usage_flags) : v;
}

static enum dt_cert_verdict
fill_extended_usage(struct dt_details *d, const X509 *x)
{
	int found;
	EXTENDED_KEY_USAGE *list = X509_get_ext_d2i(x, NID_ext_key_usage, &found, NULL);
	if (!list && found != -1)
		return DT_CERT_MALFORMED;
	BIO *bio = BIO_new(BIO_s_mem());
	bool good = true;
	for (int i = 0; bio && good && i < sk_ASN1_OBJECT_num(list); i++) {
		char text[128];
		good = OBJ_obj2txt(text, sizeof(text), sk_ASN1_OBJECT_value(list, i), 1) > 0;
		add_item(bio, ",", text);
	}
	EXTENDED_KEY_USAGE_free(list);
	return keep_bio(d, bio, good, &d->extended_key_usage);
}

/* ---- the whole ---- */

static enum dt_cert_verdict
fill(struct dt_details *d, X509 *x, const struct dtlsd_certificate *c)
{
	enum dt_cert_verdict v = fill_from_fields(d, c);
	if (v == DT_CERT_OK)
		v = fill_digests(d, x);
	if (v == DT_CERT_OK)
		v = fill_key(d, x);
	if (v == DT_CERT_OK)
		v = fill_signature(d, x);
	if (v == DT_CERT_OK)
		v = fill_usage(d, x);
	if (v == DT_CERT_OK)
		v = fill_extended_usage(d, x);
	if (v != DT_CERT_OK)
		return v;
	BIO *bio = BIO_new(BIO_s_mem());
	bool good = bio && PEM_write_bio_X509(bio, x);
	return keep_bio(d, bio, good, &d->encoded);
}

enum dt_cert_verdict
dt_details_new(const uint8_t *der, size_t len, bool private_key, struct dt_details **out)
{
	struct dt_cert_fields *fields;
	*out = NULL;
	enum dt_cert_verdict v = dt_cert_fields_new(der, len, &fields);
	if (v != DT_CERT_OK)
		return v;
	struct dt_details *d = dt_alloc(sizeof(*d));
	const uint8_t *at = der;
	ERR_set_mark();
	X509 *x = d2i_X509(NULL, &at, (long)len);
	v = DT_CERT_NOMEM;
	if (d) {
		d->magic = DT_DETAILS_MAGIC;
		d->private_key_available = private_key ? "True" : "False";
	}
	if (d && x)
		v = fill(d, x, &fields->cert);
	X509_free(x);
	ERR_pop_to_mark();
	dt_cert_fields_free(&fields);
	if (v == DT_CERT_OK)
		*out = d;
	else
		dt_details_free(&d);
	return v;
}

void
dt_details_free(struct dt_details **slot)
{
	struct dt_details *d = *slot;
	*slot = NULL;
	if (!d)
		return;
	DT_CHECK_MAGIC(d, DT_DETAILS_MAGIC);
	dt_arena_free(&d->blocks);
	d->magic = 0;
	dt_free(d);
}

#define MEMBER(name, member)                                                                       \
	{                                                                                          \
		name, offsetof(struct dt_details, member)                                          \
	}

static const struct {
	const char *name;
	size_t offset;
} readers[] = {
    MEMBER("EffectiveDate", effective_date),
    MEMBER("ExpirationDate", expiration_date),
    MEMBER("ExtendedKeyUsage", extended_key_usage),
    MEMBER("Fingerprint", fingerprint_md5),
    MEMBER("FingerprintSHA1", fingerprint_sha1),
    MEMBER("FingerprintSHA256", fingerprint_sha256),
    MEMBER("Issuer", issuer),
    MEMBER("PrivateKeyAvailable", private_key_available),
    MEMBER("PublicKey", public_key),
    MEMBER("PublicKeyAlgorithm", public_key_algorithm),
    MEMBER("PublicKeyLength", public_key_length),
    MEMBER("SerialNumber", serial_number),
    MEMBER("SignatureAlgorithm", signature_algorithm),
    MEMBER("SubjectAltNames", subject_alt_names),
    MEMBER("ThumbprintMD5", thumbprint_md5),
    MEMBER("ThumbprintSHA1", thumbprint_sha1),
    MEMBER("ThumbprintSHA256", thumbprint_sha256),
    MEMBER("Usage", usage),
    MEMBER("UsageFlags", usage_flags),
    MEMBER("Version", version),
    MEMBER("Subject", subject),
    MEMBER("Encoded", encoded),
};
#define READERS (sizeof(readers) / sizeof(readers[0]))

const char *
dt_details_name(size_t i)
{
	return i < READERS ? readers[i].name : NULL;
}

enum dt_detail
dt_details_get(const struct dt_details *d, const char *name, const char **text)
{
	DT_CHECK_MAGIC(d, DT_DETAILS_MAGIC);
	*text = "";
	for (size_t i = 0; i < READERS; i++) {
		if (strcasecmp(name, readers[i].name) != 0)
			continue;
		memcpy(text, (const char *)d + readers[i].offset, sizeof(*text));
		return DT_DETAIL_FOUND;
	}
	if (strcasecmp(name, "PrivateKey") == 0 || strcasecmp(name, "KeyPassword") == 0)
		return DT_DETAIL_FOUND;
	if (strcasecmp(name, "PrivateKeyContainer") != 0)
		return DT_DETAIL_UNKNOWN;
	*text = "not supported: key containers are of Windows";
	return DT_DETAIL_UNSUPPORTED;
}
