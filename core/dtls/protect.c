#include "dtls/protect.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/mem.h"

#define NONCE_LEN 12u
#define AAD_LEN 13u
#define CID_MAX 255u
#define CID_AAD_MAX (8u + 3u + 2u + 8u + CID_MAX + 2u)
#define NUMBER_LEN 8u /* epoch || seq */

static const char *const cipher_names[] = {
    "AES-128-GCM", "AES-256-GCM", "AES-128-CCM", "AES-256-CCM", "ChaCha20-Poly1305"};
#define CIPHERS (sizeof(cipher_names) / sizeof(cipher_names[0]))

/* A cipher context and whose key it was given. */
struct keyed {
	struct dt_list by_use;	/* in dt_aead_pool.by_use                       */
	struct keyed *chain;	/* borrowed: next in the same bucket            */
	EVP_CIPHER_CTX *cipher; /* owned                                        */
	uint64_t owner;		/* 0 = free                                     */
	enum dt_direction direction;
	const struct dt_suite *suite; /* borrowed, static; NULL = of no kind yet */
	struct dt_key key;	      /* a copy: what the context was keyed with */
};

struct dt_aead_pool {
	EVP_CIPHER *ciphers[CIPHERS]; /* owned; fetched when first needed    */
	struct keyed *contexts;	      /* owned, `count` of them              */
	struct keyed **buckets;	      /* owned, 1 << bucket_bits of them     */
	size_t count;
	unsigned bucket_bits;
	struct dt_list by_use; /* front: unused for longest or free */
};

static size_t
bucket_of(const struct dt_aead_pool *pool, uint64_t owner, enum dt_direction direction)
{
	/* Owners are numbers of ours, not of a peer: a multiplication spreads them enough. */
	uint64_t h = (owner * 2 + (uint64_t)direction) * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(h >> (64 - pool->bucket_bits));
}

enum dt_err
dt_aead_pool_new(size_t contexts, struct dt_aead_pool **out)
{
	DT_ASSERT(contexts >= 2 && contexts <= UINT32_MAX);
	struct dt_aead_pool *pool = dt_alloc(sizeof(*pool));
	if (!pool)
		return DT_ERR_NOMEM;
	dt_list_init(&pool->by_use);
	for (pool->bucket_bits = 1; ((size_t)1 << pool->bucket_bits) < contexts;)
		pool->bucket_bits++;
	pool->contexts = dt_alloc_array(contexts, sizeof(*pool->contexts));
	pool->buckets = dt_alloc_array((size_t)1 << pool->bucket_bits, sizeof(*pool->buckets));
	if (!pool->contexts || !pool->buckets) {
		dt_aead_pool_free(&pool);
		return DT_ERR_NOMEM;
	}
	pool->count = contexts;
	for (size_t i = 0; i < contexts; i++)
		dt_list_append(&pool->by_use, &pool->contexts[i].by_use);
	*out = pool;
	return DT_OK;
}

void
dt_aead_pool_free(struct dt_aead_pool **slot)
{
	struct dt_aead_pool *pool = *slot;
	*slot = NULL;
	if (!pool)
		return;
	for (size_t i = 0; i < pool->count; i++)
		EVP_CIPHER_CTX_free(pool->contexts[i].cipher);
	for (size_t i = 0; i < CIPHERS; i++)
		EVP_CIPHER_free(pool->ciphers[i]);
	dt_free_secret(pool->contexts, pool->count * sizeof(*pool->contexts));
	dt_free(pool->buckets);
	dt_free(pool);
}

static struct keyed *
find_keyed(const struct dt_aead_pool *pool, uint64_t owner, enum dt_direction direction)
{
	struct keyed *k = pool->buckets[bucket_of(pool, owner, direction)];
	while (k && (k->owner != owner || k->direction != direction))
		k = k->chain;
	return k;
}

/* Takes the key out of reach. */
static void
unlink_keyed(struct dt_aead_pool *pool, struct keyed *k)
{
	struct keyed **at = &pool->buckets[bucket_of(pool, k->owner, k->direction)];
	while (*at != k)
		at = &(*at)->chain;
	*at = k->chain;
	k->chain = NULL;
	k->owner = 0;
}

static void
wipe_keyed(struct keyed *k)
{
	dt_wipe(&k->key, sizeof(k->key));
	EVP_CIPHER_CTX_reset(k->cipher); /* wipes the key schedule */
	k->suite = NULL;
}

void
dt_aead_pool_forget(struct dt_aead_pool *pool, uint64_t owner)
{
	for (enum dt_direction d = DT_READ; d <= DT_WRITE; d++) {
		struct keyed *k = find_keyed(pool, owner, d);
		if (!k)
			continue;
		unlink_keyed(pool, k);
		wipe_keyed(k);
		dt_list_remove(&k->by_use);
		dt_list_append(pool->by_use.next, &k->by_use); /* the next to be used */
	}
}

static EVP_CIPHER *
fetch_cipher(struct dt_aead_pool *pool, const char *name)
{
	size_t i = 0;
	while (i < CIPHERS && strcmp(cipher_names[i], name) != 0)
		i++;
	DT_ASSERT(i < CIPHERS); /* a new kind in suite.c needs its name above */
	if (!pool->ciphers[i])
		pool->ciphers[i] = EVP_CIPHER_fetch(NULL, name, NULL);
	return pool->ciphers[i];
}

/* Makes a context ready for keys of this kind. CCM binds the lengths of nonce and tag to the key:
 * they come first. */
static bool
set_kind(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher, const struct dt_key_ref *ref)
{
	int enc = ref->direction == DT_WRITE;
	if (!EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, enc, NULL))
		return false;
	if (!ref->suite->is_ccm)
		return true;
	return EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, NONCE_LEN, NULL) > 0 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, ref->suite->tag_len, NULL) > 0;
}

/* A new key in a context of the same kind costs a third of a context made anew. */
static bool
is_of_kind(const struct keyed *k, const struct dt_key_ref *ref)
{
	return k->suite && k->direction == ref->direction &&
	       k->suite->tag_len == ref->suite->tag_len &&
	       strcmp(k->suite->cipher, ref->suite->cipher) == 0;
}

static bool
set_key(struct dt_aead_pool *pool, struct keyed *k, const struct dt_key_ref *ref)
{
	if (!is_of_kind(k, ref)) {
		EVP_CIPHER *cipher = fetch_cipher(pool, ref->suite->cipher);
		wipe_keyed(k);
		if (!cipher || !set_kind(k->cipher, cipher, ref))
			return false;
	}
	return EVP_CipherInit_ex2(k->cipher, NULL, ref->key->key, NULL, -1, NULL) == 1;
}

/* Gives the context that was unused for longest to this key. */
static struct keyed *
key_context(struct dt_aead_pool *pool, const struct dt_key_ref *ref)
{
	struct keyed *k = DT_CONTAINER(pool->by_use.next, struct keyed, by_use);
	if (k->owner)
		unlink_keyed(pool, k);
	if (!k->cipher)
		k->cipher = EVP_CIPHER_CTX_new();
	if (!k->cipher)
		return NULL;
	if (!set_key(pool, k, ref)) {
		wipe_keyed(k);
		return NULL;
	}
	k->owner = ref->owner;
	k->direction = ref->direction;
	k->suite = ref->suite;
	k->key = *ref->key;
	struct keyed **bucket = &pool->buckets[bucket_of(pool, ref->owner, ref->direction)];
	k->chain = *bucket;
	*bucket = k;
	return k;
}

/* The context that holds this very key, or NULL when the crypto library has no memory. */
static EVP_CIPHER_CTX *
take_context(struct dt_aead_pool *pool, const struct dt_key_ref *ref)
{
	DT_ASSERT(ref->owner != 0);
	struct keyed *k = find_keyed(pool, ref->owner, ref->direction);
	if (!k)
		k = key_context(pool, ref);
	if (!k)
		return NULL;
	/* An owner that changed its keys under its number would seal with the old ones. */
	DT_ASSERT(k->owner == ref->owner && k->direction == ref->direction);
	DT_ASSERT(k->suite == ref->suite && memcmp(&k->key, ref->key, sizeof(k->key)) == 0);
	dt_list_remove(&k->by_use);
	dt_list_append(&pool->by_use, &k->by_use);
	return k->cipher;
}

/* `number`: epoch || seq, or what the record brought as its explicit part. */
static void
make_nonce(const struct dt_key_ref *ref, const uint8_t *number, uint8_t nonce[NONCE_LEN])
{
	memset(nonce, 0, NONCE_LEN);
	memcpy(nonce + NONCE_LEN - NUMBER_LEN, number, NUMBER_LEN);
	for (size_t i = 0; i < ref->suite->iv_len; i++)
		nonce[i] ^= ref->key->iv[i];
}

struct aad {
	uint8_t bytes[CID_AAD_MAX];
	size_t len;
};

/* Nonce, tag to expect (reading), and additional data: all that comes before the bytes. */
static bool
begin_record(EVP_CIPHER_CTX *ctx, const struct dt_suite *suite, const uint8_t *nonce, uint8_t *tag,
    const struct aad *aad, size_t len)
{
	int n;
	if (!EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, -1, NULL))
		return false;
	if (tag && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, suite->tag_len, tag) <= 0)
		return false;
	if (suite->is_ccm && !EVP_CipherUpdate(ctx, NULL, &n, NULL, (int)len))
		return false;
	return EVP_CipherUpdate(ctx, NULL, &n, aad->bytes, (int)aad->len) == 1;
}

static void
make_aad(struct aad *aad, const uint8_t *number, uint8_t type, uint16_t version, size_t len)
{
	memcpy(aad->bytes, number, NUMBER_LEN);
	aad->bytes[8] = type;
	dt_write_uint(aad->bytes + 9, version, 2);
	dt_write_uint(aad->bytes + 11, len, 2);
	aad->len = AAD_LEN;
}

/* RFC 9146 5.3. */
static void
make_cid_aad(struct aad *aad, const uint8_t *number, struct dt_span cid, uint16_t version, size_t len)
{
	uint8_t *at = aad->bytes;
	memset(at, 0xff, NUMBER_LEN);
	at += NUMBER_LEN;
	*at++ = DT_TLS12_CID;
	*at++ = (uint8_t)cid.len;
	*at++ = DT_TLS12_CID;
	dt_write_uint(at, version, 2);
	memcpy(at + 2, number, NUMBER_LEN);
	memcpy(at + 2 + NUMBER_LEN, cid.data, cid.len);
	at += 2 + NUMBER_LEN + cid.len;
	dt_write_uint(at, len, 2);
	aad->len = (size_t)(at + 2 - aad->bytes);
}

static bool
seal_body(EVP_CIPHER_CTX *ctx, const struct dt_suite *suite, const uint8_t *nonce,
    const struct aad *aad, const uint8_t *plain, size_t len, uint8_t *body)
{
	int n, rest;
	uint8_t none = 0;
	if (!begin_record(ctx, suite, nonce, NULL, aad, len))
		return false;
	/* CCM makes its tag in Update, also of nothing: two pointers are what tells it so. */
	if (!EVP_EncryptUpdate(ctx, body, &n, len ? plain : &none, (int)len))
		return false;
	if ((size_t)n != len || !EVP_EncryptFinal_ex(ctx, body + n, &rest) || rest != 0)
		return false;
	return EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, suite->tag_len, body + len) > 0;
}

/* Type, version and number in the clear, the connection id between them and the length. */
static uint8_t *
write_cid_header(uint8_t *out, struct dt_span cid, uint16_t epoch, uint64_t seq, size_t len)
{
	dt_record_write_header(out, DT_TLS12_CID, DT_VERSION_12, epoch, seq, len);
	memcpy(out + DT_RECORD_HEADER - 2, cid.data, cid.len);
	dt_write_uint(out + DT_RECORD_HEADER - 2 + cid.len, len, 2);
	return out + DT_RECORD_HEADER + cid.len;
}

static size_t
seal_cid(EVP_CIPHER_CTX *ctx, const struct dt_key_ref *ref, uint8_t type, uint16_t epoch, uint64_t seq,
    const uint8_t *plain, size_t len, uint8_t *out)
{
	const struct dt_suite *suite = ref->suite;
	size_t total = len + dt_seal_overhead_cid(suite, ref->cid.len);
	uint8_t *body = out + DT_RECORD_HEADER + ref->cid.len + suite->explicit_len;
	memmove(body, plain, len); /* before the header: it may stand where that goes */
	body[len] = type;
	write_cid_header(out, ref->cid, epoch, seq, total - DT_RECORD_HEADER - ref->cid.len);
	uint8_t number[NUMBER_LEN], nonce[NONCE_LEN];
	memcpy(number, out + 3, NUMBER_LEN);
	memcpy(body - suite->explicit_len, number, suite->explicit_len);

	struct aad aad;
	make_nonce(ref, number, nonce);
	make_cid_aad(&aad, number, ref->cid, DT_VERSION_12, len + 1);
	return seal_body(ctx, suite, nonce, &aad, body, len + 1, body) ? total : 0;
}

static size_t
seal_plain(EVP_CIPHER_CTX *ctx, const struct dt_key_ref *ref, uint8_t type, uint16_t epoch, uint64_t seq,
    const uint8_t *plain, size_t len, uint8_t *out)
{
	const struct dt_suite *suite = ref->suite;
	size_t total = len + dt_seal_overhead(suite);
	dt_record_write_header(out, type, DT_VERSION_12, epoch, seq, total - DT_RECORD_HEADER);
	const uint8_t *number = out + 3;
	uint8_t *body = out + DT_RECORD_HEADER + suite->explicit_len;
	memcpy(out + DT_RECORD_HEADER, number, suite->explicit_len);

	uint8_t nonce[NONCE_LEN];
	struct aad aad;
	make_nonce(ref, number, nonce);
	make_aad(&aad, number, type, DT_VERSION_12, len);
	return seal_body(ctx, suite, nonce, &aad, plain, len, body) ? total : 0;
}

size_t
dt_seal(struct dt_aead_pool *pool, const struct dt_key_ref *ref, uint8_t type, uint16_t epoch,
    uint64_t seq, const uint8_t *plain, size_t len, uint8_t *out)
{
	DT_ASSERT(ref->direction == DT_WRITE && len <= DT_PLAIN_MAX && ref->cid.len <= CID_MAX);
	EVP_CIPHER_CTX *ctx = take_context(pool, ref);
	size_t n = 0;
	if (ctx && ref->cid.len)
		n = seal_cid(ctx, ref, type, epoch, seq, plain, len, out);
	else if (ctx)
		n = seal_plain(ctx, ref, type, epoch, seq, plain, len, out);
	if (n == 0)
		ERR_clear_error();
	return n;
}

static bool
open_body(EVP_CIPHER_CTX *ctx, const struct dt_suite *suite, const uint8_t *nonce,
    const struct aad *aad, uint8_t *body, size_t len)
{
	int n, rest;
	uint8_t none[DT_TAG_MAX];
	if (!begin_record(ctx, suite, nonce, body + len, aad, len))
		return false;
	/* CCM compares the tag here, the others in Final. */
	if (!EVP_DecryptUpdate(ctx, len ? body : none, &n, body, (int)len) || (size_t)n != len)
		return false;
	return EVP_DecryptFinal_ex(ctx, none, &rest) == 1 && rest == 0;
}

enum dt_open_verdict
dt_open(struct dt_aead_pool *pool, const struct dt_key_ref *ref, const struct dt_record *rec,
    uint8_t **plain, size_t *len)
{
	DT_ASSERT(ref->direction == DT_READ);
	const struct dt_suite *suite = ref->suite;
	size_t around = (size_t)suite->explicit_len + suite->tag_len;
	if (rec->len < around)
		return DT_OPEN_SHORT;
	size_t inner = rec->len - around;
	if (inner > (rec->cid ? DT_CID_INNER_MAX : DT_PLAIN_MAX))
		return DT_OPEN_LONG;

	uint8_t number[NUMBER_LEN], nonce[NONCE_LEN];
	struct aad aad;
	dt_write_uint(number, (uint64_t)rec->epoch << 48 | rec->seq, NUMBER_LEN);
	make_nonce(ref, suite->explicit_len ? rec->body : number, nonce);
	if (rec->cid)
		make_cid_aad(&aad, number, (struct dt_span){rec->cid, DT_CID_LEN}, rec->version, inner);
	else
		make_aad(&aad, number, rec->type, rec->version, inner);
	uint8_t *body = rec->body + suite->explicit_len;
	EVP_CIPHER_CTX *ctx = take_context(pool, ref);
	/* One exit for all that fails from here on, and the same work whichever bit is wrong: the
	 * lengths before are in the clear, and OpenSSL compares tags in constant time. */
	if (!ctx || !open_body(ctx, suite, nonce, &aad, body, inner)) {
		ERR_clear_error(); /* else the next handshake of this thread reads it as its own */
		return DT_OPEN_FORGED;
	}
	*plain = body;
	*len = inner;
	return DT_OPEN_OK;
}

bool
dt_open_inner(const uint8_t *plain, size_t *len, uint8_t *type)
{
	size_t n = *len;
	while (n > 0 && plain[n - 1] == 0)
		n--;
	if (n == 0 || plain[n - 1] == DT_TLS12_CID || n - 1 > DT_PLAIN_MAX)
		return false;
	*type = plain[n - 1];
	*len = n - 1;
	return true;
}
