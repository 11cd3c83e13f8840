/* Every field under its name in the reference, against what the openssl program prints. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "pki/details.h"
#include "support.h"

#define TEXT_MAX 65536

/* What `openssl x509 ...` prints of the certificate; a buffer that the next call overwrites. */
static const char *
print(const char *name, const char *options)
{
	static char out[TEXT_MAX];
	char command[1024];
	snprintf(command, sizeof(command), "'%s' x509 -in '%s' -noout %s", OPENSSL, cert_path(name), options);
	FILE *f = popen(command, "r");
	cr_assert(f);
	size_t len = fread(out, 1, sizeof(out) - 1, f);
	cr_assert_eq(pclose(f), 0, "%s", command);
	out[len] = '\0';
	return out;
}

static void
set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static struct dt_details *
load(const char *name, bool private_key)
{
	X509 *x = read_certificate(name);
	uint8_t *der = NULL;
	int len = i2d_X509(x, &der);
	struct dt_details *d;
	cr_assert_gt(len, 0);
	cr_assert_eq(dt_details_new(der, (size_t)len, private_key, &d), DT_CERT_OK);
	OPENSSL_free(der);
	X509_free(x);
	return d;
}

static const char *
get(const struct dt_details *d, const char *name)
{
	const char *text;
	cr_assert_eq(dt_details_get(d, name, &text), DT_DETAIL_FOUND, "%s", name);
	return text;
}

static void
expect_in(const char *text, const char *name, const char *format, const char *value)
{
	char wanted[4096];
	snprintf(wanted, sizeof(wanted), format, value);
	cr_expect(strstr(text, wanted), "%s: \"%s\" is not in\n%s", name, wanted, text);
}

/* "01-Jan-2020 00:00:00" is "Jan  1 00:00:00 2020 GMT". */
static void
expect_date(const char *text, const char *name, const char *format, const char *date)
{
	int day, year;
	char month[4], hours[9], other[64];
	cr_assert_eq(sscanf(date, "%d-%3s-%d %8s", &day, month, &year, hours), 4, "%s", date);
	snprintf(other, sizeof(other), "%s %2d %s %d GMT", month, day, hours, year);
	expect_in(text, name, format, other);
}

/* Items of a list, each looked for by its own format. */
static void
expect_items(const char *text, const char *name, const char *list, const char *format,
    const char *(*other)(const char *item))
{
	char copy[4096], *rest;
	snprintf(copy, sizeof(copy), "%s", list);
	for (char *item = strtok_r(copy, ",", &rest); item; item = strtok_r(NULL, ",", &rest))
		expect_in(text, name, format, other ? other(item + (*item == ' ')) : item);
}

static const char *
long_name(const char *oid)
{
	return OBJ_nid2ln(OBJ_txt2nid(oid));
}

static const char *
short_usage(const char *usage)
{
	static char text[64];
	snprintf(text, sizeof(text), "%s", usage);
	char *signing = strstr(text, " Signing");
	if (signing)
		signing[5] = '\0'; /* "Certificate Sign" */
	return strcmp(text, "Non-Repudiation") == 0 ? "Non Repudiation" : text;
}

static void
expect_fingerprints(const char *name, const struct dt_details *d)
{
	static const struct {
		const char *option, *fingerprint, *thumbprint;
	} rows[] = {
	    {"-fingerprint -md5", "Fingerprint", "ThumbprintMD5"},
	    {"-fingerprint -sha1", "FingerprintSHA1", "ThumbprintSHA1"},
	    {"-fingerprint -sha256", "FingerprintSHA256", "ThumbprintSHA256"},
	};
	for (size_t i = 0; i < 3; i++) {
		const char *equals = strchr(print(name, rows[i].option), '=');
		char pairs[256], hex[256], *to = hex;
		snprintf(pairs, sizeof(pairs), "%.*s", (int)strcspn(equals + 1, "\n"), equals + 1);
		for (const char *p = pairs; *p; p++)
			if (*p != ':')
				*to++ = *p;
		*to = '\0';
		cr_expect_str_eq(get(d, rows[i].thumbprint), hex, "%s", name);
		for (char *p = pairs; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		cr_expect_str_eq(get(d, rows[i].fingerprint), pairs, "%s", name);
	}
}

Test(details, are_those_that_openssl_prints)
{
	static const char *const names[] = {"server.crt", "server-rsa.crt", "inter.crt", "client.crt",
	    "client-self.crt", "server-expired.crt"};
	set_zone("UTC");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct dt_details *d = load(names[i], false);
		const char *text = print(names[i], "-text -serial -pubkey -nameopt RFC2253,sep_comma_plus_space,-esc_msb");
		expect_in(text, names[i], "Version: %s ", get(d, "Version") + 1);
		expect_in(text, names[i], "Signature Algorithm: %s\n", get(d, "SignatureAlgorithm"));
		expect_in(text, names[i], "Issuer: %s\n", get(d, "Issuer"));
		expect_in(text, names[i], "Subject: %s\n", get(d, "Subject"));
		expect_in(text, names[i], "Public-Key: (%s bit)", get(d, "PublicKeyLength"));
		expect_in(text, names[i], "Public Key Algorithm: %s\n",
		    strcmp(get(d, "PublicKeyAlgorithm"), "EC") == 0 ? "id-ecPublicKey" : "rsaEncryption");
		expect_date(text, names[i], "Not Before: %s\n", get(d, "EffectiveDate"));
		expect_date(text, names[i], "Not After : %s\n", get(d, "ExpirationDate"));
		expect_items(text, names[i], get(d, "Usage"), "%s", short_usage);
		expect_items(text, names[i], get(d, "ExtendedKeyUsage"), "%s", long_name);
		expect_in(text, names[i], "serial=%s\n", get(d, "SerialNumber"));
		expect_in(text, names[i], "%s", get(d, "PublicKey"));
		expect_fingerprints(names[i], d);
		size_t len;
		uint8_t *file = read_bytes(cert_path(names[i]), &len);
		cr_expect_str_eq(get(d, "Encoded"), (const char *)file, "%s", names[i]);
		dt_free(file);
		dt_details_free(&d);
	}
}

Test(details, have_the_form_of_the_reference)
{
	set_zone("UTC");
	struct dt_details *d = load("server.crt", true);
	cr_expect_str_eq(get(d, "EffectiveDate"), "01-Jan-2020 00:00:00");
	cr_expect_str_eq(get(d, "expirationdate"), "31-Dec-2049 23:59:59");
	cr_expect_str_eq(get(d, "SUBJECT"), "CN=localhost, O=Test");
	cr_expect_str_eq(get(d, "SubjectAltNames"), "localhost,127.0.0.1,::1");
	cr_expect_str_eq(get(d, "Usage"), "Digital Signature, Key Encipherment");
	cr_expect_str_eq(get(d, "UsageFlags"), "160");
	cr_expect_str_eq(get(d, "ExtendedKeyUsage"), "1.3.6.1.5.5.7.3.1");
	cr_expect_str_eq(get(d, "Version"), "V3");
	cr_expect_str_eq(get(d, "PublicKeyLength"), "256");
	cr_expect_str_eq(get(d, "PrivateKeyAvailable"), "True");
	cr_expect_str_eq(get(d, "PrivateKey"), "");
	cr_expect_str_eq(get(d, "KeyPassword"), "");
	dt_details_free(&d);
	cr_expect_null(d);
	set_zone("CET-1");
	d = load("ca.crt", false);
	cr_expect_str_eq(get(d, "EffectiveDate"), "01-Jan-2020 01:00:00");
	cr_expect_str_eq(get(d, "PrivateKeyAvailable"), "False");
	cr_expect_str_eq(get(d, "Usage"), "Certificate Signing, CRL Signing");
	cr_expect_str_eq(get(d, "UsageFlags"), "6");
	dt_details_free(&d);
}

Test(details, a_name_is_found_unknown_or_not_supported)
{
	struct dt_details *d = load("server.crt", false);
	const char *text;
	cr_expect_eq(dt_details_get(d, "Nonsense", &text), DT_DETAIL_UNKNOWN);
	cr_expect_str_eq(text, "");
	cr_expect_eq(dt_details_get(d, "PrivateKeyContainer", &text), DT_DETAIL_UNSUPPORTED);
	cr_expect(strstr(text, "not supported"));
	size_t count = 0;
	for (const char *name; (name = dt_details_name(count)) != NULL; count++)
		cr_expect_eq(dt_details_get(d, name, &text), DT_DETAIL_FOUND);
	cr_expect_eq(count, 22u);
	dt_details_free(&d);
}

Test(details, commas_of_a_value_stay_as_they_are)
{
	struct dt_details *d = load("client-odd.crt", false);
	cr_expect(strstr(get(d, "Subject"), "\\,"), "%s", get(d, "Subject"));
	cr_expect_null(strstr(get(d, "Subject"), "\\,  "), "%s", get(d, "Subject"));
	cr_expect(strstr(get(d, "SubjectAltNames"), "device-1\\x00.evil.example"));
	dt_details_free(&d);
}

Test(details, no_memory_is_said_and_leaks_nothing)
{
	size_t len;
	uint8_t *der = read_bytes(cert_path("client.der"), &len);
	enum dt_cert_verdict v = DT_CERT_NOMEM;
	for (uint64_t n = 1; v == DT_CERT_NOMEM; n++) {
		struct dt_details *d;
		dt_mem_fail_nth(n);
		v = dt_details_new(der, len, false, &d);
		dt_mem_fail_nth(0);
		cr_assert_eq(d == NULL, v != DT_CERT_OK);
		dt_details_free(&d);
	}
	cr_assert_eq(v, DT_CERT_OK);
	dt_free(der);
}
