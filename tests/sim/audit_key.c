#include "audit_key.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/span.h"

#define HEADER 13u /* bytes, without a connection id */
#define TLS12_CID 25u
#define AAD_MAX (23u + 255u)

/* A record, on the assumption that the connection id has a certain length. */
struct form {
	const uint8_t *bytes, *body;
	size_t cid_len, len; /* of the body */
};

static bool
read_form(const uint8_t *bytes, size_t len, size_t cid_len, struct form *f)
{
	size_t header = HEADER + cid_len;
	if (len < header)
		return false;
	*f = (struct form){bytes, bytes + header, cid_len, (size_t)bytes[header - 2] << 8 | bytes[header - 1]};
	return f->len <= len - header;
}

/* ---- keys ---- */

static void
expand(const SSL_CIPHER *suite, const struct sim_secret *s, const uint8_t server_random[SIM_RANDOM],
    uint8_t *out, size_t len)
{
	/* RFC 5246 5: SHA-256 where the suite says nothing else; OpenSSL names the PRF of TLS 1.0 then. */
	bool sha384 = EVP_MD_is_a(SSL_CIPHER_get_handshake_digest(suite), "SHA384");
	const char *digest = sha384 ? "SHA384" : "SHA256";
	const OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string("digest", (char *)(uintptr_t)digest, 0),
	    OSSL_PARAM_construct_octet_string("secret", (void *)(uintptr_t)s->master, sizeof(s->master)),
	    OSSL_PARAM_construct_octet_string("seed", (char[]){"key expansion"}, 13),
	    OSSL_PARAM_construct_octet_string("seed", (void *)(uintptr_t)server_random, SIM_RANDOM),
	    OSSL_PARAM_construct_octet_string("seed", (void *)(uintptr_t)s->client_random, SIM_RANDOM),
	    OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	DT_ASSERT(ctx && EVP_KDF_derive(ctx, out, len, params) == 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static EVP_CIPHER_CTX *
keyed_context(const struct sim_audit_key *k, const EVP_CIPHER *cipher)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool ccm = EVP_CIPHER_get_mode(cipher) == EVP_CIPH_CCM_MODE;
	bool ok = ctx && EVP_DecryptInit_ex(ctx, cipher, NULL, NULL, NULL) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL) > 0 &&
	    (!ccm || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)k->tag_len, NULL) > 0) &&
	    EVP_DecryptInit_ex(ctx, NULL, NULL, k->key, NULL) == 1;
	DT_ASSERT(ok);
	return ctx;
}

struct sim_audit_key *
sim_audit_key_new(const SSL_CIPHER *suite, const struct sim_secret *secret,
    const uint8_t server_random[SIM_RANDOM], uint32_t client)
{
	int nid = SSL_CIPHER_get_cipher_nid(suite);
	const EVP_CIPHER *cipher = EVP_get_cipherbynid(nid);
	struct sim_audit_key *k = calloc(1, sizeof(*k));
	DT_ASSERT(cipher && k);
	k->client = client;
	k->cid_len = -1;
	k->key_len = (size_t)EVP_CIPHER_get_key_length(cipher);
	if (SSL_CIPHER_is_aead(suite)) {
		bool chacha = nid == NID_chacha20_poly1305;
		k->iv_len = chacha ? 12 : 4;
		k->explicit_len = chacha ? 0 : 8;
		k->tag_len = strstr(SSL_CIPHER_get_name(suite), "CCM8") ? 8 : 16;
	} else {
		k->mac = EVP_get_digestbynid(SSL_CIPHER_get_digest_nid(suite));
		k->mac_len = k->tag_len = (size_t)EVP_MD_get_size(k->mac);
	}
	/* client MAC, server MAC, client key, server key, client IV, server IV */
	uint8_t block[2 * (sizeof(k->mac_key) + sizeof(k->key) + sizeof(k->iv))];
	expand(suite, secret, server_random, block, 2 * (k->mac_len + k->key_len + k->iv_len));
	memcpy(k->mac_key, block + k->mac_len, k->mac_len);
	memcpy(k->key, block + 2 * k->mac_len + k->key_len, k->key_len);
	memcpy(k->iv, block + 2 * (k->mac_len + k->key_len) + k->iv_len, k->iv_len);
	if (!k->mac)
		k->ctx = keyed_context(k, cipher);
	return k;
}

void
sim_audit_key_free(struct sim_audit_key *k)
{
	EVP_CIPHER_CTX_free(k->ctx);
	free(k);
}

/* ---- opening ---- */

static size_t
write_aad(const struct form *f, size_t plain_len, uint8_t out[AAD_MAX])
{
	const uint8_t *number = f->bytes + 3;
	size_t n = 0;
	if (f->bytes[0] == TLS12_CID) {
		memset(out, 0xff, 8);
		out[8] = TLS12_CID;
		out[9] = (uint8_t)f->cid_len;
		memcpy(out + 10, f->bytes, 11 + f->cid_len); /* type, version, number, id: as they stand */
		n = 21 + f->cid_len;
	} else {
		memcpy(out, number, 8);
		memcpy(out + 8, f->bytes, 3);
		n = 11;
	}
	dt_write_uint(out + n, plain_len, 2);
	return n + 2;
}

/* RFC 9146 4: behind the content, before the padding. */
static uint8_t
inner_type(const uint8_t *plain, int len)
{
	while (len && plain[len - 1] == 0)
		len--;
	return len ? plain[len - 1] : 0;
}

static bool
opens_aead(struct sim_audit_key *k, const struct form *f, const uint8_t explicit_part[8], uint8_t *type)
{
	static uint8_t plain[65536];
	uint8_t nonce[12] = {0}, aad[AAD_MAX], tag[16];
	int n = 0, rest = 0, plain_len = (int)(f->len - k->explicit_len - k->tag_len);
	const uint8_t *sealed = f->body + k->explicit_len;
	memcpy(nonce + 4, explicit_part, 8);
	for (size_t i = 0; i < k->iv_len; i++)
		nonce[i] ^= k->iv[i];
	memcpy(tag, sealed + plain_len, k->tag_len);
	bool ccm = EVP_CIPHER_CTX_get_mode(k->ctx) == EVP_CIPH_CCM_MODE;
	int aad_len = (int)write_aad(f, (size_t)plain_len, aad);
	bool ok = EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_SET_TAG, (int)k->tag_len, tag) > 0 &&
	    EVP_DecryptInit_ex(k->ctx, NULL, NULL, NULL, nonce) == 1 &&
	    (!ccm || EVP_DecryptUpdate(k->ctx, NULL, &n, NULL, plain_len) == 1) &&
	    EVP_DecryptUpdate(k->ctx, NULL, &n, aad, aad_len) == 1;
	DT_ASSERT(ok);
	/* With CCM it is this call that looks at the tag. */
	ok = EVP_DecryptUpdate(k->ctx, plain, &n, sealed, plain_len) == 1 &&
	    (ccm || EVP_DecryptFinal_ex(k->ctx, plain + n, &rest) == 1);
	if (ok && f->bytes[0] == TLS12_CID)
		*type = inner_type(plain, plain_len);
	return ok;
}

static bool
opens_mac(const struct sim_audit_key *k, const struct form *f)
{
	uint8_t data[HEADER + 65536], mac[EVP_MAX_MD_SIZE];
	size_t len = f->len - k->mac_len;
	size_t n = write_aad(f, len, data);
	memcpy(data + n, f->body, len);
	DT_ASSERT(HMAC(k->mac, k->mac_key, (int)k->mac_len, data, n + len, mac, NULL));
	return memcmp(mac, f->body + len, k->mac_len) == 0;
}

static struct sim_opened
open_form(struct sim_audit_key *k, const struct form *f)
{
	struct sim_opened o = {.type = f->bytes[0]};
	if (f->len < k->explicit_len + k->tag_len)
		return o;
	const uint8_t *on_wire = k->explicit_len ? f->body : f->bytes + 3;
	struct dt_reader r = dt_reader(on_wire, 8);
	o.nonce = dt_read_uint(&r, 8);
	if (k->mac ? opens_mac(k, f) : opens_aead(k, f, on_wire, &o.type))
		o.len = HEADER + f->cid_len + f->len;
	return o;
}

static struct sim_opened
open_with_id(struct sim_audit_key *k, const uint8_t *bytes, size_t len)
{
	struct form f;
	struct sim_opened o = {0};
	size_t first = k->cid_len < 0 ? 1 : (size_t)k->cid_len, last = k->cid_len < 0 ? 255 : first;
	for (size_t n = first; n <= last && !o.len; n++) {
		if (!read_form(bytes, len, n, &f) || (k->cid_len >= 0 && memcmp(k->cid, bytes + 11, n) != 0))
			continue;
		o = open_form(k, &f);
		if (o.len) {
			k->cid_len = (int)n;
			memcpy(k->cid, bytes + 11, n);
		}
	}
	return o;
}

struct sim_opened
sim_audit_key_open(struct sim_audit_key *k, const uint8_t *bytes, size_t len)
{
	struct form f;
	struct sim_opened o = {0};
	bool with_id = bytes[0] == TLS12_CID;
	if (k->cid_len >= 0 && with_id != (k->cid_len > 0))
		return o;
	if (with_id)
		return k->mac ? o : open_with_id(k, bytes, len);
	if (read_form(bytes, len, 0, &f))
		o = open_form(k, &f);
	if (o.len)
		k->cid_len = 0;
	return o;
}
