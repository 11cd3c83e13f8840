/* Modules that come as files and break their promises: refused, or contained. */
#include <string.h>

#include "plugin/loader.h"
#include "world.h"

static struct world w;
static struct dt_loader *loader;

static const struct dtlsd_module *
load(const char *name)
{
	static const char *const dirs[] = {MODULES};
	struct dtlsd_list list = {dirs, 1, sizeof(dirs[0])};
	/* The build tree may be writable by a group: who may write it is tried elsewhere. */
	struct dt_loader_config config = {.dev = true};
	const struct dtlsd_module *m = NULL;
	char why[DT_LOADER_WHY];
	if (!loader)
		cr_assert_eq(dt_loader_new(&config, &loader), DT_OK);
	cr_assert_eq(dt_loader_get(loader, &list, name, &m, why), DT_OK, "%s", why);
	return m;
}

static struct dt_chain_entry
entry_of(const char *name)
{
	return (struct dt_chain_entry){
	    .module = load(name), .name = name, .defer_timeout = DT_SECONDS(1)};
}

Test(misbehaving, a_well_behaved_one_behaves)
{
	struct dt_chain_entry entry = entry_of("good");
	world_open_entries(&w, &entry, 1);
	struct dt_conn *c = world_established(&w, 0);
	world_data(&w, c, "hello");
	cr_assert_str_eq(c->sent, "hello\n");
	world_close(&w);
	dt_loader_free(&loader);
}

Test(misbehaving, one_of_an_older_abi_behaves_and_has_no_say_in_what_came_later)
{
	struct dt_chain_entry entry = entry_of("old_abi");
	world_open_entries(&w, &entry, 1);
	struct dt_conn *c = world_established(&w, 0);
	cr_assert(fake_ask_moved(c, &(struct dt_path){.peer.port = 7}));
	cr_assert(!c->service->events->data_out && !c->service->events->tls_status);
	world_data(&w, c, "hello");
	cr_assert_str_eq(c->sent, "hello\n");
	world_close(&w);
	dt_loader_free(&loader);
}

Test(misbehaving, a_module_that_does_not_open_stops_the_start_and_is_named)
{
	struct dt_chain_failure failure;
	struct dt_chain_entry entries[] = {entry_of("good"), entry_of("open_fails")};
	world_begin(&w);
	cr_assert_eq(dt_chain_new(w.plugin, "srv", entries, 2, &w.chain, &failure), DT_ERR_REFUSED);
	cr_assert_str_eq(failure.why,
	    "module open_fails refused to start: open returned -3; its own reason is in the log");
	LOGGED("error open_fails: the back-end is on holiday");
	world_close(&w);
	dt_loader_free(&loader);
}

Test(misbehaving, a_module_that_does_not_start_on_a_worker_is_named)
{
	struct dt_chain_failure failure;
	struct dt_chain_entry entries[] = {entry_of("good"), entry_of("start_fails")};
	world_begin(&w);
	cr_assert_eq(dt_chain_new(w.plugin, "srv", entries, 2, &w.chain, &failure), DT_OK);
	dt_plugin_worker_turn(w.pw[0], w.now);
	cr_assert_eq(dt_chain_worker_start(w.chain, w.pw[0]), DT_ERR_REFUSED);
	LOGGED("error start_fails: worker_start returned -4 on worker 0");
	world_close(&w);
	dt_loader_free(&loader);
}

Test(misbehaving, one_that_breaks_every_rule_is_contained)
{
	struct dt_chain_entry entries[] = {entry_of("misbehaves"), entry_of("good")};
	world_open_entries(&w, entries, 2);
	struct dt_conn *c = world_conn(&w, 0);
	struct dtlsd_request request = {0};
	cr_assert_eq(fake_ask_request(c, &request), DT_GATE_WAIT);
	fake_establish(c); /* it gives its verdict here, twice, and lets a thread loose */
	dt_plugin_worker_flush(w.pw[0]);
	LOGGED("info misbehaves: verdict: 0\n");
	LOGGED("info misbehaves: verdict again: -1\n");
	cr_assert(c->verdict.given && c->verdict.accept);
	LOGGED("info misbehaves: thread defer: 0\n");
	LOGGED("info misbehaves: thread peer_certificate: -4\n");
	LOGGED("info misbehaves: thread set_conn_data: -4\n");
	LOGGED("info misbehaves: thread timer_stop: -4\n");
	LOGGED("error misbehaves: the module called defer() outside of a hook");
	cr_assert_eq(world_counter(&w, "misbehaves.things"), 0);

	world_data(&w, c, "hello");
	LOGGED("error misbehaves: data_in returned verdict 4711: taken as NEXT");
	cr_assert_eq(world_counter(&w, "misbehaves.bad_verdicts"), 2);
	cr_assert_str_eq(c->sent, "hello\n", "the one behind it got it whole");

	world_close(&w);
	LOGGED("info misbehaves: stale verdict: -1\n");
	/* Off the workers it is only on its way; nobody is there to get it. */
	LOGGED("info misbehaves: stale send: 1\n");
	LOGGED("info misbehaves: stale disconnect: 1\n");
	dt_loader_free(&loader);
}
