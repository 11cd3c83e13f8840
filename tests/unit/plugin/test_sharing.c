/* What two configurations, one after the other, have in common goes on: chains and instances. */
#include <string.h>

#include "base/mem.h"
#include "world.h"

static struct script a, b, c;
static struct world w;
static struct dt_chain *second;
static struct dt_chain_failure failure;

static struct dt_chain_entry
alike(struct script *s, uint64_t fingerprint)
{
	struct dt_chain_entry entry = world_entry(s);
	entry.fingerprint = fingerprint;
	return entry;
}

static void
open_first(void)
{
	a = (struct script){.name = "a"};
	b = (struct script){.name = "b"};
	c = (struct script){.name = "c"};
	struct dt_chain_entry entries[] = {alike(&a, 1), alike(&b, 2)};
	world_open_entries(&w, entries, 2);
}

TestSuite(sharing, .init = open_first);

static enum dt_err
make_second(struct dt_chain_entry one, struct dt_chain_entry two)
{
	struct dt_chain_entry entries[] = {one, two};
	return dt_chain_new(w.plugin, "srv", entries, 2, &second, &failure);
}

static void
on_workers(
    enum dt_err (*call)(struct dt_chain *, struct dt_plugin_worker *), struct dt_chain *chain)
{
	for (uint32_t i = 0; i < WORLD_WORKERS; i++) {
		dt_plugin_worker_turn(w.pw[i], w.now);
		cr_assert_eq(call(chain, w.pw[i]), DT_OK);
	}
}

static enum dt_err
stop(struct dt_chain *chain, struct dt_plugin_worker *pw)
{
	dt_chain_worker_stop(chain, pw);
	return DT_OK;
}

static void
end_first(void)
{
	on_workers(stop, w.chain);
	dt_chain_free(&w.chain);
	w.chain = second;
}

Test(sharing, the_same_entries_in_the_same_order_are_the_same_chain)
{
	cr_assert_eq(make_second(alike(&a, 1), alike(&b, 2)), DT_OK);
	cr_assert_eq(second, w.chain);
	TRACE_IS("");
	dt_chain_free(&second);
	world_close(&w);
	TRACE_IS("b.stop a.stop b.stop a.stop b.close a.close ");
}

Test(sharing, another_order_is_another_chain_of_the_same_instances)
{
	cr_assert_eq(make_second(alike(&b, 2), alike(&a, 1)), DT_OK);
	cr_assert_neq(second, w.chain);
	on_workers(dt_chain_worker_start, second);
	end_first();
	TRACE_IS("");
	world_close(&w);
	TRACE_IS("a.stop b.stop a.stop b.stop a.close b.close ");
}

Test(sharing, an_entry_that_changed_gets_a_new_instance_and_the_other_keeps_its_own)
{
	cr_assert_eq(make_second(alike(&a, 1), alike(&c, 3)), DT_OK);
	on_workers(dt_chain_worker_start, second);
	TRACE_IS("c.open c.start c.start ");
	world_forget_trace();
	end_first();
	TRACE_IS("b.stop b.stop b.close ");
	world_forget_trace();
	world_close(&w);
	TRACE_IS("c.stop a.stop c.stop a.stop c.close a.close ");
}

Test(sharing, an_entry_of_another_server_is_not_shared)
{
	struct dt_chain_entry entry = alike(&a, 1);
	cr_assert_eq(dt_chain_new(w.plugin, "other", &entry, 1, &second, &failure), DT_OK);
	TRACE_IS("a.open ");
	dt_chain_free(&second);
	world_close(&w);
}

Test(sharing, an_entry_without_a_fingerprint_is_like_no_other)
{
	cr_assert_eq(make_second(alike(&a, 0), alike(&b, 0)), DT_OK);
	TRACE_IS("a.open b.open ");
	dt_chain_free(&second);
	TRACE_IS("a.open b.open b.close a.close ");
	world_close(&w);
}

Test(sharing, when_the_new_chain_does_not_open_or_start_the_old_one_goes_on)
{
	c.open_code = -1;
	cr_assert_eq(make_second(alike(&a, 1), alike(&c, 3)), DT_ERR_REFUSED);
	TRACE_IS("c.open ");
	c.open_code = 0;
	c.start_code = 1;
	cr_assert_eq(make_second(alike(&a, 1), alike(&c, 3)), DT_OK);
	world_forget_trace();
	dt_plugin_worker_turn(w.pw[0], w.now);
	cr_assert_eq(dt_chain_worker_start(second, w.pw[0]), DT_ERR_REFUSED);
	TRACE_IS("c.start ");
	dt_chain_free(&second);
	world_forget_trace();
	world_data(&w, world_established(&w, 0), "x");
	TRACE_IS("a.data b.data ");
	world_close(&w);
}

Test(sharing, without_memory_nothing_is_shared_by_half)
{
	uint64_t nth = 0;
	enum dt_err err = DT_ERR_NOMEM;
	while (err != DT_OK) {
		dt_mem_fail_nth(++nth);
		err = make_second(alike(&a, 1), alike(&c, 3));
		dt_mem_fail_nth(0);
	}
	for (uint32_t i = 0; i < WORLD_WORKERS; i++) {
		dt_plugin_worker_turn(w.pw[i], w.now);
		for (nth = 1, err = DT_ERR_NOMEM; err != DT_OK; nth++) {
			dt_mem_fail_nth(nth);
			err = dt_chain_worker_start(second, w.pw[i]);
			dt_mem_fail_nth(0);
		}
	}
	end_first();
	world_close(&w);
}

/* ---- data of connections -------------------------------------------------------------------- */

static uint64_t seen;

static void
keep(const struct dtlsd_ctx *ctx, struct dtlsd_datagram *d)
{
	(void)d;
	seen = (uint64_t)(uintptr_t)ctx->host->conn_data(ctx, ctx->conn);
	cr_assert_eq(ctx->host->set_conn_data(ctx, ctx->conn, (void *)(uintptr_t)(seen + 1), NULL),
	    DTLSD_OK);
}

Test(sharing, connections_of_both_chains_keep_what_a_shared_module_set)
{
	a.on_data = keep;
	struct dt_conn *old = world_established(&w, 0);
	world_data(&w, old, "x");
	cr_assert_eq(make_second(alike(&b, 2), alike(&a, 1)), DT_OK);
	on_workers(dt_chain_worker_start, second);
	struct dt_service newer = {.name = "srv", .events = dt_chain_events(second, w.pw[0])};
	dt_plugin_worker_turn(w.pw[0], w.now);
	struct dt_conn *young = fake_conn_new(w.conns[0], &newer);
	fake_establish(young);
	world_data(&w, young, "x");
	world_data(&w, young, "x");
	cr_assert_eq(seen, 1);
	world_data(&w, old, "x");
	cr_assert_eq(seen, 1);
	world_data(&w, old, "x");
	cr_assert_eq(seen, 2);
	dt_conn_close(young, DT_CLOSE_DRAIN, w.now);
	dt_conn_close(old, DT_CLOSE_DRAIN, w.now);
	end_first();
	world_close(&w);
}

static unsigned visited;

static void
visit(const struct dtlsd_ctx *ctx, uint64_t conn, void *arg)
{
	(void)ctx, (void)conn, (void)arg;
	visited++;
}

static void
count_all(const struct dtlsd_ctx *ctx, struct dtlsd_datagram *d)
{
	(void)d;
	visited = 0;
	ctx->host->for_each_conn(ctx, visit, NULL);
}

Test(sharing, a_shared_module_sees_the_connections_of_both_chains)
{
	a.on_data = count_all;
	struct dt_conn *old = world_established(&w, 0);
	cr_assert_eq(make_second(alike(&a, 1), alike(&c, 3)), DT_OK);
	on_workers(dt_chain_worker_start, second);
	struct dt_service newer = {.name = "srv", .events = dt_chain_events(second, w.pw[0])};
	dt_plugin_worker_turn(w.pw[0], w.now);
	struct dt_conn *young = fake_conn_new(w.conns[0], &newer);
	fake_establish(young);
	world_data(&w, old, "x");
	cr_assert_eq(visited, 2);
	c.on_data = count_all;
	world_data(&w, young, "x");
	cr_assert_eq(visited, 1, "c stands in the newer chain only");
	dt_conn_close(young, DT_CLOSE_DRAIN, w.now);
	dt_conn_close(old, DT_CLOSE_DRAIN, w.now);
	end_first();
	world_close(&w);
}
