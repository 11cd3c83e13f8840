#include "dtls/cookie.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/assert.h"
#include "base/mem.h"
#include "dtls/record.h"

#define GENERATION_SECONDS 60
#define MAC_LEN 32u /* bytes of HMAC-SHA256 */
#define SESSION_ID_MAX 32u
#define COVERED_MAX (sizeof(struct dt_path) + 2 + 32 + 1 + SESSION_ID_MAX)

/* The HMAC of one generation, keyed once and started again for each cookie. */
struct generation {
	uint64_t number;
	EVP_MAC_CTX *mac; /* owned */
	bool ready;	  /* `mac` holds the key of `number` */
};

struct dt_cookie_jar {
	uint8_t secret[DT_COOKIE_SECRET_LEN];
	EVP_MAC *hmac;			  /* owned */
	struct generation generations[2]; /* by the last bit of the number */
};

enum dt_err
dt_cookie_jar_new(const uint8_t secret[DT_COOKIE_SECRET_LEN], struct dt_cookie_jar **out)
{
	struct dt_cookie_jar *jar = dt_alloc(sizeof(*jar));
	if (!jar)
		return DT_ERR_NOMEM;
	memcpy(jar->secret, secret, sizeof(jar->secret));
	jar->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	for (size_t i = 0; i < 2 && jar->hmac; i++)
		jar->generations[i].mac = EVP_MAC_CTX_new(jar->hmac);
	if (!jar->generations[0].mac || !jar->generations[1].mac) {
		dt_cookie_jar_free(&jar);
		return DT_ERR_CRYPTO;
	}
	*out = jar;
	return DT_OK;
}

void
dt_cookie_jar_free(struct dt_cookie_jar **slot)
{
	struct dt_cookie_jar *jar = *slot;
	*slot = NULL;
	if (!jar)
		return;
	for (size_t i = 0; i < 2; i++)
		EVP_MAC_CTX_free(jar->generations[i].mac);
	EVP_MAC_free(jar->hmac);
	dt_free_secret(jar, sizeof(*jar));
}

static uint64_t
generation_at(struct dt_wall now)
{
	return (uint64_t)now.s / GENERATION_SECONDS;
}

static bool
start_mac(EVP_MAC_CTX *mac, const uint8_t *key, size_t len)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_end(),
	};
	return EVP_MAC_init(mac, key, len, params) == 1;
}

static bool
finish_mac(EVP_MAC_CTX *mac, const uint8_t *data, size_t len, uint8_t out[MAC_LEN])
{
	size_t n = 0;
	return EVP_MAC_update(mac, data, len) == 1 && EVP_MAC_final(mac, out, &n, MAC_LEN) == 1 &&
	       n == MAC_LEN;
}

/* key of a generation = HMAC(secret, "cookie" || number) */
static bool
key_generation(struct dt_cookie_jar *jar, struct generation *g, uint64_t number)
{
	uint8_t label[] = {'c', 'o', 'o', 'k', 'i', 'e', 0, 0, 0, 0, 0, 0, 0, 0};
	uint8_t key[MAC_LEN];
	dt_write_uint(label + 6, number, 8);
	g->number = number;
	g->ready = start_mac(g->mac, jar->secret, sizeof(jar->secret)) &&
		   finish_mac(g->mac, label, sizeof(label), key) &&
		   start_mac(g->mac, key, sizeof(key));
	dt_wipe(key, sizeof(key));
	return g->ready;
}

static EVP_MAC_CTX *
take_mac(struct dt_cookie_jar *jar, uint64_t number)
{
	struct generation *g = &jar->generations[number & 1];
	if ((!g->ready || g->number != number) && !key_generation(jar, g, number))
		return NULL;
	return EVP_MAC_init(g->mac, NULL, 0, NULL) == 1 ? g->mac : NULL;
}

static size_t
write_covered(const struct dt_path *path, const struct dt_hello_head *head, uint8_t *out)
{
	uint8_t *at = out;
	DT_ASSERT(head->random.len == 32 && head->session_id.len <= SESSION_ID_MAX);
	memcpy(at, path, sizeof(*path));
	at += sizeof(*path);
	dt_write_uint(at, head->version, 2);
	at += 2;
	memcpy(at, head->random.data, 32);
	at += 32;
	*at++ = (uint8_t)head->session_id.len;
	memcpy(at, head->session_id.data, head->session_id.len);
	at += head->session_id.len;
	return (size_t)(at - out);
}

static enum dt_err
make_cookie(struct dt_cookie_jar *jar, uint64_t number, const struct dt_path *path,
    const struct dt_hello_head *head, uint8_t out[DT_COOKIE_LEN])
{
	uint8_t covered[COVERED_MAX], mac[MAC_LEN];
	size_t len = write_covered(path, head, covered);
	EVP_MAC_CTX *ctx = take_mac(jar, number);
	if (!ctx || !finish_mac(ctx, covered, len, mac))
		return DT_ERR_CRYPTO;
	out[0] = (uint8_t)number;
	memcpy(out + 1, mac, DT_COOKIE_LEN - 1);
	return DT_OK;
}

enum dt_err
dt_cookie_make(struct dt_cookie_jar *jar, struct dt_wall now, const struct dt_path *path,
    const struct dt_hello_head *head, uint8_t out[DT_COOKIE_LEN])
{
	return make_cookie(jar, generation_at(now), path, head, out);
}

bool
dt_cookie_verify(struct dt_cookie_jar *jar, struct dt_wall now, const struct dt_path *path,
    const struct dt_hello_head *head)
{
	if (head->cookie.len != DT_COOKIE_LEN)
		return false;
	uint64_t number = generation_at(now);
	uint8_t age = (uint8_t)((uint8_t)number - head->cookie.data[0]);
	if (age > 1)
		return false;
	uint8_t expected[DT_COOKIE_LEN];
	if (make_cookie(jar, number - age, path, head, expected) != DT_OK)
		return false;
	return CRYPTO_memcmp(expected, head->cookie.data, DT_COOKIE_LEN) == 0;
}

size_t
dt_hvr_write(uint64_t record_seq, const uint8_t cookie[DT_COOKIE_LEN], uint8_t out[DT_HVR_LEN])
{
	const size_t body = 3 + DT_COOKIE_LEN;
	dt_record_write_header(
	    out, DT_HANDSHAKE, DT_VERSION_10, 0, record_seq, DT_HS_HEADER + body);
	uint8_t *message = out + DT_RECORD_HEADER;
	message[0] = DT_HS_HELLO_VERIFY_REQUEST;
	dt_write_uint(message + 1, body, 3);
	/* 0 whatever the hello says: a stranger in the client's name must not get it a message that is
	 * its next one. OpenSSL's client ends at a second HelloVerifyRequest. */
	dt_write_uint(message + 4, 0, 2);
	dt_write_uint(message + 6, 0, 3);
	dt_write_uint(message + 9, body, 3);
	/* 1.0 whatever is spoken later: RFC 6347 4.2.1 */
	dt_write_uint(message + 12, DT_VERSION_10, 2);
	message[14] = DT_COOKIE_LEN;
	memcpy(message + 15, cookie, DT_COOKIE_LEN);
	return DT_HVR_LEN;
}
