#include "conn/last_flight.h"

#include "base/assert.h"
#include "conn/tell.h"

#define LIFE DT_SECONDS(240) /* 2 MSL */
#define PAUSE DT_SECONDS(1)

void
dt_last_flight_drop(struct dt_conn *c)
{
	if (dt_flight_empty(&c->last_flight))
		return;
	c->conns->last_flight_bytes -= c->last_flight.bytes;
	dt_list_remove(&c->last_node);
	dt_flight_clear(&c->last_flight);
}

static struct dt_conn *
oldest(struct dt_conns *conns)
{
	return DT_CONTAINER(conns->last_flights.next, struct dt_conn, last_node);
}

void
dt_last_flight_keep(struct dt_conn *c, struct dt_flight *last, struct dt_now now)
{
	struct dt_conns *conns = c->conns;
	DT_ASSERT(dt_flight_empty(&c->last_flight));
	if (dt_flight_empty(last))
		return;
	if (last->bytes > conns->config.last_flight_memory) {
		dt_flight_clear(last);
		return;
	}
	dt_flight_move(&c->last_flight, last);
	c->last_expires = dt_mono_add(now.mono, LIFE);
	c->repeat_allowed = now.mono;
	conns->last_flight_bytes += c->last_flight.bytes;
	dt_list_append(&conns->last_flights, &c->last_node);
	while (conns->last_flight_bytes > conns->config.last_flight_memory)
		dt_last_flight_drop(oldest(conns));
}

void
dt_last_flights_expire(struct dt_conns *conns, struct dt_mono now)
{
	while (!dt_list_empty(&conns->last_flights) && dt_mono_reached(oldest(conns)->last_expires, now))
		dt_last_flight_drop(oldest(conns));
}

void
dt_last_flight_repeat(struct dt_conn *c, struct dt_now now)
{
	if (dt_flight_empty(&c->last_flight) || !dt_mono_reached(c->repeat_allowed, now.mono))
		return;
	struct dt_wire wire = dt_conn_wire(c);
	/* What could not be sent is a loss; the client asks again. */
	(void)!dt_session_repeat(&c->session, c->conns->pool, c->id, &c->last_flight, &wire);
	c->repeat_allowed = dt_mono_add(now.mono, PAUSE);
	dt_count(c->conns->config.counters, DT_COUNT_FLIGHTS_REPEATED, 1);
	dt_tell_step(c, DTLSD_TLS_FLIGHT_AGAIN, NULL);
}
