/* Breaks every rule that it can break from inside, and says in the log what came of it. */
#include <dtlsd/module.h>
#include <pthread.h>
#include <stdio.h>

struct state {
	const struct dtlsd_ctx *ctx; /* of open() */
	uint64_t token, conn;	     /* of connections that are gone by now */
};

static struct state state;

static void
report(const struct dtlsd_ctx *c, const char *what, long long answer)
{
	char line[128];
	snprintf(line, sizeof(line), "%s: %lld", what, answer);
	c->host->log(c, DTLSD_LOG_INFO, line);
}

/* Functions for workers, from a thread that is none; with any ctx. */
static void *
foreign_thread(void *arg)
{
	const struct dtlsd_ctx *c = arg;
	const struct dtlsd_certificate *certificate;
	report(state.ctx, "thread defer", (long long)c->host->defer(c));
	report(state.ctx, "thread peer_certificate",
	    c->host->peer_certificate(c, state.conn, &certificate));
	report(
	    state.ctx, "thread set_conn_data", c->host->set_conn_data(c, state.conn, NULL, NULL));
	report(state.ctx, "thread timer_stop", c->host->timer_stop(c, 1));
	c->host->count(c, 0, 1);
	return NULL;
}

static int32_t
open_instance(const struct dtlsd_ctx *c, void **data)
{
	*data = &state;
	state.ctx = c;
	return DTLSD_OK;
}

static uint32_t
connection_request(const struct dtlsd_ctx *c, struct dtlsd_request *request)
{
	(void)request;
	state.conn = c->conn;
	state.token = c->host->defer(c);
	return DTLSD_DEFER;
}

/* With the ctx of a hook that runs, but on another thread. */
static void
connected(const struct dtlsd_ctx *c, const struct dtlsd_connected *event)
{
	pthread_t thread;
	(void)event;
	report(c, "verdict", c->host->resolve(c, state.token, DTLSD_ACCEPT, NULL, 0));
	report(c, "verdict again", c->host->resolve(c, state.token, DTLSD_REJECT, NULL, 0));
	if (pthread_create(&thread, NULL, foreign_thread, (void *)(uintptr_t)c) == 0)
		pthread_join(thread, NULL);
}

static uint32_t
data_in(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	(void)c;
	d->len = d->capacity + 100;
	return 4711;
}

static void
close_instance(const struct dtlsd_ctx *c)
{
	report(c, "stale verdict", c->host->resolve(c, state.token, DTLSD_ACCEPT, NULL, 0));
	report(c, "stale send", c->host->send(c, state.conn, "x", 1));
	report(c, "stale disconnect", c->host->disconnect(c, state.conn));
}

static const struct dtlsd_counter counters[] = {{"things", "things that were counted"}};

DTLSD_MODULE(.name = "misbehaves", .version = "1", .counters = counters, .counter_count = 1,
    .counter_size = sizeof(counters[0]), .open = open_instance, .close = close_instance,
    .connection_request = connection_request, .connected = connected, .data_in = data_in);
