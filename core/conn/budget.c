#include "conn/budget.h"

#include "base/mem.h"

#include <string.h>

#define SLOTS 16384u
#define V4_BYTES 3u /* /24 */
#define V6_BYTES 7u /* /56 */

struct slot {
	int64_t window; /* number of the window that `used` is of */
	uint64_t used;
};

struct dt_prefix_budget {
	struct slot slots[SLOTS];
};

struct dt_prefix_budget *
dt_prefix_budget_new(void)
{
	return dt_alloc(sizeof(struct dt_prefix_budget));
}

bool
dt_prefix_budget_take(struct dt_prefix_budget *b, const struct dt_siphash_key *key,
    const struct dtlsd_address *peer, uint64_t limit, uint64_t window_ns, struct dt_mono now)
{
	if (limit == 0 || window_ns == 0)
		return true;
	uint8_t prefix[1 + V6_BYTES] = {(uint8_t)peer->family};
	memcpy(prefix + 1, peer->ip, peer->family == DTLSD_IPV4 ? V4_BYTES : V6_BYTES);
	struct slot *s = &b->slots[dt_siphash(key, prefix, sizeof(prefix)) % SLOTS];
	int64_t window = now.ns / (int64_t)window_ns;
	if (s->window != window)
		*s = (struct slot){window, 0};
	return s->used++ < limit;
}
