/* Verdicts that come later. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "plugin/event_copy.h"
#include "world.h"

static struct script a, b, c;
static struct script *const three[] = {&a, &b, &c};
static struct world w;

static void
defer_in_b(void)
{
	a = (struct script){.name = "a"};
	b = (struct script){.name = "b",
	    .defers = true,
	    .request = DTLSD_DEFER,
	    .psk = DTLSD_DEFER,
	    .auth = DTLSD_DEFER};
	c = (struct script){.name = "c"};
}

TestSuite(defer, .init = defer_in_b);

static int32_t
resolve(uint32_t verdict, const char *key)
{
	return b.open_ctx->host->resolve(b.open_ctx, b.token, verdict, key, key ? strlen(key) : 0);
}

static struct dt_conn *
wait_for(enum dt_gate_kind kind, bool recommended)
{
	struct dt_conn *conn = world_conn(&w, 0);
	struct dtlsd_request request = {.server_name = "a.example"};
	struct dtlsd_psk psk = {.identity = (const uint8_t *)"me", .identity_len = 2};
	struct dtlsd_auth auth = {
	    .recommended = recommended ? DTLSD_ACCEPT : DTLSD_REJECT, .status = "why"};
	enum dt_gate gate = kind == DT_GATE_REQUEST ? fake_ask_request(conn, &request)
			    : kind == DT_GATE_PSK   ? fake_ask_psk(conn, &psk)
						    : fake_ask_auth(conn, &auth);
	cr_assert_eq(gate, DT_GATE_WAIT);
	return conn;
}

/* ---- what a verdict does -------------------------------------------------------------------- */

Test(defer, the_run_goes_on_behind_the_deferrer_with_its_verdict)
{
	static const struct {
		enum dt_gate_kind kind;
		bool recommended;
		uint32_t verdict, later; /* of b, then of c */
		bool wanted;
		const char *asked;
	} rows[] = {
	    {DT_GATE_REQUEST, true, DTLSD_NEXT, DTLSD_NEXT, true, "c.request "},
	    {DT_GATE_REQUEST, true, DTLSD_ACCEPT, DTLSD_NEXT, true, "c.request "},
	    {DT_GATE_REQUEST, true, DTLSD_ACCEPT, DTLSD_REJECT, false, "c.request "},
	    {DT_GATE_REQUEST, true, DTLSD_REJECT, DTLSD_ACCEPT, false, ""},
	    {DT_GATE_AUTH, true, DTLSD_NEXT, DTLSD_NEXT, true, "c.auth "},
	    {DT_GATE_AUTH, false, DTLSD_NEXT, DTLSD_NEXT, false, "c.auth "},
	    {DT_GATE_AUTH, false, DTLSD_ACCEPT, DTLSD_NEXT, true, "c.auth "},
	    {DT_GATE_AUTH, false, DTLSD_NEXT, DTLSD_ACCEPT, true, "c.auth "},
	    {DT_GATE_AUTH, true, DTLSD_ACCEPT, DTLSD_REJECT, false, "c.auth "},
	    {DT_GATE_AUTH, true, DTLSD_REJECT, DTLSD_ACCEPT, false, ""},
	    {DT_GATE_PSK, true, DTLSD_NEXT, DTLSD_NEXT, true,
		"c.psk "}, /* and no key: nobody knew it */
	    {DT_GATE_PSK, true, DTLSD_NEXT, DTLSD_REJECT, false, "c.psk "},
	    {DT_GATE_PSK, true, DTLSD_NEXT, DTLSD_FOUND, true, "c.psk "},
	    {DT_GATE_PSK, true, DTLSD_FOUND, DTLSD_REJECT, true, ""},
	    {DT_GATE_PSK, true, DTLSD_REJECT, DTLSD_FOUND, false, ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world_open(&w, three, 3);
		struct dt_conn *conn = wait_for(rows[i].kind, rows[i].recommended);
		c.request = c.auth = c.psk = rows[i].later;
		c.key = "ckey";
		world_forget_trace();
		cr_assert_eq(
		    resolve(rows[i].verdict, rows[i].verdict == DTLSD_FOUND ? "bkey" : NULL),
		    DTLSD_OK);
		cr_assert(!conn->verdict.given, "only when the hook or callback is over");
		dt_plugin_worker_flush(w.pw[0]);
		cr_assert(conn->verdict.given && conn->verdict.kind == rows[i].kind, "row %zu", i);
		cr_assert_eq(conn->verdict.accept, rows[i].wanted, "row %zu", i);
		cr_assert_str_eq(conn->verdict.key, rows[i].verdict == DTLSD_FOUND ? "bkey"
						    : rows[i].later == DTLSD_FOUND && rows[i].wanted
							? "ckey"
							: "");
		TRACE_IS(rows[i].asked);
		world_close(&w);
	}
}

static uint32_t verdict_inside;

static void
resolve_inside(const struct dtlsd_ctx *ctx, struct dtlsd_request *request)
{
	(void)request;
	cr_assert_eq(ctx->host->defer(ctx), b.token, "asked twice, the same token");
	cr_assert_eq(ctx->host->resolve(ctx, b.token, verdict_inside, NULL, 0), DTLSD_OK);
	cr_assert_eq(ctx->host->resolve(ctx, b.token, verdict_inside, NULL, 0), DTLSD_GONE);
}

Test(defer, a_verdict_given_before_the_hook_returned_decides_at_once)
{
	static const struct {
		uint32_t verdict;
		enum dt_gate wanted;
	} rows[] = {{DTLSD_NEXT, DT_GATE_ACCEPT}, {DTLSD_ACCEPT, DT_GATE_ACCEPT},
	    {DTLSD_REJECT, DT_GATE_REJECT}};
	for (size_t i = 0; i < 3; i++) {
		verdict_inside = rows[i].verdict;
		b.on_request = resolve_inside;
		world_open(&w, three, 3);
		struct dtlsd_request request = {0};
		struct dt_conn *conn = world_conn(&w, 0);
		cr_assert_eq(fake_ask_request(conn, &request), rows[i].wanted);
		dt_plugin_worker_flush(w.pw[0]);
		cr_assert(!conn->verdict.given);
		cr_assert_eq(dt_plugin_deferred(w.plugin), 0);
		cr_assert_eq(resolve(DTLSD_ACCEPT, NULL), DTLSD_GONE);
		world_close(&w);
	}
}

Test(defer, a_verdict_from_another_worker_comes_through_the_mailbox)
{
	world_open(&w, three, 3);
	struct dt_conn *conn = wait_for(DT_GATE_PSK, true);
	dt_plugin_worker_turn(w.pw[1], w.now);
	cr_assert_eq(resolve(DTLSD_FOUND, "far"), DTLSD_QUEUED);
	cr_assert_eq(resolve(DTLSD_FOUND, "far"), DTLSD_GONE, "a second one is told so at once");
	cr_assert(!conn->verdict.given);
	world_drain(&w);
	cr_assert(conn->verdict.given && conn->verdict.accept);
	cr_assert_str_eq(conn->verdict.key, "far");
	world_close(&w);
}

Test(defer, the_module_behind_may_defer_as_well)
{
	c = (struct script){.name = "c", .defers = true, .request = DTLSD_DEFER};
	world_open(&w, three, 3);
	struct dt_conn *conn = wait_for(DT_GATE_REQUEST, true);
	cr_assert_eq(resolve(DTLSD_NEXT, NULL), DTLSD_OK);
	dt_plugin_worker_flush(w.pw[0]);
	cr_assert(!conn->verdict.given);
	cr_assert_eq(dt_plugin_deferred(w.plugin), 1);
	cr_assert_neq(b.token, c.token);
	cr_assert_eq(
	    c.open_ctx->host->resolve(c.open_ctx, c.token, DTLSD_REJECT, NULL, 0), DTLSD_OK);
	dt_plugin_worker_flush(w.pw[0]);
	cr_assert(conn->verdict.given && !conn->verdict.accept);
	world_close(&w);
}

Test(defer, the_alert_that_stood_in_the_event_goes_with_a_late_reject)
{
	b.alert = 49;
	world_open(&w, three, 3);
	struct dt_conn *conn = wait_for(DT_GATE_AUTH, true);
	resolve(DTLSD_REJECT, NULL);
	dt_plugin_worker_flush(w.pw[0]);
	cr_assert_eq(conn->verdict.alert, 49);
	world_close(&w);
}

/* ---- what is no verdict --------------------------------------------------------------------- */

Test(defer, a_verdict_that_the_gate_does_not_know_is_invalid_and_leaves_the_token_alone)
{
	static const struct {
		enum dt_gate_kind kind;
		uint32_t verdict;
		size_t key_len;
		int32_t wanted;
	} rows[] = {
	    {DT_GATE_REQUEST, DTLSD_DEFER, 0, DTLSD_INVALID},
	    {DT_GATE_REQUEST, DTLSD_FOUND, 3, DTLSD_INVALID},
	    {DT_GATE_REQUEST, DTLSD_DONE, 0, DTLSD_INVALID},
	    {DT_GATE_REQUEST, 77, 0, DTLSD_INVALID},
	    {DT_GATE_AUTH, DTLSD_FOUND, 3, DTLSD_INVALID},
	    {DT_GATE_PSK, DTLSD_ACCEPT, 0, DTLSD_INVALID},
	    {DT_GATE_PSK, DTLSD_FOUND, 0, DTLSD_INVALID},
	    {DT_GATE_PSK, DTLSD_FOUND, 257, DTLSD_INVALID},
	    {DT_GATE_PSK, DTLSD_FOUND, 256, DTLSD_OK},
	};
	static const uint8_t key[257];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world_open(&w, three, 3);
		wait_for(rows[i].kind, true);
		int32_t code = b.open_ctx->host->resolve(
		    b.open_ctx, b.token, rows[i].verdict, key, rows[i].key_len);
		cr_assert_eq(code, rows[i].wanted, "row %zu: %d", i, code);
		if (code == DTLSD_INVALID)
			cr_assert_eq(resolve(DTLSD_REJECT, NULL), DTLSD_OK, "row %zu", i);
		world_close(&w);
	}
}

Test(defer, tokens_that_never_were_are_gone)
{
	world_open(&w, three, 3);
	wait_for(DT_GATE_REQUEST, true);
	uint64_t real = b.token;
	uint64_t wrong[] = {0, real + 1, real ^ UINT64_C(1) << 32, real ^ UINT64_C(1) << 55,
	    real ^ UINT64_C(1) << 56, UINT64_MAX};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		b.token = wrong[i];
		cr_assert_eq(resolve(DTLSD_ACCEPT, NULL), DTLSD_GONE, "row %zu", i);
	}
	b.token = real;
	cr_assert_eq(resolve(DTLSD_ACCEPT, NULL), DTLSD_OK);
	world_close(&w);
}

/* ---- time ----------------------------------------------------------------------------------- */

Test(defer, a_verdict_that_never_comes_is_decided_as_configured)
{
	static const struct {
		enum dt_gate_kind kind;
		bool accept; /* defer_default */
		bool wanted;
	} rows[] = {
	    {DT_GATE_REQUEST, false, false}, {DT_GATE_REQUEST, true, true},
	    {DT_GATE_AUTH, false, false}, {DT_GATE_AUTH, true, true}, {DT_GATE_PSK, false, false},
	    {DT_GATE_PSK, true, true}, /* nobody objects: the file of identities decides */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_chain_entry entries[] = {
		    world_entry(&a), world_entry(&b), world_entry(&c)};
		entries[1].defer_accept = rows[i].accept;
		world_open_entries(&w, entries, 3);
		struct dt_conn *conn = wait_for(rows[i].kind, true);
		world_advance(&w, 999);
		cr_assert(!conn->verdict.given);
		world_advance(&w, 2);
		cr_assert(
		    conn->verdict.given && conn->verdict.accept == rows[i].wanted, "row %zu", i);
		cr_assert_str_empty(conn->verdict.key, "no key is made up");
		LOGGED("within 1000 ms: defer_default decides");
		cr_assert_eq(world_counter(&w, "b.defer_defaults"), 1);
		cr_assert_eq(resolve(DTLSD_ACCEPT, NULL), DTLSD_GONE);
		world_close(&w);
	}
}

Test(defer, fail_open_does_not_bypass_the_gates_behind)
{
	struct dt_chain_entry entries[] = {world_entry(&a), world_entry(&b), world_entry(&c)};
	entries[1].defer_accept = true;
	c.request = DTLSD_REJECT;
	world_open_entries(&w, entries, 3);
	struct dt_conn *conn = wait_for(DT_GATE_REQUEST, true);
	world_advance(&w, 1001);
	cr_assert(conn->verdict.given && !conn->verdict.accept);
	world_close(&w);
}

Test(defer, a_verdict_under_way_at_the_timeout_still_counts)
{
	world_open(&w, three, 3);
	struct dt_conn *conn = wait_for(DT_GATE_REQUEST, true);
	dt_plugin_worker_turn(w.pw[1], w.now);
	cr_assert_eq(resolve(DTLSD_ACCEPT, NULL), DTLSD_QUEUED);
	world_advance(&w, 1001);
	cr_assert(!conn->verdict.given);
	world_drain(&w);
	cr_assert(conn->verdict.given && conn->verdict.accept);
	world_close(&w);
}

Test(defer, the_end_of_the_connection_ends_the_wait)
{
	world_open(&w, three, 3);
	struct dt_conn *conn = wait_for(DT_GATE_AUTH, true);
	dt_plugin_worker_turn(w.pw[1], w.now);
	cr_assert_eq(resolve(DTLSD_ACCEPT, NULL), DTLSD_QUEUED);
	dt_plugin_worker_turn(w.pw[0], w.now);
	dt_conn_close(conn, DT_CLOSE_HANDSHAKE_TIMEOUT, w.now);
	cr_assert_eq(dt_plugin_deferred(w.plugin), 0);
	world_drain(&w); /* a verdict for nobody */
	world_advance(&w, 5000);
	cr_assert(!conn->verdict.given);
	cr_assert_eq(resolve(DTLSD_ACCEPT, NULL), DTLSD_GONE);
	world_close(&w);
}

Test(defer, a_verdict_after_close_of_the_instance_is_gone)
{
	world_open(&w, three, 3);
	struct dt_conn *conn = wait_for(DT_GATE_REQUEST, true);
	uint64_t id = conn->id;
	for (uint32_t i = 0; i < WORLD_WORKERS; i++) {
		dt_plugin_worker_turn(w.pw[i], w.now);
		if (i == 0)
			dt_conn_close(conn, DT_CLOSE_DRAIN, w.now);
		dt_chain_worker_stop(w.chain, w.pw[i]);
	}
	dt_chain_free(&w.chain);
	const struct dtlsd_ctx *late = b.open_ctx;
	cr_assert_eq(late->host->resolve(late, b.token, DTLSD_ACCEPT, NULL, 0), DTLSD_GONE);
	cr_assert_eq(late->host->send(late, id, "x", 1), DTLSD_GONE);
	cr_assert_eq(late->host->disconnect(late, id), DTLSD_GONE);
	world_close(&w);
}

/* ---- limits --------------------------------------------------------------------------------- */

Test(defer, a_full_table_gives_no_token_and_defer_then_means_defer_default)
{
	world_open(&w, three, 3);
	for (uint32_t i = 0; i < WORLD_DEFER_LIMIT; i++)
		wait_for(DT_GATE_REQUEST, true);
	struct dtlsd_request request = {0};
	struct dt_conn *conn = world_conn(&w, 0);
	cr_assert_eq(fake_ask_request(conn, &request), DT_GATE_REJECT);
	cr_assert_eq(b.token, 0);
	cr_assert_eq(world_counter(&w, "b.defer_defaults"), 1);
	cr_assert_eq(world_counter(&w, "b.bad_verdicts"), 0);
	b.request = DTLSD_NEXT; /* it decides itself */
	cr_assert_eq(fake_ask_request(world_conn(&w, 0), &request), DT_GATE_ACCEPT);
	cr_assert_eq(dt_plugin_deferred(w.plugin), WORLD_DEFER_LIMIT);
	world_close(&w);
}

Test(defer, a_token_that_is_not_used_is_void)
{
	b.request = DTLSD_NEXT;
	world_open(&w, three, 3);
	struct dtlsd_request request = {0};
	cr_assert_eq(fake_ask_request(world_conn(&w, 0), &request), DT_GATE_ACCEPT);
	cr_assert_neq(b.token, 0);
	cr_assert_eq(dt_plugin_deferred(w.plugin), 0);
	cr_assert_eq(resolve(DTLSD_REJECT, NULL), DTLSD_GONE);
	world_close(&w);
}

Test(defer, a_full_mailbox_gives_the_right_to_answer_back)
{
	world_open(&w, three, 3);
	struct dt_conn *conn = wait_for(DT_GATE_REQUEST, true);
	dt_plugin_worker_turn(w.pw[1], w.now);
	while (b.open_ctx->host->disconnect(b.open_ctx, 12345) == DTLSD_QUEUED)
		continue;
	cr_assert_eq(resolve(DTLSD_ACCEPT, NULL), DTLSD_AGAIN);
	world_drain(&w);
	cr_assert(!conn->verdict.given);
	dt_plugin_worker_turn(w.pw[1], w.now);
	cr_assert_eq(resolve(DTLSD_ACCEPT, NULL), DTLSD_QUEUED);
	world_drain(&w);
	cr_assert(conn->verdict.given);
	world_close(&w);
}

Test(defer, without_memory_a_client_is_decided_on_and_nothing_leaks)
{
	for (uint64_t nth = 1; nth < 8; nth++) {
		world_open(&w, three, 3);
		struct dt_conn *conn = world_conn(&w, 0);
		struct dtlsd_request request = {.server_name = "a.example"};
		dt_mem_fail_nth(nth);
		enum dt_gate gate = fake_ask_request(conn, &request);
		dt_mem_fail_nth(0);
		cr_assert(gate == DT_GATE_WAIT || gate == DT_GATE_REJECT);
		world_close(&w);
	}
}

/* ---- the copy of an event ------------------------------------------------------------------- */

static struct dtlsd_request request_seen;
static char name_seen[32];

static void
see_request(const struct dtlsd_ctx *ctx, struct dtlsd_request *r)
{
	(void)ctx;
	request_seen = *r;
	snprintf(name_seen, sizeof(name_seen), "%s", r->server_name);
	cr_assert_arr_eq(r->alpn.data, "\2h2", 3);
	cr_assert_eq(r->suites[1], 0xc02c);
}

Test(defer, the_event_is_whole_again_when_the_run_goes_on)
{
	world_open(&w, three, 3);
	c.on_request = see_request;
	char name[] = "a.example";
	uint8_t alpn[] = "\2h2";
	uint16_t suites[] = {0xc02b, 0xc02c};
	struct dtlsd_request request = {.size = sizeof(request),
	    .server_name = name,
	    .alpn = {alpn, 3},
	    .suites = suites,
	    .suite_count = 2,
	    .peer = {.family = DTLSD_IPV4, .port = 7}};
	struct dt_conn *conn = world_conn(&w, 0);
	cr_assert_eq(fake_ask_request(conn, &request), DT_GATE_WAIT);
	memset(name, 'x', sizeof(name) - 1);
	memset(alpn, 0, sizeof(alpn));
	memset(suites, 0, sizeof(suites));
	resolve(DTLSD_NEXT, NULL);
	dt_plugin_worker_flush(w.pw[0]);
	cr_assert_str_eq(name_seen, "a.example");
	cr_assert_eq(request_seen.suite_count, 2);
	cr_assert_eq(request_seen.peer.port, 7);
	world_close(&w);
}

Test(defer, a_copy_over_the_limit_is_not_made)
{
	struct dt_gate_event event = {.kind = DT_GATE_PSK,
	    .psk = {.identity = (const uint8_t *)"0123456789", .identity_len = 10}};
	struct dt_event_copy *copy = NULL;
	cr_assert_eq(dt_event_copy_new(&event, sizeof(*copy) + 9, &copy), DT_ERR_AGAIN);
	cr_assert_eq(dt_event_copy_new(&event, sizeof(*copy) + 16, &copy), DT_OK);
	cr_assert_arr_eq(copy->event.psk.identity, "0123456789", 10);
	dt_event_copy_free(&copy);
	cr_assert_null(copy);
}
