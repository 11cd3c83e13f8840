/* Instances: check, open, start, stop, close; counters; who holds up a worker. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "world.h"

static struct script a, b, c;
static struct script *const three[] = {&a, &b, &c};
static struct world w;
static struct dt_chain_failure failure;

static void
reset_scripts(void)
{
	a = (struct script){.name = "a"};
	b = (struct script){.name = "b"};
	c = (struct script){.name = "c"};
}

TestSuite(chain, .init = reset_scripts);

static enum dt_err
make_chain(void)
{
	struct dt_chain_entry entries[] = {world_entry(&a), world_entry(&b), world_entry(&c)};
	return dt_chain_new(w.plugin, "srv", entries, 3, &w.chain, &failure);
}

/* ---- check ---------------------------------------------------------------------------------- */

static void
check_config(const struct dtlsd_check *check)
{
	cr_assert_eq(check->size, sizeof(*check));
	cr_assert_eq(check->connection_limit, 500);
	check->config_error(check, "/to", "no such host");
	check->config_warning(check, "", "odd");
	check->config_error(check, NULL, NULL);
	cr_assert_str_eq(check->config, "the config");
}

static void
complain(void *arg, bool error, const char *pointer, const char *text)
{
	world_note("%s%s %s:%s ", (const char *)arg, error ? "error" : "warning", pointer, text);
}

Test(chain, check_tells_each_complaint_and_counts_the_errors)
{
	static const struct dtlsd_module checked = {.check = check_config};
	static const struct dtlsd_module unchecked = {.name = "x"};
	world_forget_trace();
	cr_assert_eq(dt_chain_check(&checked, "the config", 500, complain, "-"), 2);
	TRACE_IS("-error /to:no such host -warning :odd -error :refused by the module ");
	cr_assert_eq(dt_chain_check(&unchecked, NULL, 0, complain, NULL), 0);
}

/* ---- open and close ------------------------------------------------------------------------- */

Test(chain, instances_open_and_start_in_order_and_end_in_reverse)
{
	world_open(&w, three, 3);
	world_close(&w);
	TRACE_IS("c.stop b.stop a.stop c.stop b.stop a.stop c.close b.close a.close ");
}

Test(chain, when_one_does_not_open_those_before_it_are_closed)
{
	c.open_code = -7;
	world_begin(&w);
	cr_assert_eq(make_chain(), DT_ERR_REFUSED);
	cr_assert_null(w.chain);
	TRACE_IS("a.open b.open c.open b.close a.close ");
	cr_assert_eq(failure.entry, 2);
	cr_assert_str_eq(
	    failure.why, "module c refused to start: open returned -7; its own reason is in the log");
	cr_assert_eq(c.open_ctx->host->post(c.open_ctx, 0, NULL, NULL, 0), DTLSD_INVALID);
	cr_assert_eq(
	    c.open_ctx->host->send(c.open_ctx, 1, "x", 1), DTLSD_GONE, "its threads live on");
	world_close(&w);
}

Test(chain, when_one_does_not_start_those_before_it_are_stopped)
{
	world_begin(&w);
	cr_assert_eq(make_chain(), DT_OK);
	world_forget_trace();
	b.start_code = 5;
	dt_plugin_worker_turn(w.pw[1], w.now);
	cr_assert_eq(dt_chain_worker_start(w.chain, w.pw[1]), DT_ERR_REFUSED);
	TRACE_IS("a.start b.start a.stop ");
	LOGGED("error b: worker_start returned 5 on worker 1");
	world_close(&w);
	TRACE_IS("a.start b.start a.stop c.close b.close a.close ");
}

Test(chain, a_module_without_any_hook_is_a_module)
{
	static const struct dtlsd_module bare = {
	    DTLSD_MODULE_PREFIX, .name = "bare", .version = "1"};
	struct dt_chain_entry entries[] = {
	    {.module = &bare, .name = "one"}, {.module = &bare, .name = "two"}};
	world_open_entries(&w, entries, 2);
	struct dt_conn *conn = world_established(&w, 0);
	struct dtlsd_request request = {0};
	cr_assert_eq(fake_ask_request(world_conn(&w, 0), &request), DT_GATE_ACCEPT);
	world_data(&w, conn, "x");
	cr_assert_eq(w.counters[0].count[DT_COUNT_DATA_UNHANDLED], 1);
	cr_assert_eq(world_counter(&w, "two.bad_verdicts"), 0);
	world_close(&w);
}

Test(chain, without_memory_a_chain_is_not_made_and_nothing_leaks)
{
	uint64_t nth = 0;
	enum dt_err err = DT_ERR_NOMEM;
	world_begin(&w);
	while (err != DT_OK) {
		cr_assert_lt(nth, 100);
		dt_mem_fail_nth(++nth);
		err = make_chain();
		dt_mem_fail_nth(0);
		cr_assert(err == DT_OK || (err == DT_ERR_NOMEM && failure.why[0]));
	}
	cr_assert_gt(nth, 10);
	world_start_chain(&w);
	world_close(&w);
}

Test(chain, without_memory_a_worker_does_not_start_a_chain)
{
	world_begin(&w);
	cr_assert_eq(make_chain(), DT_OK);
	dt_plugin_worker_turn(w.pw[0], w.now);
	dt_mem_fail_nth(1);
	cr_assert_eq(dt_chain_worker_start(w.chain, w.pw[0]), DT_ERR_NOMEM);
	dt_mem_fail_nth(0);
	world_start_chain(&w);
	world_close(&w);
}

Test(chain, without_memory_there_is_no_plugin_and_no_worker)
{
	struct dt_mailbox *boxes[WORLD_WORKERS] = {NULL};
	struct dt_plugin_config config = {
	    .worker_count = WORLD_WORKERS, .mailboxes = boxes, .defer_limit = 4};
	struct dt_plugin *plugin = NULL;
	for (uint64_t nth = 1; nth <= 1 + 2 * WORLD_WORKERS; nth++) {
		dt_mem_fail_nth(nth);
		cr_assert_eq(dt_plugin_new(&config, &plugin), DT_ERR_NOMEM);
	}
	dt_mem_fail_nth(0);
	cr_assert_eq(dt_plugin_new(&config, &plugin), DT_OK);
	struct dt_plugin_worker_config worker = {.plugin = plugin};
	struct dt_plugin_worker *pw = NULL;
	for (uint64_t nth = 1; nth <= 2; nth++) {
		dt_mem_fail_nth(nth);
		cr_assert_eq(dt_plugin_worker_new(&worker, &pw), DT_ERR_NOMEM);
	}
	dt_mem_fail_nth(0);
	dt_plugin_worker_free(&pw);
	dt_plugin_free(&plugin);
	dt_plugin_free(&plugin);
}

/* ---- counters ------------------------------------------------------------------------------- */

static void
note_counter(void *arg, const struct dt_chain_counter *counter)
{
	(void)arg;
	cr_assert_not_null(counter->doc);
	world_note("%s.%s=%u ", counter->instance, counter->name, (unsigned)counter->value);
}

static void
count_ten(const struct dtlsd_ctx *ctx, struct dtlsd_datagram *d)
{
	(void)d;
	ctx->host->count(ctx, 1, 10);
}

Test(chain, counters_of_all_workers_are_summed_in_the_order_of_the_tables)
{
	b.on_data = count_ten;
	world_open(&w, three, 2);
	for (uint32_t i = 0; i < WORLD_WORKERS; i++)
		world_data(&w, world_established(&w, i), "x");
	world_forget_trace();
	dt_chain_counters(w.chain, note_counter, NULL);
	TRACE_IS("a.first=0 a.second=0 a.bad_verdicts=0 a.slow_hooks=0 a.defer_defaults=0 "
		 "b.first=0 b.second=20 b.bad_verdicts=0 b.slow_hooks=0 b.defer_defaults=0 ");
	world_close(&w);
}

/* ---- slow hooks ----------------------------------------------------------------------------- */

static int64_t takes_ms;

static void
take_time(const struct dtlsd_ctx *ctx, struct dtlsd_datagram *d)
{
	(void)ctx;
	(void)d;
	world_clock.mono = dt_mono_add(world_clock.mono, DT_MILLISECONDS(takes_ms));
}

static void
one_turn(struct dt_conn *conn)
{
	w.now = world_clock;
	world_data(&w, conn, "x");
	dt_plugin_worker_turn_end(w.pw[0]);
}

Test(chain, a_hook_that_holds_up_its_worker_is_named_when_it_does_it_again)
{
	b.on_data = take_time;
	takes_ms = 35;
	world_open(&w, three, 3);
	struct dt_conn *conn = world_established(&w, 0);
	one_turn(conn);
	cr_assert_eq(w.counters[0].count[DT_COUNT_HOOKS_SLOW], 1);
	cr_assert_null(strstr(world_log, "took"));
	one_turn(conn);
	LOGGED("warning b: data_in took 35 ms and held up worker 0 (slow_hook is 20 ms)");
	cr_assert_eq(world_counter(&w, "b.slow_hooks"), 1);
	cr_assert_eq(world_counter(&w, "a.slow_hooks"), 0);

	world_log[0] = '\0';
	one_turn(conn);
	one_turn(conn);
	cr_assert_null(strstr(world_log, "took"), "counted, not logged again so soon");
	cr_assert_eq(world_counter(&w, "b.slow_hooks"), 3);
	world_clock.mono = dt_mono_add(world_clock.mono, DT_SECONDS(61));
	one_turn(conn);
	one_turn(conn);
	LOGGED("data_in took 35 ms");
	world_close(&w);
}

Test(chain, a_hook_within_its_limit_is_not_named)
{
	b.on_data = take_time;
	takes_ms = 15;
	world_open(&w, three, 3);
	struct dt_conn *conn = world_established(&w, 0);
	for (int i = 0; i < 10; i++)
		one_turn(conn);
	cr_assert_eq(w.counters[0].count[DT_COUNT_HOOKS_SLOW], 0);
	cr_assert_eq(world_counter(&w, "b.slow_hooks"), 0);
	world_close(&w);
}
