/* every.c - what is done to all connections of a worker, or to some of them at a time. */
#include "conn/conn_state.h"

void
dt_conns_each(struct dt_conns *conns, void (*each)(struct dt_conn *c, void *arg), void *arg)
{
	dt_conns_enter(conns);
	for (uint32_t i = 0; i < conns->slot_count; i++)
		if (conns->slots[i].conn)
			each(conns->slots[i].conn, arg);
	dt_conns_leave(conns);
}

bool
dt_conns_each_from(struct dt_conns *conns, uint32_t *slot, uint32_t max,
    bool (*each)(struct dt_conn *c, void *arg), void *arg)
{
	dt_conns_enter(conns);
	for (; *slot < conns->slot_count && max > 0; ++*slot, max--)
		if (conns->slots[*slot].conn && !each(conns->slots[*slot].conn, arg))
			break;
	bool all = *slot >= conns->slot_count;
	dt_conns_leave(conns);
	return all;
}

size_t
dt_conns_count(const struct dt_conns *conns)
{
	return conns->count;
}

void
dt_conns_limit_handshakes(struct dt_conns *conns, size_t bytes)
{
	conns->handshake_memory.cap = bytes;
}

static void
rearm_one(struct dt_conn *c, void *arg)
{
	(void)arg;
	if (c->state == DT_CONN_ESTABLISHED)
		dt_conn_arm(c);
}

void
dt_conns_rearm(struct dt_conns *conns)
{
	dt_conns_each(conns, rearm_one, NULL);
}

struct closing {
	const struct dt_service *service;
	enum dt_close why;
	struct dt_now now;
};

static void
close_one(struct dt_conn *c, void *arg)
{
	struct closing *closing = arg;
	if (!closing->service || c->service == closing->service)
		dt_conn_close(c, closing->why, closing->now);
}

void
dt_conns_close_all(struct dt_conns *conns, const struct dt_service *service, enum dt_close why,
    struct dt_now now)
{
	struct closing closing = {service, why, now};
	dt_conns_each(conns, close_one, &closing);
}
