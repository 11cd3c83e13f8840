#include "conn/spent.h"

#define LIFE DT_SECONDS(120) /* the longest that a cookie is good for */

void
dt_spent_add(struct dt_spent_hellos *s, uint64_t hash, struct dt_mono now)
{
	s->items[hash % DT_SPENT_SLOTS] = (struct dt_spent_hello){hash, dt_mono_add(now, LIFE)};
}

bool
dt_spent_has(const struct dt_spent_hellos *s, uint64_t hash, struct dt_mono now)
{
	const struct dt_spent_hello *h = &s->items[hash % DT_SPENT_SLOTS];
	return h->hash == hash && !dt_mono_reached(h->until, now);
}
