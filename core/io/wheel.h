/* wheel.h - when something is due: up to millions of timers, none of them allocated here.
 *
 * Pure: takes `now`, reads no clock. A timer lives inside the object it belongs to. Arming,
 * moving and cancelling cost O(1); a timer that waits long is touched once per level, of which
 * there are eight. Deadlines are rounded up to the tick: a timer fires up to one tick late,
 * never early, and those of the same tick fire in the order in which they were armed.
 * Owner: one wheel per worker. Threads: none.
 * After Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", scheme 7.
 */
#ifndef DT_IO_WHEEL_H
#define DT_IO_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/time.h"

#define DT_WHEEL_TICK_NS INT64_C(1000000) /* 1 ms */
#define DT_WHEEL_BITS 6u /* a level has 64 slots, each as long as all of the level below */
#define DT_WHEEL_SLOTS (1u << DT_WHEEL_BITS)
#define DT_WHEEL_LEVELS 8u /* 2^48 ticks: more than struct dt_mono can say */

struct dt_timer {
	struct dt_list node; /* in a list of the wheel; alone when not armed */
	struct dt_mono at;   /* the deadline, while armed                    */
	void (*fire)(struct dt_timer *timer, struct dt_now now);
};

_Static_assert(sizeof(struct dt_timer) <= 40, "idle connections must stay small");

struct dt_wheel {
	uint32_t magic;
	uint64_t tick;			/* every deadline up to this one was handed out     */
	uint64_t used[DT_WHEEL_LEVELS]; /* bit s: slot s may hold timers; 0 = it holds none */
	struct dt_list due;		/* armed for the past: fire in the next run         */
	struct dt_list firing;		/* of the run that is going on                      */
	struct dt_list slot[DT_WHEEL_LEVELS][DT_WHEEL_SLOTS];
};

/* The wheel must not move in memory afterwards. Requires: now.ns >= 0. */
void dt_wheel_init(struct dt_wheel *w, struct dt_mono now);

/* `fire` runs in dt_wheel_run(), when the timer is no longer armed: it may arm or cancel this or
 * any other timer, and may free the object that the timer is part of. */
void dt_timer_init(struct dt_timer *t, void (*fire)(struct dt_timer *timer, struct dt_now now));
/* Starts the timer or moves it. DT_NEVER cancels it. A deadline that passed a tick ago or more
 * fires in the next run; armed from within a run, in the one after it. */
void dt_timer_arm(struct dt_wheel *w, struct dt_timer *t, struct dt_mono at);
/* Also for a timer that is not armed. */
void dt_timer_cancel(struct dt_timer *t);
bool dt_timer_armed(const struct dt_timer *t);

/* When dt_wheel_run() has to be called again. Never later than the first deadline (rounded up to
 * the tick), maybe earlier; DT_NEVER when nothing is armed. Cheap. */
struct dt_mono dt_wheel_next(struct dt_wheel *w);
/* Fires what is due at now.mono. Not from within `fire`. */
void dt_wheel_run(struct dt_wheel *w, struct dt_now now);
/* The same for the first `max` of them; the rest is due in the next run. */
void dt_wheel_run_some(struct dt_wheel *w, struct dt_now now, size_t max);

#endif
