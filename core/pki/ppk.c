#include "pki/ppk.h"

#include "base/base64.h"
#include "base/mem.h"
#include "pki/lines.h"
#include "pki/ssh_key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#define BLOB_LINES_MAX 1000u /* of 48 bytes each: an RSA key of 16,384 bits has 220 */
#define BLOCK 16u

static const char first_words[] = "PuTTY-User-Key-File-";

struct ppk {
	unsigned version;
	struct dt_span type, encryption, comment, mac; /* in the text */
	uint8_t *pub, *priv;			       /* owned; priv is a secret */
	size_t pub_len, priv_len, priv_size;	       /* priv_size: bytes to wipe */
	bool encrypted;
};

bool
dt_ppk_seen(struct dt_span text)
{
	return dt_span_begins(text, first_words);
}

/* "Name: value" */
static bool
take_header(struct dt_span *text, const char *name, struct dt_span *value)
{
	struct dt_span line;
	size_t len = strlen(name);
	if (!dt_line_next(text, &line) || !dt_span_begins(line, name) || line.len < len + 2 ||
	    memcmp(line.data + len, ": ", 2) != 0)
		return false;
	*value = (struct dt_span){line.data + len + 2, line.len - len - 2};
	return true;
}

/* "Name: count", and that many lines of Base64. */
static enum dt_pki_fault
take_blob(struct dt_span *text, const char *name, uint8_t **out, size_t *len, size_t *size)
{
	struct dt_span value, line = {NULL, 0}, whole = {NULL, 0};
	unsigned count = 0;
	if (!take_header(text, name, &value) || value.len == 0 || value.len > 4)
		return DT_PKI_BAD_KEY;
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return DT_PKI_BAD_KEY;
		count = count * 10 + (value.data[i] - (unsigned)'0');
	}
	if (count == 0 || count > BLOB_LINES_MAX)
		return DT_PKI_BAD_KEY;
	whole.data = text->data;
	while (count--)
		if (!dt_line_next(text, &line))
			return DT_PKI_BAD_KEY;
	whole.len = (size_t)(line.data + line.len - whole.data);
	*size = DT_BASE64_ROOM(whole.len);
	*out = dt_alloc(*size);
	if (!*out)
		return DT_PKI_NOMEM;
	return dt_base64_decode(whole, *out, len) ? DT_PKI_NONE : DT_PKI_BAD_KEY;
}

/* The lines up to the private blob, and the MAC behind it. */
static enum dt_pki_fault
parse(struct dt_span text, struct ppk *p)
{
	size_t unused;
	p->version = text.data[sizeof(first_words) - 1] == '2' ? 2 : 3;
	if (!take_header(&text, p->version == 2 ? "PuTTY-User-Key-File-2" : "PuTTY-User-Key-File-3",
		&p->type) ||
	    !take_header(&text, "Encryption", &p->encryption) ||
	    !take_header(&text, "Comment", &p->comment))
		return DT_PKI_BAD_KEY;
	p->encrypted = dt_span_is(p->encryption, "aes256-cbc");
	if (!p->encrypted && !dt_span_is(p->encryption, "none"))
		return DT_PKI_UNKNOWN_KEY;
	if (p->encrypted && p->version == 3)
		return DT_PKI_ARGON2;
	enum dt_pki_fault fault = take_blob(&text, "Public-Lines", &p->pub, &p->pub_len, &unused);
	if (fault == DT_PKI_NONE)
		fault = take_blob(&text, "Private-Lines", &p->priv, &p->priv_len, &p->priv_size);
	if (fault == DT_PKI_NONE && (!take_header(&text, "Private-MAC", &p->mac) || !p->priv_len))
		fault = DT_PKI_BAD_KEY;
	return fault;
}

struct part {
	const void *data;
	size_t len;
};

static bool
hash_parts(const struct part *parts, size_t count, uint8_t out[EVP_MAX_MD_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL);
	for (size_t i = 0; good && i < count; i++)
		good = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len);
	good = good && EVP_DigestFinal_ex(ctx, out, NULL);
	EVP_MD_CTX_free(ctx);
	return good;
}

/* PPK 2: the key is two SHA-1 over a counter and the password, the IV is zero. */
static enum dt_pki_fault
decrypt(struct ppk *p, struct dtlsd_bytes password)
{
	static const uint8_t zeros[BLOCK], counters[2][4] = {{0, 0, 0, 0}, {0, 0, 0, 1}};
	uint8_t key[2 * EVP_MAX_MD_SIZE];
	int len = 0;
	if (!password.data)
		return DT_PKI_NO_PASSWORD;
	if (p->priv_len % BLOCK)
		return DT_PKI_BAD_KEY;
	uint8_t *plain = dt_alloc(p->priv_size);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool good = plain && ctx;
	for (size_t i = 0; good && i < 2; i++) {
		struct part parts[] = {{counters[i], 4}, {password.data, password.len}};
		good = hash_parts(parts, 2, key + 20 * i);
	}
	good = good && EVP_DecryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, zeros) &&
	       EVP_CIPHER_CTX_set_padding(ctx, 0) &&
	       EVP_DecryptUpdate(ctx, plain, &len, p->priv, (int)p->priv_len) &&
	       (size_t)len == p->priv_len;
	if (good)
		memcpy(p->priv, plain, p->priv_len);
	dt_wipe(key, sizeof(key));
	dt_free_secret(plain, p->priv_size);
	EVP_CIPHER_CTX_free(ctx);
	return good ? DT_PKI_NONE : DT_PKI_NOMEM;
}

/* HMAC over each part behind its length. */
static bool
make_mac(const struct ppk *p, const char *digest, struct part key, uint8_t *out, size_t *out_len)
{
	const struct part parts[] = {{p->type.data, p->type.len},
	    {p->encryption.data, p->encryption.len}, {p->comment.data, p->comment.len},
	    {p->pub, p->pub_len}, {p->priv, p->priv_len}};
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
				   (char *)(uintptr_t)digest, 0),
	    OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	bool good = ctx && EVP_MAC_init(ctx, key.data, key.len, params);
	for (size_t i = 0; good && i < sizeof(parts) / sizeof(parts[0]); i++) {
		uint8_t len[4];
		dt_write_uint(len, parts[i].len, 4);
		good = EVP_MAC_update(ctx, len, 4) &&
		       EVP_MAC_update(ctx, parts[i].data, parts[i].len);
	}
	good = good && EVP_MAC_final(ctx, out, out_len, EVP_MAX_MD_SIZE);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return good;
}

static bool
read_hex(struct dt_span text, uint8_t *out, size_t len)
{
	if (text.len != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = OPENSSL_hexchar2int(text.data[2 * i]);
		int low = OPENSSL_hexchar2int(text.data[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static enum dt_pki_fault
check_mac(const struct ppk *p, struct dtlsd_bytes password)
{
	static const char salt[] = "putty-private-key-file-mac-key";
	uint8_t key[EVP_MAX_MD_SIZE] = {0}, wanted[EVP_MAX_MD_SIZE], found[EVP_MAX_MD_SIZE];
	bool old = p->version == 2;
	struct part parts[] = {{salt, sizeof(salt) - 1},
	    {password.data, p->encrypted ? password.len : 0}};
	size_t len = old ? 20 : 32;
	enum dt_pki_fault fault = p->encrypted ? DT_PKI_WRONG_PASSWORD : DT_PKI_CHANGED;
	/* The key of a plain PPK 3 is empty; OpenSSL takes an empty key only with an address. */
	bool good = (!old || hash_parts(parts, 2, key)) &&
		    make_mac(p, old ? "SHA1" : "SHA256", (struct part){key, old ? 20 : 0}, wanted, &len);
	if (!good)
		fault = DT_PKI_NOMEM;
	else if (!read_hex(p->mac, found, len))
		fault = DT_PKI_BAD_KEY;
	else if (CRYPTO_memcmp(wanted, found, len) == 0)
		fault = DT_PKI_NONE;
	dt_wipe(key, sizeof(key));
	dt_wipe(wanted, sizeof(wanted));
	return fault;
}

enum dt_pki_fault
dt_ppk_read(struct dt_span text, struct dtlsd_bytes password, struct dt_material *m)
{
	if (!dt_ppk_seen(text) || text.len == sizeof(first_words) - 1)
		return DT_PKI_WRONG_TYPE;
	struct ppk p = {0};
	EVP_PKEY *key = NULL;
	enum dt_pki_fault fault = parse(text, &p);
	if (fault == DT_PKI_NONE && p.encrypted)
		fault = decrypt(&p, password);
	if (fault == DT_PKI_NONE)
		fault = check_mac(&p, password);
	if (fault == DT_PKI_NONE)
		fault = dt_ssh_key((struct dt_span){p.pub, p.pub_len},
		    (struct dt_span){p.priv, p.priv_len}, &key);
	dt_free(p.pub);
	dt_free_secret(p.priv, p.priv_size);
	return fault == DT_PKI_NONE ? dt_material_add_key(m, key, true) : fault;
}
