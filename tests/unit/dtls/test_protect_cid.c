/* Records in the form with a connection id: RFC 9146 4 and 5.3. */
#include "dtls/protect.h"

#include "hex.h"
#include "seeded.h"

#include <criterion/criterion.h>
#include <string.h>

#define FIRST_NUMBER UINT64_C(0x0102030405)
#define ID_MAX 255u
#define ROOM (DT_CID_INNER_MAX + ID_MAX + 64u)

static const struct vector {
	uint16_t suite;
	unsigned number;
	size_t id_len;
	const char *content;
	size_t zeros;
	const char *record;
} vectors[] = {
#define X(suite, number, id_len, content, zeros, record) {suite, number, id_len, content, zeros, record},
#include "cid_vectors.def"
#undef X
};
#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

static struct dt_key
key_number(unsigned n)
{
	struct dt_key key = {{0}, {0}};
	for (size_t i = 0; i < DT_KEY_MAX; i++)
		key.key[i] = (uint8_t)(n * 31 + i);
	for (size_t i = 0; i < DT_IV_MAX; i++)
		key.iv[i] = (uint8_t)(n * 17 + i);
	return key;
}

static void
make_id(uint8_t id[ID_MAX])
{
	for (size_t i = 0; i < ID_MAX; i++)
		id[i] = (uint8_t)(0xc0 + i);
}

static struct dt_aead_pool *
new_pool(void)
{
	struct dt_aead_pool *pool = NULL;
	cr_assert_eq(dt_aead_pool_new(128, &pool), DT_OK);
	return pool;
}

Test(protect_cid, records_are_sealed_as_another_implementation_seals_them)
{
	struct dt_aead_pool *pool = new_pool();
	uint8_t id[ID_MAX], want[1024], got[1024];
	make_id(id);
	for (size_t i = 0; i < VECTORS; i++) {
		const struct vector *v = &vectors[i];
		const struct dt_suite *suite = dt_suite_find(v->suite);
		const struct dt_key key = key_number(v->number);
		const struct dt_key_ref write = {i + 1, DT_WRITE, suite, &key, {id, v->id_len}};
		if (v->zeros)
			continue; /* we do not pad */
		size_t len = from_hex(v->record, want), text = strlen(v->content);
		size_t n = dt_seal(pool, &write, DT_APPLICATION_DATA, 1, FIRST_NUMBER + v->number,
		    (const uint8_t *)v->content, text, got);
		cr_assert(n == len && n == text + dt_seal_overhead_cid(suite, v->id_len), "row %zu: %zu", i, n);
		cr_assert(memcmp(got, want, n) == 0, "row %zu", i);
	}
	dt_aead_pool_free(&pool);
}

Test(protect_cid, records_of_another_implementation_open)
{
	struct dt_aead_pool *pool = new_pool();
	for (size_t i = 0; i < VECTORS; i++) {
		const struct vector *v = &vectors[i];
		if (v->id_len != DT_CID_LEN)
			continue; /* only ours come in */
		const struct dt_key key = key_number(v->number);
		const struct dt_key_ref read = {i + 1, DT_READ, dt_suite_find(v->suite), &key, {NULL, 0}};
		uint8_t bytes[1024], *plain, type;
		size_t at = 0, len = from_hex(v->record, bytes), n;
		struct dt_record rec;
		cr_assert(dt_record_next(bytes, len, &at, &rec) == DT_RECORD_OK && at == len);
		cr_assert(dt_open(pool, &read, &rec, &plain, &n) == DT_OPEN_OK, "row %zu", i);
		cr_assert(n == strlen(v->content) + 1 + v->zeros && dt_open_inner(plain, &n, &type));
		cr_assert(type == DT_APPLICATION_DATA && n == strlen(v->content));
		cr_assert(memcmp(plain, v->content, n) == 0);
	}
	dt_aead_pool_free(&pool);
}

Test(protect_cid, every_flipped_bit_makes_a_forgery)
{
	struct dt_aead_pool *pool = new_pool();
	for (size_t i = 0; i < VECTORS; i++) {
		const struct vector *v = &vectors[i];
		if (v->id_len != DT_CID_LEN)
			continue;
		const struct dt_key key = key_number(v->number);
		const struct dt_key_ref read = {i + 1, DT_READ, dt_suite_find(v->suite), &key, {NULL, 0}};
		uint8_t bytes[1024], copy[1024], *plain;
		size_t len = from_hex(v->record, bytes), n;
		for (size_t bit = 0; bit < 8 * len; bit++) {
			struct dt_record rec;
			size_t at = 0;
			memcpy(copy, bytes, len);
			copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (dt_record_next(copy, len, &at, &rec) == DT_RECORD_OK && at == len)
				cr_assert(dt_open(pool, &read, &rec, &plain, &n) != DT_OPEN_OK, "row %zu, bit %zu", i, bit);
		}
	}
	dt_aead_pool_free(&pool);
}

Test(protect_cid, what_is_sealed_for_an_id_of_ours_opens_in_every_suite)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 1200, DT_PLAIN_MAX - 1, DT_PLAIN_MAX};
	struct seeded s = seeded_begin("protect with an id");
	struct dt_aead_pool *pool = new_pool();
	uint8_t *text = malloc(DT_PLAIN_MAX), *record = malloc(ROOM), id[DT_CID_LEN];
	seeded_fill(&s, text, DT_PLAIN_MAX);
	seeded_fill(&s, id, sizeof(id));
	const struct dt_suite *suite;
	for (size_t k = 0; (suite = dt_suite_at(k)); k++) {
		const struct dt_key key = key_number((unsigned)k);
		const struct dt_key_ref write = {k + 1, DT_WRITE, suite, &key, {id, sizeof(id)}};
		const struct dt_key_ref read = {k + 1, DT_READ, suite, &key, {NULL, 0}};
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			uint8_t type, *plain;
			struct dt_record rec;
			size_t n = dt_seal(pool, &write, DT_HEARTBEAT, 1, i, text, sizes[i], record), len, at = 0;
			cr_assert(n == sizes[i] + dt_seal_overhead_cid(suite, sizeof(id)));
			cr_assert(dt_record_next(record, n, &at, &rec) == DT_RECORD_OK && at == n);
			cr_assert(rec.type == DT_TLS12_CID && memcmp(rec.cid, id, sizeof(id)) == 0);
			cr_assert(dt_open(pool, &read, &rec, &plain, &len) == DT_OPEN_OK, "%s", suite->name);
			cr_assert(dt_open_inner(plain, &len, &type) && type == DT_HEARTBEAT);
			cr_assert(len == sizes[i] && memcmp(plain, text, len) == 0);
		}
	}
	free(text);
	free(record);
	dt_aead_pool_free(&pool);
}

Test(protect_cid, plaintext_in_place_is_moved_behind_the_id)
{
	static const size_t lengths[] = {1, 2, 8, 20, 254, 255};
	struct dt_aead_pool *pool = new_pool();
	uint8_t id[ID_MAX], in_place[1024], apart[1024];
	make_id(id);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const struct dt_suite *suite = dt_suite_find(i % 2 ? 0xc02b : 0xcca9);
		const struct dt_key key = key_number((unsigned)i);
		const struct dt_key_ref write = {i + 1, DT_WRITE, suite, &key, {id, lengths[i]}};
		uint8_t *body = in_place + DT_RECORD_HEADER + suite->explicit_len;
		memcpy(body, "forty-two", 9);
		size_t n = dt_seal(pool, &write, 23, 1, 5, body, 9, in_place);
		size_t m = dt_seal(pool, &write, 23, 1, 5, (const uint8_t *)"forty-two", 9, apart);
		cr_assert(n == m && memcmp(apart, in_place, n) == 0, "row %zu", i);
	}
	dt_aead_pool_free(&pool);
}

Test(protect_cid, the_real_type_is_the_last_byte_that_is_not_zero)
{
	static const struct {
		const char *plain;
		size_t len;
		bool ok;
		uint8_t type;
		size_t content;
	} table[] = {
	    {"", 0, false, 0, 0}, {"\0", 1, false, 0, 0}, {"\0\0\0\0", 4, false, 0, 0}, {"\27", 1, true, 23, 0},
	    {"\27\0\0", 3, true, 23, 0}, {"abc\27", 4, true, 23, 3}, {"abc\27\0\0\0", 7, true, 23, 3},
	    {"a\0\0\27", 4, true, 23, 3}, {"\0\0\26", 3, true, 22, 2}, {"ab\31", 3, false, 0, 0},
	    {"ab\31\0", 4, false, 0, 0}, {"\31\27", 2, true, 23, 1}, {"x\1", 2, true, 1, 1}, {"x\377\0", 3, true, 255, 1},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t len = table[i].len;
		uint8_t type = 0;
		bool ok = dt_open_inner((const uint8_t *)table[i].plain, &len, &type);
		cr_assert(ok == table[i].ok, "row %zu", i);
		cr_assert(!ok || (type == table[i].type && len == table[i].content), "row %zu", i);
	}
}

Test(protect_cid, the_content_ends_at_two_to_the_fourteenth)
{
	uint8_t *plain = calloc(1, DT_CID_INNER_MAX), type;
	for (size_t content = DT_PLAIN_MAX - 2; content < DT_CID_INNER_MAX; content++) {
		memset(plain, 0, DT_CID_INNER_MAX);
		plain[content] = DT_APPLICATION_DATA;
		size_t len = DT_CID_INNER_MAX;
		cr_assert(dt_open_inner(plain, &len, &type) == (content <= DT_PLAIN_MAX), "%zu", content);
	}
	free(plain);
}
