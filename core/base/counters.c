#include "base/counters.h"

const struct dt_counter_info dt_counter_infos[DT_COUNTERS] = {
#define X(name, text, doc) {text, doc, 0},
#include "base/counters.def"
#undef X
};

const struct dt_counter_info dt_drop_infos[DT_DROPS] = {
#define X(name, kind, text, doc) {text, doc, DT_DROP_KIND_##kind},
#include "base/drops.def"
#undef X
};

static void
add(_Atomic uint64_t *to, const _Atomic uint64_t *from)
{
	uint64_t n = atomic_load_explicit(from, memory_order_relaxed);
	atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

void
dt_counters_add(struct dt_counters *sum, const struct dt_counters *from)
{
	for (int i = 0; i < DT_COUNTERS; i++)
		add(&sum->count[i], &from->count[i]);
	for (int i = 0; i < DT_DROPS; i++)
		add(&sum->drop[i], &from->drop[i]);
}
