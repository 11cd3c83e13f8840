#include "plugin/host.h"

#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/assert.h"
#include "io/clock.h"
#include "io/random.h"
#include "plugin/defer.h"
#include "plugin/post.h"
#include "plugin/worker_state.h"

#define RECORD_MAX 16384u /* bytes of plaintext; RFC 5246 6.2.1 */
#define LINE_MAX_BYTES 1024u

static int32_t
code_of(enum dt_err err)
{
	switch (err) {
	case DT_ERR_OK:
		return DTLSD_QUEUED;
	case DT_ERR_AGAIN:
		return DTLSD_AGAIN;
	case DT_ERR_TOO_LONG:
		return DTLSD_TOO_LONG;
	case DT_ERR_NOMEM:
		return DTLSD_NOMEM;
	default:
		return DTLSD_GONE; /* the worker has ended */
	}
}

struct dt_seat *
dt_host_seat(const struct dtlsd_ctx *c, const char *function)
{
	struct dt_plugin_worker *pw = dt_plugin_worker_here();
	if (pw && pw->running && &pw->running->ctx == c)
		return pw->running;

	struct dtlsd_instance *inst = c->instance;
	DT_CHECK_MAGIC(inst, DT_INSTANCE_MAGIC);
	if (!atomic_exchange(&inst->misuse_named, true)) {
		struct dt_log_context context = dt_instance_log_context(inst, 0);
		dt_log(inst->plugin->log, DT_LOG_ERROR, &context,
		    "the module called %s() outside of a hook, or with the ctx of another one: "
		    "refused (only the first is logged)",
		    function);
	}
	return NULL;
}

/* The worker with this index when the calling thread is it. */
static struct dt_plugin_worker *
here_is(const struct dt_plugin *plugin, uint32_t worker)
{
	struct dt_plugin_worker *pw = dt_plugin_worker_here();
	return pw && pw->env.plugin == plugin && pw->env.index == worker ? pw : NULL;
}

/* NULL: there is no such connection, or the instance may not ask any more. */
static struct dt_plugin *
plugin_for(const struct dtlsd_ctx *c, uint32_t worker)
{
	struct dtlsd_instance *inst = c->instance;
	DT_CHECK_MAGIC(inst, DT_INSTANCE_MAGIC);
	if (atomic_load(&inst->closed) || worker >= inst->plugin->worker_count)
		return NULL;
	return inst->plugin;
}

static int32_t
add_action(struct dt_plugin_worker *pw, const struct dt_action *action, bool copy)
{
	enum dt_err err = dt_actions_add(&pw->actions, action, copy);
	return err == DT_OK ? DTLSD_OK : code_of(err);
}

static bool
is_in_hook(const struct dtlsd_ctx *c)
{
	const struct dt_plugin_worker *pw = dt_plugin_worker_here();
	return pw && pw->running && &pw->running->ctx == c;
}

/* ---- connections ---------------------------------------------------------------------------- */

static bool
stays_until_flush(const struct dt_plugin_worker *pw, const uint8_t *data, size_t len)
{
	uintptr_t at = (uintptr_t)data, begin = (uintptr_t)pw->datagram;
	return pw->datagram && pw->running && pw->hook == DT_HOOK_DATA_IN && at >= begin &&
	       at - begin <= pw->datagram_len && len <= pw->datagram_len - (at - begin);
}

static int32_t
host_send(const struct dtlsd_ctx *c, uint64_t conn, const void *data, size_t len)
{
	uint32_t worker = dt_conn_id_worker(conn);
	struct dt_plugin *plugin = plugin_for(c, worker);
	if (!data && len)
		return DTLSD_INVALID;
	if (!plugin || conn == 0)
		return DTLSD_GONE;
	if (len > RECORD_MAX)
		return DTLSD_TOO_LONG;

	struct dt_action action = {.kind = DT_ACTION_SEND,
	    .target = conn,
	    .data = data,
	    .len = len,
	    .asker = c->instance,
	    .from_hook = is_in_hook(c)};
	struct dt_plugin_worker *pw = here_is(plugin, worker);
	if (!pw)
		return code_of(dt_post_action(plugin, worker, &action));
	struct dt_conn *to = dt_conns_find(pw->env.conns, conn);
	if (!to || dt_conn_state(to) != DT_CONN_ESTABLISHED)
		return DTLSD_GONE;
	if (len > dt_conn_max_datagram(to))
		return DTLSD_TOO_LONG;
	return add_action(pw, &action, !stays_until_flush(pw, data, len));
}

/* *here: the connection when it is one of this worker, else NULL. */
static int32_t
ask(const struct dtlsd_ctx *c, uint64_t conn, enum dt_action_kind kind, struct dt_conn **here)
{
	uint32_t worker = dt_conn_id_worker(conn);
	struct dt_plugin *plugin = plugin_for(c, worker);
	*here = NULL;
	if (!plugin || conn == 0)
		return DTLSD_GONE;
	struct dt_action action = {.kind = kind, .target = conn, .asker = c->instance};
	struct dt_plugin_worker *pw = here_is(plugin, worker);
	if (!pw)
		return code_of(dt_post_action(plugin, worker, &action));
	if (!(*here = dt_conns_find(pw->env.conns, conn)))
		return DTLSD_GONE;
	return add_action(pw, &action, false);
}

static int32_t
host_disconnect(const struct dtlsd_ctx *c, uint64_t conn)
{
	struct dt_conn *here;
	return ask(c, conn, DT_ACTION_CLOSE, &here);
}

static int32_t
host_pause(const struct dtlsd_ctx *c, uint64_t conn)
{
	struct dt_conn *here;
	int32_t code = ask(c, conn, DT_ACTION_PAUSE, &here);
	/* The next datagram may come before the queue is looked at. */
	if (code == DTLSD_OK)
		dt_conn_pause_ahead(here);
	return code;
}

static int32_t
host_process(const struct dtlsd_ctx *c, uint64_t conn)
{
	struct dt_conn *here;
	return ask(c, conn, DT_ACTION_PROCESS, &here);
}

/* ---- verdicts that come later --------------------------------------------------------------- */

static uint64_t
host_defer(const struct dtlsd_ctx *c)
{
	struct dt_seat *seat = dt_host_seat(c, "defer");
	if (!seat || !seat->pw->gate)
		return 0;
	return dt_defer_new(seat->pw->gate);
}

/* The token is claimed: brings the verdict to its worker. */
static int32_t
deliver_verdict(struct dt_plugin *plugin, const struct dt_action *action)
{
	uint32_t worker = dt_token_worker(action->target);
	struct dt_plugin_worker *pw = here_is(plugin, worker);
	if (!pw)
		return code_of(dt_post_action(plugin, worker, action));
	struct dt_span key = {action->data, action->len};
	if (dt_defer_keep_early(pw, action->target, action->verdict, key))
		return DTLSD_OK;
	return add_action(pw, action, true);
}

static int32_t
host_resolve(
    const struct dtlsd_ctx *c, uint64_t token, uint32_t verdict, const void *key, size_t key_len)
{
	uint32_t worker = dt_token_worker(token);
	struct dt_plugin *plugin = plugin_for(c, worker);
	bool found = verdict == DTLSD_FOUND;
	if (!plugin)
		return DTLSD_GONE;
	if (found && !key)
		return DTLSD_INVALID;

	struct dt_tokens *tokens = &plugin->shared[worker].tokens;
	switch (dt_token_claim(tokens, token, verdict, key_len)) {
	case DT_CLAIM_GONE:
		return DTLSD_GONE;
	case DT_CLAIM_INVALID:
		return DTLSD_INVALID;
	case DT_CLAIM_OK:
		break;
	}
	struct dt_action action = {.kind = DT_ACTION_VERDICT,
	    .verdict = verdict,
	    .target = token,
	    .data = found ? key : NULL,
	    .len = found ? key_len : 0};
	int32_t code = deliver_verdict(plugin, &action);
	if (code < 0) {
		dt_token_unclaim(tokens, token);
		return code == DTLSD_NOMEM ? DTLSD_AGAIN : code;
	}
	return code;
}

/* ---- the rest ------------------------------------------------------------------------------- */

static int32_t
host_post(const struct dtlsd_ctx *c, uint32_t worker,
    void (*call)(const struct dtlsd_ctx *c, void *data, size_t len), const void *data, size_t len)
{
	struct dt_plugin *plugin = plugin_for(c, worker == UINT32_MAX ? 0 : worker);
	if (!call || (!data && len))
		return DTLSD_INVALID;
	if (!plugin)
		return atomic_load(&c->instance->closed) ? DTLSD_GONE : DTLSD_INVALID;
	if (len > DT_POST_MAX)
		return DTLSD_TOO_LONG;

	bool all = worker == UINT32_MAX;
	return code_of(dt_post_call(c->instance, all ? 0 : worker, all ? plugin->worker_count : 1, call,
	    data, len));
}

/* One line, whatever the module has put in it. */
static void
flatten(const char *text, char line[LINE_MAX_BYTES])
{
	size_t n = 0;
	for (; text[n] && n < LINE_MAX_BYTES - 1; n++)
		line[n] = (unsigned char)text[n] < ' ' || text[n] == 0x7f ? ' ' : text[n];
	line[n] = '\0';
}

static void
host_log(const struct dtlsd_ctx *c, int32_t level, const char *text)
{
	struct dtlsd_instance *inst = c->instance;
	DT_CHECK_MAGIC(inst, DT_INSTANCE_MAGIC);
	struct dt_log *log = inst->plugin->log;
	if (level < DTLSD_LOG_ERROR || level > DTLSD_LOG_DEBUG)
		level = DTLSD_LOG_WARNING; /* it wanted to say something: better seen than lost */
	if (is_in_hook(c) && dt_plugin_worker_here()->hook == DT_HOOK_LOG)
		return;
	if (!text || !log || level > atomic_load_explicit(&log->level, memory_order_relaxed))
		return;

	char line[LINE_MAX_BYTES], peer[DT_ADDR_TEXT];
	struct dt_log_context context = dt_instance_log_context(inst, 0);
	struct dt_plugin_worker *pw = dt_plugin_worker_here();
	if (c->conn && is_in_hook(c)) {
		struct dt_conn *about = dt_conns_find(pw->env.conns, c->conn);
		context.conn = c->conn;
		context.peer = about ? dt_addr_format(&dt_conn_path(about)->peer, peer) : NULL;
	}
	flatten(text, line);
	dt_log(log, (enum dt_log_level)level, &context, "%s", line);
}

static uint64_t
host_now(const struct dtlsd_ctx *c)
{
	struct dt_plugin_worker *pw = dt_plugin_worker_here();
	DT_CHECK_MAGIC(c->instance, DT_INSTANCE_MAGIC);
	if (pw && pw->env.plugin == c->instance->plugin)
		return (uint64_t)pw->now.mono.ns;
	return (uint64_t)dt_clock_now().mono.ns;
}

static void
host_random(const struct dtlsd_ctx *c, void *out, size_t len)
{
	(void)c;
	if (len)
		dt_random(out, len);
}

const struct dtlsd_host dt_host = {
    .size = sizeof(struct dtlsd_host),
    .abi_major = DTLSD_ABI_MAJOR,
    .abi_minor = DTLSD_ABI_MINOR,
    .version = DTLSD_VERSION,
    .send = host_send,
    .disconnect = host_disconnect,
    .log = host_log,
    .now = host_now,
    .random = host_random,
    .defer = host_defer,
    .resolve = host_resolve,
    .conn_info = dt_host_conn_info,
    .peer_certificate = dt_host_peer_certificate,
    .set_conn_data = dt_host_set_conn_data,
    .conn_data = dt_host_conn_data,
    .for_each_conn = dt_host_for_each_conn,
    .post = host_post,
    .timer_start = dt_host_timer_start,
    .timer_stop = dt_host_timer_stop,
    .watch = dt_host_watch,
    .unwatch = dt_host_unwatch,
    .count = dt_host_count,
    .pause = host_pause,
    .process = host_process,
    .gauge = dt_host_gauge,
    .export_key = dt_host_export_key,
};
