#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/list.h"
#include "io/clock.h"
#include "io/loop.h"

static struct dt_loop loop;

struct flag {
	struct dt_watch watch;
	int fd;
	unsigned calls;
	uint32_t events;
	struct flag *victim; /* what the callback takes away */
	struct dt_now now;
};

static void
note_call(struct dt_watch *w, uint32_t events, struct dt_now now)
{
	struct flag *f = DT_CONTAINER(w, struct flag, watch);
	f->calls++;
	f->events = events;
	f->now = now;
}

static void
take_away(struct dt_watch *w, uint32_t events, struct dt_now now)
{
	struct flag *f = DT_CONTAINER(w, struct flag, watch);
	note_call(w, events, now);
	dt_loop_remove(&loop, &f->victim->watch);
}

static void
take_away_and_add_again(struct dt_watch *w, uint32_t events, struct dt_now now)
{
	struct flag *f = DT_CONTAINER(w, struct flag, watch);
	take_away(w, events, now);
	cr_assert_eq(dt_loop_add(&loop, &f->victim->watch, f->victim->fd, EPOLLIN), DT_OK);
}

static struct flag
raised_flag(void (*ready)(struct dt_watch *, uint32_t, struct dt_now))
{
	struct flag f = {.fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)};
	cr_assert_geq(f.fd, 0);
	dt_watch_init(&f.watch, ready);
	return f;
}

static struct dt_now
turn(void)
{
	struct dt_now now = dt_clock_now();
	return dt_loop_turn(&loop, now.mono, now.mono);
}

static void
make_loop(void)
{
	cr_assert_eq(dt_loop_init(&loop), DT_OK);
}

static void
end_loop(void)
{
	dt_loop_fini(&loop);
	dt_loop_fini(&loop);
}

TestSuite(loop, .init = make_loop, .fini = end_loop);

Test(loop, a_ready_descriptor_is_told_each_turn_until_it_is_read)
{
	struct flag f = raised_flag(note_call);
	cr_assert_eq(dt_loop_add(&loop, &f.watch, f.fd, EPOLLIN), DT_OK);
	struct dt_now now = turn();
	turn();
	cr_assert_eq(f.calls, 2);
	cr_assert_eq(f.events, EPOLLIN);
	cr_assert_geq(f.now.mono.ns, now.mono.ns);

	uint64_t value;
	cr_assert_eq(read(f.fd, &value, sizeof(value)), (ssize_t)sizeof(value));
	turn();
	cr_assert_eq(f.calls, 2);
	dt_loop_remove(&loop, &f.watch);
	dt_loop_remove(&loop, &f.watch);
	close(f.fd);
}

Test(loop, an_event_fetched_before_its_watch_was_removed_is_not_delivered)
{
	struct flag a = raised_flag(take_away), b = raised_flag(take_away);
	a.victim = &b;
	b.victim = &a;
	cr_assert_eq(dt_loop_add(&loop, &a.watch, a.fd, EPOLLIN), DT_OK);
	cr_assert_eq(dt_loop_add(&loop, &b.watch, b.fd, EPOLLIN), DT_OK);
	turn();
	cr_assert_eq(
	    a.calls + b.calls, 1, "both were ready: the first keeps the other from its call");
	close(a.fd);
	close(b.fd);
}

Test(loop, a_watch_added_again_within_a_turn_gets_no_event_of_its_former_life)
{
	struct flag a = raised_flag(take_away_and_add_again),
		    b = raised_flag(take_away_and_add_again);
	a.victim = &b;
	b.victim = &a;
	cr_assert_eq(dt_loop_add(&loop, &a.watch, a.fd, EPOLLIN), DT_OK);
	cr_assert_eq(dt_loop_add(&loop, &b.watch, b.fd, EPOLLIN), DT_OK);
	turn();
	cr_assert_eq(a.calls + b.calls, 1);
	turn();
	cr_assert_eq(a.calls + b.calls, 2, "it is still watched");
	close(a.fd);
	close(b.fd);
}

Test(loop, a_callback_may_remove_itself)
{
	struct flag f = raised_flag(take_away);
	f.victim = &f;
	cr_assert_eq(dt_loop_add(&loop, &f.watch, f.fd, EPOLLIN), DT_OK);
	turn();
	turn();
	cr_assert_eq(f.calls, 1);
	close(f.fd);
}

Test(loop, a_turn_does_not_end_before_its_deadline)
{
	struct dt_now before = dt_clock_now();
	struct dt_mono until = dt_mono_add(before.mono, (struct dt_dur){2500001});
	struct dt_now after = dt_loop_turn(&loop, until, before.mono);
	cr_assert_geq(after.mono.ns, until.ns);
}

Test(loop, a_turn_without_a_deadline_ends_with_an_event)
{
	struct flag f = raised_flag(note_call);
	cr_assert_eq(dt_loop_add(&loop, &f.watch, f.fd, EPOLLIN), DT_OK);
	dt_loop_turn(&loop, DT_NEVER, dt_clock_now().mono);
	cr_assert_eq(f.calls, 1);
	close(f.fd);
}

Test(loop, what_cannot_be_watched_is_an_error)
{
	struct flag f = raised_flag(note_call);
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	cr_assert_geq(file, 0);
	cr_assert_eq(dt_loop_add(&loop, &f.watch, file, EPOLLIN), DT_ERR_SYSTEM);
	cr_assert_eq(errno, EPERM);
	cr_assert_eq(f.watch.fd, -1);
	close(file);
	close(f.fd);
}

Test(loop, a_hundred_ready_descriptors_are_all_served_in_two_turns)
{
	static struct flag flags[100];
	unsigned calls = 0;
	for (size_t i = 0; i < 100; i++) {
		flags[i] = raised_flag(note_call);
		cr_assert_eq(dt_loop_add(&loop, &flags[i].watch, flags[i].fd, EPOLLIN), DT_OK);
	}
	turn();
	turn();
	for (size_t i = 0; i < 100; i++) {
		calls += flags[i].calls;
		cr_assert_geq(flags[i].calls, 1);
		close(flags[i].fd);
	}
	cr_assert_eq(calls, 2 * DT_LOOP_EVENTS);
}
