/* chain_worker.c - the seats of a chain on one worker. An instance has one seat there, however many
 * chains it stands in: worker_start runs with the first of them, worker_stop with the last.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "plugin/chain_state.h"
#include "plugin/events.h"
#include "plugin/hook.h"
#include "plugin/host.h"
#include "plugin/post.h"
#include "plugin/worker_state.h"

static void
set_slow_turn(struct dt_plugin_worker *pw)
{
	pw->slow_turn = (struct dt_dur){0};
	DT_LIST_EACH(node, next, &pw->chains) {
		struct dt_chain_worker *cw = DT_CONTAINER(node, struct dt_chain_worker, node);
		for (uint32_t i = 0; i < cw->count; i++) {
			struct dt_dur limit = cw->seats[i]->instance->slow_hook;
			if (limit.ns && (!pw->slow_turn.ns || limit.ns < pw->slow_turn.ns))
				pw->slow_turn = limit;
		}
	}
}

static struct dt_seat *
new_seat(struct dtlsd_instance *inst, struct dt_plugin_worker *pw)
{
	struct dt_seat *seat = dt_alloc(sizeof(*seat));
	if (!seat)
		return NULL;
	seat->instance = inst;
	seat->pw = pw;
	seat->ctx = inst->ctx;
	seat->ctx.worker = pw->env.index;
	dt_list_init(&seat->timers);
	dt_list_init(&seat->watches);
	return seat;
}

static int32_t
call_worker_start(struct dt_seat *seat)
{
	const struct dtlsd_module *m = seat->instance->module;
	if (!m->worker_start)
		return DTLSD_OK;
	int32_t code =
	    m->worker_start(dt_hook_enter(seat, DT_HOOK_WORKER_START, 0), &seat->ctx.worker_data);
	dt_hook_leave(seat);
	return code;
}

static enum dt_err
start_seat(struct dtlsd_instance *inst, struct dt_plugin_worker *pw)
{
	struct dt_place *place = &inst->places[pw->env.index];
	struct dt_seat *seat = new_seat(inst, pw);
	if (!seat)
		return DT_ERR_NOMEM;
	int32_t code = call_worker_start(seat);
	if (code == DTLSD_OK) {
		place->seat = seat;
		return DT_OK;
	}
	struct dt_log_context context = dt_instance_log_context(inst, 0);
	dt_log(inst->plugin->log, DT_LOG_ERROR, &context,
	    "worker_start returned %d on worker %u: the module cannot run there", code,
	    pw->env.index);
	place->ended = true;
	dt_host_forget(seat);
	dt_free(seat);
	return DT_ERR_REFUSED;
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
	dt_free(seat);
}

static enum dt_err
take_seat(struct dt_chain_worker *cw, struct dtlsd_instance *inst)
{
	struct dt_place *place = &inst->places[cw->pw->env.index];
	enum dt_err err = place->seat ? DT_OK : start_seat(inst, cw->pw);
	if (err == DT_OK) {
		place->seat->chains++;
		cw->seats[cw->started++] = place->seat;
	}
	return err;
}

static bool
hears_log(const struct dt_chain *chain)
{
	for (uint32_t i = 0; i < chain->count; i++)
		if (chain->instances[i]->module->log)
			return true;
	return false;
}

static struct dt_chain_worker *
new_chain_worker(struct dt_chain *chain, struct dt_plugin_worker *pw)
{
	struct dt_chain_worker *cw = dt_alloc(sizeof(*cw) + chain->count * sizeof(cw->seats[0]));
	if (!cw)
		return NULL;
	cw->chain = chain;
	cw->pw = pw;
	cw->count = chain->count;
	dt_events_fill(&cw->events, cw);
	return cw;
}

static void
leave_seats(struct dt_chain_worker *cw)
{
	while (cw->started > 0)
		if (--cw->seats[--cw->started]->chains == 0)
			stop_seat(cw->seats[cw->started]);
	dt_plugin_worker_flush(cw->pw); /* what worker_stop has asked for */
}

enum dt_err
dt_chain_worker_start(struct dt_chain *chain, struct dt_plugin_worker *pw)
{
	DT_CHECK_MAGIC(chain, DT_CHAIN_MAGIC);
	DT_ASSERT(!chain->workers[pw->env.index]);
	struct dt_chain_worker *cw = new_chain_worker(chain, pw);
	if (!cw)
		return DT_ERR_NOMEM;
	for (uint32_t i = 0; i < cw->count; i++) {
		enum dt_err err = take_seat(cw, chain->instances[i]);
		if (err != DT_OK) {
			leave_seats(cw);
			dt_free(cw);
			return err;
		}
	}
	chain->workers[pw->env.index] = cw;
	dt_list_append(&pw->chains, &cw->node);
	pw->env.plugin->log_hooks += hears_log(chain);
	set_slow_turn(pw);
	for (uint32_t i = 0; i < cw->count; i++)
		dt_post_run_early(cw->seats[i]);
	return DT_OK;
}

void
dt_chain_worker_stop(struct dt_chain *chain, struct dt_plugin_worker *pw)
{
	DT_CHECK_MAGIC(chain, DT_CHAIN_MAGIC);
	struct dt_chain_worker *cw = chain->workers[pw->env.index];
	if (!cw)
		return;
	leave_seats(cw);
	chain->workers[pw->env.index] = NULL;
	dt_list_remove(&cw->node);
	pw->env.plugin->log_hooks -= hears_log(chain);
	set_slow_turn(pw);
	dt_free(cw);
}

const struct dt_conn_events *
dt_chain_events(struct dt_chain *chain, const struct dt_plugin_worker *pw)
{
	DT_ASSERT(chain->workers[pw->env.index]);
	return &chain->workers[pw->env.index]->events;
}
