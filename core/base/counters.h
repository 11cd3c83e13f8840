/* counters.h - what happened and why something was dropped, from two tables.
 *
 * Owner: one struct dt_counters per worker; only that worker writes, others
 * read without a lock (relaxed atomics: each value is whole, their sum may be
 * a moment apart).
 */
#ifndef DT_BASE_COUNTERS_H
#define DT_BASE_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

enum dt_counter {
#define X(name, text, doc) DT_COUNT_##name,
#include "base/counters.def"
#undef X
	DT_COUNTERS
};

enum dt_drop_kind { DT_DROP_KIND_DATAGRAM, DT_DROP_KIND_RECORD };

enum dt_drop {
#define X(name, kind, text, doc) DT_DROP_##name,
#include "base/drops.def"
#undef X
	DT_DROPS
};

struct dt_counters {
	_Atomic uint64_t count[DT_COUNTERS];
	_Atomic uint64_t drop[DT_DROPS];
};

struct dt_counter_info {
	const char *name;
	const char *doc;
	enum dt_drop_kind kind; /* of a drop reason; unused for a counter */
};

extern const struct dt_counter_info dt_counter_infos[DT_COUNTERS];
extern const struct dt_counter_info dt_drop_infos[DT_DROPS];

/* The owner is the only writer: a load and a store, no locked instruction. */
static inline void
dt_count(struct dt_counters *c, enum dt_counter which, uint64_t n)
{
	uint64_t v = atomic_load_explicit(&c->count[which], memory_order_relaxed);
	atomic_store_explicit(&c->count[which], v + n, memory_order_relaxed);
}

static inline void
dt_count_drop(struct dt_counters *c, enum dt_drop why)
{
	uint64_t v = atomic_load_explicit(&c->drop[why], memory_order_relaxed);
	atomic_store_explicit(&c->drop[why], v + 1, memory_order_relaxed);
}

/* Adds `from` to `sum`. Threads: any may call it while the owner counts on. */
void dt_counters_add(struct dt_counters *sum, const struct dt_counters *from);

#endif
