/* Timers and descriptors of modules. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "world.h"

static struct script a, b;
static struct script *const two[] = {&a, &b};
static struct world w;
static struct dt_conn *conn;
static void (*in_hook)(const struct dtlsd_ctx *c, const struct dtlsd_host *h);

static void
run_in_hook(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	(void)d;
	if (in_hook)
		in_hook(c, c->host);
}

static void
reset_scripts(void)
{
	a = (struct script){.name = "a", .on_data = run_in_hook, .data = DTLSD_DONE};
	b = (struct script){.name = "b"};
}

TestSuite(wait, .init = reset_scripts);

static void
open_with(void (*test)(const struct dtlsd_ctx *c, const struct dtlsd_host *h))
{
	in_hook = test;
	world_open(&w, two, 2);
	conn = world_established(&w, 0);
	world_data(&w, conn, "x");
	world_forget_trace();
}

static uint64_t handle;

#define MS UINT64_C(1000000)

/* ---- timers --------------------------------------------------------------------------------- */

static void
fired(const struct dtlsd_ctx *c, void *arg)
{
	cr_assert_eq(c->conn, 0);
	world_note("%s ", (const char *)arg);
}

static void
start_three(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	uint64_t one = h->timer_start(c, 10 * MS, fired, "one");
	cr_assert_neq(one, 0);
	cr_assert_neq(h->timer_start(c, 20 * MS, fired, "two"), one);
	cr_assert_neq(h->timer_start(c, 30 * MS, fired, "three"), 0);
	cr_assert_eq(h->timer_start(c, 25 * MS, fired, "one"), one, "the same call moves it");
	cr_assert_eq(h->timer_start(c, 10 * MS, NULL, NULL), 0);
}

Test(wait, a_timer_fires_once_and_the_same_call_moves_it)
{
	open_with(start_three);
	world_advance(&w, 11);
	TRACE_IS("");
	world_advance(&w, 11);
	TRACE_IS("two ");
	world_advance(&w, 1000);
	TRACE_IS("two one three ");
	world_close(&w);
}

static void
stop_timers(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	uint64_t one = h->timer_start(c, 10 * MS, fired, "one");
	handle = h->timer_start(c, UINT64_MAX, fired, "never");
	cr_assert_eq(h->timer_stop(c, one), DTLSD_OK);
	cr_assert_eq(h->timer_stop(c, one), DTLSD_GONE);
	cr_assert_eq(h->timer_stop(c, 0), DTLSD_GONE);
	cr_assert_neq(
	    h->timer_start(c, 10 * MS, fired, "again"), one, "a handle is not used twice");
}

static void
stop_after_firing(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	cr_assert_eq(h->timer_stop(c, handle), DTLSD_OK);
	cr_assert_eq(h->timer_stop(c, handle + 1), DTLSD_GONE, "it has fired");
}

Test(wait, a_stopped_timer_is_gone)
{
	open_with(stop_timers);
	world_advance(&w, 100000000);
	TRACE_IS("again ");
	in_hook = stop_after_firing;
	world_data(&w, conn, "x");
	world_close(&w);
}

static void
fired_and_again(const struct dtlsd_ctx *c, void *arg)
{
	world_note("tick ");
	cr_assert_neq(c->host->timer_start(c, 10 * MS, fired_and_again, arg), 0);
	c->host->send(c, conn->id, "tick", 4);
}

static void
start_ticking(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	h->timer_start(c, 10 * MS, fired_and_again, NULL);
}

Test(wait, a_timer_may_start_itself_again_and_what_it_sends_is_sent)
{
	open_with(start_ticking);
	for (int i = 0; i < 3; i++)
		world_advance(&w, 11);
	TRACE_IS("tick tick tick ");
	cr_assert_eq(conn->sent_count, 3);
	world_close(&w); /* ends one that is armed */
}

#define MANY 3000

static char many_args[MANY];
static size_t many_fired;

static void
count_fired(const struct dtlsd_ctx *c, void *arg)
{
	(void)c;
	(void)arg;
	many_fired++;
}

static void
start_many(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	uint64_t handles[MANY];
	for (size_t i = 0; i < MANY; i++)
		handles[i] = h->timer_start(c, 10 * MS, count_fired, &many_args[i]);
	for (size_t i = 0; i < MANY; i++)
		cr_assert_eq(h->timer_start(c, 20 * MS, count_fired, &many_args[i]), handles[i]);
	for (size_t i = 0; i < MANY; i += 3)
		cr_assert_eq(h->timer_stop(c, handles[i]), DTLSD_OK);
}

Test(wait, thousands_of_timers_keep_their_identity)
{
	open_with(start_many);
	world_advance(&w, 30);
	cr_assert_eq(many_fired, MANY - MANY / 3);
	world_close(&w);
}

/* ---- descriptors ---------------------------------------------------------------------------- */

static int ends[2]; /* of a pipe */

static void
read_one(const struct dtlsd_ctx *c, int fd, void *arg)
{
	char byte;
	cr_assert_eq(read(fd, &byte, 1), 1);
	world_note("%s%c ", (const char *)arg, byte);
	c->host->send(c, conn->id, &byte, 1);
}

static void
read_and_unwatch(const struct dtlsd_ctx *c, int fd, void *arg)
{
	read_one(c, fd, arg);
	cr_assert_eq(c->host->unwatch(c, fd), DTLSD_OK);
	close(fd);
}

static void
turn_loop(void)
{
	dt_plugin_worker_turn(w.pw[0], w.now);
	dt_loop_turn(&w.loop[0], w.now.mono, w.now.mono);
	dt_plugin_worker_turn_end(w.pw[0]);
}

static void
watch_pipe(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	cr_assert_eq(h->watch(c, ends[0], read_one, "old"), DTLSD_OK);
	cr_assert_eq(h->watch(c, ends[0], read_one, "r"), DTLSD_OK, "the call moves it");
	cr_assert_eq(h->watch(c, -1, read_one, NULL), DTLSD_INVALID);
	cr_assert_eq(h->watch(c, ends[0], NULL, NULL), DTLSD_INVALID);
	cr_assert_eq(h->unwatch(c, ends[1]), DTLSD_GONE);
}

static void
unwatch_pipe(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	cr_assert_eq(h->unwatch(c, ends[0]), DTLSD_OK);
	cr_assert_eq(h->unwatch(c, ends[0]), DTLSD_GONE);
}

Test(wait, a_watched_descriptor_calls_back_until_it_is_unwatched)
{
	cr_assert_eq(pipe(ends), 0);
	open_with(watch_pipe);
	turn_loop();
	TRACE_IS("");
	cr_assert_eq(write(ends[1], "123", 3), 3);
	turn_loop();
	turn_loop();
	TRACE_IS("r1 r2 ");
	cr_assert_str_eq(conn->sent, "1\n2\n");
	in_hook = unwatch_pipe;
	world_data(&w, conn, "x");
	world_forget_trace();
	turn_loop();
	TRACE_IS("");
	world_close(&w);
}

static void
close_and_watch_the_next(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	int old = ends[0];
	close(ends[0]);
	close(ends[1]);
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(ends[0], old, "the number is used again");
	cr_assert_eq(h->watch(c, ends[0], read_one, "n"), DTLSD_OK);
}

Test(wait, a_descriptor_that_was_closed_without_a_word_does_not_hide_its_successor)
{
	cr_assert_eq(pipe(ends), 0);
	open_with(watch_pipe);
	in_hook = close_and_watch_the_next;
	world_data(&w, conn, "x");
	world_forget_trace();
	cr_assert_eq(write(ends[1], "1", 1), 1);
	turn_loop();
	TRACE_IS("n1 ");
	world_close(&w);
}

static void
watch_until_read(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	cr_assert_eq(h->watch(c, ends[0], read_and_unwatch, "r"), DTLSD_OK);
}

Test(wait, a_callback_may_unwatch_and_close_its_own_descriptor)
{
	cr_assert_eq(pipe(ends), 0);
	open_with(watch_until_read);
	cr_assert_eq(write(ends[1], "1", 1), 1);
	turn_loop();
	TRACE_IS("r1 ");
	world_close(&w);
}

static void
watch_in_vain(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	dt_mem_fail_nth(1);
	cr_assert_eq(h->watch(c, ends[0], read_one, NULL), DTLSD_NOMEM);
	dt_mem_fail_nth(2);
	cr_assert_eq(h->watch(c, ends[0], read_one, NULL), DTLSD_NOMEM);
	for (uint64_t nth = 1; nth <= 3; nth++) {
		dt_mem_fail_nth(nth);
		cr_assert_eq(h->timer_start(c, 1, fired, "x"), 0);
	}
	dt_mem_fail_nth(0);
	int regular = open("/proc/self/exe", O_RDONLY);
	cr_assert_eq(h->watch(c, regular, read_one, NULL), DTLSD_SYSTEM);
	cr_assert_eq(errno, EPERM);
	close(regular);
	cr_assert_eq(h->watch(c, 9999, read_one, NULL), DTLSD_SYSTEM);
	cr_assert_eq(errno, EBADF);
	cr_assert_eq(h->watch(c, ends[0], read_one, NULL), DTLSD_OK);
}

Test(wait, what_cannot_be_watched_says_why)
{
	cr_assert_eq(pipe(ends), 0);
	open_with(watch_in_vain);
	world_close(&w); /* with a watch that nobody took away */
}
