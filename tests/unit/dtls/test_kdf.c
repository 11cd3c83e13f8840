/* Vectors: the first is the one that circulates for the PRF with SHA-256; the others come from
 * fifteen lines of Python on top of hmac, written from RFC 5246 5. */
#include "dtls/kdf.h"

#include "hex.h"

#include <criterion/criterion.h>
#include <openssl/err.h>

static const char secret_hex[] = "9bbe436ba940f017b17652849a71db35";
static const char seed_hex[] = "a0ba9f936cda311827a6f796ffd5198c";

Test(kdf, the_prf_gives_the_known_answers)
{
	static const struct {
		const char *digest, *want;
	} rows[] = {
	    {"SHA256", "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791"
		       "e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b"
		       "97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66"},
	    {"SHA384", "dd88775cd827187b67a3f7652b5c13f715791cc46e0274a6d3fb16651103defc544cd8af"
		       "b68369a219bb918b8b21ddb1764af0a70339e6dec085e574"},
	};
	uint8_t secret[16], seed[16], out[128];
	from_hex(secret_hex, secret);
	from_hex(seed_hex, seed);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum dt_err err = dt_prf(rows[i].digest, (struct dt_span){secret, 16}, "test label",
		    (struct dt_span){seed, 16}, out, strlen(rows[i].want) / 2);
		cr_assert_eq(err, DT_OK);
		expect_bytes(out, rows[i].want, rows[i].digest);
	}
}

Test(kdf, a_digest_that_does_not_exist_is_an_error)
{
	uint8_t out[8];
	cr_assert_eq(dt_prf("SHA999", (struct dt_span){out, 8}, "x", (struct dt_span){out, 8}, out, 8),
	    DT_ERR_CRYPTO);
	cr_assert_eq(ERR_peek_error(), 0);
}

static struct dt_secrets
known_secrets(void)
{
	struct dt_secrets s;
	for (size_t i = 0; i < DT_MASTER_LEN; i++)
		s.master[i] = (uint8_t)i;
	for (size_t i = 0; i < DT_RANDOM_LEN; i++) {
		s.client_random[i] = (uint8_t)(0x80 + i);
		s.server_random[i] = (uint8_t)(0xc0 + i);
	}
	return s;
}

Test(kdf, the_key_block_is_cut_in_the_order_of_the_rfc)
{
	static const struct {
		uint16_t suite;
		const char *digest, *client_key, *server_key, *client_iv, *server_iv;
	} rows[] = {
	    {0xc02b, "SHA256", "1a39f28930ec1a921acd84269e98eed9",
		"fab2ea3f676bb09bdd787f1c4091c0ef", "7b6285dc", "0cbe9fd9"},
	    {0xc0a8, "SHA256", "1a39f28930ec1a921acd84269e98eed9",
		"fab2ea3f676bb09bdd787f1c4091c0ef", "7b6285dc", "0cbe9fd9"},
	    {0xc02c, "SHA384", "995ae530f0ca192826be0f76fc8f6b9c63fd1235932600682b51d606cdf0bc7c",
		"3e62f428f6e9c0bccbbdfe3c364f909627d1475087e4c20844b479e3000f14b6", "458cee1a",
		"34f4f383"},
	    {0xcca9, "SHA256", "1a39f28930ec1a921acd84269e98eed9fab2ea3f676bb09bdd787f1c4091c0ef",
		"7b6285dc0cbe9fd94dafb3cd5e22f99552c427598a39b86ac4a49b703022602f",
		"a24c1ffd8a070a7e94f86a95", "94d74d90ad850cd4fda072fa"},
	};
	const struct dt_secrets secrets = known_secrets();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_key client, server;
		const struct dt_suite *suite = dt_suite_find(rows[i].suite);
		cr_assert_eq(
		    dt_derive_keys(rows[i].digest, suite, &secrets, &client, &server), DT_OK);
		expect_bytes(client.key, rows[i].client_key, suite->name);
		expect_bytes(server.key, rows[i].server_key, suite->name);
		expect_bytes(client.iv, rows[i].client_iv, suite->name);
		expect_bytes(server.iv, rows[i].server_iv, suite->name);
	}
}

Test(kdf, what_a_suite_does_not_use_of_a_key_is_zero)
{
	const struct dt_secrets secrets = known_secrets();
	struct dt_key client, server;
	memset(&client, 0xff, sizeof(client));
	cr_assert_eq(
	    dt_derive_keys("SHA256", dt_suite_find(0xc02b), &secrets, &client, &server), DT_OK);
	for (size_t i = 16; i < DT_KEY_MAX; i++)
		cr_assert_eq(client.key[i], 0);
	for (size_t i = 4; i < DT_IV_MAX; i++)
		cr_assert_eq(client.iv[i], 0);
}
