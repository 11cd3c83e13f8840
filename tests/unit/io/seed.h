/* seed.h - random numbers of a test that can be repeated: DT_SEED=N runs the same again. */
#ifndef DT_TEST_IO_SEED_H
#define DT_TEST_IO_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/random.h"

static inline uint64_t
choose_seed(void)
{
	uint64_t seed;
	const char *text = getenv("DT_SEED");
	if (text)
		seed = strtoull(text, NULL, 0);
	else
		dt_random(&seed, sizeof(seed));
	printf("DT_SEED=%#llx\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

/* splitmix64 */
static inline uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

#endif
