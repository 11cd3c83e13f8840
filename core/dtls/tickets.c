#include "dtls/tickets.h"

#include "base/mem.h"
#include "base/span.h"
#include "dtls/engine.h"
#include "dtls/kdf.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <string.h>

#define NAME_LEN 16u
#define GENERATIONS 3u /* the current one and those whose tickets may still be young enough */

struct ticket_keys {
	uint8_t name[NAME_LEN]; /* stands in the ticket in the clear */
	uint8_t cipher[32];
	uint8_t mac[32];
};

static uint64_t
generation_at(const struct dt_tls *tls, struct dt_wall now)
{
	int64_t period = tls->ticket_lifetime.ns / 1000000000 / 2;
	return (uint64_t)(now.s / (period > 0 ? period : 1));
}

/* PRF output never is all zero by accident of start-up: the secret is random from the first. */
static bool
derive(const struct dt_tls *tls, uint64_t generation, struct ticket_keys *out)
{
	uint8_t seed[8];
	dt_write_uint(seed, generation, sizeof(seed));
	uint8_t block[sizeof(*out)];
	struct dt_span secret = {tls->ticket_secret, sizeof(tls->ticket_secret)};
	if (dt_prf("SHA256", secret, "dtlsd session ticket", (struct dt_span){seed, sizeof(seed)}, block,
		sizeof(block)) != DT_OK)
		return false;
	memcpy(out->name, block, NAME_LEN);
	memcpy(out->cipher, block + NAME_LEN, sizeof(out->cipher));
	memcpy(out->mac, block + NAME_LEN + sizeof(out->cipher), sizeof(out->mac));
	dt_wipe(block, sizeof(block));
	return true;
}

static bool
key_contexts(struct ticket_keys *k, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int enc)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof(k->mac)),
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_end(),
	};
	return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->cipher, iv, enc) &&
	    EVP_MAC_CTX_set_params(mac, params);
}

static int
make_ticket(const struct dt_engine *e, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac)
{
	struct ticket_keys k;
	int ok = derive(e->tls, generation_at(e->tls, e->now.wall), &k) &&
	    RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) > 0 &&
	    key_contexts(&k, iv, cipher, mac, 1);
	if (ok)
		memcpy(name, k.name, NAME_LEN);
	dt_wipe(&k, sizeof(k));
	return ok ? 1 : -1;
}

/* 0: not ours, so a full handshake; 2: good, and a fresh one is to be sent. */
static int
open_ticket(const struct dt_engine *e, const unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac)
{
	uint64_t current = generation_at(e->tls, e->now.wall);
	struct ticket_keys k;
	int result = 0;
	for (uint64_t age = 0; result == 0 && age < GENERATIONS && age <= current; age++) {
		if (!derive(e->tls, current - age, &k))
			return -1;
		if (memcmp(name, k.name, NAME_LEN) == 0)
			result = !key_contexts(&k, iv, cipher, mac, 0) ? -1 : age == 0 ? 1 : 2;
	}
	dt_wipe(&k, sizeof(k));
	return result;
}

static int
ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int enc)
{
	const struct dt_engine *e = SSL_get_app_data(ssl);
	return enc ? make_ticket(e, name, iv, cipher, mac) : open_ticket(e, name, iv, cipher, mac);
}

/* The lifetime counts from the full handshake, by the time we were given. */
static int
stamp_session(SSL *ssl, void *arg)
{
	(void)arg;
	const struct dt_engine *e = SSL_get_app_data(ssl);
	if (!SSL_session_reused(ssl))
		SSL_SESSION_set_time(SSL_get_session(ssl), (long)e->now.wall.s);
	return 1;
}

static bool
still_good(const struct dt_engine *e, SSL_SESSION *session)
{
	int64_t age = e->now.wall.s - SSL_SESSION_get_time(session);
	if (age < 0 || age > e->tls->ticket_lifetime.ns / 1000000000)
		return false;
	X509 *leaf = SSL_SESSION_get0_peer(session);
	if (e->tls->client_auth == DT_CLIENT_AUTH_NONE)
		return true;
	/* Where a certificate is required by now, a full handshake asks for it. */
	if (!leaf)
		return e->tls->client_auth != DT_CLIENT_AUTH_REQUIRED;
	return e->tls->verifier.leaf(e->tls->verifier.arg, leaf, e->now.wall) == X509_V_OK;
}

static SSL_TICKET_RETURN
judge_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t name_len,
    SSL_TICKET_STATUS status, void *arg)
{
	(void)name;
	(void)name_len;
	(void)arg;
	const struct dt_engine *e = SSL_get_app_data(ssl);
	switch (status) {
	case SSL_TICKET_SUCCESS:
		return still_good(e, session) ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_IGNORE_RENEW;
	case SSL_TICKET_SUCCESS_RENEW:
		return still_good(e, session) ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_IGNORE_RENEW;
	default:
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	}
}

enum dt_err
dt_tickets_install(SSL_CTX *ctx, struct dt_dur lifetime)
{
	SSL_CTX_set_timeout(ctx, (long)(lifetime.ns / 1000000000));
	return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key) &&
		SSL_CTX_set_session_ticket_cb(ctx, stamp_session, judge_ticket, NULL)
	    ? DT_OK
	    : DT_ERR_CRYPTO;
}
