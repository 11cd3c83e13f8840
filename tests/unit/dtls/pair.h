/* pair.h - two ends with the same keys, as after a handshake: what one seals the other opens. */
#ifndef DT_TESTS_PAIR_H
#define DT_TESTS_PAIR_H

#include <criterion/criterion.h>
#include <string.h>

#include "dtls/state.h"

struct pair {
	struct dt_aead_pool *pool;
	struct dt_record_state ours, theirs;
};

#define PAIR_OURS 1u /* owners in the pool */
#define PAIR_THEIRS 2u

static inline void
pair_init(struct pair *p, uint16_t suite)
{
	memset(p, 0, sizeof(*p));
	cr_assert(dt_aead_pool_new(8, &p->pool) == DT_OK);
	p->ours.suite = p->theirs.suite = suite;
	p->ours.keyed = p->theirs.keyed = 1;
	p->ours.mtu = 1400;
	p->ours.fragment_max = p->ours.sealed_max = DT_PLAIN_MAX;
	dt_state_set_limits(&p->ours, dt_suite_find(suite), 0, 0);
	p->theirs.seal_limit = p->ours.seal_limit;
	memset(&p->ours.write, 0x5a, sizeof(p->ours.write));
	memset(&p->ours.read, 0xa5, sizeof(p->ours.read));
	p->theirs.read = p->ours.write;
	p->theirs.write = p->ours.read;
}

static inline void
pair_fini(struct pair *p)
{
	dt_aead_pool_free(&p->pool);
}

/* A record of theirs in `out`; its bytes. */
static inline size_t
pair_seal(struct pair *p, uint8_t type, const void *data, size_t len, uint8_t *out)
{
	return dt_state_write(&p->theirs, p->pool, PAIR_THEIRS, 1, type, data, len, out);
}

static inline struct dt_record
pair_record(uint8_t *bytes, size_t len)
{
	struct dt_record rec = {0};
	size_t at = 0;
	cr_assert(dt_record_next(bytes, len, &at, &rec) == DT_RECORD_OK && at == len);
	return rec;
}

#endif
