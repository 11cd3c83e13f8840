#include "pki/names.h"

#include "base/addr.h"
#include "base/text.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <string.h>

/* A copy in which a NUL, and every byte from `plain_below` on, is \xNN. NULL: no memory. */
static char *
keep_escaped(struct dt_cert_block **arena, const uint8_t *data, size_t len, unsigned plain_below)
{
	static const char digits[] = "0123456789abcdef";
	size_t escaped = 0;
	for (size_t i = 0; i < len; i++)
		escaped += data[i] == 0 || data[i] >= plain_below;

	char *text = dt_arena_take(arena, len + 3 * escaped + 1), *to = text;
	for (size_t i = 0; text && i < len; i++) {
		if (data[i] != 0 && data[i] < plain_below) {
			*to++ = (char)data[i];
			continue;
		}
		*to++ = '\\';
		*to++ = 'x';
		*to++ = digits[data[i] >> 4];
		*to++ = digits[data[i] & 15];
	}
	return text;
}

static char *
keep_utf8(struct dt_cert_block **arena, const uint8_t *data, size_t len)
{
	return keep_escaped(arena, data, len, 256);
}

/* An IA5String has 7 bits (RFC 5280 4.2.1.6): a byte above is no character. */
static char *
keep_ia5(struct dt_cert_block **arena, const ASN1_IA5STRING *s)
{
	return keep_escaped(arena, ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s), 128);
}

static char *
keep_hex(struct dt_cert_block **arena, const char *prefix, const uint8_t *data, size_t len)
{
	size_t skip = strlen(prefix);
	char *text = dt_arena_take(arena, skip + 2 * len + 1);
	if (text) {
		memcpy(text, prefix, skip);
		dt_text_hex(data, len, text + skip);
	}
	return text;
}

enum dt_cert_verdict
dt_cert_name_text(struct dt_cert_block **arena, const X509_NAME *name, const char **out)
{
	const unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
	BIO *bio = BIO_new(BIO_s_mem());
	if (!bio)
		return DT_CERT_NOMEM;

	enum dt_cert_verdict v = DT_CERT_MALFORMED;
	if (X509_NAME_print_ex(bio, name, 0, flags) >= 0) {
		char *text = NULL;
		long len = BIO_get_mem_data(bio, &text);
		*out = keep_utf8(arena, (const uint8_t *)text, (size_t)len);
		v = *out ? DT_CERT_OK : DT_CERT_NOMEM;
	}
	BIO_free(bio);
	return v;
}

static enum dt_cert_verdict
keep_oid(struct dt_cert_block **arena, const ASN1_OBJECT *oid, const char **out)
{
	int len = OBJ_obj2txt(NULL, 0, oid, 1);
	if (len <= 0)
		return DT_CERT_MALFORMED;
	char *text = dt_arena_take(arena, (size_t)len + 1);
	*out = text;
	if (!text)
		return DT_CERT_NOMEM;
	return OBJ_obj2txt(text, len + 1, oid, 1) == len ? DT_CERT_OK : DT_CERT_MALFORMED;
}

static enum dt_cert_verdict
part_type(struct dt_cert_block **arena, const ASN1_OBJECT *oid, const char **out)
{
	static const struct {
		int nid;
		const char *name;
	} known[] = {
	    {NID_commonName, "CN"},
	    {NID_organizationName, "O"},
	    {NID_organizationalUnitName, "OU"},
	    {NID_serialNumber, "serialNumber"},
	};

	int nid = OBJ_obj2nid(oid);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].nid == nid) {
			*out = known[i].name;
			return DT_CERT_OK;
		}
	}
	return keep_oid(arena, oid, out);
}

/* What is no text (a bit string, a sequence): "#" and its DER. */
static enum dt_cert_verdict
part_dump(struct dt_cert_block **arena, ASN1_STRING *value, const char **out)
{
	ASN1_TYPE any = {.type = ASN1_STRING_type(value), .value.asn1_string = value};
	uint8_t *der = NULL;
	int len = i2d_ASN1_TYPE(&any, &der);
	if (len < 0)
		return DT_CERT_MALFORMED;
	*out = keep_hex(arena, "#", der, (size_t)len);
	OPENSSL_free(der);
	return *out ? DT_CERT_OK : DT_CERT_NOMEM;
}

static enum dt_cert_verdict
part_value(struct dt_cert_block **arena, ASN1_STRING *value, const char **out)
{
	uint8_t *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, value);
	if (len < 0)
		return part_dump(arena, value, out);
	*out = keep_utf8(arena, utf8, (size_t)len);
	OPENSSL_free(utf8);
	return *out ? DT_CERT_OK : DT_CERT_NOMEM;
}

enum dt_cert_verdict
dt_cert_name_parts(struct dt_cert_block **arena, const X509_NAME *name,
    const struct dtlsd_name_part **out, uint32_t *count)
{
	int n = X509_NAME_entry_count(name);
	if (n <= 0)
		return DT_CERT_OK;
	if ((uint32_t)n > DT_CERT_PARTS_MAX)
		return DT_CERT_TOO_MANY;
	struct dtlsd_name_part *parts = dt_arena_take(arena, (size_t)n * sizeof(*parts));
	if (!parts)
		return DT_CERT_NOMEM;

	for (int i = 0; i < n; i++) {
		const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
		enum dt_cert_verdict v =
		    part_type(arena, X509_NAME_ENTRY_get_object(e), &parts[i].type);
		if (v == DT_CERT_OK)
			v = part_value(arena, X509_NAME_ENTRY_get_data(e), &parts[i].value);
		if (v != DT_CERT_OK)
			return v;
	}
	*out = parts;
	*count = (uint32_t)n;
	return DT_CERT_OK;
}

static enum dt_cert_verdict
san_other(struct dt_cert_block **arena, const GENERAL_NAME *g, struct dtlsd_san *to)
{
	uint8_t *der = NULL;
	int len = i2d_GENERAL_NAME(g, &der);
	if (len < 0)
		return DT_CERT_MALFORMED;
	to->type = DTLSD_SAN_OTHER;
	to->value = keep_hex(arena, "", der, (size_t)len);
	OPENSSL_free(der);
	return to->value ? DT_CERT_OK : DT_CERT_NOMEM;
}

static enum dt_cert_verdict
san_ip(struct dt_cert_block **arena, const GENERAL_NAME *g, struct dtlsd_san *to)
{
	int len = ASN1_STRING_length(g->d.iPAddress);
	if (len != 4 && len != 16)
		return san_other(arena, g, to);
	struct dtlsd_address a = {.family = len == 4 ? DTLSD_IPV4 : DTLSD_IPV6};
	memcpy(a.ip, ASN1_STRING_get0_data(g->d.iPAddress), (size_t)len);
	char text[DT_ADDR_TEXT];
	dt_addr_format_ip(&a, text);
	to->type = DTLSD_SAN_IP;
	to->value = keep_utf8(arena, (const uint8_t *)text, strlen(text));
	return to->value ? DT_CERT_OK : DT_CERT_NOMEM;
}

static enum dt_cert_verdict
san_one(struct dt_cert_block **arena, const GENERAL_NAME *g, struct dtlsd_san *to)
{
	static const struct {
		int from;
		uint32_t to;
	} texts[] = {
	    {GEN_DNS, DTLSD_SAN_DNS},
	    {GEN_EMAIL, DTLSD_SAN_EMAIL},
	    {GEN_URI, DTLSD_SAN_URI},
	};

	if (g->type == GEN_IPADD)
		return san_ip(arena, g, to);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].from != g->type)
			continue;
		to->type = texts[i].to;
		to->value = keep_ia5(arena, g->d.ia5);
		return to->value ? DT_CERT_OK : DT_CERT_NOMEM;
	}
	return san_other(arena, g, to);
}

static enum dt_cert_verdict
keep_sans(struct dt_cert_block **arena, const GENERAL_NAMES *names, const struct dtlsd_san **out,
    uint32_t *count)
{
	int n = sk_GENERAL_NAME_num(names);
	if (n <= 0)
		return DT_CERT_OK;
	if ((uint32_t)n > DT_CERT_SANS_MAX)
		return DT_CERT_TOO_MANY;
	struct dtlsd_san *sans = dt_arena_take(arena, (size_t)n * sizeof(*sans));
	if (!sans)
		return DT_CERT_NOMEM;
	for (int i = 0; i < n; i++) {
		enum dt_cert_verdict v = san_one(arena, sk_GENERAL_NAME_value(names, i), &sans[i]);
		if (v != DT_CERT_OK)
			return v;
	}
	*out = sans;
	*count = (uint32_t)n;
	return DT_CERT_OK;
}

enum dt_cert_verdict
dt_cert_sans(
    struct dt_cert_block **arena, const X509 *x, const struct dtlsd_san **out, uint32_t *count)
{
	int found;
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, &found, NULL);
	/* NULL with -1: there is none; otherwise there are two, or it does not decode. */
	if (!names)
		return found == -1 ? DT_CERT_OK : DT_CERT_MALFORMED;
	enum dt_cert_verdict v = keep_sans(arena, names, out, count);
	GENERAL_NAMES_free(names);
	return v;
}
