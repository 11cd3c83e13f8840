#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "pki/fields.h"
#include "support.h"

static struct dt_cert_fields *
fields_of_file(const char *name)
{
	size_t len;
	uint8_t *der = read_bytes(cert_path(name), &len);
	struct dt_cert_fields *f = NULL;
	cr_assert_eq(dt_cert_fields_new(der, len, &f), DT_CERT_OK, "%s", name);
	cr_assert_eq(f->cert.der.len, len);
	cr_assert_eq(memcmp(f->cert.der.data, der, len), 0);
	dt_free(der); /* nothing may point into it */
	return f;
}

/* Signs `x`, frees it, decodes it. */
static enum dt_cert_verdict
decode_made(X509 *x, struct dt_cert_fields **f)
{
	size_t len;
	uint8_t *der = sign_der(x, &len);
	X509_free(x);
	ERR_clear_error();
	enum dt_cert_verdict v = dt_cert_fields_new(der, len, f);
	OPENSSL_free(der);
	cr_assert_eq(v == DT_CERT_OK, *f != NULL);
	cr_assert_eq(ERR_peek_error(), 0ul);
	return v;
}

Test(fields, of_a_usual_client)
{
	static const struct dtlsd_name_part parts[] = {{"2.5.4.6", "DE"}, {"O", "Example Fleet"},
	    {"OU", "Sensors"}, {"serialNumber", "0042"}, {"CN", "device-1"}};
	static const struct dtlsd_san sans[] = {
	    {DTLSD_SAN_DNS, 0, "device-1.fleet.example"},
	    {DTLSD_SAN_URI, 0, "urn:dev:ops:32473-device-1"},
	    {DTLSD_SAN_EMAIL, 0, "device-1@fleet.example"},
	    {DTLSD_SAN_IP, 0, "192.0.2.1"},
	    {DTLSD_SAN_IP, 0, "2001:db8::1"},
	    {DTLSD_SAN_OTHER, 0, "a01506092b0601040181fd5902a0080c066f74686572"},
	};
	struct dt_cert_fields *f = fields_of_file("client.der");
	const struct dtlsd_certificate *c = &f->cert;
	cr_assert_eq(c->size, sizeof(*c));
	cr_assert_eq(c->version, 3u);
	cr_assert_str_eq(
	    c->subject, "CN=device-1,serialNumber=0042,OU=Sensors,O=Example Fleet,C=DE");
	cr_assert_str_eq(c->issuer, "CN=Test ca,O=Test");
	cr_assert_eq(c->not_before, 1577836800);
	cr_assert_eq(c->not_after, 2524607999);
	cr_assert_eq(strlen(c->fingerprint_sha256), 64u);
	cr_assert_eq(strspn(c->fingerprint_sha256, "0123456789abcdef"), 64u);
	cr_assert_eq(strspn(c->serial, "0123456789ABCDEF"), strlen(c->serial));

	cr_assert_eq(c->subject_part_count, 5u);
	cr_assert_eq(c->subject_part_size, sizeof(struct dtlsd_name_part));
	for (size_t i = 0; i < 5; i++) {
		cr_assert_str_eq(c->subject_parts[i].type, parts[i].type);
		cr_assert_str_eq(c->subject_parts[i].value, parts[i].value);
	}
	cr_assert_eq(c->issuer_part_count, 2u);
	cr_assert_str_eq(c->issuer_parts[0].value, "Test");
	cr_assert_eq(c->san_count, 5u + 1);
	cr_assert_eq(c->san_size, sizeof(struct dtlsd_san));
	for (size_t i = 0; i < 5; i++) {
		cr_assert_eq(c->sans[i].type, sans[i].type);
		cr_assert_str_eq(c->sans[i].value, sans[i].value);
	}
	cr_assert_eq(c->sans[5].type, DTLSD_SAN_OTHER);
	cr_assert(strstr(c->sans[5].value, "6f74686572"), "%s", c->sans[5].value);
	dt_cert_fields_free(&f);
	cr_assert_null(f);
}

Test(fields, a_certificate_without_san_has_none)
{
	struct dt_cert_fields *f = fields_of_file("client-2.der");
	cr_assert_eq(f->cert.san_count, 0u);
	cr_assert_null(f->cert.sans);
	dt_cert_fields_free(&f);
}

Test(fields, odd_names_are_whole_and_equal_to_nothing_shorter)
{
	struct dt_cert_fields *f = fields_of_file("client-odd.der");
	const struct dtlsd_certificate *c = &f->cert;
	cr_assert_eq(c->subject_part_count, 3u);
	cr_assert_str_eq(c->subject_parts[0].value, "device-1\\x00.evil.example");
	cr_assert_str_eq(c->subject_parts[1].value, "Συσκευές");
	cr_assert_str_eq(c->subject_parts[2].value, "line\n\"quoted\", a+b \\ c");
	cr_assert_eq(c->san_count, 2u);
	cr_assert_str_eq(c->sans[0].value, "device-1\\x00.evil.example");
	cr_assert_str_eq(c->sans[1].value, "h\\xf6her.example");
	cr_assert_str_eq(c->subject, "O=line\\0A\\\"quoted\\\"\\, a\\+b \\\\ c,OU=Συσκευές,"
				     "CN=device-1\\00.evil.example");
	dt_cert_fields_free(&f);
}

Test(fields, dates_far_away)
{
	struct dt_cert_fields *f = fields_of_file("client-future.der");
	cr_assert_eq(f->cert.not_before, 3786912000);
	cr_assert_eq(f->cert.not_after, 3976214399);
	dt_cert_fields_free(&f);

	X509 *x = new_certificate("old");
	ASN1_TIME_set_string(X509_getm_notBefore(x), "500101000000Z");
	ASN1_TIME_set_string(X509_getm_notAfter(x), "99991231235959Z");
	cr_assert_eq(decode_made(x, &f), DT_CERT_OK);
	cr_assert_eq(f->cert.not_before, -631152000);
	cr_assert_eq(f->cert.not_after, 253402300799);
	dt_cert_fields_free(&f);
}

Test(fields, serials_as_they_are_written)
{
	static const struct {
		const char *number, *text;
	} rows[] = {{"0", "00"}, {"1", "01"}, {"-1", "-01"}, {"0xABCDEF", "ABCDEF"},
	    {"0x1000", "1000"},
	    {"0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		X509 *x = new_certificate("serial");
		ASN1_INTEGER *n = s2i_ASN1_INTEGER(NULL, rows[i].number);
		X509_set_serialNumber(x, n);
		ASN1_INTEGER_free(n);
		struct dt_cert_fields *f;
		cr_assert_eq(decode_made(x, &f), DT_CERT_OK);
		cr_assert_str_eq(f->cert.serial, rows[i].text);
		dt_cert_fields_free(&f);
	}
}

Test(fields, an_address_of_a_wrong_length_is_no_address)
{
	X509 *x = new_certificate("ip");
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_OCTET_STRING *ip = ASN1_OCTET_STRING_new();
	ASN1_OCTET_STRING_set(ip, (const unsigned char *)"\1\2\3\4\5", 5);
	GENERAL_NAME_set0_value(g, GEN_IPADD, ip);
	sk_GENERAL_NAME_push(names, g);
	X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0);
	GENERAL_NAMES_free(names);
	struct dt_cert_fields *f;
	cr_assert_eq(decode_made(x, &f), DT_CERT_OK);
	cr_assert_eq(f->cert.sans[0].type, DTLSD_SAN_OTHER);
	cr_assert_str_eq(f->cert.sans[0].value, "87050102030405");
	dt_cert_fields_free(&f);
}

Test(fields, parts_of_other_types_and_forms)
{
	X509 *x = new_certificate("first");
	X509_NAME *name = X509_get_subject_name(x);
	const unsigned char latin[] = {'h', 0xf6, 'h'}, bits[] = {0xa5},
			    utf16[] = {0x03, 0xa3, 0, 0};
	X509_NAME_add_entry_by_txt(
	    name, "DC", V_ASN1_IA5STRING, (const unsigned char *)"dc", 2, -1, 0);
	X509_NAME_add_entry_by_txt(name, "1.3.6.1.4.1.32473.7", V_ASN1_T61STRING, latin, 3, -1, 0);
	X509_NAME_add_entry_by_txt(name, "OU", V_ASN1_BMPSTRING, utf16, 4, -1, 0);
	X509_NAME_add_entry_by_txt(name, "O", V_ASN1_BIT_STRING, bits, 1, -1, 0);
	X509_NAME_add_entry_by_txt(
	    name, "CN", V_ASN1_UTF8STRING, (const unsigned char *)"", 0, -1, 0);
	static const struct dtlsd_name_part wanted[] = {{"CN", "first"},
	    {"0.9.2342.19200300.100.1.25", "dc"}, {"1.3.6.1.4.1.32473.7", "höh"}, {"OU", "Σ\\x00"},
	    {"O", "#030200a5"}, {"CN", ""}};
	struct dt_cert_fields *f;
	cr_assert_eq(decode_made(x, &f), DT_CERT_OK);
	cr_assert_eq(f->cert.subject_part_count, 6u);
	for (size_t i = 0; i < 6; i++) {
		cr_assert_str_eq(f->cert.subject_parts[i].type, wanted[i].type);
		cr_assert_str_eq(f->cert.subject_parts[i].value, wanted[i].value);
	}
	dt_cert_fields_free(&f);
}

static X509 *
with_sans(unsigned count)
{
	X509 *x = new_certificate("many");
	char *text = dt_alloc((size_t)count * 16 + 16), *to = text;
	for (unsigned i = 0; i < count; i++)
		to += sprintf(to, "%sDNS:n%u", i ? "," : "", i);
	add_extension(x, NID_subject_alt_name, text);
	dt_free(text);
	return x;
}

Test(fields, too_many_names_are_refused_and_never_cut)
{
	struct dt_cert_fields *f;
	cr_assert_eq(decode_made(with_sans(DT_CERT_SANS_MAX), &f), DT_CERT_OK);
	cr_assert_eq(f->cert.san_count, DT_CERT_SANS_MAX);
	cr_assert_str_eq(f->cert.sans[DT_CERT_SANS_MAX - 1].value, "n1023");
	dt_cert_fields_free(&f);
	cr_assert_eq(decode_made(with_sans(DT_CERT_SANS_MAX + 1), &f), DT_CERT_TOO_MANY);

	X509 *x = new_certificate("0");
	for (unsigned i = 0; i < DT_CERT_PARTS_MAX; i++)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "OU", MBSTRING_UTF8,
		    (const unsigned char *)"x", 1, -1, 0);
	cr_assert_eq(decode_made(x, &f), DT_CERT_TOO_MANY);
}

Test(fields, two_san_extensions_are_malformed)
{
	X509 *x = with_sans(1);
	add_extension(x, NID_subject_alt_name, "DNS:other");
	struct dt_cert_fields *f;
	cr_assert_eq(decode_made(x, &f), DT_CERT_MALFORMED);
}

Test(fields, cut_longer_and_foreign_bytes_are_malformed)
{
	size_t len;
	struct dt_cert_fields *f;
	uint8_t *der = read_bytes(cert_path("client.der"), &len);
	for (size_t cut = 0; cut < len; cut++) {
		/* A block of its own, so that a read behind the end is seen. */
		uint8_t *part = dt_copy(der, cut);
		cr_assert_eq(dt_cert_fields_new(part, cut, &f), DT_CERT_MALFORMED, "%zu", cut);
		cr_assert_null(f);
		dt_free(part);
	}
	cr_assert_eq(dt_cert_fields_new(der, len + 1, &f), DT_CERT_MALFORMED);
	cr_assert_eq(dt_cert_fields_new((const uint8_t *)"\0\0\0", 3, &f), DT_CERT_MALFORMED);
	cr_assert_eq(ERR_peek_error(), 0ul);
	dt_free(der);

	uint8_t *huge = dt_alloc(DT_CERT_DER_MAX + 1);
	cr_assert_eq(dt_cert_fields_new(huge, DT_CERT_DER_MAX + 1, &f), DT_CERT_TOO_LONG);
	cr_assert_eq(dt_cert_fields_new(huge, DT_CERT_DER_MAX, &f), DT_CERT_MALFORMED);
	dt_free(huge);
}

Test(fields, no_memory_is_said_and_leaks_nothing)
{
	size_t len;
	uint8_t *small = read_bytes(cert_path("client.der"), &len), *big;
	size_t big_len;
	X509 *x = with_sans(1000);
	big = sign_der(x, &big_len);
	X509_free(x);
	for (int i = 0; i < 2; i++) {
		enum dt_cert_verdict v = DT_CERT_NOMEM;
		for (uint64_t n = 1; v == DT_CERT_NOMEM; n++) {
			cr_assert_lt(n, 1000u);
			struct dt_cert_fields *f;
			dt_mem_fail_nth(n);
			v = dt_cert_fields_new(i ? big : small, i ? big_len : len, &f);
			dt_mem_fail_nth(0);
			cr_assert_eq(f == NULL, v != DT_CERT_OK);
			dt_cert_fields_free(&f);
		}
		cr_assert_eq(v, DT_CERT_OK);
	}
	OPENSSL_free(big);
	dt_free(small);
}

Test(fields, every_verdict_has_a_text)
{
	for (int v = DT_CERT_OK; v <= DT_CERT_NOMEM; v++)
		cr_assert_str_not_empty(dt_cert_verdict_text((enum dt_cert_verdict)v));
}
