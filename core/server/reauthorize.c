/* reauthorize.c - asks the gates about everybody who is in already, and closes whom they would not let
 * in today. A part of the connections at a time: clients are served in between.
 */
#include "server/server_state.h"
#include "server/worker_state.h"

#define PLACES_PER_JOB 256u

struct walk {
	uint32_t slot;
	bool done;
	uint32_t closed;
	struct dt_worker *worker; /* borrowed */
};

static bool
look_at(struct dt_conn *c, void *arg)
{
	struct walk *walk = arg;
	struct dt_worker *w = walk->worker;
	if (dt_conn_state(c) != DT_CONN_ESTABLISHED)
		return true; /* its gates are still to come */
	const struct dt_service *now_served = dt_served_now(&w->served, dt_conn_service(c));
	if (!now_served || dt_conn_may_stay(c, now_served, w->now))
		return true;
	walk->closed++;
	dt_conn_close(c, DT_CLOSE_UNAUTHORIZED, w->now);
	return true;
}

static void
look_at_some(struct dt_worker *w, void *arg)
{
	struct walk *walk = arg;
	walk->worker = w;
	walk->done = dt_conns_each_from(w->conns, &walk->slot, PLACES_PER_JOB, look_at, walk);
	dt_plugin_worker_flush(w->plugin);
}

uint32_t
dt_server_reauthorize(struct dt_server *s)
{
	uint32_t closed = 0;
	for (uint32_t i = 0; i < s->worker_count; i++) {
		struct walk walk = {0};
		while (!walk.done)
			dt_worker_do(s->workers[i], look_at_some, &walk);
		closed += walk.closed;
	}
	return closed;
}
