#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "fake_host.h"
#include "limit_table.h"

#define SECOND UINT64_C(1000000000)

/* ---- a failing allocator ------------------------------------------------------------------ */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static unsigned fail_in; /* 1: the next one; 0: none */

static bool
fails_now(void)
{
	return fail_in && --fail_in == 0;
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : __real_calloc(count, size);
}

void *
__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

/* ---- a table with one token a second for connections of an address ------------------------- */

static const struct bucket_rate rates[LIMIT_SCOPES][LIMIT_EVENTS] = {
    [LIMIT_ADDRESS] = {[LIMIT_CONNECTION] = {1, SECOND, SECOND}},
};
static const uint64_t secret[2] = {1, 2};

static struct limit_key
key_of(uint32_t n)
{
	struct dtlsd_address a = {.family = DTLSD_IPV4};
	memcpy(a.ip, &n, sizeof(n));
	return limit_key_of(&a, LIMIT_ADDRESS, 32);
}

/* 1 if it cost an entry that was not full. */
static uint64_t
use(struct limit_table *t, uint32_t n, uint64_t now, bool *had)
{
	struct limit_key k = key_of(n);
	uint64_t forgotten;
	struct bucket *b = limit_table_get(t, &k, now, &forgotten);
	*had = bucket_has(&b[LIMIT_CONNECTION], &rates[LIMIT_ADDRESS][LIMIT_CONNECTION], now);
	if (*had)
		bucket_take(&b[LIMIT_CONNECTION], &rates[LIMIT_ADDRESS][LIMIT_CONNECTION]);
	return forgotten;
}

Test(limit_table, a_key_is_the_prefix_and_nothing_behind_it)
{
	static const struct {
		const char *a, *b;
		unsigned bits;
		bool same;
	} rows[] = {
	    {"192.0.2.1:1", "192.0.2.1:2", 32, true},
	    {"192.0.2.1:1", "192.0.2.2:1", 32, false},
	    {"192.0.2.1:1", "192.0.2.254:1", 24, true},
	    {"192.0.2.1:1", "192.0.3.1:1", 24, false},
	    {"192.0.2.1:1", "192.0.3.1:1", 23, true},
	    {"128.0.0.0:1", "255.0.0.0:1", 1, true},
	    {"127.0.0.0:1", "128.0.0.0:1", 1, false},
	    {"[2001:db8::1]:1", "[2001:db8::ffff:0:0:1]:1", 64, true},
	    {"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", 64, false},
	    {"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", 63, true},
	    {"[2001:db8::1]:1", "[2001:db8::2]:1", 128, false},
	    {"[::]:1", "0.0.0.0:1", 32, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dtlsd_address a = fake_address(rows[i].a), b = fake_address(rows[i].b);
		struct limit_key ka = limit_key_of(&a, LIMIT_PREFIX, rows[i].bits);
		struct limit_key kb = limit_key_of(&b, LIMIT_PREFIX, rows[i].bits);
		cr_assert_eq(memcmp(&ka, &kb, sizeof(ka)) == 0, rows[i].same, "row %zu", i);
		kb = limit_key_of(&a, LIMIT_ADDRESS, rows[i].bits);
		cr_assert_neq(memcmp(&ka, &kb, sizeof(ka)), 0);
	}
}

Test(limit_table, never_holds_more_than_its_size)
{
	struct limit_table *t = limit_table_new(LIMIT_TABLE_LEAST, secret, rates);
	bool had;
	for (uint32_t n = 0; n < 1000; n++) {
		use(t, n, 0, &had);
		cr_assert(had);
		cr_assert_eq(limit_table_count(t), n < 16 ? n + 1 : 16);
	}
	limit_table_free(&t);
	cr_assert_null(t);
	limit_table_free(&t);
}

Test(limit_table, the_longest_unused_goes_and_that_is_told_if_it_was_not_full)
{
	struct limit_table *t = limit_table_new(16, secret, rates);
	bool had;
	for (uint32_t n = 0; n < 16; n++)
		cr_assert_eq(use(t, n, n, &had), 0);
	use(t, 0, 16, &had); /* now 1 is the oldest */
	cr_assert_not(had);
	cr_assert_eq(use(t, 100, 17, &had), 1);
	use(t, 0, 18, &had);
	cr_assert_not(had, "0 was used lately and must be known still");
	cr_assert_eq(use(t, 1, 19, &had), 1);
	cr_assert(had, "1 was forgotten");

	cr_assert_eq(use(t, 101, 10 * SECOND, &had), 0, "a full bucket is no loss");
	limit_table_free(&t);
}

Test(limit_table, every_failed_allocation_leaves_nothing_behind)
{
	struct limit_table *t = NULL;
	unsigned nth = 0;
	do {
		fail_in = ++nth;
		t = limit_table_new(16, secret, rates);
	} while (!t);
	fail_in = 0;
	cr_assert_eq(nth, 4);
	limit_table_free(&t);
}

/* ---- against a plain list ------------------------------------------------------------------- */

#define MOST 64u

struct plain {
	struct {
		uint32_t n;
		uint64_t spent_at; /* last token taken; 0 = never */
	} items[MOST];		   /* the latest used first */
	uint32_t count, size;
};

static bool
was_full(uint64_t spent_at, uint64_t now)
{
	return spent_at == 0 || now - spent_at >= SECOND;
}

static uint64_t
plain_use(struct plain *p, uint32_t n, uint64_t now, bool *had)
{
	uint64_t forgotten = 0, spent_at = 0;
	uint32_t i = 0;
	while (i < p->count && p->items[i].n != n)
		i++;
	if (i < p->count) {
		spent_at = p->items[i].spent_at;
	} else if (p->count < p->size) {
		p->count++;
	} else {
		i = p->size - 1;
		forgotten = !was_full(p->items[i].spent_at, now);
	}
	memmove(&p->items[1], &p->items[0], i * sizeof(p->items[0]));
	*had = was_full(spent_at, now);
	p->items[0].n = n;
	p->items[0].spent_at = *had ? now : spent_at;
	return forgotten;
}

static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void
play(uint64_t *state, uint64_t seed)
{
	struct plain p = {.size = 16 + (uint32_t)(next_random(state) % (MOST - 15))};
	uint64_t keys[2] = {next_random(state), next_random(state)};
	struct limit_table *t = limit_table_new(p.size, keys, rates);
	uint64_t now = 1;
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t n = (uint32_t)(next_random(state) % (p.size + p.size / 4));
		bool had, expected_had;
		now += next_random(state) % (SECOND / p.size * 2);
		uint64_t expected = plain_use(&p, n, now, &expected_had);
		cr_assert_eq(use(t, n, now, &had), expected, "DTLSD_TEST_SEED=%llu",
		    (unsigned long long)seed);
		cr_assert_eq(had, expected_had, "DTLSD_TEST_SEED=%llu", (unsigned long long)seed);
		cr_assert_eq(limit_table_count(t), p.count);
	}
	limit_table_free(&t);
}

Test(limit_table, agrees_with_a_plain_list)
{
	const char *given = getenv("DTLSD_TEST_SEED");
	uint64_t seed = 0;
	if (given)
		seed = strtoull(given, NULL, 0);
	else
		cr_assert_eq(getrandom(&seed, sizeof(seed), 0), (ssize_t)sizeof(seed));
	uint64_t state = seed;
	for (unsigned i = 0; i < 100; i++)
		play(&state, seed);
}
