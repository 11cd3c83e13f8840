/* siphash.h - SipHash-1-3, the keyed hash of our tables.
 *
 * Keyed, so that nobody can choose addresses that collide. Not a MAC: cookies
 * use HMAC. Reference: Aumasson and Bernstein, "SipHash". Threads: any.
 */
#ifndef DT_BASE_SIPHASH_H
#define DT_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct dt_siphash_key {
	uint64_t k0, k1;
};

uint64_t dt_siphash(const struct dt_siphash_key *key, const void *data, size_t len);

#endif
