/* What happens to a connection, and in which order the chain hears of it. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "world.h"

static struct script a, b, c;
static struct script *const three[] = {&a, &b, &c};
static struct world w;

static void
reset_scripts(void)
{
	a = (struct script){.name = "a"};
	b = (struct script){.name = "b"};
	c = (struct script){.name = "c"};
}

TestSuite(events, .init = reset_scripts);

/* ---- order ---------------------------------------------------------------------------------- */

Test(events, a_life_runs_down_the_chain_and_ends_up_the_chain)
{
	world_open(&w, three, 3);
	struct dt_conn *conn = world_conn(&w, 0);
	struct dtlsd_request request = {0};
	fake_ask_request(conn, &request);
	fake_establish(conn);
	world_data(&w, conn, "hi");
	dt_conn_close(conn, DT_CLOSE_PEER, w.now);
	TRACE_IS("a.request b.request c.request a.connected b.connected c.connected "
		 "a.data b.data c.data c.disconnected b.disconnected a.disconnected ");
	world_close(&w);
}

Test(events, a_failed_handshake_is_told_once_and_not_as_a_disconnect)
{
	world_open(&w, three, 2);
	struct dt_conn *conn = world_conn(&w, 0);
	struct dtlsd_auth auth = {.recommended = DTLSD_REJECT};
	fake_ask_auth(conn, &auth);
	world_forget_trace();
	dt_conn_close(conn, DT_CLOSE_CERTIFICATE, w.now);
	TRACE_IS("a.failed b.failed ");
	world_close(&w);
}

/* ---- data_in -------------------------------------------------------------------------------- */

Test(events, a_datagram_goes_as_far_as_somebody_takes_it)
{
	static const struct {
		uint32_t a, b;
		const char *trace;
		uint64_t unhandled, bad;
		bool closed;
	} rows[] = {
	    {DTLSD_NEXT, DTLSD_NEXT, "a.data b.data c.data ", 1, 0, false},
	    {DTLSD_DONE, DTLSD_NEXT, "a.data ", 0, 0, false},
	    {DTLSD_NEXT, DTLSD_DONE, "a.data b.data ", 0, 0, false},
	    {DTLSD_CLOSE, DTLSD_NEXT, "a.data c.disconnected b.disconnected a.disconnected ", 0, 0,
		true},
	    {DTLSD_REJECT, DTLSD_NEXT, "a.data b.data c.data ", 1, 1,
		false}, /* contained as NEXT */
	    {77, DTLSD_DONE, "a.data b.data ", 0, 1, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		a.data = rows[i].a;
		b.data = rows[i].b;
		world_open(&w, three, 3);
		struct dt_conn *conn = world_established(&w, 0);
		world_data(&w, conn, "hi");
		TRACE_IS(rows[i].trace);
		cr_assert_eq(
		    w.counters[0].count[DT_COUNT_DATA_UNHANDLED], rows[i].unhandled, "row %zu", i);
		cr_assert_eq(world_counter(&w, "a.bad_verdicts"), rows[i].bad, "row %zu", i);
		cr_assert_eq(conn->state == DT_CONN_CLOSED, rows[i].closed);
		world_close(&w);
	}
}

static void
rewrite(const struct dtlsd_ctx *ctx, struct dtlsd_datagram *d)
{
	(void)ctx;
	cr_assert_eq(d->capacity, ROOM);
	memcpy(d->data, "longer than it was", 18);
	d->len = 18;
	d->data = NULL; /* of its own copy of the event only */
	d->capacity = 1;
}

static void
send_back(const struct dtlsd_ctx *ctx, struct dtlsd_datagram *d)
{
	cr_assert_eq(ctx->host->send(ctx, ctx->conn, d->data, d->len), DTLSD_OK);
}

Test(events, the_next_module_sees_what_the_one_before_has_written)
{
	a.on_data = rewrite;
	b.on_data = send_back;
	b.data = DTLSD_DONE;
	world_open(&w, three, 2);
	struct dt_conn *conn = world_established(&w, 0);
	world_data(&w, conn, "short");
	cr_assert_str_eq(conn->sent, "longer than it was\n");
	world_close(&w);
}

static void
overgrow(const struct dtlsd_ctx *ctx, struct dtlsd_datagram *d)
{
	(void)ctx;
	d->len = d->capacity + 1;
}

Test(events, a_length_beyond_the_capacity_is_contained)
{
	a.on_data = overgrow;
	b.on_data = send_back;
	world_open(&w, three, 2);
	struct dt_conn *conn = world_established(&w, 0);
	world_data(&w, conn, "short");
	cr_assert_str_eq(conn->sent, "short\n");
	LOGGED("data_in left 65 bytes where 64 have room: taken as NEXT");
	world_close(&w);
}

/* ---- peer_moved ----------------------------------------------------------------------------- */

static const struct dt_path elsewhere = {
    .peer = {.family = DTLSD_IPV4, .port = 7, .ip = {192, 0, 2, 77}}, .local = {.port = 8}};

Test(events, a_client_moves_when_no_module_objects)
{
	static const struct {
		uint32_t a, b;
		const char *trace;
		bool moves;
		uint64_t bad;
	} rows[] = {
	    {DTLSD_NEXT, DTLSD_NEXT, "a.moved b.moved c.moved ", true, 0},
	    {DTLSD_REJECT, DTLSD_NEXT, "a.moved ", false, 0},
	    {DTLSD_NEXT, DTLSD_REJECT, "a.moved b.moved ", false, 0},
	    {DTLSD_ACCEPT, DTLSD_NEXT, "a.moved ", false, 1}, /* contained as REJECT */
	    {DTLSD_DEFER, DTLSD_NEXT, "a.moved ", false, 1},
	    {UINT32_MAX, DTLSD_NEXT, "a.moved ", false, 1},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		reset_scripts();
		a.moved = rows[i].a;
		b.moved = rows[i].b;
		a.defers = true; /* there is no waiting here */
		world_open(&w, three, 3);
		struct dt_conn *conn = world_established(&w, 0);
		world_forget_trace();
		cr_assert_eq(fake_ask_moved(conn, &elsewhere), rows[i].moves, "row %zu", i);
		TRACE_IS(rows[i].trace);
		cr_assert_eq(a.token, 0);
		cr_assert_eq(world_counter(&w, "a.bad_verdicts"), rows[i].bad, "row %zu", i);
		if (rows[i].bad)
			LOGGED("peer_moved returned verdict ");
		world_close(&w);
	}
}

static void
see_move(const struct dtlsd_ctx *ctx, const struct dtlsd_peer_moved *event)
{
	const struct dtlsd_address home = {.family = DTLSD_IPV4, .port = 1};
	cr_assert_eq(event->size, sizeof(*event));
	cr_assert_eq(memcmp(&event->from, &home, sizeof(home)), 0);
	cr_assert_eq(memcmp(&event->to, &elsewhere.peer, sizeof(event->to)), 0);
	cr_assert_eq(ctx->host->send(ctx, ctx->conn, "moved", 5), DTLSD_OK);
	memset((struct dtlsd_peer_moved *)(uintptr_t)event, 0, sizeof(*event)); /* its own copy */
}

Test(events, each_module_sees_where_the_client_was_and_where_it_comes_from)
{
	a.on_moved = b.on_moved = see_move;
	world_open(&w, three, 2);
	struct dt_conn *conn = world_established(&w, 0);
	conn->path.peer = (struct dtlsd_address){.family = DTLSD_IPV4, .port = 1};
	cr_assert(fake_ask_moved(conn, &elsewhere));
	cr_assert_eq(conn->sent_count, 0);
	dt_plugin_worker_flush(w.pw[0]);
	cr_assert_str_eq(conn->sent, "moved\nmoved\n");
	world_close(&w);
}

/* ---- actions -------------------------------------------------------------------------------- */

static const void *data_at;

static void
send_and_remember(const struct dtlsd_ctx *ctx, struct dtlsd_datagram *d)
{
	data_at = d->data;
	send_back(ctx, d);
}

Test(events, a_datagram_sent_back_is_not_copied)
{
	a.on_data = send_and_remember;
	a.data = DTLSD_DONE;
	world_open(&w, three, 2);
	struct dt_conn *conn = world_established(&w, 0);
	world_data(&w, conn, "hi");
	cr_assert_eq(conn->sent_from, data_at);
	cr_assert_str_eq(conn->sent, "hi\n");
	world_close(&w);
}

Test(events, what_one_module_sent_is_safe_from_the_next_one)
{
	a.on_data = send_and_remember;
	b.on_data = rewrite;
	c.on_data = send_back;
	world_open(&w, three, 3);
	struct dt_conn *conn = world_established(&w, 0);
	world_data(&w, conn, "hi");
	cr_assert_str_eq(conn->sent, "hi\nlonger than it was\n");
	world_close(&w);
}

Test(events, a_buffer_of_which_nobody_said_that_it_stays_is_copied)
{
	a.on_data = send_and_remember;
	world_open(&w, three, 1);
	struct dt_conn *conn = world_established(&w, 0);
	uint8_t held[] = "held";
	conn->service->events->data_in(conn->service->events->arg, conn, held, 4, 4);
	memset(held, 'x', 4);
	dt_plugin_worker_flush(w.pw[0]);
	cr_assert_str_eq(conn->sent, "held\n");
	cr_assert_neq(conn->sent_from, (const void *)held);
	world_close(&w);
}

static void
send_scratch(const struct dtlsd_ctx *ctx, struct dtlsd_datagram *d)
{
	char text[16];
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "%d", i);
		cr_assert_eq(ctx->host->send(ctx, ctx->conn, text, 1), DTLSD_OK);
	}
	memset(text, 'x', sizeof(text));
	cr_assert_eq(ctx->host->disconnect(ctx, ctx->conn), DTLSD_OK);
	cr_assert_eq(ctx->host->send(ctx, ctx->conn, d->data, d->len), DTLSD_OK);
}

Test(events, actions_run_after_the_hook_in_the_order_of_the_calls)
{
	a.on_data = send_scratch;
	world_open(&w, three, 1);
	struct dt_conn *conn = world_established(&w, 0);
	uint8_t data[4] = "hi";
	conn->service->events->data_in(conn->service->events->arg, conn, data, 2, 4);
	cr_assert_eq(conn->sent_count, 0);
	cr_assert_eq(conn->state, DT_CONN_ESTABLISHED);
	dt_plugin_worker_flush(w.pw[0]);
	cr_assert_str_eq(conn->sent, "0\n1\n2\n", "and nothing after the disconnect");
	cr_assert_eq(conn->closed_why, DT_CLOSE_MODULE);
	world_close(&w);
}

static struct dt_conn *other;

static void
tell_the_other(const struct dtlsd_ctx *ctx, const char *hook)
{
	if (strcmp(hook, "disconnected") != 0 || ctx->conn == other->id)
		return;
	ctx->host->send(ctx, other->id, "bye", 3);
	ctx->host->disconnect(ctx, other->id);
}

Test(events, what_an_action_causes_is_done_in_the_same_flush)
{
	a.each = tell_the_other;
	a.data = DTLSD_CLOSE;
	world_open(&w, three, 1);
	struct dt_conn *conn = world_established(&w, 0);
	other = world_established(&w, 0);
	world_data(&w, conn, "hi");
	TRACE_IS("a.data a.disconnected a.disconnected ");
	cr_assert_str_eq(other->sent, "bye\n");
	world_close(&w);
}

/* ---- data of a module ----------------------------------------------------------------------- */

static void
destroy(void *data)
{
	world_note("-%s ", (const char *)data);
}

static void
keep_name(const struct dtlsd_ctx *ctx, const char *hook)
{
	struct script *s = (struct script *)(uintptr_t)ctx->config;
	if (strcmp(hook, "request") == 0 || strcmp(hook, "connected") == 0) {
		char *text = s == &a ? "A" : "C";
		cr_assert_eq(ctx->host->set_conn_data(ctx, ctx->conn, text, destroy), DTLSD_OK);
	} else if (strcmp(hook, "disconnected") == 0) {
		world_note("%s ", (const char *)ctx->host->conn_data(ctx, ctx->conn));
	}
}

Test(events, module_data_dies_when_replaced_and_after_the_last_hook)
{
	a.each = c.each = keep_name;
	world_open(&w, three, 3);
	struct dt_conn *conn = world_conn(&w, 0);
	struct dtlsd_request request = {0};
	fake_ask_request(conn, &request);
	world_forget_trace();
	fake_establish(conn);
	dt_conn_close(conn, DT_CLOSE_PEER, w.now);
	TRACE_IS("a.connected -A b.connected c.connected -C "
		 "c.disconnected C b.disconnected a.disconnected A -C -A ");
	world_close(&w);
}

Test(events, module_data_of_a_refused_request_dies_as_well)
{
	a.each = keep_name;
	b.request = DTLSD_REJECT;
	world_open(&w, three, 3);
	struct dt_conn *conn = world_conn(&w, 0);
	struct dtlsd_request request = {0};
	cr_assert_eq(fake_ask_request(conn, &request), DT_GATE_REJECT);
	dt_conn_close(conn, DT_CLOSE_REFUSED, w.now);
	TRACE_IS("a.request b.request -A ");
	world_close(&w);
}

static void
unwatch_in_destructor(void *data)
{
	const struct dtlsd_ctx *ctx = data;
	cr_assert_eq(ctx->host->unwatch(ctx, 12345), DTLSD_GONE);
	cr_assert_eq(ctx->host->set_conn_data(ctx, other->id, NULL, NULL), DTLSD_INVALID);
	cr_assert_null(ctx->host->conn_data(ctx, other->id));
}

static void
keep_ctx(const struct dtlsd_ctx *ctx, const char *hook)
{
	if (strcmp(hook, "connected") == 0)
		ctx->host->set_conn_data(
		    ctx, ctx->conn, (void *)(uintptr_t)ctx, unwatch_in_destructor);
}

Test(events, a_destructor_may_clean_up_but_not_begin_anew)
{
	a.each = keep_ctx;
	world_open(&w, three, 1);
	other = world_established(&w, 0);
	dt_conn_close(other, DT_CLOSE_PEER, w.now);
	world_close(&w);
}
