/* Clock, random, threads, signals, resolver. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "io/clock.h"
#include "io/random.h"
#include "io/resolve.h"
#include "io/signals.h"
#include "io/thread.h"

#define SIZE(a) (sizeof(a) / sizeof((a)[0]))

Test(clock, monotonic_time_does_not_go_back_and_wall_time_is_that_of_the_system)
{
	struct dt_now a = dt_clock_now(), b = dt_clock_now();
	cr_assert_gt(a.mono.ns, 0);
	cr_assert_geq(b.mono.ns, a.mono.ns);
	cr_assert_leq(a.wall.s, time(NULL) + 1);
	cr_assert_geq(a.wall.s, time(NULL) - 60);
}

Test(random, fills_what_it_was_given_and_nothing_else)
{
	static const size_t lengths[] = {0, 1, 16, 256, 257, 1000};
	for (size_t i = 0; i < SIZE(lengths); i++) {
		uint8_t or_of_all[1001] = {0}, bytes[1001];
		for (int round = 0; round < 64; round++) {
			memset(bytes, 0, sizeof(bytes));
			dt_random(bytes, lengths[i]);
			for (size_t j = 0; j < sizeof(bytes); j++)
				or_of_all[j] |= bytes[j];
		}
		for (size_t j = 0; j < sizeof(bytes); j++)
			cr_assert_eq(or_of_all[j] != 0, j < lengths[i], "length %zu, byte %zu",
			    lengths[i], j);
	}
}

struct report {
	char name[16];
	sigset_t mask;
};

static void
report_self(void *arg)
{
	struct report *r = arg;
	pthread_getname_np(pthread_self(), r->name, sizeof(r->name));
	pthread_sigmask(SIG_SETMASK, NULL, &r->mask);
}

Test(thread, signals_do_not_reach_it_and_the_starter_keeps_its_mask)
{
	struct report r;
	struct dt_thread t = {0};
	sigset_t before, after;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	dt_thread_join(&t);
	cr_assert_eq(dt_thread_start(&t, "worker", report_self, &r), DT_OK);
	dt_thread_join(&t);
	dt_thread_join(&t);
	cr_assert_eq(sigismember(&r.mask, SIGTERM), 1);
	cr_assert_eq(sigismember(&r.mask, SIGUSR2), 1);
	cr_assert_eq(sigismember(&r.mask, SIGSEGV), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	cr_assert_eq(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
	cr_assert_geq(dt_thread_cpus(), 1);
}

static void
wait_for_byte(void *arg)
{
	char c;
	cr_assert_eq(read(*(int *)arg, &c, 1), 1);
}

Test(thread, its_name_is_cut_to_what_the_kernel_keeps)
{
	struct dt_thread t;
	int ends[2];
	char name[16];
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(
	    dt_thread_start(&t, "a name that is too long", wait_for_byte, &ends[0]), DT_OK);
	cr_assert_eq(pthread_getname_np(t.id, name, sizeof(name)), 0);
	cr_assert_eq(write(ends[1], "x", 1), 1);
	dt_thread_join(&t);
	cr_assert_str_eq(name, "a name that is ");
}

Test(signals, each_is_read_once_and_none_is_left_out)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
	struct dt_signals s;
	cr_assert_eq(dt_signals_open(&s), DT_OK);
	cr_assert_eq(dt_signals_next(&s), 0);
	for (size_t i = 0; i < SIZE(numbers); i++) {
		cr_assert_eq(raise(numbers[i]), 0);
		cr_assert_eq(dt_signals_next(&s), numbers[i]);
		cr_assert_eq(dt_signals_next(&s), 0);
	}
	dt_signals_close(&s);
}

Test(signals, closing_throws_away_what_still_waits)
{
	struct dt_signals s;
	cr_assert_eq(dt_signals_open(&s), DT_OK);
	raise(SIGTERM);
	raise(SIGHUP);
	dt_signals_close(&s);
}

Test(signals, after_closing_they_have_their_old_effect, .signal = SIGTERM)
{
	struct dt_signals s;
	cr_assert_eq(dt_signals_open(&s), DT_OK);
	dt_signals_close(&s);
	raise(SIGTERM);
}

Test(signals, a_broken_pipe_is_an_error_and_not_the_end)
{
	struct dt_signals s;
	int ends[2];
	cr_assert_eq(dt_signals_open(&s), DT_OK);
	cr_assert_eq(pipe(ends), 0);
	close(ends[0]);
	cr_assert_eq(write(ends[1], "x", 1), -1);
	cr_assert_eq(errno, EPIPE);
	dt_signals_close(&s);
}

Test(resolve, an_address_stands_for_itself)
{
	static const char *const texts[] = {"127.0.0.1:80", "[::1]:80", "0.0.0.0:0", "[::]:65535"};
	for (size_t i = 0; i < SIZE(texts); i++) {
		struct dt_resolved r;
		char text[DT_ADDR_TEXT];
		cr_assert_eq(dt_resolve(texts[i], &r), DT_OK, "%s", texts[i]);
		cr_assert_eq(r.count, 1);
		cr_assert_null(r.why);
		cr_assert_str_eq(dt_addr_format(&r.list[0], text), texts[i]);
	}
}

Test(resolve, a_name_gives_its_addresses_each_once_with_the_port)
{
	struct dt_resolved r;
	cr_assert_eq(dt_resolve("localhost:5683", &r), DT_OK);
	cr_assert_geq(r.count, 1);
	for (size_t i = 0; i < r.count; i++) {
		cr_assert(dt_addr_is_loopback(&r.list[i]));
		cr_assert_eq(r.list[i].port, 5683);
		for (size_t j = 0; j < i; j++)
			cr_assert_not(dt_addr_equal(&r.list[i], &r.list[j]));
	}
}

Test(resolve, what_has_no_such_form_is_invalid_and_says_so)
{
	static const char *const texts[] = {"", ":", ":80", "localhost",
	    "localhost:", "localhost:x", "localhost:-1", "localhost: 80", "localhost:65536",
	    "localhost:000080", "localhost:80 ", "a:b:80", "::1:80", "[::1]", "[localhost]:80",
	    "1.2:80", "300.1.1.1:80", "127.0.0.1", "10.0.0.0/8:80", "a b:80"};
	for (size_t i = 0; i < SIZE(texts); i++) {
		struct dt_resolved r;
		cr_assert_eq(dt_resolve(texts[i], &r), DT_ERR_INVALID, "\"%s\"", texts[i]);
		cr_assert_eq(r.count, 0);
		cr_assert(r.why);
	}
	char longest[300];
	struct dt_resolved r;
	memset(longest, 'a', 254);
	strcpy(longest + 254, ":80");
	cr_assert_eq(dt_resolve(longest, &r), DT_ERR_INVALID);
}

Test(resolve, a_name_that_cannot_exist_fails_with_a_reason)
{
	struct dt_resolved r;
	/* RFC 6761 6.4; without a name server the answer may be "try again". */
	enum dt_err err = dt_resolve("no-such-host.invalid:80", &r);
	cr_assert(err == DT_ERR_GONE || err == DT_ERR_AGAIN || err == DT_ERR_SYSTEM);
	cr_assert_eq(r.count, 0);
	cr_assert(r.why);
}
