/* random.c - in a fuzz target the core's own random bytes come from OpenSSL's, which
 * sim_random_begin() has seeded: an input does the same each time. */
#include "io/random.h"

#include <openssl/rand.h>

#include "base/assert.h"

void
dt_random(void *out, size_t len)
{
	DT_ASSERT(RAND_bytes(out, (int)len) == 1);
}
