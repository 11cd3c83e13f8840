#include "dtls/etm.h"

#include "base/assert.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>

#define COVERED_HEADER 13u /* epoch, number, type, version, length */

enum dt_err
dt_etm_derive(const char *digest, const EVP_MD *hash, const struct dt_secrets *s, struct dt_etm *out)
{
	uint8_t seed[2 * DT_RANDOM_LEN];
	memcpy(seed, s->server_random, DT_RANDOM_LEN);
	memcpy(seed + DT_RANDOM_LEN, s->client_random, DT_RANDOM_LEN);
	out->hash = hash;
	out->len = (size_t)EVP_MD_get_size(hash);
	DT_ASSERT(out->len <= sizeof(out->key));
	/* The block begins with the client's MAC key: RFC 5246 6.3. */
	return dt_prf(digest, (struct dt_span){s->master, sizeof(s->master)}, "key expansion",
	    (struct dt_span){seed, sizeof(seed)}, out->key, out->len);
}

bool
dt_etm_verify(const struct dt_etm *etm, const struct dt_record *rec)
{
	uint8_t covered[COVERED_HEADER + DT_CIPHER_MAX], mac[EVP_MAX_MD_SIZE];
	DT_ASSERT(rec->len <= DT_CIPHER_MAX);
	if (rec->len < etm->len)
		return false;
	size_t len = rec->len - etm->len;
	dt_write_uint(covered, rec->epoch, 2);
	dt_write_uint(covered + 2, rec->seq, 6);
	covered[8] = rec->type;
	dt_write_uint(covered + 9, rec->version, 2);
	dt_write_uint(covered + 11, len, 2);
	memcpy(covered + COVERED_HEADER, rec->body, len);
	return HMAC(etm->hash, etm->key, (int)etm->len, covered, COVERED_HEADER + len, mac, NULL) &&
	    CRYPTO_memcmp(mac, rec->body + len, etm->len) == 0;
}
