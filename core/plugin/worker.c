#include "plugin/worker.h"

#include <errno.h>

#include "base/assert.h"
#include "base/mem.h"
#include "io/clock.h"
#include "plugin/defer.h"
#include "plugin/notices.h"
#include "plugin/worker_state.h"

/* Turns in which hooks are timed after a slow one; a slow turn may have had another cause. */
#define TIMED_TURNS 1000u

/* A module's call says which instance it is for, not which thread it comes from; and the thread
 * must be known before anything that the call points to is believed. */
static _Thread_local struct dt_plugin_worker *here;

struct dt_plugin_worker *
dt_plugin_worker_here(void)
{
	return here;
}

enum dt_err
dt_plugin_worker_new(const struct dt_plugin_worker_config *config, struct dt_plugin_worker **out)
{
	DT_ASSERT(config->index < config->plugin->worker_count);
	struct dt_shared *shared = &config->plugin->shared[config->index];
	DT_ASSERT(!shared->worker);

	struct dt_plugin_worker *pw = dt_alloc(sizeof(*pw));
	if (!pw)
		return DT_ERR_NOMEM;
	pw->deferrals = dt_alloc_array(shared->tokens.cap, sizeof(struct dt_deferral *));
	if (!pw->deferrals) {
		dt_free(pw);
		return DT_ERR_NOMEM;
	}
	pw->magic = DT_PLUGIN_WORKER_MAGIC;
	pw->env = *config;
	pw->next_timer = 1;
	dt_list_init(&pw->chains);
	shared->worker = pw;
	*out = pw;
	return DT_OK;
}

void
dt_plugin_worker_free(struct dt_plugin_worker **slot)
{
	struct dt_plugin_worker *pw = *slot;
	*slot = NULL;
	if (!pw)
		return;
	DT_CHECK_MAGIC(pw, DT_PLUGIN_WORKER_MAGIC);
	DT_ASSERT(dt_list_empty(&pw->chains) && !pw->running);
	pw->env.plugin->shared[pw->env.index].worker = NULL;
	if (here == pw)
		here = NULL;
	dt_hearing_drop(pw);
	dt_actions_fini(&pw->actions);
	dt_free(pw->deferrals);
	pw->magic = 0;
	dt_free(pw);
}

void
dt_plugin_worker_turn(struct dt_plugin_worker *pw, struct dt_now now)
{
	DT_CHECK_MAGIC(pw, DT_PLUGIN_WORKER_MAGIC);
	here = pw;
	pw->now = now;
}

void
dt_plugin_worker_datagram(struct dt_plugin_worker *pw, const uint8_t *data, size_t capacity)
{
	pw->datagram = data;
	pw->datagram_len = capacity;
}

/* What dt_conn_send() refused for, as an errno. */
static int32_t
errno_of(enum dt_err err)
{
	switch (err) {
	case DT_ERR_TOO_LONG:
		return EMSGSIZE;
	case DT_ERR_AGAIN:
		return ENOBUFS;
	default:
		return ENOTCONN;
	}
}

static void
send(struct dt_plugin_worker *pw, struct dt_conn *c, const struct dt_action *action)
{
	struct dt_log_context context = {
	    .server = dt_conn_service(c)->name, .conn = action->target};
	pw->sender = action->from_hook ? action->asker : NULL;
	enum dt_err err = dt_conn_send(c, action->data, action->len, pw->now);
	pw->sender = NULL;
	if (err == DT_OK)
		return;
	dt_log(pw->env.plugin->log, DT_LOG_DEBUG, &context,
	    "a datagram of a module was not sent: %s", dt_err_text(err));
	/* It may have ended the connection; then that tells enough. */
	c = dt_conns_find(pw->env.conns, action->target);
	const struct dt_conn_events *ev = c ? dt_conn_service(c)->events : NULL;
	if (ev && ev->error)
		ev->error(ev->arg, c, errno_of(err), "a datagram could not be sent");
}

static void
do_action(struct dt_plugin_worker *pw, const struct dt_action *action)
{
	if (action->kind == DT_ACTION_VERDICT) {
		dt_defer_settle(pw, action->target, action->verdict,
		    (struct dt_span){action->data, action->len});
		return;
	}
	struct dt_conn *c = dt_conns_find(pw->env.conns, action->target);
	if (!c) {
		/* It ended meanwhile. Who asked on its own worker was told of that end. */
		if (action->posted)
			dt_notice_error(pw, action->asker, action->target, ENOTCONN,
			    "what was asked for comes too late: the connection is gone");
		return;
	}
	switch (action->kind) {
	case DT_ACTION_SEND:
		send(pw, c, action);
		break;
	case DT_ACTION_CLOSE:
		dt_conn_close(c, DT_CLOSE_MODULE, pw->now);
		break;
	case DT_ACTION_PAUSE:
		dt_conn_pause(c);
		break;
	case DT_ACTION_PROCESS:
		dt_conn_process(c);
		break;
	case DT_ACTION_VERDICT:
		break;
	}
}

void
dt_plugin_worker_close_later(struct dt_plugin_worker *pw, uint64_t conn)
{
	struct dt_action action = {.kind = DT_ACTION_CLOSE, .target = conn};
	if (dt_actions_add(&pw->actions, &action, false) != DT_OK)
		dt_log(pw->env.plugin->log, DT_LOG_WARNING, &(struct dt_log_context){.conn = conn},
		    "a connection that a module closed stays open: out of memory");
}

static void
do_actions(struct dt_plugin_worker *pw)
{
	struct dt_action action;
	while (dt_actions_take(&pw->actions, &action))
		do_action(pw, &action);
	dt_actions_reset(&pw->actions);
}

bool
dt_plugin_worker_busy(const struct dt_plugin_worker *pw)
{
	return pw->actions.count > 0;
}

void
dt_plugin_worker_flush(struct dt_plugin_worker *pw)
{
	DT_CHECK_MAGIC(pw, DT_PLUGIN_WORKER_MAGIC);
	DT_ASSERT(!pw->running && !pw->flushing);
	pw->datagram = NULL;
	if (pw->actions.count == 0 && pw->lines.count == 0)
		return;
	pw->flushing = true;
	do_actions(pw);
	dt_hearing_tell(pw);
	do_actions(pw);
	pw->flushing = false;
}

void
dt_plugin_worker_turn_end(struct dt_plugin_worker *pw)
{
	dt_plugin_worker_flush(pw);
	if (pw->slow_turn.ns == 0)
		return;
	if (dt_mono_diff(pw->now.mono, dt_clock_now().mono).ns > pw->slow_turn.ns) {
		dt_count(pw->env.counters, DT_COUNT_HOOKS_SLOW, 1);
		pw->timed_turns = TIMED_TURNS;
	} else if (pw->timed_turns) {
		pw->timed_turns--;
	}
}
