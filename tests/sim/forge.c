#include "forge.h"

#include <criterion/criterion.h>
#include <string.h>

#include "dtls/hello.h"
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

size_t
sim_forge_fragment(const struct sim_fragment *f, uint16_t epoch, uint64_t number, uint8_t *out)
{
	dt_record_write_header(out, DT_HANDSHAKE, DT_VERSION_12, epoch, number, DT_HS_HEADER + f->len);
	uint8_t *m = out + DT_RECORD_HEADER;
	m[0] = f->type;
	dt_write_uint(m + 1, f->claimed, 3);
	dt_write_uint(m + 4, f->message_seq, 2);
	dt_write_uint(m + 6, f->offset, 3);
	dt_write_uint(m + 9, f->len, 3);
	memset(m + DT_HS_HEADER, f->fill, f->len);
	return DT_RECORD_HEADER + DT_HS_HEADER + f->len;
}

size_t
sim_forge_hello(const uint8_t random[32], const uint8_t *cookie, size_t cookie_len, uint16_t suite, uint8_t *out)
{
	static const uint8_t rest[] = {
	    1, 0,				 /* compression: null */
	    0, 31,				 /* extensions        */
	    0, 10, 0, 6, 0, 4, 0, 29, 0, 23,	 /* X25519, P-256     */
	    0, 13, 0, 4, 0, 2, 4, 3,		 /* ecdsa, SHA-256    */
	    0, 22, 0, 0,			 /* encrypt_then_mac  */
	    0, 23, 0, 0,			 /* extended_master_secret */
	    0xff, 1, 0, 1, 0,			 /* renegotiation_info */
	};
	uint8_t *at = out + DT_RECORD_HEADER + DT_HS_HEADER;
	dt_write_uint(at, DT_VERSION_12, 2);
	memcpy(at + 2, random, 32);
	at += 34;
	*at++ = 0; /* session id */
	*at++ = (uint8_t)cookie_len;
	if (cookie_len)
		memcpy(at, cookie, cookie_len);
	at += cookie_len;
	dt_write_uint(at, 2, 2);
	dt_write_uint(at + 2, suite, 2);
	memcpy(at + 4, rest, sizeof(rest));
	at += 4 + sizeof(rest);
	uint32_t len = (uint32_t)(at - out) - DT_RECORD_HEADER - DT_HS_HEADER;
	uint8_t head[DT_RECORD_HEADER + DT_HS_HEADER];
	struct sim_fragment f = {DT_HS_CLIENT_HELLO, 0, cookie_len ? 1 : 0, len, 0, 0};
	size_t n = sim_forge_fragment(&f, 0, cookie_len ? 1 : 0, head);
	memcpy(out, head, n);
	dt_write_uint(out + 11, DT_HS_HEADER + len, 2);
	dt_write_uint(out + DT_RECORD_HEADER + 9, len, 3);
	return DT_RECORD_HEADER + DT_HS_HEADER + len;
}
