#include "plugin/hook.h"

#include <inttypes.h>

#include "base/assert.h"
#include "io/clock.h"
#include "plugin/certificates.h"
#include "plugin/worker_state.h"

/* An instance that stays slow is named again after this long. */
#define NAME_AGAIN DT_SECONDS(60)

const char *
dt_hook_name(enum dt_hook hook)
{
	static const char *const names[DT_HOOKS] = {
#define X(name, text) text,
#include "plugin/hook.def"
#undef X
	};
	return names[hook];
}

const struct dtlsd_ctx *
dt_hook_enter(struct dt_seat *seat, enum dt_hook hook, uint64_t conn)
{
	struct dt_plugin_worker *pw = seat->pw;
	DT_ASSERT(pw == dt_plugin_worker_here() && !pw->running);
	pw->running = seat;
	pw->hook = hook;
	seat->ctx.conn = conn;
	if (pw->timed_turns)
		pw->hook_began = dt_clock_now().mono;
	return &seat->ctx;
}

/* A hook of a turn in which each is timed. */
static void
look_at_time(struct dt_seat *seat)
{
	struct dt_plugin_worker *pw = seat->pw;
	struct dtlsd_instance *inst = seat->instance;
	struct dt_mono end = dt_clock_now().mono;
	struct dt_dur took = dt_mono_diff(pw->hook_began, end);
	if (inst->slow_hook.ns == 0 || took.ns <= inst->slow_hook.ns)
		return;

	pw->timed_turns = 0;
	dt_instance_count_own(inst, seat->ctx.worker, DT_OWN_SLOW_HOOKS);
	bool named = seat->slow_named_at.ns != 0;
	if (named && !dt_mono_reached(dt_mono_add(seat->slow_named_at, NAME_AGAIN), end))
		return;
	seat->slow_named_at = end;
	struct dt_log_context context = dt_instance_log_context(inst, seat->ctx.conn);
	dt_log(inst->plugin->log, DT_LOG_WARNING, &context,
	    "%s took %" PRId64 " ms and held up worker %u (slow_hook is %" PRId64 " ms)",
	    dt_hook_name(pw->hook), took.ns / 1000000, seat->ctx.worker,
	    inst->slow_hook.ns / 1000000);
}

void
dt_hook_leave(struct dt_seat *seat)
{
	struct dt_plugin_worker *pw = seat->pw;
	DT_ASSERT(pw->running == seat);
	if (pw->timed_turns)
		look_at_time(seat);
	if (pw->certificates)
		dt_certificates_release(pw, NULL);
	pw->running = NULL;
	seat->ctx.conn = 0;
}

void
dt_hook_contain(struct dt_seat *seat, enum dt_hook hook, const char *what, const char *taken_as)
{
	struct dtlsd_instance *inst = seat->instance;
	dt_instance_count_own(inst, seat->ctx.worker, DT_OWN_BAD_VERDICTS);
	if (atomic_exchange(&inst->verdict_named, true))
		return;
	struct dt_log_context context = dt_instance_log_context(inst, 0);
	dt_log(inst->plugin->log, DT_LOG_ERROR, &context,
	    "%s %s: taken as %s (only the first is logged, see the counter bad_verdicts)",
	    dt_hook_name(hook), what, taken_as);
}
