#include "forge.h"

#include <criterion/criterion.h>

#include "dtls/kdf.h"

#define OWNER 1u

void
sim_forge_init(struct sim_forge *f, const struct sim_client *c)
{
	const SSL_CIPHER *cipher = SSL_get_pending_cipher(c->ssl);
	if (!cipher)
		cipher = SSL_get_current_cipher(c->ssl);
	struct dt_secrets s;
	size_t n = SSL_SESSION_get_master_key(SSL_get_session(c->ssl), s.master, sizeof(s.master));
	cr_assert(cipher && n == sizeof(s.master));
	SSL_get_client_random(c->ssl, s.client_random, sizeof(s.client_random));
	SSL_get_server_random(c->ssl, s.server_random, sizeof(s.server_random));
	f->suite = dt_suite_find(SSL_CIPHER_get_protocol_id(cipher));
	cr_assert(f->suite && dt_aead_pool_new(4, &f->pool) == DT_OK);
	const char *digest = EVP_MD_get0_name(SSL_CIPHER_get_handshake_digest(cipher));
	cr_assert(dt_derive_keys(digest, f->suite, &s, &f->client, &f->server) == DT_OK);
}

void
sim_forge_fini(struct sim_forge *f)
{
	dt_aead_pool_free(&f->pool);
}

size_t
sim_forge_seal(struct sim_forge *f, uint8_t type, uint64_t seq, const void *plain, size_t len, uint8_t *out)
{
	struct dt_key_ref ref = {OWNER, DT_WRITE, f->suite, &f->client, {NULL, 0}};
	size_t n = dt_seal(f->pool, &ref, type, 1, seq, plain, len, out);
	cr_assert(n);
	return n;
}

void
sim_forge_open(struct sim_forge *f, const struct dt_record *rec, uint8_t **plain, size_t *len)
{
	struct dt_key_ref ref = {OWNER, DT_READ, f->suite, &f->client, {NULL, 0}};
	cr_assert(dt_open(f->pool, &ref, rec, plain, len) == DT_OPEN_OK);
}
