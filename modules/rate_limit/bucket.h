/* bucket.h - a token bucket in whole numbers: no drift, no overflow, however long it was idle.
 *
 * For a rate of `count` events per `per_ns`, reduced by their common divisor, every ns adds
 * `count` of credit and an event costs `per_ns` of it; a bucket holds at most `burst` events.
 * So credit is exact to the nanosecond.
 *
 * No clock: `now` is a parameter, in ns of one monotonic clock. Threads: none.
 */
#ifndef RATE_LIMIT_BUCKET_H
#define RATE_LIMIT_BUCKET_H

#include <dtlsd/module.h>
#include <stdbool.h>
#include <stdint.h>

struct bucket_rate {
	uint64_t gain; /* credit per ns; 0 = no limit */
	uint64_t cost; /* credit of one event         */
	uint64_t full; /* most credit that is kept    */
};

struct bucket {
	uint64_t credit;
	uint64_t at; /* ns: when `credit` was true */
};

/* `burst` in events; 0 = what the rate gives in a second, at least one. A rate that was not
 * given (all 0) is no limit. NULL, or what is wrong with the two. */
const char *bucket_rate_init(struct bucket_rate *r, struct dtlsd_rate rate, uint64_t burst);

/* The functions below require a limit: r->gain > 0. */
void bucket_fill(struct bucket *b, const struct bucket_rate *r, uint64_t now);
bool bucket_is_full(const struct bucket *b, const struct bucket_rate *r, uint64_t now);
/* Brings the credit up to date; true if it suffices for an event. A clock that stands still or
 * goes back gives nothing. */
bool bucket_has(struct bucket *b, const struct bucket_rate *r, uint64_t now);
/* Requires: bucket_has() just said true. */
void bucket_take(struct bucket *b, const struct bucket_rate *r);

#endif
