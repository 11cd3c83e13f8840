#include "conn/journal.h"

#include "base/addr.h"
#include "conn/conn_state.h"

#include <stdarg.h>
#include <stdio.h>

static void __attribute__((format(printf, 2, 3)))
say(const struct dt_conn *c, const char *format, ...)
{
	struct dt_log *log = c->conns->config.log;
	char peer[DT_ADDR_TEXT], text[512];
	if (!dt_log_wants(log, DT_LOG_VERBOSE))
		return;
	struct dt_log_context context = {
	    .server = c->service->name,
	    .peer = dt_addr_format(&c->path.peer, peer),
	    .conn = c->id,
	};
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	dt_log(log, DT_LOG_VERBOSE, &context, "%s", text);
}

void
dt_journal_connected(const struct dt_conn *c, bool resumed)
{
	const char *suite = dt_conn_suite(c), *identity = dt_conn_psk_identity(c);
	say(c, "connected: %s%s%s%s", suite ? suite : "?", resumed ? ", resumed" : "",
	    identity ? ", identity " : "", identity ? identity : "");
}

void
dt_journal_failed(const struct dt_conn *c, const char *why)
{
	say(c, "not connected: %s", why);
}

void
dt_journal_closed(const struct dt_conn *c, const char *why)
{
	const struct dt_conn_traffic *t = &c->traffic;
	say(c, "disconnected: %s; %llu datagrams in, %llu out", why, (unsigned long long)t->datagrams_in,
	    (unsigned long long)t->datagrams_out);
}
