/* The readers of JWK, PPK, XML and SSH files. */
#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/mem.h"
#include "pki/json.h"
#include "pki/jwk.h"
#include "pki/ppk.h"
#include "pki/ssh_key.h"
#include "pki/xml_key.h"
#include "support.h"

static enum dt_pki_fault
read_ppk(struct dt_span text, struct dt_material *m)
{
	return dt_ppk_read(text, (struct dtlsd_bytes){(const uint8_t *)"secret", 6}, m);
}

typedef enum dt_pki_fault read_fn(struct dt_span text, struct dt_material *m);

static struct dt_span
slurp(const char *name)
{
	char path[512];
	struct dt_span s;
	snprintf(path, sizeof(path), KEYS "/%s", name);
	s.data = read_bytes(path, &s.len);
	return s;
}

static EVP_PKEY *
read_reference(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), KEYS "/%.*s.pem", (int)strcspn(name, "-."), name);
	FILE *f = fopen(path, "r");
	cr_assert(f);
	EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	cr_assert(key);
	return key;
}

static const struct {
	const char *file;
	read_fn *read;
	bool is_private;
} files[] = {
    {"rsa.ppk", read_ppk, true}, {"rsa-2.ppk", read_ppk, true},
    {"rsa-2-encrypted.ppk", read_ppk, true}, {"p256.ppk", read_ppk, true},
    {"p256-2.ppk", read_ppk, true}, {"p256-2-encrypted.ppk", read_ppk, true},
    {"p384.ppk", read_ppk, true}, {"p521.ppk", read_ppk, true},
    {"ed25519.ppk", read_ppk, true}, {"ed25519-2.ppk", read_ppk, true},
    {"ed25519-2-encrypted.ppk", read_ppk, true},
    {"rsa.pub", dt_ssh_read, false}, {"p256.pub", dt_ssh_read, false},
    {"p384.pub", dt_ssh_read, false}, {"p521.pub", dt_ssh_read, false},
    {"ed25519.pub", dt_ssh_read, false}, {"rsa.4716", dt_ssh_read, false},
    {"p256.4716", dt_ssh_read, false},
    {"rsa.jwk", dt_jwk_read, true}, {"rsa-short.jwk", dt_jwk_read, true},
    {"rsa-public.jwk", dt_jwk_read, false}, {"p256.jwk", dt_jwk_read, true},
    {"p256-public.jwk", dt_jwk_read, false}, {"p384.jwk", dt_jwk_read, true},
    {"p521.jwk", dt_jwk_read, true}, {"ed25519.jwk", dt_jwk_read, true},
    {"ed25519-public.jwk", dt_jwk_read, false}, {"ed448.jwk", dt_jwk_read, true},
    {"rsa.xml", dt_xml_read, true}, {"rsa-public.xml", dt_xml_read, false},
};
#define FILES (sizeof(files) / sizeof(files[0]))

Test(keys, each_form_gives_the_key_that_its_PEM_has)
{
	for (size_t i = 0; i < FILES; i++) {
		struct dt_span text = slurp(files[i].file);
		EVP_PKEY *wanted = read_reference(files[i].file);
		struct dt_material m;
		cr_assert_eq(dt_material_init(&m), DT_PKI_NONE);
		enum dt_pki_fault fault = files[i].read(text, &m);
		cr_assert_eq(fault, DT_PKI_NONE, "%s: %s", files[i].file, dt_pki_fault_text(fault));
		cr_assert_eq(m.key_count, 1u, "%s", files[i].file);
		cr_assert_eq(EVP_PKEY_eq(m.keys[0].key, wanted), 1, "%s", files[i].file);
		cr_assert_eq(m.keys[0].is_private, files[i].is_private, "%s", files[i].file);
		dt_material_fini(&m);
		EVP_PKEY_free(wanted);
		dt_free((void *)(uintptr_t)text.data);
	}
}

/* NO_KEY where a reader found nothing wrong, and no key. */
static enum dt_pki_fault
fault_of(read_fn *read, struct dt_span text)
{
	struct dt_material m;
	enum dt_pki_fault fault = dt_material_init(&m);
	if (fault == DT_PKI_NONE)
		fault = read(text, &m);
	if (fault == DT_PKI_NONE && m.key_count == 0)
		fault = DT_PKI_NO_KEY;
	dt_material_fini(&m);
	ERR_clear_error();
	return fault;
}

Test(keys, a_cut_file_is_never_a_key)
{
	for (size_t i = 0; i < FILES; i++) {
		struct dt_span text = slurp(files[i].file);
		size_t whole = text.len;
		/* One line may lack its comment, a PPK its line end, XML what is behind the key. */
		size_t end = files[i].read == read_ppk ? whole - 1 : whole / 2;
		for (text.len = 0; text.len < end; text.len += 3)
			cr_assert_neq(fault_of(files[i].read, text), DT_PKI_NONE, "%s cut at %zu of %zu",
			    files[i].file, text.len, whole);
		dt_free((void *)(uintptr_t)text.data);
	}
}

Test(keys, a_PPK_with_one_bit_changed_is_refused)
{
	static const char *const names[] = {"p256.ppk", "p256-2.ppk", "p256-2-encrypted.ppk"};
	for (size_t f = 0; f < 3; f++) {
		struct dt_span text = slurp(names[f]);
		uint8_t *bytes = (uint8_t *)(uintptr_t)text.data;
		for (size_t i = 0; i < text.len - 1; i++) {
			uint8_t was = bytes[i];
			bytes[i] ^= 1;
			/* Base64 passes over its padding bits, hex over case, lines over their ends. */
			if (was != '=' && bytes[i] != '\r' && was != '\n')
				cr_assert_neq(fault_of(read_ppk, text), DT_PKI_NONE, "%s: byte %zu",
				    names[f], i);
			bytes[i] = was;
		}
		dt_free(bytes);
	}
}

Test(keys, a_PPK_says_what_is_wrong_with_it)
{
	static const struct {
		const char *file, *password;
		enum dt_pki_fault fault;
	} rows[] = {
	    {"p256-2-encrypted.ppk", NULL, DT_PKI_NO_PASSWORD},
	    {"p256-2-encrypted.ppk", "wrong", DT_PKI_WRONG_PASSWORD},
	    {"rsa-2-encrypted.ppk", "", DT_PKI_WRONG_PASSWORD},
	    {"rsa-2-encrypted.ppk", "secret", DT_PKI_NONE},
	    {"p256-2.ppk", "ignored", DT_PKI_NONE},
	    {"p256-3-encrypted.ppk", "secret", DT_PKI_ARGON2},
	    {"rsa-3-encrypted.ppk", NULL, DT_PKI_ARGON2},
	    {"rsa.pem", NULL, DT_PKI_WRONG_TYPE},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_span text = slurp(rows[i].file);
		const char *p = rows[i].password;
		struct dtlsd_bytes password = {(const uint8_t *)p, p ? strlen(p) : 0};
		struct dt_material m;
		cr_assert_eq(dt_material_init(&m), DT_PKI_NONE);
		cr_assert_eq(dt_ppk_read(text, password, &m), rows[i].fault, "%s", rows[i].file);
		dt_material_fini(&m);
		dt_free((void *)(uintptr_t)text.data);
	}
}

/* The public half of one key with the private half of another. */
Test(keys, halves_that_do_not_belong_together_are_no_key)
{
	static const struct {
		read_fn *read;
		const char *file, *from, *other, *begin;
	} rows[] = {
	    {dt_jwk_read, "p256.jwk", "\"d\": \"", "Q\"", "}"},
	    {dt_jwk_read, "rsa-short.jwk", "\"d\": \"", "Q\"", "}"},
	    {dt_jwk_read, "ed25519.jwk", "\"d\": \"", "Q\"", "}"},
	    {dt_xml_read, "rsa.xml", "<D>", "Q</D>", "</RSAKeyValue>"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_span text = slurp(rows[i].file);
		char *d = strstr((char *)(uintptr_t)text.data, rows[i].from);
		cr_assert(d);
		d += strlen(rows[i].from) + 8;
		*d = *d == 'x' ? 'y' : 'x';
		cr_assert_eq(fault_of(rows[i].read, text), DT_PKI_BAD_KEY, "%s", rows[i].file);
		dt_free((void *)(uintptr_t)text.data);
	}
}

Test(keys, what_is_no_key_is_told_by_kind)
{
	static const struct {
		read_fn *read;
		const char *text;
		enum dt_pki_fault fault;
	} rows[] = {
	    {dt_jwk_read, "[]", DT_PKI_WRONG_TYPE},
	    {dt_jwk_read, "{", DT_PKI_WRONG_TYPE},
	    {dt_jwk_read, "{} {}", DT_PKI_WRONG_TYPE},
	    {dt_jwk_read, "{\"kty\" \"RSA\"}", DT_PKI_WRONG_TYPE},
	    {dt_jwk_read, "{\"kty\": \"RSA\",}", DT_PKI_WRONG_TYPE},
	    {dt_jwk_read, "{}", DT_PKI_BAD_KEY},
	    {dt_jwk_read, "{\"kty\": 7}", DT_PKI_BAD_KEY},
	    {dt_jwk_read, "{\"kty\": \"oct\", \"k\": \"AAAA\"}", DT_PKI_UNKNOWN_KEY},
	    {dt_jwk_read, "{\"kty\": \"RSA\"}", DT_PKI_BAD_KEY},
	    {dt_jwk_read, "{\"kty\": \"RSA\", \"n\": \"AA\", \"e\": \"AQAB\"}", DT_PKI_BAD_KEY},
	    {dt_jwk_read, "{\"kty\": \"EC\", \"crv\": \"secp256k1\", \"x\": \"AA\", \"y\": \"AA\"}",
		DT_PKI_UNKNOWN_KEY},
	    {dt_jwk_read, "{\"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"AA\", \"y\": \"AA\"}",
		DT_PKI_BAD_KEY},
	    {dt_jwk_read, "{\"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"AA\", \"y\": \"AAAA\"}",
		DT_PKI_BAD_KEY},
	    {dt_jwk_read, "{\"kty\": \"OKP\", \"crv\": \"X25519\", \"x\": \"AA\"}", DT_PKI_UNKNOWN_KEY},
	    {dt_jwk_read, "{\"keys\": 7}", DT_PKI_BAD_KEY},
	    {dt_jwk_read, "{\"keys\": [ {} ]}", DT_PKI_BAD_KEY},
	    {dt_ssh_read, "ssh-rsa", DT_PKI_BAD_KEY},
	    {dt_ssh_read, "ssh-rsa !!!!", DT_PKI_BAD_KEY},
	    {dt_ssh_read, "ssh-dss AAAAB3NzaC1kc3MAAAAA x", DT_PKI_UNKNOWN_KEY},
	    {dt_ssh_read, "-----BEGIN PUBLIC KEY-----", DT_PKI_WRONG_TYPE},
	    {dt_ssh_read, "---- BEGIN SSH2 PUBLIC KEY ----\nComment: x\\\ny\n", DT_PKI_BAD_KEY},
	    {dt_xml_read, "x", DT_PKI_WRONG_TYPE},
	    {dt_xml_read, "<!DOCTYPE x><x/>", DT_PKI_WRONG_TYPE},
	    {dt_xml_read, "<RSAKeyValue>", DT_PKI_WRONG_TYPE},
	    {dt_xml_read, "<RSAKeyValue></RSAKeyValue>", DT_PKI_BAD_KEY},
	    {dt_xml_read, "<RSAKeyValue/>", DT_PKI_BAD_KEY},
	    {dt_xml_read, "</RSAKeyValue>", DT_PKI_BAD_KEY},
	    {dt_xml_read, "<RSAKeyValue><Modulus>!</Modulus></RSAKeyValue>", DT_PKI_BAD_KEY},
	    {dt_xml_read, "<DSAKeyValue></DSAKeyValue>", DT_PKI_UNKNOWN_KEY},
	    {dt_xml_read, "<X509Certificate>AAAA</X509Certificate>", DT_PKI_BAD_CERTIFICATE},
	    {dt_xml_read, "<!-- no end", DT_PKI_WRONG_TYPE},
	    {dt_xml_read, "<a b='>'", DT_PKI_WRONG_TYPE},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_span text = {(const uint8_t *)rows[i].text, strlen(rows[i].text)};
		enum dt_pki_fault fault = fault_of(rows[i].read, text);
		cr_assert_eq(fault, rows[i].fault, "%s: %s", rows[i].text, dt_pki_fault_text(fault));
	}
}

Test(keys, a_set_gives_each_key_that_it_can)
{
	struct dt_span text = slurp("set.jwk");
	struct dt_material m;
	cr_assert_eq(dt_material_init(&m), DT_PKI_NONE);
	cr_assert_eq(dt_jwk_read(text, &m), DT_PKI_NONE);
	cr_assert_eq(m.key_count, 2u);
	cr_assert(dt_material_has_private_key(&m));
	cr_assert_eq(EVP_PKEY_get_base_id(m.keys[0].key), EVP_PKEY_EC);
	cr_assert_eq(EVP_PKEY_get_base_id(m.keys[1].key), EVP_PKEY_RSA);
	dt_material_fini(&m);
	dt_free((void *)(uintptr_t)text.data);
}

Test(keys, no_memory_is_said_and_leaks_nothing)
{
	for (size_t i = 0; i < FILES; i++) {
		struct dt_span text = slurp(files[i].file);
		enum dt_pki_fault fault = DT_PKI_NOMEM;
		for (uint64_t n = 1; fault == DT_PKI_NOMEM; n++) {
			cr_assert_lt(n, 20u);
			dt_mem_fail_nth(n);
			fault = fault_of(files[i].read, text);
			dt_mem_fail_nth(0);
		}
		cr_assert_eq(fault, DT_PKI_NONE, "%s", files[i].file);
		dt_free((void *)(uintptr_t)text.data);
	}
}

Test(json, texts_are_unescaped_and_members_found)
{
	const char text[] = " { \"a\" : \"x\\/\\u0041\\n\\\"\" , \"b\":[1,{\"c\":\"]}\"},[]],\"d\":null} ";
	struct dt_json j = dt_json_open((struct dt_span){(const uint8_t *)text, sizeof(text) - 1});
	struct dt_span key, value, item;
	uint8_t out[64];
	size_t len, items = 0;
	cr_assert(dt_json_next(&j, &key, &value));
	cr_assert(dt_json_text(value, out, &len));
	cr_assert_eq(len, 5u);
	cr_assert_arr_eq(out, "x/A\n\"", 5);
	cr_assert(dt_json_next(&j, &key, &value));
	struct dt_json list = dt_json_open(value);
	while (dt_json_next(&list, NULL, &item))
		items++;
	cr_assert(!list.bad);
	cr_assert_eq(items, 3u);
	cr_assert(dt_json_next(&j, &key, &value));
	cr_assert_arr_eq(value.data, "null", 4);
	cr_assert(!dt_json_text(value, out, &len));
	cr_assert(!dt_json_next(&j, &key, &value));
	cr_assert(!j.bad);
	cr_assert(!dt_json_next(&j, &key, &value));
}
