/* The table against what OpenSSL says of the same suites. */
#include "dtls/suite.h"

#include <criterion/criterion.h>
#include <openssl/ssl.h>
#include <string.h>

static SSL *
new_with_all_suites(SSL_CTX **ctx)
{
	*ctx = SSL_CTX_new(DTLS_method());
	cr_assert(*ctx);
	cr_assert_eq(SSL_CTX_set_cipher_list(*ctx, "ALL:COMPLEMENTOFALL:@SECLEVEL=0"), 1);
	SSL *ssl = SSL_new(*ctx);
	cr_assert(ssl);
	return ssl;
}

static bool
is_left_to_openssl(const SSL_CIPHER *c)
{
	const char *name = SSL_CIPHER_get_name(c);
	if (strcmp(SSL_CIPHER_get_version(c), "TLSv1.3") == 0)
		return true;
	return !SSL_CIPHER_is_aead(c) || strstr(name, "ARIA") || strstr(name, "CAMELLIA");
}

static void
compare_row(const struct dt_suite *row, const SSL_CIPHER *c)
{
	const char *name = SSL_CIPHER_get_name(c);
	cr_assert_str_eq(row->openssl, name);
	cr_assert_str_eq(row->name, SSL_CIPHER_standard_name(c));

	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, row->cipher, NULL);
	cr_assert(cipher, "%s", row->cipher);
	cr_assert_eq(row->key_len, EVP_CIPHER_get_key_length(cipher), "%s", name);
	cr_assert_eq(row->is_ccm, EVP_CIPHER_get_mode(cipher) == EVP_CIPH_CCM_MODE, "%s", name);
	cr_assert_eq(row->iv_len + row->explicit_len, 12, "%s", name);
	cr_assert_eq(row->tag_len, strstr(name, "CCM8") ? 8 : 16, "%s", name);
	int nid = SSL_CIPHER_get_cipher_nid(c); /* NID_undef for CCM_8 */
	if (nid != NID_undef)
		cr_assert(EVP_CIPHER_is_a(cipher, OBJ_nid2sn(nid)), "%s", name);
	EVP_CIPHER_free(cipher);
}

Test(suite, every_aead_of_openssl_is_in_the_table_under_its_names)
{
	SSL_CTX *ctx;
	SSL *ssl = new_with_all_suites(&ctx);
	STACK_OF(SSL_CIPHER) *all = SSL_get_ciphers(ssl);
	size_t ours = 0, rows = 0;
	for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i);
		const struct dt_suite *row = dt_suite_find(SSL_CIPHER_get_protocol_id(c));
		if (is_left_to_openssl(c)) {
			cr_assert_null(row, "%s", SSL_CIPHER_get_name(c));
			continue;
		}
		cr_assert(row, "%s is missing", SSL_CIPHER_get_name(c));
		compare_row(row, c);
		ours++;
	}
	while (dt_suite_at(rows))
		rows++;
	cr_assert_eq(rows, ours, "%zu rows, %zu suites of OpenSSL", rows, ours);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

Test(suite, no_number_stands_twice)
{
	const struct dt_suite *row;
	for (size_t i = 0; (row = dt_suite_at(i)); i++)
		cr_assert_eq(dt_suite_find(row->id), row, "%s", row->name);
}

Test(suite, cbc_aria_and_signalling_values_are_not_ours)
{
	static const uint16_t others[] = {0x0000, 0x002f, 0xc013, 0xc05c, 0x00ff, 0x1301, 0x0a0a};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		cr_assert_null(dt_suite_find(others[i]), "%#x", others[i]);
}

Test(suite, the_short_tag_has_no_limit_of_forgeries_that_ends_a_connection)
{
	const struct dt_suite *row;
	for (size_t i = 0; (row = dt_suite_at(i)); i++) {
		cr_assert_eq(row->forgery_limit == 0, row->tag_len == 8, "%s", row->name);
		cr_assert(row->seal_limit >= 1u << 23, "%s", row->name);
	}
}
