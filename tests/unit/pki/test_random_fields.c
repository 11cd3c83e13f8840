/* Certificates with random bytes in them: a verdict, or fields that keep their promises. */
#include <criterion/criterion.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "pki/fields.h"
#include "support.h"

#define ROUNDS 20000

/* Well-formed UTF-8 (RFC 3629 4), by its table: first byte, and the limits of the second. */
static bool
is_utf8(const char *text)
{
	static const struct {
		uint8_t first, last, from, to;
		int more;
	} rows[] = {
	    {0x01, 0x7f, 0, 0, 0},
	    {0xc2, 0xdf, 0x80, 0xbf, 1},
	    {0xe0, 0xe0, 0xa0, 0xbf, 2},
	    {0xe1, 0xec, 0x80, 0xbf, 2},
	    {0xed, 0xed, 0x80, 0x9f, 2},
	    {0xee, 0xef, 0x80, 0xbf, 2},
	    {0xf0, 0xf0, 0x90, 0xbf, 3},
	    {0xf1, 0xf3, 0x80, 0xbf, 3},
	    {0xf4, 0xf4, 0x80, 0x8f, 3},
	};
	const uint8_t *p = (const uint8_t *)text;
	while (*p) {
		size_t r = 0;
		while (r < sizeof(rows) / sizeof(rows[0]) && (*p < rows[r].first || *p > rows[r].last))
			r++;
		if (r == sizeof(rows) / sizeof(rows[0]))
			return false;
		if (rows[r].more && (p[1] < rows[r].from || p[1] > rows[r].to))
			return false;
		for (int k = 2; k <= rows[r].more; k++) {
			if ((p[k] & 0xc0) != 0x80)
				return false;
		}
		p += rows[r].more + 1;
	}
	return true;
}

static void
check_promises(const struct dtlsd_certificate *c, const char *what)
{
	cr_assert(c->version >= 1 && c->version <= 3);
	cr_assert(is_utf8(c->subject), "%s: subject %s", what, c->subject);
	cr_assert(is_utf8(c->issuer), "%s: issuer %s", what, c->issuer);
	cr_assert_eq(strlen(c->fingerprint_sha256), 64u);
	cr_assert_eq(strspn(c->serial, "-0123456789ABCDEF"), strlen(c->serial));
	for (uint32_t i = 0; i < c->subject_part_count; i++) {
		cr_assert(is_utf8(c->subject_parts[i].value), "%s", what);
		cr_assert_str_not_empty(c->subject_parts[i].type);
	}
	for (uint32_t i = 0; i < c->issuer_part_count; i++)
		cr_assert(is_utf8(c->issuer_parts[i].value), "%s", what);
	for (uint32_t i = 0; i < c->san_count; i++) {
		cr_assert(c->sans[i].type >= DTLSD_SAN_DNS && c->sans[i].type <= DTLSD_SAN_OTHER);
		cr_assert(is_utf8(c->sans[i].value), "%s", what);
	}
}

/* One to four bytes changed; sometimes a stretch taken out. */
static size_t
mutate(uint8_t *der, size_t len)
{
	long changes = random() % 4 + 1;
	while (changes--)
		der[(size_t)random() % len] = (uint8_t)random();
	if (random() % 8 != 0)
		return len;
	size_t at = (size_t)random() % len, n = (size_t)random() % (len - at);
	memmove(der + at, der + at + n, len - at - n);
	return len - n;
}

static void
mutate_often(const char *name, unsigned seed)
{
	size_t len;
	uint8_t *der = read_bytes(cert_path(name), &len);
	char what[64];
	snprintf(what, sizeof(what), "%s, seed %u", name, seed);
	unsigned decoded = 0;
	srandom(seed);
	for (int i = 0; i < ROUNDS / 2; i++) {
		uint8_t *copy = dt_copy(der, len);
		size_t cut = mutate(copy, len);
		/* A block of the right size, so that a read behind the end is seen. */
		uint8_t *exact = dt_copy(copy, cut);
		struct dt_cert_fields *f;
		if (dt_cert_fields_new(exact, cut, &f) == DT_CERT_OK) {
			check_promises(&f->cert, what);
			decoded++;
		}
		cr_assert_eq(ERR_peek_error(), 0ul);
		dt_cert_fields_free(&f);
		dt_free(exact);
		dt_free(copy);
	}
	cr_log_info("%s: %u of %d decoded", what, decoded, ROUNDS / 2);
	cr_assert(decoded > 0 && decoded < ROUNDS / 2);
	dt_free(der);
}

Test(random_fields, of_a_usual_certificate)
{
	mutate_often("client.der", (unsigned)time(NULL));
}

Test(random_fields, of_one_with_odd_names)
{
	mutate_often("client-odd.der", (unsigned)time(NULL));
}

/* Names in each string type with random bytes, where mutation would rarely hit. */
Test(random_fields, of_random_strings_in_names)
{
	static const int types[] = {V_ASN1_UTF8STRING, V_ASN1_BMPSTRING, V_ASN1_UNIVERSALSTRING,
	    V_ASN1_T61STRING, V_ASN1_PRINTABLESTRING, V_ASN1_IA5STRING, V_ASN1_NUMERICSTRING,
	    V_ASN1_BIT_STRING, V_ASN1_VISIBLESTRING};
	unsigned seed = (unsigned)time(NULL);
	char what[64];
	snprintf(what, sizeof(what), "seed %u", seed);
	srandom(seed);
	for (int i = 0; i < 2000; i++) {
		unsigned char bytes[16];
		int len = (int)(random() % 16) & ~3;
		for (int k = 0; k < len; k++)
			bytes[k] = (uint8_t)(random() % 4 ? random() : 0);
		int type = types[(size_t)random() % (sizeof(types) / sizeof(types[0]))];
		X509 *x = new_certificate("x");
		X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "OU", type, bytes, len, -1, 0);
		X509_NAME_add_entry_by_txt(
		    X509_get_subject_name(x), "1.2.3.4", type, bytes, len, -1, 0);
		X509_set_issuer_name(x, X509_get_subject_name(x));
		size_t der_len;
		struct dt_cert_fields *f;
		uint8_t *der = sign_der(x, &der_len);
		ERR_clear_error();
		if (dt_cert_fields_new(der, der_len, &f) == DT_CERT_OK)
			check_promises(&f->cert, what);
		dt_cert_fields_free(&f);
		OPENSSL_free(der);
		X509_free(x);
	}
}
