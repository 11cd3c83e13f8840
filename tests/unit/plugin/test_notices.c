/* The hooks that look on, and what else came with ABI 0.3. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "plugin/abi.h"
#include "watcher.h"

static struct world w;
static struct watcher a, b, z;

static void
open_three(void)
{
	struct dt_chain_entry entries[] = {
	    watcher_entry(&watching, &a), watcher_entry(&watching, &b), watcher_entry(&watching, &z)};
	world_open_entries(&w, entries, 3);
}

static void
begin(void)
{
	a = (struct watcher){.name = "a"};
	b = (struct watcher){.name = "b"};
	z = (struct watcher){.name = "z"};
}

TestSuite(notices, .init = begin);

static void
send_once(const struct dtlsd_ctx *c, const char *hook)
{
	if (strcmp(hook, "data") == 0)
		cr_assert_eq(c->host->send(c, c->conn, "text", 4), DTLSD_OK);
}

/* ---- pause and process ---------------------------------------------------------------------- */

static void
ask_in_order(const struct dtlsd_ctx *c, const char *hook)
{
	if (strcmp(hook, "data") != 0)
		return;
	cr_assert_eq(c->host->send(c, c->conn, "1", 1), DTLSD_OK);
	cr_assert_eq(c->host->pause(c, c->conn), DTLSD_OK);
	cr_assert_eq(c->host->process(c, c->conn), DTLSD_OK);
	cr_assert_eq(c->host->disconnect(c, c->conn), DTLSD_OK);
	cr_assert_eq(c->host->pause(c, 12345), DTLSD_GONE);
	cr_assert_eq(c->host->process(c, 0), DTLSD_GONE);
}

Test(notices, pause_and_process_take_effect_after_the_hook_in_the_order_of_the_calls)
{
	a.each = ask_in_order;
	open_three();
	struct dt_conn *c = world_established(&w, 0);
	world_data(&w, c, "x");
	/* "ahead" is the promise that holds for data which comes before the queue is looked at. */
	cr_assert_str_eq(c->asked, "ahead send pause process close ");
	world_close(&w);
}

static void
pause_other(const struct dtlsd_ctx *c, const char *hook)
{
	static uint64_t other;
	if (strcmp(hook, "other") == 0)
		other = c->conn;
	if (strcmp(hook, "data") != 0 || !other)
		return;
	cr_assert_eq(c->host->pause(c, other), DTLSD_QUEUED);
	cr_assert_eq(c->host->process(c, other), DTLSD_QUEUED);
}

Test(notices, pause_reaches_a_connection_of_another_worker)
{
	open_three();
	struct dt_conn *far = world_established(&w, 1), *near = world_established(&w, 0);
	pause_other(&(struct dtlsd_ctx){.conn = far->id}, "other");
	a.each = pause_other;
	world_data(&w, near, "x");
	cr_assert_str_eq(far->asked, "");
	world_drain(&w);
	cr_assert_str_eq(far->asked, "pause process ");
	far->id = 0; /* gone */
	world_forget_trace();
	world_data(&w, near, "x");
	world_drain(&w);
	/* The one who asked is told, once for each, and nobody else. */
	cr_assert_eq(ENOTCONN, 107);
	TRACE_IS("a.error107 a.error107 ");
	world_close(&w);
}

static void *
pause_from_thread(void *arg)
{
	const struct dtlsd_ctx *c = arg;
	uint64_t conn = UINT64_C(1) << 56 | 1; /* the first of worker 1 */
	for (int i = 0; i < 2; i++)
		cr_assert_eq(c->host->pause(c, conn), DTLSD_QUEUED);
	cr_assert_eq(c->host->process(c, conn), DTLSD_QUEUED);
	return NULL;
}

static const struct dtlsd_ctx *open_ctx;

static void
keep_ctx(const struct dtlsd_ctx *c, const char *hook)
{
	if (strcmp(hook, "open") == 0)
		open_ctx = c;
}

Test(notices, pause_may_come_from_any_thread)
{
	struct script s = {.name = "s", .each = keep_ctx};
	world_open(&w, (struct script *[]){&s}, 1);
	struct dt_conn *c = world_established(&w, 1);
	pthread_t thread;
	pthread_create(&thread, NULL, pause_from_thread, (void *)(uintptr_t)open_ctx);
	pthread_join(thread, NULL);
	world_drain(&w);
	cr_assert_str_eq(c->asked, "pause pause process ");
	world_close(&w);
}

/* ---- data on its way out -------------------------------------------------------------------- */

Test(notices, what_a_hook_sends_goes_back_through_the_modules_before_it)
{
	struct {
		struct watcher *sender;
		const char *trace;
	} rows[] = {{&a, ""}, {&b, "a.out "}, {&z, "b.out a.out "}};
	for (size_t i = 0; i < 3; i++) {
		begin();
		rows[i].sender->each = send_once;
		open_three();
		struct dt_conn *c = world_established(&w, 0);
		world_data(&w, c, "x");
		TRACE_IS(rows[i].trace);
		cr_assert_str_eq(c->sent, "text\n");
		world_close(&w);
	}
}

Test(notices, what_no_hook_of_the_chain_sends_goes_through_all_of_them)
{
	open_three();
	struct dt_conn *c = world_established(&w, 0);
	cr_assert_eq(dt_conn_send(c, (const uint8_t *)"hi", 2, w.now), DT_OK);
	TRACE_IS("z.out b.out a.out ");
	world_close(&w);
}

Test(notices, a_datagram_may_be_rewritten_grown_and_kept)
{
	b.rewrites = "longer than it was";
	open_three();
	struct dt_conn *c = world_established(&w, 0);
	cr_assert_eq(dt_conn_send(c, (const uint8_t *)"hi", 2, w.now), DT_OK);
	cr_assert_str_eq(c->sent, "longer than it was\n");
	b.out = DTLSD_DROP;
	world_forget_trace();
	cr_assert_eq(dt_conn_send(c, (const uint8_t *)"hi", 2, w.now), DT_OK);
	cr_assert_eq(c->sent_count, 1);
	TRACE_IS("z.out b.out ");
	world_close(&w);
}

Test(notices, a_wrong_verdict_or_length_of_data_out_is_contained)
{
	z.out = DTLSD_CLOSE;
	b.rewrites = "abc";
	b.out_len = 5000;
	open_three();
	struct dt_conn *c = world_established(&w, 0);
	cr_assert_eq(dt_conn_send(c, (const uint8_t *)"hi", 2, w.now), DT_OK);
	cr_assert_str_eq(c->sent, "ab\n");
	cr_assert_eq(world_counter(&w, "z.bad_verdicts"), 1);
	cr_assert_eq(world_counter(&w, "b.bad_verdicts"), 1);
	LOGGED("data_out returned verdict 6: taken as NEXT");
	LOGGED("data_out left 5000 bytes where 1000 have room");
	world_close(&w);
}

Test(notices, a_chain_without_such_hooks_costs_the_connection_nothing)
{
	struct script s = {.name = "s"};
	world_open(&w, (struct script *[]){&s}, 1);
	const struct dt_conn_events *ev = w.service[0].events;
	cr_assert(!ev->tls_status && !ev->error && !ev->data_out);
	world_close(&w);
}

/* ---- status, errors ------------------------------------------------------------------------- */

Test(notices, steps_and_errors_are_told_in_chain_order)
{
	open_three();
	struct dt_conn *c = world_established(&w, 0);
	const struct dt_conn_events *ev = c->service->events;
	struct dtlsd_tls_status event = {.size = sizeof(event), .step = 5, .text = "x"};
	ev->tls_status(ev->arg, c, &event);
	ev->error(ev->arg, c, EMSGSIZE, "too long");
	TRACE_IS("a.step5 b.step5 z.step5 a.error90 b.error90 z.error90 ");
	world_close(&w);
}

Test(notices, a_datagram_that_cannot_be_sent_later_is_told)
{
	a.each = send_once;
	open_three();
	struct dt_conn *c = world_established(&w, 0);
	c->send_fails = DT_ERR_AGAIN;
	world_data(&w, c, "x");
	cr_assert_eq(ENOBUFS, 105);
	TRACE_IS("a.error105 b.error105 z.error105 ");
	world_close(&w);
}

/* ---- functions ------------------------------------------------------------------------------ */

static void
look(const struct dtlsd_ctx *c, const char *hook)
{
	struct dtlsd_conn_info info = {.size = sizeof(info)};
	uint8_t key[4] = {0};
	if (strcmp(hook, "data") != 0)
		return;
	cr_assert_eq(c->host->conn_info(c, c->conn, &info), DTLSD_OK);
	cr_assert_str_eq(info.protocol, "DTLSv1.2");
	cr_assert_str_eq(info.cipher, "AES-128-GCM");
	cr_assert_str_eq(info.key_exchange, "ECDHE");
	cr_assert(info.cipher_bits == 128 && info.key_exchange_bits == 253 && info.resumed == 1);
	cr_assert(info.state == DTLSD_STATE_ESTABLISHED && info.paused == 1 && info.has_connection_id == 1);
	memset(&info, 0x55, sizeof(info));
	info.size = offsetof(struct dtlsd_conn_info, protocol); /* of an older module */
	cr_assert_eq(c->host->conn_info(c, c->conn, &info), DTLSD_OK);
	cr_assert(info.max_datagram == 1000 && info.cipher_bits == 0x55555555);

	cr_assert_eq(c->host->export_key(c, c->conn, "EXPERIMENTAL", NULL, 0, key, 4), DTLSD_OK);
	cr_assert(key[0] == 'E' && key[3] == 'E');
	cr_assert_eq(c->host->export_key(c, c->conn, "x", "abc", 3, key, 4), DTLSD_OK);
	cr_assert_eq(key[3], 3);
	cr_assert_eq(c->host->export_key(c, c->conn, "x", NULL, 3, key, 4), DTLSD_INVALID);
	cr_assert_eq(c->host->export_key(c, c->conn, "x", NULL, 0, key, 0), DTLSD_INVALID);
	cr_assert_eq(c->host->export_key(c, c->conn, "x", NULL, 0, key, 4097), DTLSD_INVALID);
	cr_assert_eq(c->host->export_key(c, 99, "x", NULL, 0, key, 4), DTLSD_GONE);
}

Test(notices, conn_info_tells_what_was_negotiated_and_keys_are_exported)
{
	a.each = look;
	open_three();
	struct dt_conn *c = world_established(&w, 0);
	c->negotiated = (struct dt_negotiated){"AES-128-GCM", "ECDHE", 128, 253, true};
	c->paused = c->has_cid = true;
	world_data(&w, c, "x");
	world_close(&w);
}

static void
set_gauge(const struct dtlsd_ctx *c, const char *hook)
{
	if (strcmp(hook, "data") == 0)
		c->host->gauge(c, 1, 7 + c->worker);
	c->host->gauge(c, 99, 1); /* of no counter: nothing */
}

Test(notices, a_gauge_is_the_sum_of_what_the_workers_have_set)
{
	struct script s = {.name = "s", .each = set_gauge};
	world_open(&w, (struct script *[]){&s}, 1);
	struct dt_conn *c = world_established(&w, 0), *d = world_established(&w, 1);
	world_data(&w, c, "x");
	world_data(&w, c, "x");
	world_data(&w, d, "x");
	cr_assert_eq(world_counter(&w, "s.second"), 15);
	world_close(&w);
}

static void
ask_without_memory(const struct dtlsd_ctx *c, const char *hook)
{
	if (strcmp(hook, "data") != 0)
		return;
	dt_mem_fail_nth(1);
	cr_assert_eq(c->host->pause(c, c->conn), DTLSD_NOMEM);
	dt_mem_fail_nth(1);
	cr_assert_eq(c->host->process(c, c->conn), DTLSD_NOMEM);
	dt_mem_fail_nth(1);
	cr_assert_eq(c->host->pause(c, UINT64_C(1) << 56 | 1), DTLSD_NOMEM);
	dt_mem_fail_nth(0);
}

Test(notices, without_memory_nothing_is_paused)
{
	a.each = ask_without_memory;
	open_three();
	struct dt_conn *c = world_established(&w, 0);
	world_data(&w, c, "x");
	cr_assert_str_eq(c->asked, "");
	world_close(&w);
}

/* ---- older modules -------------------------------------------------------------------------- */

static void
run_older(uint16_t minor, uint32_t size)
{
	union {
		struct dtlsd_module table;
		uint8_t bytes[sizeof(struct dtlsd_module)];
	} old;
	char why[DT_ABI_WHY];
	memset(&old, 0x5a, sizeof(old));
	memcpy(&old, &scripted, size);
	old.table.abi_minor = minor;
	old.table.size = size;
	cr_assert_eq(dt_abi_check(&old, size, why), DT_OK, "%s", why);
	struct script s = {.name = "s", .each = send_once};
	struct dt_chain_entry entry = world_entry(&s);
	entry.module = &old.table;
	world_open_entries(&w, &entry, 1);
	struct dt_conn *c = world_established(&w, 0);
	world_data(&w, c, "x");
	cr_assert(fake_ask_moved(c, &(struct dt_path){.peer.port = 7}));
	cr_assert_str_eq(c->sent, "text\n");
	cr_assert_null(w.service[0].events->data_out);
	world_close(&w);
}

Test(notices, an_older_module_has_no_later_hook_whatever_lies_behind_its_table)
{
	run_older(1, offsetof(struct dtlsd_module, peer_moved));
	run_older(2, offsetof(struct dtlsd_module, tls_status));
}
