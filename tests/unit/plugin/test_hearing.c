/* The log hook: who hears which line, where, and what is lost. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "plugin/hearing.h"
#include "watcher.h"

static struct world w;
static struct watcher a, b;
static struct script s;

static void
open_chain(void)
{
	struct dt_chain_entry entries[] = {
	    world_entry(&s), watcher_entry(&hearing, &a), watcher_entry(&hearing, &b)};
	world_open_entries(&w, entries, 3);
	dt_plugin_worker_turn(w.pw[0], w.now);
}

static void
begin(void)
{
	a = (struct watcher){.name = "a"};
	b = (struct watcher){.name = "b"};
	s = (struct script){.name = "s"};
}

TestSuite(hearing, .init = begin);

static void
say(const char *server, const char *text)
{
	struct dt_log_context about = {.server = server};
	dt_log(&w.log, DT_LOG_INFO, &about, "%s", text);
}

static void
say_in_data(const struct dtlsd_ctx *c, const char *hook)
{
	if (strcmp(hook, "data") != 0)
		return;
	c->host->log(c, DTLSD_LOG_INFO, "one");
	c->host->log(c, DTLSD_LOG_INFO, "two");
	world_note("said ");
}

Test(hearing, are_heard_after_the_hook_in_which_they_were_said)
{
	s.each = say_in_data;
	open_chain();
	struct dt_conn *c = world_established(&w, 1);
	world_data(&w, c, "x");
	TRACE_IS("s.data said a.1(one) b.1(one) a.1(two) b.1(two) ");
	world_close(&w);
}

static void *
say_from_thread(void *arg)
{
	say("srv", arg);
	return NULL;
}

static void
say_elsewhere(const char *text)
{
	pthread_t thread;
	pthread_create(&thread, NULL, say_from_thread, (void *)(uintptr_t)text);
	pthread_join(thread, NULL);
}

Test(hearing, of_other_threads_are_heard_on_worker_0)
{
	open_chain();
	say_elsewhere("hello");
	TRACE_IS("");
	world_drain(&w);
	TRACE_IS("a.0(hello) b.0(hello) ");
	world_close(&w);
}

Test(hearing, of_other_servers_are_not_heard_and_those_of_none_are)
{
	open_chain();
	say("other", "theirs");
	say(NULL, "everybody's");
	dt_plugin_worker_flush(w.pw[0]);
	TRACE_IS("a.0(everybody's) b.0(everybody's) ");
	world_close(&w);
}

static void
answer_line(const struct dtlsd_ctx *c, const struct dtlsd_log_line *line)
{
	cr_assert(strcmp(line->type, "Info") == 0 && line->level == DTLSD_LOG_INFO);
	c->host->log(c, DTLSD_LOG_ERROR, "an answer");
}

Test(hearing, said_within_the_log_hook_are_dropped)
{
	a.on_line = answer_line;
	open_chain();
	say("srv", "once");
	for (int i = 0; i < 3; i++)
		dt_plugin_worker_flush(w.pw[0]);
	TRACE_IS("a.0(once) b.0(once) ");
	cr_assert_null(strstr(world_log, "an answer"));
	world_close(&w);
}

static uint64_t target;

static void
send_line(const struct dtlsd_ctx *c, const struct dtlsd_log_line *line)
{
	c->host->send(c, target, line->text, strlen(line->text));
}

Test(hearing, that_cause_lines_do_not_hold_the_worker)
{
	a.on_line = send_line;
	open_chain();
	struct dt_conn *c = world_established(&w, 0);
	target = c->id;
	c->send_fails = DT_ERR_AGAIN; /* which is a line again */
	world_forget_trace();
	say("srv", "x");
	dt_plugin_worker_flush(w.pw[0]);
	TRACE_IS("a.0(x) b.0(x) ");
	world_forget_trace();
	dt_plugin_worker_flush(w.pw[0]);
	TRACE_IS("a.0(a datagram of a module was not sent: not now, try again) "
		 "b.0(a datagram of a module was not sent: not now, try again) ");
	world_close(&w);
}

static unsigned heard;

static void
count_line(const struct dtlsd_ctx *c, const struct dtlsd_log_line *line)
{
	(void)c;
	(void)line;
	heard++;
	world_forget_trace();
}

static void
drop_line(void *arg, const struct dt_log_line *line)
{
	(void)arg;
	(void)line;
}

Test(hearing, more_than_the_queue_takes_are_lost_to_the_hook_only)
{
	a.on_line = count_line;
	open_chain();
	heard = 0;
	w.log.sink = drop_line;
	for (unsigned i = 0; i < 2 * DT_HEARING_MAX; i++)
		say("srv", "x");
	dt_plugin_worker_flush(w.pw[0]);
	cr_assert_eq(heard, DT_HEARING_MAX);
	say("srv", "x");
	dt_plugin_worker_flush(w.pw[0]);
	cr_assert_eq(heard, DT_HEARING_MAX + 1);
	world_close(&w);
}

Test(hearing, without_memory_are_lost_to_the_hook_only)
{
	open_chain();
	dt_mem_fail_nth(1);
	say("srv", "lost");
	dt_mem_fail_nth(0);
	dt_plugin_worker_flush(w.pw[0]);
	TRACE_IS("");
	LOGGED("lost");
	world_close(&w);
}

Test(hearing, that_wait_when_the_worker_ends_are_freed)
{
	open_chain();
	say("srv", "late");
	say_elsewhere("later");
	world_close(&w);
}
