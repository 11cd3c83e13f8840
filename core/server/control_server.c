/* control_server.c - the commands about the server as a whole. */
#include "server/build_info.h"
#include "server/control_command.h"
#include "server/control_filter.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- status ---- */

static void
write_process(struct dt_control_request *r)
{
	const struct dt_server *s = dt_control_server(r);
	const struct dt_endpoint *e;
	uint64_t connections = 0, handshakes = 0;
	for (size_t i = 0; (e = dt_server_endpoint(s, i)) != NULL; i++) {
		connections += e->site->load.connections;
		handshakes += e->site->load.handshakes;
	}
	struct dt_lines *l = dt_control_row(r);
	if (!l)
		return;
	dt_lines_text(l, "version", DTLSD_VERSION);
	dt_lines_text(l, "commit", DTLSD_BUILD_COMMIT);
	dt_lines_number(l, "pid", (uint64_t)getpid());
	dt_lines_seconds(l, "uptime", dt_control_uptime(r).ns);
	dt_lines_number(l, "workers", dt_server_workers(s));
	dt_lines_number(l, "connections", connections);
	dt_lines_number(l, "handshakes", handshakes);
	dt_control_row_end(r);
}

static void
write_address(void *arg, const char *server, const struct dtlsd_address *address)
{
	struct dt_control_request *r = arg;
	const struct dt_server *s = dt_control_server(r);
	const struct dt_endpoint *e;
	struct dt_lines *l = dt_control_row(r);
	if (!l)
		return;
	dt_lines_text(l, "server", server);
	dt_lines_address(l, "address", address);
	for (size_t i = 0; (e = dt_server_endpoint(s, i)) != NULL; i++) {
		if (strcmp(e->config->name, server) != 0)
			continue;
		dt_lines_number(l, "connections", e->site->load.connections);
		dt_lines_number(l, "limit", (uint64_t)e->config->limits.connections);
		dt_lines_number(l, "handshakes", e->site->load.handshakes);
	}
	dt_control_row_end(r);
}

void
dt_control_status(struct dt_control_request *r)
{
	write_process(r);
	dt_server_addresses(dt_control_server(r), write_address, r);
}

/* ---- stats ---- */

/* Where a counter belongs. */
struct scope {
	struct dt_control_request *request;
	const char *server; /* NULL = the whole */
	bool all;
};

static void
write_counter(const struct scope *s, const char *module, const char *kind, const char *name,
    uint64_t value, const char *doc)
{
	bool shown = value != 0 || s->all;
	struct dt_lines *l = shown ? dt_control_row(s->request) : NULL;
	if (!shown)
		dt_control_no_row(s->request);
	if (!l)
		return;
	dt_lines_text(l, "server", s->server);
	dt_lines_text(l, "module", module);
	dt_lines_text(l, "kind", kind);
	dt_lines_text(l, "name", name);
	dt_lines_number(l, "value", value);
	dt_lines_text(l, "meaning", doc);
	dt_control_row_end(s->request);
}

static void
write_chain_counter(void *arg, const struct dt_chain_counter *counter)
{
	write_counter(
	    arg, counter->instance, "counter", counter->name, counter->value, counter->doc);
}

static void
write_whole(const struct scope *s)
{
	struct dt_counters sum;
	dt_server_counters(dt_control_server(s->request), &sum);
	for (int i = 0; i < DT_COUNTERS; i++)
		write_counter(s, NULL, "counter", dt_counter_infos[i].name, sum.count[i],
		    dt_counter_infos[i].doc);
	for (int i = 0; i < DT_DROPS; i++)
		write_counter(s, NULL,
		    dt_drop_infos[i].kind == DT_DROP_KIND_DATAGRAM ? "dropped_datagram"
								   : "dropped_record",
		    dt_drop_infos[i].name, sum.drop[i], dt_drop_infos[i].doc);
}

void
dt_control_stats(struct dt_control_request *r)
{
	const struct dt_control_stats_arguments *a = dt_control_arguments(r);
	const struct dt_control_filter filter = {.server = a->server};
	const struct dt_endpoint *e;
	struct scope s = {r, NULL, a->all};
	if (!dt_control_filter_check(&filter, r))
		return;
	if (!a->server)
		write_whole(&s);
	for (size_t i = 0; (e = dt_server_endpoint(dt_control_server(r), i)) != NULL; i++) {
		s.server = e->config->name;
		if (!a->server || strcmp(a->server, s.server) == 0)
			dt_chain_counters(e->chain, write_chain_counter, &s);
	}
}

/* ---- the rest ---- */

void
dt_control_log_level(struct dt_control_request *r)
{
	const struct dt_control_log_arguments *a = dt_control_arguments(r);
	struct dt_log *log = &dt_control_surroundings(r)->logger->log;
	if (a->level <= DT_LOG_DEBUG)
		atomic_store(&log->level, a->level);
	struct dt_lines *l = dt_control_row(r);
	if (!l)
		return;
	dt_lines_text(l, "level", dt_log_level_name((enum dt_log_level)atomic_load(&log->level)));
	dt_control_row_end(r);
}

void
dt_control_shutdown(struct dt_control_request *r)
{
	const struct dt_control_env *env = dt_control_surroundings(r);
	env->shut_down(env->arg);
}

static void
write_arguments(const struct dt_control_command *c, char *out, size_t cap)
{
	size_t used = 0;
	out[0] = '\0';
	for (uint32_t i = 0; i < c->arguments->count && used < cap; i++)
		used += (size_t)snprintf(
		    out + used, cap - used, "%s%s", i ? " " : "", c->arguments->items[i].name);
}

void
dt_control_help(struct dt_control_request *r)
{
	char arguments[512];
	for (size_t i = 0; i < DT_CONTROL_COMMANDS; i++) {
		const struct dt_control_command *c = &dt_control_commands[i];
		struct dt_lines *l = dt_control_row(r);
		if (!l)
			continue;
		write_arguments(c, arguments, sizeof(arguments));
		dt_lines_text(l, "command", c->name);
		dt_lines_text(l, "arguments", arguments);
		dt_lines_text(l, "summary", c->summary);
		dt_lines_text(l, "example", c->example);
		dt_control_row_end(r);
	}
}
