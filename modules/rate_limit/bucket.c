#include "bucket.h"

#include <string.h>

#define SECOND_NS 1000000000u

__extension__ typedef unsigned __int128 wide;

static uint64_t
common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* Events in a second, at least one. */
static uint64_t
default_burst(uint64_t gain, uint64_t cost)
{
	wide burst = (wide)gain * SECOND_NS / cost;
	if (burst > UINT64_MAX)
		return UINT64_MAX;
	return burst ? (uint64_t)burst : 1;
}

const char *
bucket_rate_init(struct bucket_rate *r, struct dtlsd_rate rate, uint64_t burst)
{
	memset(r, 0, sizeof(*r));
	if (rate.count == 0 && rate.per_ns == 0)
		return NULL;
	if (rate.count == 0 || rate.per_ns == 0)
		return "a rate must be above 0";

	uint64_t divisor = common_divisor(rate.count, rate.per_ns);
	uint64_t gain = rate.count / divisor, cost = rate.per_ns / divisor;
	if (burst == 0)
		burst = default_burst(gain, cost);
	if (__builtin_mul_overflow(burst, cost, &r->full))
		return "too large a burst for this rate";
	r->gain = gain;
	r->cost = cost;
	return NULL;
}

void
bucket_fill(struct bucket *b, const struct bucket_rate *r, uint64_t now)
{
	b->credit = r->full;
	b->at = now;
}

/* Credit at `now`. The product is only formed where it stays below what is missing. */
static uint64_t
credit_at(const struct bucket *b, const struct bucket_rate *r, uint64_t now)
{
	uint64_t passed = now > b->at ? now - b->at : 0;
	uint64_t missing = r->full - b->credit;
	if (passed >= missing / r->gain + (missing % r->gain != 0))
		return r->full;
	return b->credit + passed * r->gain;
}

bool
bucket_is_full(const struct bucket *b, const struct bucket_rate *r, uint64_t now)
{
	return credit_at(b, r, now) == r->full;
}

bool
bucket_has(struct bucket *b, const struct bucket_rate *r, uint64_t now)
{
	b->credit = credit_at(b, r, now);
	if (now > b->at)
		b->at = now;
	return b->credit >= r->cost;
}

void
bucket_take(struct bucket *b, const struct bucket_rate *r)
{
	b->credit -= r->cost;
}
