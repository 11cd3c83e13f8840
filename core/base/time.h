/* time.h - a point in time and a length of time are different types.
 *
 * `now` is sampled once per turn of the loop and passed down; no room but io
 * reads a clock. Threads: none.
 */
#ifndef DT_BASE_TIME_H
#define DT_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

struct dt_mono {
	int64_t ns; /* monotonic clock; DT_NEVER.ns = no deadline */
};
struct dt_dur {
	int64_t ns;
};
struct dt_wall {
	int64_t s; /* seconds since 1970, UTC: certificates and tickets only */
};
struct dt_now {
	struct dt_mono mono;
	struct dt_wall wall;
};

#define DT_NEVER ((struct dt_mono){INT64_MAX})
#define DT_SECONDS(n) ((struct dt_dur){(int64_t)(n)*1000000000})
#define DT_MILLISECONDS(n) ((struct dt_dur){(int64_t)(n)*1000000})

/* Saturates at DT_NEVER. Requires: d.ns >= 0. */
static inline struct dt_mono
dt_mono_add(struct dt_mono t, struct dt_dur d)
{
	return t.ns > INT64_MAX - d.ns ? DT_NEVER : (struct dt_mono){t.ns + d.ns};
}

/* From `from` until `to`; negative when `to` is earlier. */
static inline struct dt_dur
dt_mono_diff(struct dt_mono from, struct dt_mono to)
{
	return (struct dt_dur){to.ns - from.ns};
}

static inline bool
dt_mono_reached(struct dt_mono deadline, struct dt_mono now)
{
	return deadline.ns <= now.ns;
}

static inline struct dt_mono
dt_mono_min(struct dt_mono a, struct dt_mono b)
{
	return a.ns < b.ns ? a : b;
}

#endif
