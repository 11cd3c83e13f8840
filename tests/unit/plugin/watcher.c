#include "watcher.h"

#include <string.h>

static struct watcher *
watcher_of(const struct dtlsd_ctx *c, const char *hook)
{
	struct watcher *w = (struct watcher *)(uintptr_t)c->config;
	if (w->each)
		w->each(c, hook);
	return w;
}

static uint32_t
data_out(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	struct watcher *w = watcher_of(c, "out");
	world_note("%s.out ", w->name);
	if (w->rewrites) {
		memcpy(d->data, w->rewrites, strlen(w->rewrites));
		d->len = w->out_len ? w->out_len : (uint32_t)strlen(w->rewrites);
	}
	return w->out;
}

static uint32_t
data_in(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	(void)d;
	watcher_of(c, "data");
	return DTLSD_NEXT;
}

static void
tls_status(const struct dtlsd_ctx *c, const struct dtlsd_tls_status *event)
{
	world_note("%s.step%u ", watcher_of(c, "status")->name, event->step);
}

static void
error(const struct dtlsd_ctx *c, const struct dtlsd_error *event)
{
	cr_assert(event->text[0] && event->size == sizeof(*event));
	world_note("%s.error%d ", watcher_of(c, "error")->name, event->code);
}

static void
hear(const struct dtlsd_ctx *c, const struct dtlsd_log_line *line)
{
	struct watcher *w = watcher_of(c, "log");
	cr_assert(c->conn == 0 && line->size == sizeof(*line));
	world_note("%s.%u(%s) ", w->name, c->worker, line->text);
	if (w->on_line)
		w->on_line(c, line);
}

const struct dtlsd_module watching = {DTLSD_MODULE_PREFIX, .name = "watching", .version = "1",
    .data_in = data_in, .tls_status = tls_status, .error = error, .data_out = data_out};
const struct dtlsd_module hearing = {
    DTLSD_MODULE_PREFIX, .name = "hearing", .version = "1", .log = hear};
