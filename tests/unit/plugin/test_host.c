/* What the host's functions answer, and to whom. */
#include <string.h>

#include "pki/fields.h"
#include "world.h"

static struct script a, b;
static struct script *const two[] = {&a, &b};
static struct world w;
static void (*in_hook)(const struct dtlsd_ctx *c, const struct dtlsd_host *h);

static void
run_in_hook(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	(void)d;
	in_hook(c, c->host);
}

static void
reset_scripts(void)
{
	a = (struct script){.name = "a", .on_data = run_in_hook, .data = DTLSD_DONE};
	b = (struct script){.name = "b"};
}

TestSuite(host, .init = reset_scripts);

/* Runs `test` in a data_in hook of a, on worker 0, with one established connection. */
static struct dt_conn *
inside(void (*test)(const struct dtlsd_ctx *c, const struct dtlsd_host *h))
{
	in_hook = test;
	world_open(&w, two, 2);
	struct dt_conn *conn = world_established(&w, 0);
	world_data(&w, conn, "x");
	return conn;
}

static struct dt_conn *second; /* on worker 1 */

static void
try_send(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	static const char big[20000];
	cr_assert_eq(h->send(c, c->conn, big, 1000), DTLSD_OK);
	cr_assert_eq(h->send(c, c->conn, big, 1001), DTLSD_TOO_LONG);
	cr_assert_eq(h->send(c, c->conn, NULL, 1), DTLSD_INVALID);
	cr_assert_eq(h->send(c, c->conn, NULL, 0), DTLSD_OK);
	cr_assert_eq(h->send(c, c->conn + 1, "x", 1), DTLSD_GONE);
	cr_assert_eq(h->send(c, 0, "x", 1), DTLSD_GONE);
	cr_assert_eq(h->send(c, UINT64_MAX, "x", 1), DTLSD_GONE);
	cr_assert_eq(
	    h->send(c, UINT64_C(1) << 56 | 7, "x", 1), DTLSD_QUEUED, "another worker finds out");
	cr_assert_eq(h->send(c, UINT64_C(1) << 56 | 7, big, 16385), DTLSD_TOO_LONG);
	cr_assert_eq(h->disconnect(c, c->conn + 1), DTLSD_GONE);
	cr_assert_eq(h->disconnect(c, 0), DTLSD_GONE);
	cr_assert_eq(h->disconnect(c, c->conn), DTLSD_OK);
}

Test(host, send_and_disconnect_tell_at_once_what_can_be_told)
{
	struct dt_conn *conn = inside(try_send);
	cr_assert_eq(conn->sent_count, 2);
	cr_assert_eq(conn->state, DT_CONN_CLOSED);
	world_drain(&w);
	world_close(&w);
}

static void
send_across(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	char text[] = "across";
	cr_assert_eq(h->send(c, second->id, text, 6), DTLSD_QUEUED);
	memset(text, 'x', sizeof(text));
	cr_assert_eq(h->disconnect(c, second->id), DTLSD_QUEUED);
}

Test(host, a_connection_of_another_worker_is_reached_through_the_mailbox)
{
	in_hook = send_across;
	world_open(&w, two, 2);
	second = world_established(&w, 1);
	struct dt_conn *conn = world_established(&w, 0);
	world_data(&w, conn, "x");
	cr_assert_eq(second->sent_count, 0);
	world_drain(&w);
	cr_assert_str_eq(second->sent, "across\n");
	cr_assert_eq(second->state, DT_CONN_CLOSED);
	world_close(&w);
}

static void
try_info(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	struct dtlsd_conn_info info = {.size = sizeof(info)};
	cr_assert_eq(h->conn_info(c, c->conn, &info), DTLSD_OK);
	cr_assert_eq(info.established, 1);
	cr_assert_eq(info.peer.ip[0], 192);
	cr_assert_str_eq(info.server_name, "example.org");
	cr_assert_eq(info.age_ns, 1000000000);
	cr_assert_eq(info.idle_ns, 999999500);
	cr_assert_eq(info.max_datagram, 1000);
	cr_assert_eq(info.size, sizeof(info));

	struct dtlsd_conn_info part = {
	    .size = offsetof(struct dtlsd_conn_info, suite), .age_ns = 7};
	cr_assert_eq(h->conn_info(c, c->conn, &part), DTLSD_OK);
	cr_assert_eq(part.peer.ip[0], 192);
	cr_assert_eq(part.age_ns, 7, "behind its size nothing is written");
	cr_assert_eq(h->conn_info(c, c->conn + 1, &info), DTLSD_GONE);
	cr_assert_eq(h->conn_info(c, c->conn, NULL), DTLSD_INVALID);
	info.size = 0;
	cr_assert_eq(h->conn_info(c, c->conn, &info), DTLSD_INVALID);
}

Test(host, conn_info_fills_as_much_as_the_module_knows)
{
	inside(try_info);
	world_close(&w);
}

/* ---- who may call --------------------------------------------------------------------------- */

static const struct dtlsd_ctx *wrong_ctx;

static void
try_worker_functions(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	const struct dtlsd_ctx *x = wrong_ctx;
	const struct dtlsd_certificate *cert;
	struct dtlsd_conn_info info = {.size = sizeof(info)};
	(void)c;
	cr_assert_eq(h->defer(x), 0);
	cr_assert_eq(h->conn_info(x, 1, &info), DTLSD_INVALID);
	cr_assert_eq(h->peer_certificate(x, 1, &cert), DTLSD_INVALID);
	cr_assert_eq(h->set_conn_data(x, 1, NULL, NULL), DTLSD_INVALID);
	cr_assert_null(h->conn_data(x, 1));
	h->for_each_conn(x, NULL, NULL);
	cr_assert_eq(h->timer_start(x, 1, NULL, NULL), 0);
	cr_assert_eq(h->timer_stop(x, 1), DTLSD_INVALID);
	cr_assert_eq(h->watch(x, 0, NULL, NULL), DTLSD_INVALID);
	cr_assert_eq(h->unwatch(x, 0), DTLSD_INVALID);
	h->count(x, 0, 1);
}

static void
with_ctx_of_open(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	wrong_ctx = a.open_ctx;
	try_worker_functions(c, h);
}

static const struct dtlsd_ctx *ctx_of_b;

static void
remember_ctx(const struct dtlsd_ctx *c, const char *hook)
{
	if (strcmp(hook, "connected") == 0)
		ctx_of_b = c;
}

static void
with_ctx_of_another_instance(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	wrong_ctx = ctx_of_b;
	try_worker_functions(c, h);
}

Test(host, worker_functions_answer_to_the_ctx_of_the_running_hook_only)
{
	inside(with_ctx_of_open);
	LOGGED("the module called defer() outside of a hook");
	cr_assert_eq(world_counter(&w, "a.first"), 0);
	world_close(&w);
	b.each = remember_ctx;
	inside(with_ctx_of_another_instance);
	LOGGED("error b: the module called defer()");
	world_close(&w);
}

Test(host, worker_functions_are_refused_when_no_hook_runs)
{
	b.each = remember_ctx;
	world_open(&w, two, 2);
	world_established(&w, 0);
	wrong_ctx = ctx_of_b;
	try_worker_functions(ctx_of_b, ctx_of_b->host);
	world_close(&w);
}

static void
defer_in_data_in(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	cr_assert_eq(h->defer(c), 0);
	cr_assert_eq(h->set_conn_data(c, c->conn + 1, NULL, NULL), DTLSD_GONE);
	cr_assert_null(h->conn_data(c, c->conn));
}

Test(host, defer_is_for_gates_only)
{
	inside(defer_in_data_in);
	world_close(&w);
}

/* ---- for_each_conn -------------------------------------------------------------------------- */

static void
visit(const struct dtlsd_ctx *c, uint64_t conn, void *arg)
{
	struct dtlsd_conn_info info = {.size = sizeof(info)};
	cr_assert_eq(c->conn, conn);
	cr_assert_eq(c->host->conn_info(c, conn, &info), DTLSD_OK);
	cr_assert_eq(c->host->send(c, conn, "all", 3), DTLSD_OK);
	++*(int *)arg;
}

static void
visit_all(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	int n = 0;
	uint64_t before = c->conn;
	h->for_each_conn(c, visit, &n);
	cr_assert_eq(n, 2, "%d", n);
	cr_assert_eq(c->conn, before);
}

Test(host, for_each_conn_visits_the_established_ones_of_this_server_on_this_worker)
{
	in_hook = visit_all;
	world_open(&w, two, 2);
	struct dt_service stranger = w.service[1];
	struct dt_conn *first = world_established(&w, 0);
	struct dt_conn *mate = world_established(&w, 0);
	struct dt_conn *far = world_established(&w, 1);
	world_conn(&w, 0); /* not established */
	struct dt_conn *foreign = fake_conn_new(w.conns[0], &stranger);
	foreign->state = DT_CONN_ESTABLISHED;
	world_data(&w, first, "x");
	cr_assert_eq(first->sent_count + mate->sent_count, 2);
	cr_assert_eq(far->sent_count + foreign->sent_count, 0);
	foreign->state = DT_CONN_CLOSED;
	world_close(&w);
}

/* ---- the small ones ------------------------------------------------------------------------- */

static void
try_counters(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	h->count(c, 0, 2);
	h->count(c, 1, 40);
	h->count(c, 1, 2);
	h->count(c, 2, 1); /* there is none: not one of ours either */
	h->count(c, UINT32_MAX, 1);
}

Test(host, counters_add_up_and_know_their_bounds)
{
	inside(try_counters);
	cr_assert_eq(world_counter(&w, "a.first"), 2);
	cr_assert_eq(world_counter(&w, "a.second"), 42);
	cr_assert_eq(world_counter(&w, "a.bad_verdicts"), 0);
	cr_assert_eq(world_counter(&w, "b.first"), 0);
	world_close(&w);
}

static void
try_log(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	static char longer[3000];
	memset(longer, 'y', sizeof(longer) - 1);
	h->log(c, DTLSD_LOG_INFO, "one\nline\x7f");
	h->log(c, 99, "no such level");
	h->log(c, DTLSD_LOG_INFO, NULL);
	h->log(c, DTLSD_LOG_DEBUG, longer);
}

Test(host, log_is_one_line_under_the_name_of_the_instance)
{
	inside(try_log);
	LOGGED("info a: one line \n");
	LOGGED("warning a: no such level\n");
	cr_assert(strstr(world_log, "debug a: yyyy"));
	cr_assert_lt(strlen(world_log), 1200);
	world_close(&w);
}

static void
try_now(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	uint8_t bytes[32] = {0}, zero[32] = {0};
	world_clock.mono.ns = 5000000000;
	cr_assert_eq(h->now(c), 1000000000, "of this turn");
	h->random(c, bytes, sizeof(bytes));
	cr_assert_arr_neq(bytes, zero, sizeof(bytes));
	h->random(c, NULL, 0);
}

Test(host, now_is_that_of_the_turn)
{
	inside(try_now);
	world_close(&w);
}

/* ---- post ----------------------------------------------------------------------------------- */

static void
never(const struct dtlsd_ctx *c, void *arg)
{
	(void)c;
	(void)arg;
	cr_assert_fail();
}

static void
posted(const struct dtlsd_ctx *c, void *data, size_t len)
{
	cr_assert_eq(c->conn, 0);
	world_note("%u:%.*s ", c->worker, (int)len, (const char *)data);
	cr_assert_neq(c->host->timer_start(c, 1000000000000, never, NULL), 0,
	    "it is a callback like any other");
}

static void
try_post(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	static const char big[70000];
	cr_assert_eq(h->post(c, 0, posted, "own", 3), DTLSD_QUEUED);
	cr_assert_eq(h->post(c, 1, posted, "far", 3), DTLSD_QUEUED);
	cr_assert_eq(h->post(c, UINT32_MAX, posted, "all", 3), DTLSD_QUEUED);
	cr_assert_eq(h->post(c, 0, posted, NULL, 0), DTLSD_QUEUED);
	cr_assert_eq(h->post(c, WORLD_WORKERS, posted, "x", 1), DTLSD_INVALID);
	cr_assert_eq(h->post(c, 0, NULL, "x", 1), DTLSD_INVALID);
	cr_assert_eq(h->post(c, 0, posted, NULL, 1), DTLSD_INVALID);
	cr_assert_eq(h->post(c, 0, posted, big, 65537), DTLSD_TOO_LONG);
	world_forget_trace();
}

Test(host, post_runs_once_on_the_worker_that_was_named)
{
	inside(try_post);
	TRACE_IS("");
	world_drain(&w);
	TRACE_IS("0:own 0:all 0: 1:far 1:all ");
	world_close(&w);
}

static void
fill_mailbox(const struct dtlsd_ctx *c, const struct dtlsd_host *h)
{
	for (int i = 0; i < 8; i++)
		cr_assert_eq(h->post(c, 1, posted, "x", 1), DTLSD_QUEUED);
	cr_assert_eq(h->post(c, 1, posted, "x", 1), DTLSD_AGAIN);
	cr_assert_eq(h->send(c, UINT64_C(1) << 56 | 7, "x", 1), DTLSD_AGAIN);
	cr_assert_eq(h->post(c, UINT32_MAX, posted, "all", 3), DTLSD_AGAIN);
	world_forget_trace();
}

Test(host, a_full_mailbox_says_again)
{
	inside(fill_mailbox);
	world_drain(&w);
	TRACE_IS("1:x 1:x 1:x 1:x 1:x 1:x 1:x 1:x ");
	world_close(&w);
}

static void
post_from_open(const struct dtlsd_ctx *c, const char *hook)
{
	if (strcmp(hook, "open") == 0)
		cr_assert_eq(c->host->post(c, UINT32_MAX, posted, "early", 5), DTLSD_QUEUED);
}

Test(host, what_is_posted_before_worker_start_runs_after_it)
{
	a.each = post_from_open;
	struct dt_chain_entry entry = world_entry(&a);
	struct dt_chain_failure failure;
	world_begin(&w);
	cr_assert_eq(dt_chain_new(w.plugin, "srv", &entry, 1, &w.chain, &failure), DT_OK);
	world_drain(&w);
	TRACE_IS("a.open ");
	world_start_chain(&w);
	TRACE_IS("a.open a.start 0:early a.start 1:early ");
	world_close(&w);
}

Test(host, what_is_posted_to_a_chain_that_never_starts_is_dropped)
{
	a.each = post_from_open;
	struct dt_chain_entry entry = world_entry(&a);
	struct dt_chain_failure failure;
	world_begin(&w);
	cr_assert_eq(dt_chain_new(w.plugin, "srv", &entry, 1, &w.chain, &failure), DT_OK);
	world_drain(&w);
	world_close(&w); /* a leak would show under ASan */
	TRACE_IS("a.open a.close ");
}

static void
post_at_stop(const struct dtlsd_ctx *c, const char *hook)
{
	if (strcmp(hook, "stop") == 0)
		cr_assert_eq(c->host->post(c, c->worker, posted, "late", 4), DTLSD_QUEUED);
}

Test(host, what_is_posted_after_worker_stop_is_dropped)
{
	a.each = post_at_stop;
	world_open(&w, two, 1);
	for (uint32_t i = 0; i < WORLD_WORKERS; i++) {
		dt_plugin_worker_turn(w.pw[i], w.now);
		dt_chain_worker_stop(w.chain, w.pw[i]);
	}
	world_drain(&w);
	TRACE_IS("a.stop a.stop ");
	world_close(&w);
}
