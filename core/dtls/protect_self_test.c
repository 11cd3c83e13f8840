/* Known-answer tests of protect.h: no key of a peer is used before these have passed. */
#include <string.h>

#include "base/assert.h"
#include "dtls/protect.h"

#define SELF_TYPE DT_APPLICATION_DATA
#define SELF_EPOCH 1u
#define SELF_SEQ UINT64_C(0x0102030405)
#define SPACE 64u /* bytes: longer than any record here */

static const char text[] = "A datagram, sealed.";
#define TEXT_LEN (sizeof(text) - 1)

struct answer {
	const char *cipher;
	size_t tag_len;			  /* bytes */
	const char *of_text, *of_nothing; /* ciphertext and tag */
};

static const struct answer answers[] = {
#define X(cipher, tag_len, of_text, of_nothing) {cipher, tag_len, of_text, of_nothing},
#include "dtls/protect.def"
#undef X
};

static const struct answer *
find_answer(const struct dt_suite *suite)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strcmp(answers[i].cipher, suite->cipher) == 0 &&
		    answers[i].tag_len == suite->tag_len)
			return &answers[i];
	return NULL;
}

static struct dt_key
known_key(const struct dt_suite *suite)
{
	struct dt_key key = {{0}, {0}};
	for (size_t i = 0; i < suite->key_len; i++)
		key.key[i] = (uint8_t)(0x40 + i);
	for (size_t i = 0; i < suite->iv_len; i++)
		key.iv[i] = (uint8_t)(0xa0 + i);
	return key;
}

static enum dt_open_verdict
open_record(struct dt_aead_pool *pool, const struct dt_key_ref *ref, uint8_t *bytes, size_t len,
    uint8_t **plain, size_t *plain_len)
{
	size_t at = 0;
	struct dt_record rec;
	enum dt_record_verdict verdict = dt_record_next(bytes, len, &at, &rec);
	DT_ASSERT(verdict == DT_RECORD_OK && at == len);
	return dt_open(pool, ref, &rec, plain, plain_len);
}

/* A record with one wrong bit of its tag, first byte and last, must not open. */
static bool
refuses_wrong_tags(
    struct dt_aead_pool *pool, const struct dt_key_ref *ref, const uint8_t *record, size_t len)
{
	const size_t places[] = {len - ref->suite->tag_len, len - 1};
	for (size_t i = 0; i < 2; i++) {
		uint8_t copy[SPACE], *plain;
		size_t plain_len;
		memcpy(copy, record, len);
		copy[places[i]] ^= 1;
		if (open_record(pool, ref, copy, len, &plain, &plain_len) != DT_OPEN_FORGED)
			return false;
	}
	return true;
}

static bool
gives_answer(struct dt_aead_pool *pool, const struct dt_suite *suite, uint64_t owner, size_t len,
    const char *expected)
{
	const struct dt_key key = known_key(suite);
	const struct dt_key_ref write = {owner, DT_WRITE, suite, &key, {NULL, 0}};
	const struct dt_key_ref read = {owner, DT_READ, suite, &key, {NULL, 0}};
	const uint8_t *bytes = (const uint8_t *)text;
	uint8_t record[SPACE], *plain;
	size_t head = DT_RECORD_HEADER + (size_t)suite->explicit_len, plain_len;

	size_t n = dt_seal(pool, &write, SELF_TYPE, SELF_EPOCH, SELF_SEQ, bytes, len, record);
	if (n != head + len + suite->tag_len || memcmp(record + head, expected, n - head) != 0)
		return false;
	if (!refuses_wrong_tags(pool, &read, record, n))
		return false;
	if (open_record(pool, &read, record, n, &plain, &plain_len) != DT_OPEN_OK)
		return false;
	return plain_len == len && memcmp(plain, text, len) == 0;
}

enum dt_err
dt_protect_self_test(const char **failed)
{
	struct dt_aead_pool *pool;
	enum dt_err err = dt_aead_pool_new(2, &pool);
	if (err != DT_OK) {
		*failed = "memory";
		return err;
	}
	const struct dt_suite *suite;
	for (size_t i = 0; (suite = dt_suite_at(i)) && err == DT_OK; i++) {
		const struct answer *a = find_answer(suite);
		DT_ASSERT(a); /* protect.def lacks a row otherwise */
		if (gives_answer(pool, suite, i + 1, TEXT_LEN, a->of_text) &&
		    gives_answer(pool, suite, i + 1, 0, a->of_nothing))
			continue;
		*failed = suite->name;
		err = DT_ERR_CRYPTO;
	}
	dt_aead_pool_free(&pool);
	return err;
}
