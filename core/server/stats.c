#include "server/stats.h"

#include <stdio.h>
#include <string.h>

#define LINE_BYTES 1000

struct line {
	char text[LINE_BYTES];
	size_t used;
};

static void
add(struct line *l, const char *prefix, const char *name, uint64_t value)
{
	size_t room = sizeof(l->text) - l->used;
	if (value == 0)
		return;
	int n = snprintf(l->text + l->used, room, " %s%s=%llu", prefix, name, (unsigned long long)value);
	if (n > 0 && (size_t)n < room)
		l->used += (size_t)n;
	else
		l->text[l->used] = '\0';
}

void
dt_stats_log(struct dt_log *log, const struct dt_counters *sum)
{
	struct line counted = {.used = 0}, dropped = {.used = 0};
	for (int i = 0; i < DT_COUNTERS; i++)
		add(&counted, "", dt_counter_infos[i].name, sum->count[i]);
	for (int i = 0; i < DT_DROPS; i++)
		add(&dropped, dt_drop_infos[i].kind == DT_DROP_KIND_DATAGRAM ? "datagrams." : "records.",
		    dt_drop_infos[i].name, sum->drop[i]);
	dt_log(log, DT_LOG_INFO, NULL, "counters:%s", counted.used ? counted.text : " none");
	dt_log(log, DT_LOG_INFO, NULL, "dropped:%s", dropped.used ? dropped.text : " none");
}

void
dt_stats_log_open(struct dt_log *log, const struct dt_endpoint *e)
{
	struct dt_log_context context = {.server = e->config->name};
	dt_log(log, DT_LOG_INFO, &context, "open: connections=%u handshakes=%u ssl_objects=%u",
	    e->load.connections, e->load.handshakes, e->tls->ssl_objects);
}

struct chain_lines {
	struct dt_log *log;
	const char *server;
	const char *instance; /* whose counters are in `line` */
	struct line line;
};

static void
write_instance(struct chain_lines *c)
{
	struct dt_log_context context = {.server = c->server, .module = c->instance};
	if (c->line.used)
		dt_log(c->log, DT_LOG_INFO, &context, "counters:%s", c->line.text);
	c->line.used = 0;
}

static void
add_counter(void *arg, const struct dt_chain_counter *counter)
{
	struct chain_lines *c = arg;
	if (c->instance && strcmp(c->instance, counter->instance) != 0)
		write_instance(c);
	c->instance = counter->instance;
	add(&c->line, "", counter->name, counter->value);
}

void
dt_stats_log_chain(struct dt_log *log, const char *server, const struct dt_chain *chain)
{
	struct chain_lines c = {.log = log, .server = server};
	dt_chain_counters(chain, add_counter, &c);
	write_instance(&c);
}
