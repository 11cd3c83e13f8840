#include "base/siphash.h"

#include <string.h>

#define ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))

struct state {
	uint64_t v0, v1, v2, v3;
};

static inline void
sip_round(struct state *s)
{
	s->v0 += s->v1;
	s->v1 = ROTL(s->v1, 13) ^ s->v0;
	s->v0 = ROTL(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = ROTL(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = ROTL(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = ROTL(s->v1, 17) ^ s->v2;
	s->v2 = ROTL(s->v2, 32);
}

static inline uint64_t
load_le64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

uint64_t
dt_siphash(const struct dt_siphash_key *key, const void *data, size_t len)
{
	struct state s = {key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
	    key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u};
	const uint8_t *p = data;
	uint64_t last = (uint64_t)len << 56;

	for (size_t blocks = len / 8; blocks > 0; blocks--, p += 8) {
		uint64_t m = load_le64(p);
		s.v3 ^= m;
		sip_round(&s);
		s.v0 ^= m;
	}
	for (size_t i = 0; i < len % 8; i++)
		last |= (uint64_t)p[i] << (8 * i);
	s.v3 ^= last;
	sip_round(&s);
	s.v0 ^= last;
	s.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
