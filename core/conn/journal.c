#include "conn/journal.h"

#include "base/addr.h"
#include "conn/conn_state.h"

#include <stdarg.h>
#include <stdio.h>

static void __attribute__((format(printf, 3, 4)))
say(const struct dt_conn *c, enum dt_log_level level, const char *format, ...)
{
	struct dt_log *log = c->conns->config.log;
	char peer[DT_ADDR_TEXT], text[512];
	if (!dt_log_wants(log, level))
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
	dt_log(log, level, &context, "%s", text);
}

static void
show(const struct dt_conn *c, enum dt_conn_sight what, const char *text, size_t bytes)
{
	const struct dt_conn_onlooker *o = &c->conns->onlooker;
	if (o->saw)
		o->saw(o->arg, c, what, text, bytes);
}

void
dt_journal_data(const struct dt_conn *c, enum dt_conn_sight what, size_t len)
{
	show(c, what, NULL, len);
}

void
dt_journal_connected(const struct dt_conn *c, bool resumed)
{
	const char *suite = dt_conn_suite(c), *identity = dt_conn_psk_identity(c);
	say(c, DT_LOG_VERBOSE, "connected: %s%s%s%s", suite ? suite : "?", resumed ? ", resumed" : "",
	    identity ? ", identity " : "", identity ? identity : "");
	show(c, DT_SIGHT_CONNECTED, suite, 0);
}

void
dt_journal_failed(const struct dt_conn *c, enum dt_close why, const char *text)
{
	bool refused = why == DT_CLOSE_REFUSED;
	say(c, DT_LOG_VERBOSE, "not connected: %s", text);
	show(c, refused ? DT_SIGHT_REFUSED : DT_SIGHT_FAILED, text, 0);
}

void
dt_journal_closed(const struct dt_conn *c, const char *why)
{
	const struct dt_conn_traffic *t = &c->traffic;
	say(c, DT_LOG_VERBOSE, "disconnected: %s; %llu datagrams in, %llu out", why,
	    (unsigned long long)t->datagrams_in, (unsigned long long)t->datagrams_out);
	show(c, DT_SIGHT_DISCONNECTED, why, 0);
}

void
dt_journal_too_long(const struct dt_conn *c, size_t len)
{
	say(c, DT_LOG_VERBOSE, "a datagram of %zu bytes is too long for its path: shorter ones follow", len);
}

void
dt_journal_record(const struct dt_conn *c, const char *text)
{
	say(c, DT_LOG_INFO, "%s", text);
}

void
dt_journal_keys(const struct dt_conn *c)
{
	const struct dt_record_state *s = &c->session.state;
	say(c, DT_LOG_WARNING, "its keys are half used up: %llu records sealed, %llu forged ones received",
	    (unsigned long long)s->next_sealed, (unsigned long long)s->forgeries);
}
