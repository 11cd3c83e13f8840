#include "plugin/chain.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "plugin/events.h"
#include "plugin/hook.h"
#include "plugin/host.h"
#include "plugin/post.h"
#include "plugin/worker_state.h"

#define CHAIN_MAGIC 0x64746368u

struct dt_chain {
	uint32_t magic;
	struct dt_plugin *plugin; /* borrowed */
	uint32_t count;
	uint32_t opened;		   /* instances that are open: the first ones */
	struct dtlsd_instance **instances; /* owned array; the plugin owns the items  */
	struct dt_chain_worker **workers;  /* owned array; each worker owns its item  */
};

/* ---- check ---------------------------------------------------------------------------------- */

struct complaints {
	dt_chain_complain *complain;
	void *arg; /* borrowed */
	size_t errors;
};

static void
take_error(const struct dtlsd_check *check, const char *pointer, const char *text)
{
	struct complaints *to = check->opaque;
	to->errors++;
	to->complain(to->arg, true, pointer ? pointer : "", text ? text : "refused by the module");
}

static void
take_warning(const struct dtlsd_check *check, const char *pointer, const char *text)
{
	struct complaints *to = check->opaque;
	to->complain(to->arg, false, pointer ? pointer : "", text ? text : "");
}

size_t
dt_chain_check(const struct dtlsd_module *module, const void *config, int64_t connection_limit,
    dt_chain_complain *complain, void *arg)
{
	struct complaints to = {complain, arg, 0};
	struct dtlsd_check check = {.size = sizeof(check),
	    .config = config,
	    .config_error = take_error,
	    .config_warning = take_warning,
	    .opaque = &to,
	    .connection_limit = connection_limit};
	if (module->check)
		module->check(&check);
	return to.errors;
}

/* ---- open and close ------------------------------------------------------------------------- */

static void
prepare(struct dt_chain *chain, const struct dt_chain_entry *entry, uint32_t index)
{
	struct dtlsd_instance *inst = chain->instances[index];
	inst->index = index;
	inst->slow_hook = entry->slow_hook;
	inst->defer_timeout = entry->defer_timeout;
	inst->defer_accept = entry->defer_accept;
	inst->ctx = (struct dtlsd_ctx){.host = &dt_host,
	    .instance = inst,
	    .config = entry->config,
	    .worker = UINT32_MAX,
	    .worker_count = chain->plugin->worker_count};
}

/* An instance that was made and did not open is closed as well: its threads may call us. */
static enum dt_err
open_one(struct dt_chain *chain, const struct dt_chain_entry *entry, uint32_t index,
    const char *server, char why[DT_CHAIN_WHY])
{
	struct dtlsd_instance **inst = &chain->instances[index];
	enum dt_err err = dt_instance_new(chain->plugin, entry->module, server, entry->name, inst);
	if (err != DT_OK) {
		snprintf(why, DT_CHAIN_WHY, "module %s: %s", entry->name, dt_err_text(err));
		return err;
	}
	prepare(chain, entry, index);
	int32_t code =
	    entry->module->open ? entry->module->open(&(*inst)->ctx, &(*inst)->ctx.data) : DTLSD_OK;
	if (code == DTLSD_OK)
		return DT_OK;
	atomic_store(&(*inst)->closed, true);
	dt_instance_retire(*inst);
	snprintf(why, DT_CHAIN_WHY,
	    "module %s refused to start: open returned %d; its own reason is in the log",
	    entry->name, code);
	return DT_ERR_REFUSED;
}

enum dt_err
dt_chain_new(struct dt_plugin *plugin, const char *server, const struct dt_chain_entry *entries,
    size_t count, struct dt_chain **out, struct dt_chain_failure *failure)
{
	DT_ASSERT(count <= UINT32_MAX);
	struct dt_chain *chain = dt_alloc(sizeof(*chain));
	enum dt_err err = DT_ERR_NOMEM;
	failure->entry = count;
	snprintf(failure->why, DT_CHAIN_WHY, "%s", dt_err_text(err));
	if (!chain)
		return err;
	chain->magic = CHAIN_MAGIC;
	chain->plugin = plugin;
	chain->count = (uint32_t)count;
	chain->instances = dt_alloc_array(count, sizeof(struct dtlsd_instance *));
	chain->workers = dt_alloc_array(plugin->worker_count, sizeof(struct dt_chain_worker *));
	if (!chain->instances || !chain->workers)
		goto fail;
	for (; chain->opened < chain->count; chain->opened++) {
		err = open_one(
		    chain, &entries[chain->opened], chain->opened, server, failure->why);
		if (err != DT_OK) {
			failure->entry = chain->opened;
			goto fail;
		}
	}
	failure->why[0] = '\0';
	*out = chain;
	return DT_OK;
fail:
	dt_chain_free(&chain);
	return err;
}

static void
close_one(struct dtlsd_instance *inst)
{
	if (inst->module->close)
		inst->module->close(&inst->ctx);
	atomic_store(&inst->closed, true);
	dt_instance_retire(inst);
}

void
dt_chain_free(struct dt_chain **slot)
{
	struct dt_chain *chain = *slot;
	*slot = NULL;
	if (!chain)
		return;
	DT_CHECK_MAGIC(chain, CHAIN_MAGIC);
	for (uint32_t w = 0; chain->workers && w < chain->plugin->worker_count; w++)
		DT_ASSERT(!chain->workers[w]);
	while (chain->opened > 0)
		close_one(chain->instances[--chain->opened]);
	dt_free(chain->instances);
	dt_free(chain->workers);
	chain->magic = 0;
	dt_free(chain);
}

/* ---- on a worker ---------------------------------------------------------------------------- */

static void
set_slow_turn(struct dt_plugin_worker *pw)
{
	pw->slow_turn = (struct dt_dur){0};
	DT_LIST_EACH (node, next, &pw->chains) {
		struct dt_chain_worker *cw = DT_CONTAINER(node, struct dt_chain_worker, node);
		for (uint32_t i = 0; i < cw->count; i++) {
			struct dt_dur limit = cw->seats[i].instance->slow_hook;
			if (limit.ns && (!pw->slow_turn.ns || limit.ns < pw->slow_turn.ns))
				pw->slow_turn = limit;
		}
	}
}

static enum dt_err
start_seat(struct dt_chain_worker *cw, uint32_t i)
{
	struct dt_seat *seat = &cw->seats[i];
	struct dtlsd_instance *inst = seat->instance;
	int32_t code = DTLSD_OK;
	if (inst->module->worker_start) {
		const struct dtlsd_ctx *ctx = dt_hook_enter(seat, DT_HOOK_WORKER_START, 0);
		code = inst->module->worker_start(ctx, &seat->ctx.worker_data);
		dt_hook_leave(seat);
	}
	if (code != DTLSD_OK) {
		struct dt_log_context context = dt_instance_log_context(inst, 0);
		dt_log(inst->plugin->log, DT_LOG_ERROR, &context,
		    "worker_start returned %d on worker %u: the module cannot run there", code,
		    seat->ctx.worker);
		inst->places[seat->ctx.worker].ended = true;
		dt_host_forget(seat);
		return DT_ERR_REFUSED;
	}
	inst->places[seat->ctx.worker].seat = seat;
	cw->started++;
	return DT_OK;
}

static void
stop_seat(struct dt_seat *seat)
{
	struct dtlsd_instance *inst = seat->instance;
	struct dt_place *place = &inst->places[seat->ctx.worker];
	if (inst->module->worker_stop) {
		inst->module->worker_stop(dt_hook_enter(seat, DT_HOOK_WORKER_STOP, 0));
		dt_hook_leave(seat);
	}
	dt_host_forget(seat);
	dt_post_drop_early(place);
	place->seat = NULL;
	place->ended = true;
}

static struct dt_chain_worker *
make_chain_worker(struct dt_chain *chain, struct dt_plugin_worker *pw)
{
	struct dt_chain_worker *cw = dt_alloc(sizeof(*cw) + chain->count * sizeof(cw->seats[0]));
	if (!cw)
		return NULL;
	cw->chain = chain;
	cw->pw = pw;
	cw->count = chain->count;
	dt_events_fill(&cw->events, cw);
	dt_list_append(&pw->chains, &cw->node);
	for (uint32_t i = 0; i < chain->count; i++) {
		struct dt_seat *seat = &cw->seats[i];
		seat->instance = chain->instances[i];
		seat->chain = cw;
		seat->pw = pw;
		seat->ctx = seat->instance->ctx;
		seat->ctx.worker = pw->env.index;
		dt_list_init(&seat->timers);
		dt_list_init(&seat->watches);
	}
	return cw;
}

enum dt_err
dt_chain_worker_start(struct dt_chain *chain, struct dt_plugin_worker *pw)
{
	DT_CHECK_MAGIC(chain, CHAIN_MAGIC);
	DT_ASSERT(!chain->workers[pw->env.index]);
	struct dt_chain_worker *cw = make_chain_worker(chain, pw);
	if (!cw)
		return DT_ERR_NOMEM;
	chain->workers[pw->env.index] = cw;
	for (uint32_t i = 0; i < cw->count; i++) {
		enum dt_err err = start_seat(cw, i);
		if (err != DT_OK) {
			dt_chain_worker_stop(chain, pw);
			return err;
		}
	}
	set_slow_turn(pw);
	for (uint32_t i = 0; i < cw->count; i++)
		dt_post_run_early(&cw->seats[i]);
	return DT_OK;
}

void
dt_chain_worker_stop(struct dt_chain *chain, struct dt_plugin_worker *pw)
{
	DT_CHECK_MAGIC(chain, CHAIN_MAGIC);
	struct dt_chain_worker *cw = chain->workers[pw->env.index];
	if (!cw)
		return;
	while (cw->started > 0)
		stop_seat(&cw->seats[--cw->started]);
	dt_plugin_worker_flush(pw); /* what worker_stop has asked for */
	chain->workers[pw->env.index] = NULL;
	dt_list_remove(&cw->node);
	set_slow_turn(pw);
	dt_free(cw);
}

const struct dt_conn_events *
dt_chain_events(struct dt_chain *chain, const struct dt_plugin_worker *pw)
{
	DT_ASSERT(chain->workers[pw->env.index]);
	return &chain->workers[pw->env.index]->events;
}

/* ---- counters ------------------------------------------------------------------------------- */

void
dt_chain_counters(const struct dt_chain *chain,
    void (*each)(void *arg, const struct dt_chain_counter *counter), void *arg)
{
	for (uint32_t i = 0; i < chain->count; i++) {
		const struct dtlsd_instance *inst = chain->instances[i];
		for (uint32_t k = 0; k < dt_instance_counter_count(inst); k++) {
			const struct dtlsd_counter *info = dt_instance_counter(inst, k);
			struct dt_chain_counter c = {.instance = inst->name,
			    .name = info->name,
			    .doc = info->doc,
			    .value = dt_instance_counter_sum(inst, k)};
			each(arg, &c);
		}
	}
}
