#include "dtls/protect.h"
#include "base/mem.h"

#include "seeded.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <signal.h>
#include <string.h>

#define ROOM (DT_PLAIN_MAX + 64u)

static struct dt_aead_pool *
new_pool(size_t contexts)
{
	struct dt_aead_pool *pool = NULL;
	cr_assert_eq(dt_aead_pool_new(contexts, &pool), DT_OK);
	return pool;
}

static struct dt_key
key_number(uint64_t n)
{
	struct dt_key key = {{0}, {0}};
	for (size_t i = 0; i < DT_KEY_MAX; i++)
		key.key[i] = (uint8_t)(n * 31 + i);
	for (size_t i = 0; i < DT_IV_MAX; i++)
		key.iv[i] = (uint8_t)(n * 17 + i);
	return key;
}

static enum dt_open_verdict
open_bytes(struct dt_aead_pool *pool, const struct dt_key_ref *ref, uint8_t *bytes, size_t n,
    uint8_t **plain, size_t *len)
{
	struct dt_record rec;
	size_t at = 0;
	cr_assert_eq(dt_record_next(bytes, n, &at, &rec), DT_RECORD_OK);
	return dt_open(pool, ref, &rec, plain, len);
}

Test(protect, the_self_test_passes)
{
	const char *failed = "none";
	cr_assert_eq(dt_protect_self_test(&failed), DT_OK, "%s", failed);
}

Test(protect, the_self_test_names_what_failed)
{
	const char *failed = NULL;
	dt_mem_fail_nth(1);
	cr_assert_eq(dt_protect_self_test(&failed), DT_ERR_NOMEM);
	cr_assert_str_eq(failed, "memory");
}

/* One of each kind of protection. */
static const uint16_t kinds[] = {0xc02b, 0xc02c, 0xc0a4, 0xc0a5, 0xc0a8, 0xc0a9, 0xcca9};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

Test(protect, what_is_sealed_opens_to_the_same_bytes_at_every_size)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 63, 64, 1200, 16383, DT_PLAIN_MAX};
	struct seeded s = seeded_begin("protect sizes");
	struct dt_aead_pool *pool = new_pool(2 * KINDS);
	uint8_t *text = malloc(DT_PLAIN_MAX), *record = malloc(ROOM);
	seeded_fill(&s, text, DT_PLAIN_MAX);
	for (size_t k = 0; k < KINDS; k++) {
		const struct dt_suite *suite = dt_suite_find(kinds[k]);
		const struct dt_key key = key_number(k);
		const struct dt_key_ref write = {k + 1, DT_WRITE, suite, &key, {NULL, 0}};
		const struct dt_key_ref read = {k + 1, DT_READ, suite, &key, {NULL, 0}};
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			size_t n = dt_seal(pool, &write, 23, 1, i, text, sizes[i], record), len;
			uint8_t *plain;
			cr_assert_eq(n, sizes[i] + dt_seal_overhead(suite));
			cr_assert_eq(open_bytes(pool, &read, record, n, &plain, &len), DT_OPEN_OK,
			    "%s, %zu bytes", suite->name, sizes[i]);
			cr_assert(len == sizes[i] && memcmp(plain, text, len) == 0);
		}
	}
	free(text);
	free(record);
	dt_aead_pool_free(&pool);
}

Test(protect, plaintext_may_stand_where_its_ciphertext_will)
{
	struct dt_aead_pool *pool = new_pool(2);
	for (size_t k = 0; k < KINDS; k++) {
		const struct dt_suite *suite = dt_suite_find(kinds[k]);
		const struct dt_key key = key_number(k);
		const struct dt_key_ref write = {k + 1, DT_WRITE, suite, &key, {NULL, 0}};
		uint8_t apart[100], in_place[100], *body;
		body = in_place + DT_RECORD_HEADER + suite->explicit_len;
		memcpy(body, "forty-two", 9);
		size_t n = dt_seal(pool, &write, 23, 1, 5, body, 9, in_place);
		size_t m = dt_seal(
		    pool, &write, 23, 1, 5, (const uint8_t *)"forty-two", 9, apart);
		cr_assert(n == m && memcmp(apart, in_place, n) == 0, "%s", suite->name);
	}
	dt_aead_pool_free(&pool);
}

Test(protect, every_flipped_bit_makes_a_forgery_in_every_suite)
{
	struct dt_aead_pool *pool = new_pool(4);
	const struct dt_suite *suite;
	for (size_t i = 0; (suite = dt_suite_at(i)); i++) {
		const struct dt_key key = key_number(i);
		const struct dt_key_ref write = {i + 1, DT_WRITE, suite, &key, {NULL, 0}};
		const struct dt_key_ref read = {i + 1, DT_READ, suite, &key, {NULL, 0}};
		for (size_t text = 0; text <= 3; text += 3) {
			uint8_t record[64], copy[64], *plain;
			size_t len, n = dt_seal(pool, &write, 23, 1, 9, (const uint8_t *)"abc", text,
					record);
			for (size_t bit = 0; bit < 8 * n; bit++) {
				memcpy(copy, record, n);
				copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
				struct dt_record rec;
				size_t at = 0;
				if (dt_record_next(copy, n, &at, &rec) != DT_RECORD_OK)
					continue; /* the header's own business */
				cr_assert_neq(dt_open(pool, &read, &rec, &plain, &len), DT_OPEN_OK,
				    "%s, bit %zu of %zu bytes", suite->name, bit, text);
			}
			cr_assert_eq(open_bytes(pool, &read, record, n, &plain, &len), DT_OPEN_OK);
		}
	}
	dt_aead_pool_free(&pool);
}

Test(protect, an_empty_plaintext_with_any_wrong_tag_fails_in_every_suite)
{
	struct dt_aead_pool *pool = new_pool(4);
	const struct dt_suite *suite;
	for (size_t i = 0; (suite = dt_suite_at(i)); i++) {
		const struct dt_key key = key_number(i);
		const struct dt_key_ref read = {i + 1, DT_READ, suite, &key, {NULL, 0}};
		for (unsigned fill = 0; fill < 256; fill += 51) {
			uint8_t record[DT_RECORD_HEADER + DT_EXPLICIT_MAX + DT_TAG_MAX], *plain;
			size_t len, body = (size_t)suite->explicit_len + suite->tag_len;
			memset(record, (int)fill, sizeof(record));
			dt_record_write_header(record, 23, DT_VERSION_12, 1, fill, body);
			cr_assert_eq(open_bytes(pool, &read, record, DT_RECORD_HEADER + body, &plain,
					 &len),
			    DT_OPEN_FORGED, "%s", suite->name);
		}
	}
	dt_aead_pool_free(&pool);
}

Test(protect, lengths_are_checked_before_anything_else)
{
	struct dt_aead_pool *pool = new_pool(2);
	for (size_t k = 0; k < KINDS; k++) {
		const struct dt_suite *suite = dt_suite_find(kinds[k]);
		const struct dt_key key = key_number(k);
		const struct dt_key_ref read = {k + 1, DT_READ, suite, &key, {NULL, 0}};
		size_t around = (size_t)suite->explicit_len + suite->tag_len, len;
		static uint8_t body[DT_PLAIN_MAX + 64];
		uint8_t *plain;
		struct dt_record rec = {23, DT_VERSION_12, 1, 0, body, 0, NULL};
		for (rec.len = 0; rec.len < around; rec.len++)
			cr_assert_eq(dt_open(pool, &read, &rec, &plain, &len), DT_OPEN_SHORT);
		cr_assert_eq(dt_open(pool, &read, &rec, &plain, &len), DT_OPEN_FORGED);
		rec.len = around + DT_PLAIN_MAX;
		cr_assert_eq(dt_open(pool, &read, &rec, &plain, &len), DT_OPEN_FORGED);
		rec.len++;
		cr_assert_eq(dt_open(pool, &read, &rec, &plain, &len), DT_OPEN_LONG);
	}
	dt_aead_pool_free(&pool);
}

Test(protect, the_nonce_on_the_wire_is_epoch_and_number_and_never_the_same_again)
{
	struct dt_aead_pool *pool = new_pool(2);
	const struct dt_key key = key_number(1);
	const struct dt_key_ref write = {1, DT_WRITE, dt_suite_find(0xc02b), &key, {NULL, 0}};
	uint8_t record[64], expected[8];
	for (uint64_t seq = 0; seq < 300; seq++) {
		cr_assert(dt_seal(pool, &write, 23, 7, seq, (const uint8_t *)"x", 1, record));
		dt_write_uint(expected, UINT64_C(7) << 48 | seq, 8);
		cr_assert_eq(memcmp(record + 3, expected, 8), 0);
		cr_assert_eq(memcmp(record + DT_RECORD_HEADER, expected, 8), 0);
	}
	dt_aead_pool_free(&pool);
}

/* A peer may number its nonces as it likes: sealed here under number 5, sent as number 6. */
Test(protect, the_explicit_nonce_is_taken_from_the_record)
{
	struct dt_aead_pool *pool = new_pool(2);
	const struct dt_key key = key_number(1);
	const struct dt_key_ref read = {1, DT_READ, dt_suite_find(0xc02b), &key, {NULL, 0}};
	/* From another implementation: nonce 0102030405060708, epoch 1, number 6, "other nonce" */
	static const char sealed[] = "\x01\x02\x03\x04\x05\x06\x07\x08"
				     "\xc0\xd3\xd9\x60\x05\x66\xcb\xd5\xa9\xfd\x22\x28\x9c\x9d"
				     "\xe7\xc7\x6f\xfe\xa7\x7f\xb6\x4e\x02\x04\x4d\x96\xe7";
	uint8_t record[DT_RECORD_HEADER + sizeof(sealed) - 1], *plain;
	size_t len;
	dt_record_write_header(record, 23, DT_VERSION_12, 1, 6, sizeof(sealed) - 1);
	memcpy(record + DT_RECORD_HEADER, sealed, sizeof(sealed) - 1);
	cr_assert_eq(open_bytes(pool, &read, record, sizeof(record), &plain, &len), DT_OPEN_OK);
	cr_assert(len == 11 && memcmp(plain, "other nonce", 11) == 0);
	dt_aead_pool_free(&pool);
}

Test(protect, a_pool_smaller_than_its_owners_never_mixes_their_keys)
{
	enum { OWNERS = 40 };
	struct seeded s = seeded_begin("protect pool");
	struct dt_aead_pool *small = new_pool(5), *fresh;
	uint64_t seq[OWNERS] = {0};
	for (int step = 0; step < 4000; step++) {
		uint64_t who = seeded_below(&s, OWNERS);
		const struct dt_suite *suite = dt_suite_find(kinds[who % KINDS]);
		const struct dt_key key = key_number(who);
		const struct dt_key_ref write = {who + 1, DT_WRITE, suite, &key, {NULL, 0}};
		const struct dt_key_ref read = {who + 1, DT_READ, suite, &key, {NULL, 0}};
		uint8_t text[40], record[96], again[96], *plain;
		size_t len = seeded_below(&s, sizeof(text)), got;
		seeded_fill(&s, text, len);
		size_t n = dt_seal(small, &write, 23, 1, seq[who], text, len, record);
		fresh = new_pool(2);
		cr_assert_eq(dt_seal(fresh, &write, 23, 1, seq[who]++, text, len, again), n);
		dt_aead_pool_free(&fresh);
		cr_assert_eq(memcmp(record, again, n), 0, "owner %d", (int)who);
		cr_assert_eq(open_bytes(small, &read, record, n, &plain, &got), DT_OPEN_OK);
		if (seeded_below(&s, 10) == 0)
			dt_aead_pool_forget(small, seeded_below(&s, OWNERS) + 1);
	}
	dt_aead_pool_free(&small);
}

Test(protect, other_keys_under_the_same_owner_are_a_programmer_error, .signal = SIGABRT)
{
	struct dt_aead_pool *pool = new_pool(2);
	const struct dt_key one = key_number(1), two = key_number(2);
	const struct dt_suite *suite = dt_suite_find(0xc02b);
	uint8_t record[64];
	dt_seal(pool, &(struct dt_key_ref){7, DT_WRITE, suite, &one, {NULL, 0}}, 23, 1, 0, record, 0, record);
	dt_seal(pool, &(struct dt_key_ref){7, DT_WRITE, suite, &two, {NULL, 0}}, 23, 1, 1, record, 0, record);
}

Test(protect, an_owner_that_was_forgotten_may_be_keyed_again)
{
	struct dt_aead_pool *pool = new_pool(2);
	const struct dt_key one = key_number(1), two = key_number(2);
	const struct dt_suite *suite = dt_suite_find(0xc02b);
	uint8_t record[64];
	cr_assert(dt_seal(pool, &(struct dt_key_ref){7, DT_WRITE, suite, &one, {NULL, 0}}, 23, 1, 0,
	    (const uint8_t *)"x", 1, record));
	dt_aead_pool_forget(pool, 7);
	dt_aead_pool_forget(pool, 7);
	cr_assert(dt_seal(pool, &(struct dt_key_ref){7, DT_WRITE, suite, &two, {NULL, 0}}, 23, 1, 0,
	    (const uint8_t *)"x", 1, record));
	dt_aead_pool_free(&pool);
}

Test(protect, sealing_with_a_key_for_reading_is_a_programmer_error, .signal = SIGABRT)
{
	struct dt_aead_pool *pool = new_pool(2);
	const struct dt_key key = key_number(1);
	uint8_t record[64];
	dt_seal(pool, &(struct dt_key_ref){7, DT_READ, dt_suite_find(0xc02b), &key, {NULL, 0}}, 23, 1, 0, record,
	    0, record);
}

Test(protect, opening_with_a_key_for_writing_is_a_programmer_error, .signal = SIGABRT)
{
	struct dt_aead_pool *pool = new_pool(2);
	const struct dt_key key = key_number(1);
	uint8_t body[64] = {0}, *plain;
	size_t len;
	struct dt_record rec = {23, DT_VERSION_12, 1, 0, body, sizeof(body), NULL};
	dt_open(pool, &(struct dt_key_ref){7, DT_WRITE, dt_suite_find(0xc02b), &key, {NULL, 0}}, &rec, &plain,
	    &len);
}

Test(protect, owner_zero_is_a_programmer_error, .signal = SIGABRT)
{
	struct dt_aead_pool *pool = new_pool(2);
	const struct dt_key key = key_number(1);
	uint8_t record[64];
	dt_seal(pool, &(struct dt_key_ref){0, DT_WRITE, dt_suite_find(0xc02b), &key, {NULL, 0}}, 23, 1, 0,
	    record, 0, record);
}

Test(protect, a_number_that_would_wrap_is_never_sealed, .signal = SIGABRT)
{
	struct dt_aead_pool *pool = new_pool(2);
	const struct dt_key key = key_number(1);
	uint8_t record[64];
	dt_seal(pool, &(struct dt_key_ref){7, DT_WRITE, dt_suite_find(0xc02b), &key, {NULL, 0}}, 23, 1,
	    DT_SEQ_MAX + 1, record, 0, record);
}

Test(protect, a_forgery_leaves_no_error_behind_for_the_next_handshake)
{
	struct dt_aead_pool *pool = new_pool(2);
	for (size_t k = 0; k < KINDS; k++) {
		const struct dt_key key = key_number(k);
		const struct dt_key_ref read = {k + 1, DT_READ, dt_suite_find(kinds[k]), &key, {NULL, 0}};
		uint8_t body[64] = {0}, *plain;
		size_t len;
		struct dt_record rec = {23, DT_VERSION_12, 1, 0, body, sizeof(body), NULL};
		cr_assert_eq(dt_open(pool, &read, &rec, &plain, &len), DT_OPEN_FORGED);
		cr_assert_eq(ERR_peek_error(), 0);
	}
	dt_aead_pool_free(&pool);
}

Test(protect, a_crypto_library_that_refuses_leaves_no_error_behind_either)
{
	struct dt_aead_pool *pool = new_pool(2);
	const struct dt_key key = key_number(1);
	struct dt_suite odd = *dt_suite_find(0xc0a4);
	odd.tag_len = 5; /* CCM has none of that length */
	const struct dt_key_ref write = {1, DT_WRITE, &odd, &key, {NULL, 0}};
	const struct dt_key_ref with_id = {2, DT_WRITE, &odd, &key, {(const uint8_t *)"id", 2}};
	const struct dt_key_ref read = {3, DT_READ, &odd, &key, {NULL, 0}};
	uint8_t record[64] = {0}, *plain;
	size_t len;
	struct dt_record rec = {23, DT_VERSION_12, 1, 0, record, 40, NULL};
	cr_assert_eq(dt_seal(pool, &write, 23, 1, 7, (const uint8_t *)"text", 4, record), 0);
	cr_assert_eq(ERR_peek_error(), 0);
	cr_assert_eq(dt_seal(pool, &with_id, 23, 1, 7, (const uint8_t *)"text", 4, record), 0);
	cr_assert_eq(ERR_peek_error(), 0);
	cr_assert_eq(dt_open(pool, &read, &rec, &plain, &len), DT_OPEN_FORGED);
	cr_assert_eq(ERR_peek_error(), 0);
	dt_aead_pool_free(&pool);
}

Test(protect, a_pool_without_memory_leaves_nothing_behind)
{
	for (uint64_t nth = 1;; nth++) {
		struct dt_aead_pool *pool = NULL;
		uint64_t before = dt_mem_count();
		dt_mem_fail_nth(nth);
		enum dt_err err = dt_aead_pool_new(8, &pool);
		bool failed = dt_mem_count() - before >= nth;
		dt_mem_fail_nth(0);
		cr_assert_eq(err, failed ? DT_ERR_NOMEM : DT_OK);
		cr_assert_eq(pool == NULL, failed);
		dt_aead_pool_free(&pool);
		if (!failed)
			break;
	}
}
