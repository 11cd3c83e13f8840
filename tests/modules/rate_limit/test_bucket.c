#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bucket.h"

#define MS 1000000u
#define SECOND UINT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define DAY (86400 * SECOND)

static struct bucket_rate
rate(uint64_t count, uint64_t per_ns, uint64_t burst)
{
	struct bucket_rate r;
	const char *wrong = bucket_rate_init(&r, (struct dtlsd_rate){count, per_ns}, burst);
	cr_assert_null(wrong, "%s", wrong);
	return r;
}

static bool
ask(struct bucket *b, const struct bucket_rate *r, uint64_t now)
{
	if (!bucket_has(b, r, now))
		return false;
	bucket_take(b, r);
	return true;
}

/* How many events pass at this moment. */
static unsigned
drain(struct bucket *b, const struct bucket_rate *r, uint64_t now)
{
	unsigned n = 0;
	while (ask(b, r, now))
		n++;
	return n;
}

Test(bucket, a_burst_is_a_seconds_worth_unless_given)
{
	static const struct {
		struct dtlsd_rate rate;
		uint64_t burst;
		unsigned passes;
	} rows[] = {
	    {{5, SECOND}, 0, 5},
	    {{5, SECOND}, 20, 20},
	    {{5, SECOND}, 1, 1},
	    {{90, MINUTE}, 0, 1},
	    {{120, MINUTE}, 0, 2},
	    {{1, DAY}, 0, 1},
	    {{1, DAY}, 200000, 200000},
	    {{7, 3}, 4, 4},
	    {{1, 1}, 3, 3},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bucket_rate r = rate(rows[i].rate.count, rows[i].rate.per_ns, rows[i].burst);
		struct bucket b;
		bucket_fill(&b, &r, 77);
		cr_assert_eq(drain(&b, &r, 77), rows[i].passes, "row %zu", i);
	}
}

Test(bucket, a_token_comes_back_at_its_nanosecond)
{
	struct bucket_rate r = rate(3, SECOND, 1); /* every 333,333,333 1/3 ns */
	struct bucket b;
	bucket_fill(&b, &r, 0);
	cr_assert(ask(&b, &r, 0));
	cr_assert_not(ask(&b, &r, 333333333));
	cr_assert(ask(&b, &r, 333333334));
	/* A full bucket keeps no fraction: the next third begins now. */
	cr_assert_not(ask(&b, &r, 666666667));
	cr_assert(ask(&b, &r, 666666668));
}

Test(bucket, asking_often_neither_wins_nor_loses_a_token)
{
	struct bucket_rate r = rate(7, SECOND, 7);
	struct bucket b;
	uint64_t passed = 0, now = 0;
	bucket_fill(&b, &r, 0);
	for (; now <= 1000 * SECOND; now += 999983) /* prime: meets no period */
		passed += ask(&b, &r, now);
	now -= 999983;
	cr_assert_eq(passed, 7 + 7 * now / SECOND);
}

Test(bucket, however_long_it_was_idle_it_is_full_and_no_more)
{
	static const uint64_t idle[] = {SECOND, DAY, 400 * DAY, UINT64_MAX / 2, UINT64_MAX};
	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
		struct bucket_rate slow = rate(1000, SECOND, 10), fast = rate(100, 1, 1000);
		struct bucket a, b;
		bucket_fill(&a, &slow, 0);
		bucket_fill(&b, &fast, 0);
		cr_assert_eq(drain(&a, &slow, 0), 10);
		cr_assert_eq(drain(&b, &fast, 0), 1000);
		cr_assert(bucket_is_full(&a, &slow, idle[i]));
		cr_assert_eq(drain(&a, &slow, idle[i]), 10);
		cr_assert_eq(drain(&b, &fast, idle[i]), 1000);
	}
}

Test(bucket, a_clock_that_goes_back_gives_nothing_twice)
{
	struct bucket_rate r = rate(1, SECOND, 1);
	struct bucket b;
	bucket_fill(&b, &r, 10 * SECOND);
	cr_assert(ask(&b, &r, 10 * SECOND));
	cr_assert_not(ask(&b, &r, 9 * SECOND));
	cr_assert_not(ask(&b, &r, 10 * SECOND + 999 * MS));
	cr_assert(ask(&b, &r, 11 * SECOND));
}

Test(bucket, what_cannot_be_counted_exactly_is_refused)
{
	static const struct {
		struct dtlsd_rate rate;
		uint64_t burst;
		bool good;
	} rows[] = {
	    {{0, 0}, 0, true}, /* not given */
	    {{0, 0}, 9, true},
	    {{0, SECOND}, 0, false},
	    {{5, 0}, 0, false},
	    {{1, DAY}, 213503, true}, /* 2^64 ns */
	    {{1, DAY}, 213504, false},
	    {{UINT64_MAX, SECOND}, 1, true},
	    {{UINT64_MAX, 1}, 0, true},
	    {{UINT64_MAX, 2}, 0, false},
	    {{UINT64_MAX, UINT64_MAX}, 0, true},
	    {{1, UINT64_MAX}, 1, true},
	    {{1, UINT64_MAX}, 2, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bucket_rate r;
		cr_assert_eq(bucket_rate_init(&r, rows[i].rate, rows[i].burst) == NULL,
		    rows[i].good, "row %zu", i);
	}
}

/* ---- against numbers that cannot overflow -------------------------------------------------- */

static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Every magnitude is as likely as any other. */
static uint64_t
random_size(uint64_t *state, unsigned most_bits)
{
	return next_random(state) >> (64 - 1 - next_random(state) % most_bits);
}

static void
play(uint64_t *state, uint64_t seed)
{
	uint64_t count = random_size(state, 40) + 1, per = random_size(state, 46) + 1;
	uint64_t burst = random_size(state, 16) + 1, now = random_size(state, 50);
	struct bucket_rate r;
	if (bucket_rate_init(&r, (struct dtlsd_rate){count, per}, burst))
		return;
	struct bucket b;
	unsigned __int128 full = (unsigned __int128)burst * per, credit = full;
	bucket_fill(&b, &r, now);
	for (unsigned i = 0; i < 200; i++) {
		uint64_t passed = random_size(state, 48) % (2 * per / count * burst + 2);
		if (next_random(state) % 50 == 0)
			passed = random_size(state, 60);
		now += passed;
		credit += (unsigned __int128)passed * count;
		if (credit > full)
			credit = full;
		cr_assert_eq(bucket_is_full(&b, &r, now), credit == full, "DTLSD_TEST_SEED=%llu",
		    (unsigned long long)seed);
		bool expected = credit >= per;
		cr_assert_eq(
		    ask(&b, &r, now), expected, "DTLSD_TEST_SEED=%llu", (unsigned long long)seed);
		credit -= expected ? per : 0;
	}
}

Test(bucket, agrees_with_wide_numbers)
{
	const char *given = getenv("DTLSD_TEST_SEED");
	uint64_t seed = 0;
	if (given)
		seed = strtoull(given, NULL, 0);
	else
		cr_assert_eq(getrandom(&seed, sizeof(seed), 0), (ssize_t)sizeof(seed));
	uint64_t state = seed;
	for (unsigned i = 0; i < 5000; i++)
		play(&state, seed);
}
