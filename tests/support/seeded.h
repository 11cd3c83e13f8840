/* seeded.h - random numbers for tests that can be run again.
 *
 * The seed is printed; DT_SEED=… in the environment gives the same run again.
 */
#ifndef DT_TESTS_SEEDED_H
#define DT_TESTS_SEEDED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct seeded {
	uint64_t state;
};

static inline struct seeded
seeded_begin(const char *test)
{
	struct seeded s = {0};
	const char *given = getenv("DT_SEED");
	if (given)
		s.state = strtoull(given, NULL, 0);
	else if (getrandom(&s.state, sizeof(s.state), 0) != sizeof(s.state))
		abort();
	fprintf(stderr, "%s: DT_SEED=0x%llx\n", test, (unsigned long long)s.state);
	return s;
}

/* SplitMix64. */
static inline uint64_t
seeded_next(struct seeded *s)
{
	uint64_t z = s->state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* From 0 to n - 1. Requires: n > 0. */
static inline uint64_t
seeded_below(struct seeded *s, uint64_t n)
{
	return seeded_next(s) % n;
}

static inline void
seeded_fill(struct seeded *s, void *out, size_t len)
{
	for (uint8_t *p = out; len--; p++)
		*p = (uint8_t)seeded_next(s);
}

#endif
