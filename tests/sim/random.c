/* A provider of one's own would be the modern way to say this; for ten lines of a test it is not
 * worth its hundred. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "random.h"

#include <openssl/rand.h>

#include "base/assert.h"
#include "seeded.h"

static struct seeded state;

static int
fill(unsigned char *out, int len)
{
	seeded_fill(&state, out, (size_t)len);
	return 1;
}

static int
ready(void)
{
	return 1;
}

void
sim_random_begin(uint64_t seed)
{
	static const RAND_METHOD method = {NULL, fill, NULL, NULL, fill, ready};
	state.state = seed;
	DT_ASSERT(RAND_set_rand_method(&method) == 1);
}
