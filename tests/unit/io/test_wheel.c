#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "io/wheel.h"
#include "seeded.h"

#define TICK DT_WHEEL_TICK_NS
#define SIZE(a) (sizeof(a) / sizeof((a)[0]))

static struct dt_wheel wheel;
static unsigned fired;

static struct dt_now
at_ns(int64_t ns)
{
	return (struct dt_now){.mono = {ns}};
}

static struct dt_mono
tick(int64_t n)
{
	return (struct dt_mono){n * TICK};
}

static void
count_fire(struct dt_timer *t, struct dt_now now)
{
	(void)now;
	cr_assert_not(dt_timer_armed(t));
	fired++;
}

Test(wheel, a_timer_fires_once_and_not_a_nanosecond_early_at_every_level_boundary)
{
	static const int64_t starts[] = {0, 1, 62, 63, 64, 4095, 4096, 262143, 16777215, 1 << 30};
	static const int64_t waits[] = {1, 2, 62, 63, 64, 65, 127, 128, 4031, 4032, 4095, 4096,
	    4097, 262079, 262143, 262144, 262145, 16777215, 16777216, 1 << 30, INT64_C(1) << 36,
	    INT64_C(1) << 42};
	for (size_t s = 0; s < SIZE(starts); s++) {
		for (size_t d = 0; d < SIZE(waits); d++) {
			struct dt_timer t;
			struct dt_mono at = tick(starts[s] + waits[d]);
			fired = 0;
			dt_wheel_init(&wheel, tick(starts[s]));
			dt_timer_init(&t, count_fire);
			dt_timer_arm(&wheel, &t, at);
			dt_wheel_run(&wheel, at_ns(at.ns - 1));
			cr_assert_eq(fired, 0, "early: start %ld wait %ld", starts[s], waits[d]);
			cr_assert_eq(dt_wheel_next(&wheel).ns, at.ns);
			dt_wheel_run(&wheel, at_ns(at.ns));
			cr_assert_eq(fired, 1, "late: start %ld wait %ld", starts[s], waits[d]);
			dt_wheel_run(&wheel, at_ns(at.ns + 1000 * TICK));
			cr_assert_eq(fired, 1, "twice: start %ld wait %ld", starts[s], waits[d]);
			cr_assert_eq(dt_wheel_next(&wheel).ns, DT_NEVER.ns);
		}
	}
}

Test(wheel, a_deadline_between_ticks_is_rounded_up)
{
	struct dt_timer t;
	fired = 0;
	dt_wheel_init(&wheel, (struct dt_mono){0});
	dt_timer_init(&t, count_fire);
	dt_timer_arm(&wheel, &t, (struct dt_mono){5 * TICK + 1});
	cr_assert_eq(dt_wheel_next(&wheel).ns, 6 * TICK);
	dt_wheel_run(&wheel, at_ns(6 * TICK - 1));
	cr_assert_eq(fired, 0);
	dt_wheel_run(&wheel, at_ns(6 * TICK));
	cr_assert_eq(fired, 1);
}

Test(wheel, a_deadline_in_the_past_fires_in_the_next_run)
{
	static const int64_t past[] = {INT64_MIN, -1, 0, 1, 99 * TICK, 100 * TICK};
	for (size_t i = 0; i < SIZE(past); i++) {
		struct dt_timer t;
		fired = 0;
		dt_wheel_init(&wheel, tick(100));
		dt_timer_init(&t, count_fire);
		dt_timer_arm(&wheel, &t, (struct dt_mono){past[i]});
		cr_assert_eq(dt_wheel_next(&wheel).ns, 100 * TICK);
		dt_wheel_run(&wheel, at_ns(100 * TICK));
		cr_assert_eq(fired, 1, "row %zu", i);
	}
}

Test(wheel, never_is_not_armed_and_the_end_of_time_is)
{
	struct dt_timer t;
	dt_wheel_init(&wheel, tick(7));
	dt_timer_init(&t, count_fire);
	dt_timer_arm(&wheel, &t, DT_NEVER);
	cr_assert_not(dt_timer_armed(&t));
	cr_assert_eq(dt_wheel_next(&wheel).ns, DT_NEVER.ns);

	dt_timer_arm(&wheel, &t, (struct dt_mono){INT64_MAX - 1});
	cr_assert(dt_timer_armed(&t));
	cr_assert_geq(dt_wheel_next(&wheel).ns, INT64_C(1) << 62);
	dt_timer_arm(&wheel, &t, DT_NEVER);
	cr_assert_not(dt_timer_armed(&t));
	dt_wheel_run(&wheel, at_ns(INT64_MAX - 1));
}

Test(wheel, cancelling_is_allowed_in_every_state)
{
	struct dt_timer t;
	fired = 0;
	dt_wheel_init(&wheel, tick(0));
	dt_timer_init(&t, count_fire);
	dt_timer_cancel(&t);
	dt_timer_arm(&wheel, &t, tick(5000));
	dt_timer_cancel(&t);
	dt_timer_cancel(&t);
	cr_assert_not(dt_timer_armed(&t));
	cr_assert_eq(dt_wheel_next(&wheel).ns, DT_NEVER.ns);
	dt_wheel_run(&wheel, at_ns(10000 * TICK));
	cr_assert_eq(fired, 0);
}

/* ---- what callbacks may do ------------------------------------------------------------------ */

static struct dt_timer first, second;

static void
cancel_second(struct dt_timer *t, struct dt_now now)
{
	count_fire(t, now);
	dt_timer_cancel(&second);
}

static void
move_second(struct dt_timer *t, struct dt_now now)
{
	count_fire(t, now);
	dt_timer_arm(&wheel, &second, dt_mono_add(now.mono, DT_MILLISECONDS(70)));
}

static void
arm_again_at_once(struct dt_timer *t, struct dt_now now)
{
	count_fire(t, now);
	dt_timer_arm(&wheel, t, now.mono);
}

static void
start_two(void (*fire)(struct dt_timer *, struct dt_now))
{
	fired = 0;
	dt_wheel_init(&wheel, tick(0));
	dt_timer_init(&first, fire);
	dt_timer_init(&second, count_fire);
	dt_timer_arm(&wheel, &first, tick(10));
	dt_timer_arm(&wheel, &second, tick(10));
}

Test(wheel, a_callback_cancels_one_that_was_to_fire_after_it)
{
	start_two(cancel_second);
	dt_wheel_run(&wheel, at_ns(10 * TICK));
	cr_assert_eq(fired, 1);
	cr_assert_not(dt_timer_armed(&second));
}

Test(wheel, a_callback_moves_one_that_was_to_fire_after_it)
{
	start_two(move_second);
	dt_wheel_run(&wheel, at_ns(10 * TICK));
	cr_assert_eq(fired, 1);
	dt_wheel_run(&wheel, at_ns(80 * TICK - 1));
	cr_assert_eq(fired, 1);
	dt_wheel_run(&wheel, at_ns(80 * TICK));
	cr_assert_eq(fired, 2);
}

Test(wheel, a_callback_that_arms_itself_for_now_cannot_keep_the_run_busy)
{
	start_two(arm_again_at_once);
	for (unsigned run = 1; run <= 5; run++) {
		dt_wheel_run(&wheel, at_ns(10 * TICK));
		cr_assert_eq(fired, run + 1);
	}
	dt_timer_cancel(&first);
}

Test(wheel, a_bounded_run_leaves_the_rest_in_its_order_to_the_next)
{
	static struct dt_timer many[10];
	fired = 0;
	dt_wheel_init(&wheel, tick(0));
	for (size_t i = 0; i < 10; i++) {
		dt_timer_init(&many[i], i == 0 ? arm_again_at_once : count_fire);
		dt_timer_arm(&wheel, &many[i], tick(10));
	}
	dt_wheel_run_some(&wheel, at_ns(10 * TICK), 4);
	cr_assert_eq(fired, 4);
	cr_assert_eq(dt_wheel_next(&wheel).ns, 10 * TICK, "at once");
	for (size_t i = 1; i < 10; i++)
		cr_assert_eq(dt_timer_armed(&many[i]), i >= 4);
	dt_timer_cancel(&many[9]);
	dt_wheel_run_some(&wheel, at_ns(10 * TICK), 5);
	cr_assert_eq(fired, 9, "the one that was armed meanwhile waits behind the others");
	for (size_t i = 1; i < 10; i++)
		cr_assert_not(dt_timer_armed(&many[i]));
	dt_wheel_run_some(&wheel, at_ns(10 * TICK), 0);
	cr_assert_eq(fired, 9);
	dt_timer_cancel(&many[0]);
	dt_wheel_run(&wheel, at_ns(10 * TICK));
	cr_assert_eq(fired, 9);
}

static void
run_within(struct dt_timer *t, struct dt_now now)
{
	(void)t;
	dt_wheel_run(&wheel, now);
}

Test(wheel, a_run_within_a_run_is_a_programmer_error, .signal = SIGABRT)
{
	start_two(run_within);
	dt_wheel_run(&wheel, at_ns(10 * TICK));
}

/* ---- the oracle: an array, searched for the earliest each time ------------------------------ */

#define TIMERS 64

struct item {
	struct dt_timer timer;
	uint64_t due;	/* the tick it must fire at; 0 = not armed */
	uint64_t order; /* of the arming */
};

static struct item items[TIMERS];
static struct seeded seed;
static uint64_t orders, reached; /* reached: tick of the latest run */
static uint64_t run_limit;	 /* orders from here on belong to the next run */

static struct item *
earliest(uint64_t until)
{
	struct item *best = NULL;
	for (size_t i = 0; i < TIMERS; i++) {
		struct item *c = &items[i];
		if (c->due == 0 || c->due > until || c->order >= run_limit)
			continue;
		if (!best || c->due < best->due || (c->due == best->due && c->order < best->order))
			best = c;
	}
	return best;
}

static void
change_one(struct dt_now now)
{
	struct item *it = &items[seeded_below(&seed, TIMERS)];
	if (seeded_below(&seed, 4) == 0) {
		dt_timer_cancel(&it->timer);
		it->due = 0;
		return;
	}
	/* Few different deadlines, near and far, so that many are equal. */
	uint64_t span = UINT64_C(1) << seeded_below(&seed, 36);
	int64_t wait = (int64_t)(seeded_below(&seed, span)) / 4 * 4 * (TICK / 8);
	struct dt_mono at = {now.mono.ns + wait - 3 * TICK};
	dt_timer_arm(&wheel, &it->timer, at);
	uint64_t due = at.ns <= 0 ? 0 : ((uint64_t)at.ns + TICK - 1) / TICK;
	it->due = due > reached ? due : reached;
	it->order = orders++;
}

static void
compare_fire(struct dt_timer *t, struct dt_now now)
{
	struct item *it = DT_CONTAINER(t, struct item, timer);
	cr_assert_eq(it, earliest(reached), "not the one whose turn it is");
	cr_assert_leq(it->due * TICK, (uint64_t)now.mono.ns, "early");
	it->due = 0;
	if (seeded_below(&seed, 2))
		change_one(now);
}

static void
check_next(struct dt_now now)
{
	run_limit = UINT64_MAX;
	struct item *e = earliest(UINT64_MAX);
	struct dt_mono next = dt_wheel_next(&wheel);
	if (!e) {
		cr_assert_eq(next.ns, DT_NEVER.ns);
		return;
	}
	cr_assert_leq(next.ns, (int64_t)e->due * TICK, "the loop would sleep too long");
	cr_assert(next.ns > now.mono.ns || e->due == reached, "the loop would not sleep");
}

Test(wheel, twenty_thousand_random_runs_match_a_sorted_array)
{
	seed = seeded_begin(__func__);
	struct dt_now now = at_ns((int64_t)(seeded_below(&seed, 100000)) + 5 * TICK);
	reached = (uint64_t)now.mono.ns / TICK;
	dt_wheel_init(&wheel, now.mono);
	for (size_t i = 0; i < TIMERS; i++)
		dt_timer_init(&items[i].timer, compare_fire);

	for (int round = 0; round < 20000; round++) {
		for (uint64_t n = seeded_below(&seed, 8); n > 0; n--)
			change_one(now);
		check_next(now);
		now.mono.ns +=
		    (int64_t)(seeded_next(&seed) % (UINT64_C(1) << seeded_below(&seed, 36)));
		reached = (uint64_t)now.mono.ns / TICK;
		run_limit = orders;
		dt_wheel_run(&wheel, now);
		cr_assert_null(earliest(reached), "one was left out");
	}
}

/* ---- many ----------------------------------------------------------------------------------- */

static int64_t latest;

static void
check_order(struct dt_timer *t, struct dt_now now)
{
	struct item *it = DT_CONTAINER(t, struct item, timer);
	cr_assert_leq((int64_t)it->due * TICK, now.mono.ns);
	cr_assert_leq(latest, (int64_t)it->due);
	latest = (int64_t)it->due;
	fired++;
}

Test(wheel, a_million_timers_fire_in_order_and_half_of_them_are_cancelled)
{
	enum { MANY = 1000000 };
	struct item *many = calloc(MANY, sizeof(*many));
	cr_assert(many);
	seed = seeded_begin(__func__);
	fired = 0;
	dt_wheel_init(&wheel, tick(1));
	for (size_t i = 0; i < MANY; i++) {
		dt_timer_init(&many[i].timer, check_order);
		many[i].due = 2 + seeded_below(&seed, 3600000);
		dt_timer_arm(&wheel, &many[i].timer, tick((int64_t)many[i].due + 1000));
	}
	for (size_t i = 0; i < MANY; i++)
		dt_timer_arm(&wheel, &many[i].timer, tick((int64_t)many[i].due));
	for (size_t i = 0; i < MANY; i += 2)
		dt_timer_cancel(&many[i].timer);

	struct dt_mono next;
	while ((next = dt_wheel_next(&wheel)).ns != DT_NEVER.ns)
		dt_wheel_run(&wheel, at_ns(next.ns));
	cr_assert_eq(fired, MANY / 2);
	free(many);
}
