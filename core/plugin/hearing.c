#include "plugin/hearing.h"

#include <string.h>

#include "base/mem.h"
#include "plugin/hook.h"
#include "plugin/worker_state.h"

struct dt_heard_line {
	struct dt_heard_line *next;	  /* owned */
	struct dt_plugin *plugin; /* borrowed */
	struct dtlsd_log_line event; /* texts stand behind this struct */
	char texts[];
};

static const char *
type_of(enum dt_log_level level)
{
	static const char *const types[] = {
	    [DT_LOG_NONE] = "Info",
	    [DT_LOG_ERROR] = "Error",
	    [DT_LOG_WARNING] = "Info",
	    [DT_LOG_INFO] = "Info",
	    [DT_LOG_VERBOSE] = "Verbose",
	    [DT_LOG_DEBUG] = "Debug",
	};
	return types[level];
}

static size_t
size_of(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static const char *
put(char **at, const char *text)
{
	size_t size = size_of(text);
	const char *copy = size ? memcpy(*at, text, size) : NULL;
	*at += size;
	return copy;
}

static struct dt_heard_line *
new_line(struct dt_plugin *plugin, const struct dt_log_line *said, size_t *size)
{
	const struct dt_log_context *about = said->context;
	*size = sizeof(struct dt_heard_line) + size_of(said->text) + size_of(about->server) + size_of(about->module);
	struct dt_heard_line *l = dt_alloc(*size);
	if (!l)
		return NULL;
	char *at = l->texts;
	l->plugin = plugin;
	l->event = (struct dtlsd_log_line){.size = sizeof(l->event),
	    .level = (int32_t)said->level,
	    .type = type_of(said->level),
	    .text = put(&at, said->text),
	    .server = put(&at, about->server),
	    .module = put(&at, about->module),
	    .conn = about->conn};
	return l;
}

static void
wait(struct dt_hearing *w, struct dt_heard_line *l)
{
	if (!w->first)
		w->last = &w->first;
	*w->last = l;
	w->last = &l->next;
	w->count++;
}

/* ---- said by a thread that is no worker ---- */

static void
drop_far(void *data)
{
	struct dt_heard_line *l = data;
	l->plugin->lines_far--;
	dt_free(l);
}

static void
take_far(void *arg, void *data, size_t len)
{
	struct dt_heard_line *l = data;
	struct dt_plugin_worker *pw = l->plugin->shared[0].worker;
	(void)arg;
	(void)len;
	if (!pw || pw->lines.count >= DT_HEARING_MAX) {
		drop_far(l);
		return;
	}
	l->plugin->lines_far--;
	wait(&pw->lines, l);
	dt_plugin_worker_flush(pw);
}

static void
say_far(struct dt_plugin *plugin, const struct dt_log_line *said)
{
	size_t size;
	struct dt_heard_line *l = NULL;
	if (plugin->lines_far++ < DT_HEARING_MAX)
		l = new_line(plugin, said, &size);
	if (!l)
		plugin->lines_far--;
	else if (dt_mailbox_post_owned(plugin->shared[0].mailbox, take_far, drop_far, l, size) != DT_OK)
		drop_far(l);
}

/* ---- said by a worker ---- */

static void
say_here(struct dt_plugin_worker *pw, const struct dt_log_line *said)
{
	size_t size;
	if ((pw->running && pw->hook == DT_HOOK_LOG) || pw->lines.count >= DT_HEARING_MAX)
		return;
	struct dt_heard_line *l = new_line(pw->env.plugin, said, &size);
	if (l)
		wait(&pw->lines, l);
}

static void
take_line(void *arg, const struct dt_log_line *said)
{
	struct dt_plugin *plugin = arg;
	struct dt_plugin_worker *pw = dt_plugin_worker_here();
	if (!plugin->log_hooks)
		return;
	if (pw && pw->env.plugin == plugin)
		say_here(pw, said);
	else
		say_far(plugin, said);
}

void
dt_hearing_begin(struct dt_plugin *plugin)
{
	if (!plugin->log)
		return;
	plugin->log->tap = take_line;
	plugin->log->tap_arg = plugin;
}

void
dt_hearing_end(struct dt_plugin *plugin)
{
	if (plugin->log && plugin->log->tap_arg == plugin)
		plugin->log->tap = NULL;
}

/* ---- told ---- */

static void
tell_seat(struct dt_seat *seat, const struct dt_heard_line *l, uint64_t number)
{
	const struct dtlsd_instance *inst = seat->instance;
	/* One that stands in two chains hears it once. */
	if (!inst->module->log || seat->line_heard == number)
		return;
	if (l->event.server && strcmp(l->event.server, inst->server) != 0)
		return;
	seat->line_heard = number;
	inst->module->log(dt_hook_enter(seat, DT_HOOK_LOG, 0), &l->event);
	dt_hook_leave(seat);
}

static void
tell_line(struct dt_plugin_worker *pw, const struct dt_heard_line *l)
{
	uint64_t number = ++pw->lines_told;
	DT_LIST_EACH(node, next, &pw->chains) {
		struct dt_chain_worker *cw = DT_CONTAINER(node, struct dt_chain_worker, node);
		for (uint32_t i = 0; i < cw->started; i++)
			tell_seat(cw->seats[i], l, number);
	}
}

static struct dt_heard_line *
take_all(struct dt_plugin_worker *pw)
{
	struct dt_heard_line *first = pw->lines.first;
	pw->lines = (struct dt_hearing){NULL};
	return first;
}

void
dt_hearing_tell(struct dt_plugin_worker *pw)
{
	for (struct dt_heard_line *l = take_all(pw), *next; l; l = next) {
		next = l->next;
		tell_line(pw, l);
		dt_free(l);
	}
}

void
dt_hearing_drop(struct dt_plugin_worker *pw)
{
	for (struct dt_heard_line *l = take_all(pw), *next; l; l = next) {
		next = l->next;
		dt_free(l);
	}
}
