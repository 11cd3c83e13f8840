#include "server/stats.h"

#include <stdio.h>
#include <string.h>

#define LINE_BYTES 900 /* with what stands before it a line stays below the 1 KiB of dt_log() */

/* Counters that go into one line, or more when they do not fit. */
struct line {
	struct dt_log *log;
	struct dt_log_context context;
	const char *title;
	size_t used, written; /* bytes; lines */
	char text[LINE_BYTES];
};

static void
write_line(struct line *l)
{
	if (l->used == 0)
		return;
	dt_log(l->log, DT_LOG_INFO, &l->context, "%s:%s", l->title, l->text);
	l->used = 0;
	l->written++;
}

static void
add(struct line *l, const char *prefix, const char *name, uint64_t value)
{
	if (value == 0)
		return;
	for (int round = 0; round < 2; round++) {
		size_t room = sizeof(l->text) - l->used;
		int n = snprintf(
		    l->text + l->used, room, " %s%s=%llu", prefix, name, (unsigned long long)value);
		if (n > 0 && (size_t)n < room) {
			l->used += (size_t)n;
			return;
		}
		l->text[l->used] = '\0';
		write_line(l);
	}
}

static void
end_line(struct line *l)
{
	write_line(l);
	if (l->written == 0)
		dt_log(l->log, DT_LOG_INFO, &l->context, "%s: none", l->title);
}

void
dt_stats_log(struct dt_log *log, const struct dt_counters *sum)
{
	struct line counted = {.log = log, .title = "counters"},
		    dropped = {.log = log, .title = "dropped"};
	for (int i = 0; i < DT_COUNTERS; i++)
		add(&counted, "", dt_counter_infos[i].name, sum->count[i]);
	for (int i = 0; i < DT_DROPS; i++)
		add(&dropped,
		    dt_drop_infos[i].kind == DT_DROP_KIND_DATAGRAM ? "datagrams." : "records.",
		    dt_drop_infos[i].name, sum->drop[i]);
	end_line(&counted);
	end_line(&dropped);
}

void
dt_stats_log_open(struct dt_log *log, const struct dt_endpoint *e)
{
	struct dt_log_context context = {.server = e->config->name};
	dt_log(log, DT_LOG_INFO, &context, "open: connections=%u handshakes=%u ssl_objects=%u",
	    e->site->load.connections, e->site->load.handshakes, e->tls->ssl_objects);
}

static void
add_counter(void *arg, const struct dt_chain_counter *counter)
{
	struct line *l = arg;
	if (l->context.module && strcmp(l->context.module, counter->instance) != 0)
		write_line(l);
	l->context.module = counter->instance;
	add(l, "", counter->name, counter->value);
}

void
dt_stats_log_chain(struct dt_log *log, const char *server, const struct dt_chain *chain)
{
	struct line l = {.log = log, .context = {.server = server}, .title = "counters"};
	dt_chain_counters(chain, add_counter, &l);
	write_line(&l);
}
