#include "io/wheel.h"

#include <string.h>

#include "base/assert.h"

#define WHEEL_MAGIC 0x64747768u

/* The level of a deadline is that of the highest digit (base 64) in which it differs from the
 * wheel's tick. So at any moment all timers of one deadline share one slot, and appending keeps
 * them in order; and every timer of a level is due before every timer of the level above. */

static uint64_t
tick_of(struct dt_mono at)
{
	if (at.ns <= 0)
		return 0;
	return (uint64_t)at.ns / DT_WHEEL_TICK_NS + (at.ns % DT_WHEEL_TICK_NS != 0);
}

static struct dt_mono
time_of(uint64_t tick)
{
	if (tick > INT64_MAX / DT_WHEEL_TICK_NS)
		return DT_NEVER;
	return (struct dt_mono){(int64_t)tick * DT_WHEEL_TICK_NS};
}

/* Requires: the timer is in no list. */
static void
place_timer(struct dt_wheel *w, struct dt_timer *t, struct dt_list *when_passed)
{
	uint64_t tick = tick_of(t->at);
	if (tick <= w->tick) {
		dt_list_append(when_passed, &t->node);
		return;
	}
	unsigned level = (63u - (unsigned)__builtin_clzll(tick ^ w->tick)) / DT_WHEEL_BITS;
	DT_ASSERT(level < DT_WHEEL_LEVELS);
	unsigned slot = (unsigned)(tick >> level * DT_WHEEL_BITS) & (DT_WHEEL_SLOTS - 1);
	dt_list_append(&w->slot[level][slot], &t->node);
	w->used[level] |= UINT64_C(1) << slot;
}

/* The slot that is due first, and the tick at which it begins. False when none is in use. */
static bool
find_first(const struct dt_wheel *w, unsigned *level, unsigned *slot, uint64_t *start)
{
	for (unsigned l = 0; l < DT_WHEEL_LEVELS; l++) {
		if (w->used[l] == 0)
			continue;
		unsigned shift = l * DT_WHEEL_BITS;
		uint64_t below = (UINT64_C(1) << (shift + DT_WHEEL_BITS)) - 1;
		*level = l;
		*slot = (unsigned)__builtin_ctzll(w->used[l]);
		*start = (w->tick & ~below) | (uint64_t)*slot << shift;
		return true;
	}
	return false;
}

/* Deals the timers of a slot out again, now that the wheel has come to where it begins. */
static void
empty_slot(struct dt_wheel *w, unsigned level, unsigned slot)
{
	struct dt_list *list = &w->slot[level][slot];
	w->used[level] &= ~(UINT64_C(1) << slot);
	DT_LIST_EACH (node, following, list) {
		dt_list_remove(node);
		place_timer(w, DT_CONTAINER(node, struct dt_timer, node), &w->firing);
	}
}

static void
advance(struct dt_wheel *w, uint64_t target)
{
	unsigned level, slot;
	uint64_t start;
	while (find_first(w, &level, &slot, &start) && start <= target) {
		w->tick = start;
		empty_slot(w, level, slot);
	}
	if (w->tick < target)
		w->tick = target;
}

/* All of `from` go to the end of `to`, in one step however many they are. */
static void
move_all(struct dt_list *from, struct dt_list *to)
{
	if (dt_list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	dt_list_init(from);
}

void
dt_wheel_init(struct dt_wheel *w, struct dt_mono now)
{
	DT_ASSERT(now.ns >= 0);
	memset(w, 0, sizeof(*w));
	w->magic = WHEEL_MAGIC;
	w->tick = (uint64_t)now.ns / DT_WHEEL_TICK_NS;
	dt_list_init(&w->due);
	dt_list_init(&w->firing);
	for (unsigned l = 0; l < DT_WHEEL_LEVELS; l++)
		for (unsigned s = 0; s < DT_WHEEL_SLOTS; s++)
			dt_list_init(&w->slot[l][s]);
}

void
dt_timer_init(struct dt_timer *t, void (*fire)(struct dt_timer *timer, struct dt_now now))
{
	dt_list_init(&t->node);
	t->at = DT_NEVER;
	t->fire = fire;
}

void
dt_timer_arm(struct dt_wheel *w, struct dt_timer *t, struct dt_mono at)
{
	DT_CHECK_MAGIC(w, WHEEL_MAGIC);
	dt_timer_cancel(t);
	if (at.ns == DT_NEVER.ns)
		return;
	t->at = at;
	place_timer(w, t, &w->due);
}

void
dt_timer_cancel(struct dt_timer *t)
{
	/* The bit of its slot may stay set: dt_wheel_next() and the run clear it. */
	dt_list_remove(&t->node);
	t->at = DT_NEVER;
}

bool
dt_timer_armed(const struct dt_timer *t)
{
	return !dt_list_empty(&t->node);
}

struct dt_mono
dt_wheel_next(struct dt_wheel *w)
{
	DT_CHECK_MAGIC(w, WHEEL_MAGIC);
	if (!dt_list_empty(&w->due))
		return time_of(w->tick);

	unsigned level, slot;
	uint64_t start;
	while (find_first(w, &level, &slot, &start)) {
		if (!dt_list_empty(&w->slot[level][slot]))
			return time_of(start);
		w->used[level] &= ~(UINT64_C(1) << slot);
	}
	return DT_NEVER;
}

void
dt_wheel_run_some(struct dt_wheel *w, struct dt_now now, size_t max)
{
	DT_CHECK_MAGIC(w, WHEEL_MAGIC);
	DT_ASSERT(now.mono.ns >= 0 && dt_list_empty(&w->firing));
	move_all(&w->due, &w->firing);
	advance(w, (uint64_t)now.mono.ns / DT_WHEEL_TICK_NS);
	while (!dt_list_empty(&w->firing) && max-- > 0) {
		struct dt_timer *t = DT_CONTAINER(w->firing.next, struct dt_timer, node);
		dt_timer_cancel(t);
		t->fire(t, now);
	}
	/* What is left goes before what was armed meanwhile. */
	move_all(&w->due, &w->firing);
	move_all(&w->firing, &w->due);
}

void
dt_wheel_run(struct dt_wheel *w, struct dt_now now)
{
	dt_wheel_run_some(w, now, SIZE_MAX);
}
