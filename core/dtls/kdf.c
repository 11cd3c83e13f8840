#include "dtls/kdf.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/mem.h"

#define BLOCK_MAX (2u * (DT_KEY_MAX + DT_IV_MAX))

enum dt_err
dt_prf(const char *digest, struct dt_span secret, const char *label, struct dt_span seed,
    uint8_t *out, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	enum dt_err err = DT_ERR_CRYPTO;
	/* The PRF hashes its seeds one behind the other: label, then seed. OSSL_PARAM has no
	 * const; nothing is written through these. */
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)digest, 0),
	    OSSL_PARAM_construct_octet_string(
		OSSL_KDF_PARAM_SECRET, (void *)(uintptr_t)secret.data, secret.len),
	    OSSL_PARAM_construct_octet_string(
		OSSL_KDF_PARAM_SEED, (void *)(uintptr_t)label, strlen(label)),
	    OSSL_PARAM_construct_octet_string(
		OSSL_KDF_PARAM_SEED, (void *)(uintptr_t)seed.data, seed.len),
	    OSSL_PARAM_construct_end(),
	};
	if (ctx && EVP_KDF_derive(ctx, out, len, params) == 1)
		err = DT_OK;
	else
		ERR_clear_error();
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return err;
}

static void
split_block(const uint8_t *block, const struct dt_suite *suite, struct dt_key *client,
    struct dt_key *server)
{
	const uint8_t *ivs = block + 2 * (size_t)suite->key_len;
	memcpy(client->key, block, suite->key_len);
	memcpy(server->key, block + suite->key_len, suite->key_len);
	memcpy(client->iv, ivs, suite->iv_len);
	memcpy(server->iv, ivs + suite->iv_len, suite->iv_len);
}

enum dt_err
dt_derive_keys(const char *digest, const struct dt_suite *suite, const struct dt_secrets *secrets,
    struct dt_key *client, struct dt_key *server)
{
	/* Server first here, unlike in the master secret: RFC 5246 6.3. */
	uint8_t seed[2 * DT_RANDOM_LEN];
	memcpy(seed, secrets->server_random, DT_RANDOM_LEN);
	memcpy(seed + DT_RANDOM_LEN, secrets->client_random, DT_RANDOM_LEN);

	uint8_t block[BLOCK_MAX];
	size_t len = 2 * ((size_t)suite->key_len + suite->iv_len);
	enum dt_err err = dt_prf(digest, (struct dt_span){secrets->master, DT_MASTER_LEN},
	    "key expansion", (struct dt_span){seed, sizeof(seed)}, block, len);
	memset(client, 0, sizeof(*client));
	memset(server, 0, sizeof(*server));
	if (err == DT_OK)
		split_block(block, suite, client, server);
	dt_wipe(block, sizeof(block));
	return err;
}
