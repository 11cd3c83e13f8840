#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "io/clock.h"

char world_trace[8192];
char world_log[8192];
struct dt_now world_clock;

struct dt_now
dt_clock_now(void)
{
	return world_clock;
}

void
world_note(const char *format, ...)
{
	size_t used = strlen(world_trace);
	va_list args;
	va_start(args, format);
	vsnprintf(world_trace + used, sizeof(world_trace) - used, format, args);
	va_end(args);
}

void
world_forget_trace(void)
{
	world_trace[0] = '\0';
}

static void
take_line(void *arg, const struct dt_log_line *line)
{
	size_t used = strlen(world_log);
	(void)arg;
	snprintf(world_log + used, sizeof(world_log) - used, "%s %s: %s\n",
	    dt_log_level_name(line->level), line->context->module ? line->context->module : "-",
	    line->text);
}

/* ---- the scripted module -------------------------------------------------------------------- */

/* Hooks get the script as config; it is the test's memory and not const there. */
static struct script *
script_of(const struct dtlsd_ctx *c, const char *hook)
{
	struct script *s = (struct script *)(uintptr_t)c->config;
	world_note("%s.%s ", s->name, hook);
	if (s->each)
		s->each(c, hook);
	return s;
}

static int32_t
script_open(const struct dtlsd_ctx *c, void **data)
{
	struct script *s = script_of(c, "open");
	s->open_ctx = c;
	*data = s;
	return s->open_code;
}

static void
script_close(const struct dtlsd_ctx *c)
{
	script_of(c, "close");
}

static int32_t
script_start(const struct dtlsd_ctx *c, void **data)
{
	(void)data;
	return script_of(c, "start")->start_code;
}

static void
script_stop(const struct dtlsd_ctx *c)
{
	script_of(c, "stop");
}

static void
ask_token(struct script *s, const struct dtlsd_ctx *c)
{
	if (s->defers)
		s->token = c->host->defer(c);
}

static uint32_t
script_request(const struct dtlsd_ctx *c, struct dtlsd_request *request)
{
	struct script *s = script_of(c, "request");
	ask_token(s, c);
	if (s->on_request)
		s->on_request(c, request);
	request->alert = s->alert;
	return s->request;
}

static uint32_t
script_psk(const struct dtlsd_ctx *c, struct dtlsd_psk *psk)
{
	struct script *s = script_of(c, "psk");
	ask_token(s, c);
	if (s->key) {
		strcpy((char *)psk->key, s->key);
		psk->key_len = s->key_len ? s->key_len : (uint32_t)strlen(s->key);
	}
	return s->psk;
}

static uint32_t
script_auth(const struct dtlsd_ctx *c, struct dtlsd_auth *auth)
{
	struct script *s = script_of(c, "auth");
	ask_token(s, c);
	if (s->on_auth)
		s->on_auth(c, auth);
	s->recommended = auth->recommended;
	auth->alert = s->alert;
	return s->auth;
}

static void
script_connected(const struct dtlsd_ctx *c, const struct dtlsd_connected *event)
{
	script_of(c, event->status ? "failed" : "connected");
}

static uint32_t
script_data(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	struct script *s = script_of(c, "data");
	if (s->on_data)
		s->on_data(c, d);
	return s->data;
}

static void
script_disconnected(const struct dtlsd_ctx *c, const struct dtlsd_disconnected *event)
{
	(void)event;
	script_of(c, "disconnected");
}

static uint32_t
script_moved(const struct dtlsd_ctx *c, const struct dtlsd_peer_moved *event)
{
	struct script *s = script_of(c, "moved");
	ask_token(s, c);
	if (s->on_moved)
		s->on_moved(c, event);
	return s->moved;
}

static const struct dtlsd_counter script_counters[] = {{"first", "one"}, {"second", "two"}};

const struct dtlsd_module scripted = {DTLSD_MODULE_PREFIX, .name = "scripted", .version = "1",
    .counters = script_counters, .counter_count = 2, .counter_size = sizeof(script_counters[0]),
    .open = script_open, .close = script_close, .worker_start = script_start,
    .worker_stop = script_stop, .connection_request = script_request, .psk_lookup = script_psk,
    .client_auth = script_auth, .connected = script_connected, .data_in = script_data,
    .disconnected = script_disconnected, .peer_moved = script_moved};

/* ---- the world ------------------------------------------------------------------------------ */

struct dt_chain_entry
world_entry(struct script *s)
{
	return (struct dt_chain_entry){.module = &scripted,
	    .name = s->name,
	    .config = s,
	    .slow_hook = DT_MILLISECONDS(20),
	    .defer_timeout = DT_SECONDS(1)};
}

void
world_begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	world_trace[0] = world_log[0] = '\0';
	w->log = (struct dt_log){.sink = take_line};
	atomic_init(&w->log.level, DT_LOG_DEBUG);
	w->now.mono.ns = DT_SECONDS(1).ns;
	world_clock = w->now;
	for (uint32_t i = 0; i < WORLD_WORKERS; i++) {
		cr_assert_eq(dt_mailbox_init(&w->mailbox[i], 8, 1 << 20), DT_OK);
		w->mailboxes[i] = &w->mailbox[i];
	}
	struct dt_plugin_config config = {.worker_count = WORLD_WORKERS,
	    .mailboxes = w->mailboxes,
	    .log = &w->log,
	    .defer_limit = WORLD_DEFER_LIMIT};
	cr_assert_eq(dt_plugin_new(&config, &w->plugin), DT_OK);
	for (uint32_t i = 0; i < WORLD_WORKERS; i++) {
		dt_wheel_init(&w->wheel[i], w->now.mono);
		cr_assert_eq(dt_loop_init(&w->loop[i]), DT_OK);
		w->conns[i] = fake_conns_new(i);
		struct dt_plugin_worker_config worker = {.plugin = w->plugin,
		    .index = i,
		    .wheel = &w->wheel[i],
		    .loop = &w->loop[i],
		    .conns = w->conns[i],
		    .counters = &w->counters[i]};
		cr_assert_eq(dt_plugin_worker_new(&worker, &w->pw[i]), DT_OK);
	}
}

void
world_start_chain(struct world *w)
{
	for (uint32_t i = 0; i < WORLD_WORKERS; i++) {
		dt_plugin_worker_turn(w->pw[i], w->now);
		cr_assert_eq(dt_chain_worker_start(w->chain, w->pw[i]), DT_OK);
		w->service[i] = (struct dt_service){
		    .name = "srv", .events = dt_chain_events(w->chain, w->pw[i])};
	}
}

void
world_open_entries(struct world *w, const struct dt_chain_entry *entries, size_t count)
{
	struct dt_chain_failure failure;
	world_begin(w);
	cr_assert_eq(
	    dt_chain_new(w->plugin, "srv", entries, count, &w->chain, &failure), DT_OK, "%s",
	    failure.why);
	world_start_chain(w);
	world_forget_trace();
}

void
world_open(struct world *w, struct script *const *scripts, size_t count)
{
	struct dt_chain_entry entries[8];
	for (size_t i = 0; i < count; i++)
		entries[i] = world_entry(scripts[i]);
	world_open_entries(w, entries, count);
}

static void
close_conn(struct dt_conn *c, void *arg)
{
	dt_conn_close(c, DT_CLOSE_DRAIN, *(struct dt_now *)arg);
}

void
world_close(struct world *w)
{
	for (uint32_t i = 0; i < WORLD_WORKERS; i++) {
		dt_plugin_worker_turn(w->pw[i], w->now);
		dt_conns_each(w->conns[i], close_conn, &w->now);
		dt_plugin_worker_flush(w->pw[i]);
		if (w->chain)
			dt_chain_worker_stop(w->chain, w->pw[i]);
		dt_plugin_worker_free(&w->pw[i]);
	}
	dt_chain_free(&w->chain);
	cr_assert_eq(dt_plugin_deferred(w->plugin), 0, "verdicts are still waited for");
	for (uint32_t i = 0; i < WORLD_WORKERS; i++) {
		dt_mailbox_fini(&w->mailbox[i]);
		dt_loop_fini(&w->loop[i]);
		fake_conns_free(w->conns[i]);
	}
	dt_plugin_free(&w->plugin);
}

struct dt_conn *
world_conn(struct world *w, uint32_t i)
{
	dt_plugin_worker_turn(w->pw[i], w->now);
	return fake_conn_new(w->conns[i], &w->service[i]);
}

struct dt_conn *
world_established(struct world *w, uint32_t i)
{
	struct dt_conn *c = world_conn(w, i);
	fake_establish(c);
	dt_plugin_worker_flush(w->pw[i]);
	world_forget_trace();
	return c;
}

void
world_data(struct world *w, struct dt_conn *c, const char *text)
{
	static uint8_t buffer[ROOM];
	uint32_t i = dt_conn_id_worker(c->id);
	memset(buffer, 0, sizeof(buffer));
	memcpy(buffer, text, strlen(text));
	dt_plugin_worker_turn(w->pw[i], w->now);
	dt_plugin_worker_datagram(w->pw[i], buffer, sizeof(buffer));
	c->service->events->data_in(
	    c->service->events->arg, c, buffer, strlen(text), sizeof(buffer));
	dt_plugin_worker_flush(w->pw[i]);
}

void
world_drain(struct world *w)
{
	for (uint32_t round = 0; round < 4; round++) {
		for (uint32_t i = 0; i < WORLD_WORKERS; i++) {
			dt_plugin_worker_turn(w->pw[i], w->now);
			dt_mailbox_drain(&w->mailbox[i], NULL, SIZE_MAX);
		}
	}
}

void
world_advance(struct world *w, int64_t ms)
{
	w->now.mono = dt_mono_add(w->now.mono, DT_MILLISECONDS(ms));
	world_clock = w->now;
	for (uint32_t i = 0; i < WORLD_WORKERS; i++) {
		dt_plugin_worker_turn(w->pw[i], w->now);
		dt_wheel_run(&w->wheel[i], w->now);
		dt_plugin_worker_turn_end(w->pw[i]);
	}
}

struct search {
	const char *name;
	uint64_t value;
	bool found;
};

static void
look_at_counter(void *arg, const struct dt_chain_counter *counter)
{
	struct search *s = arg;
	char name[128];
	snprintf(name, sizeof(name), "%s.%s", counter->instance, counter->name);
	if (strcmp(name, s->name) == 0) {
		s->value = counter->value;
		s->found = true;
	}
}

uint64_t
world_counter(const struct world *w, const char *name)
{
	struct search s = {.name = name};
	dt_chain_counters(w->chain, look_at_counter, &s);
	cr_assert(s.found, "no counter %s", name);
	return s.value;
}
