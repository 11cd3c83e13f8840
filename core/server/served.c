#include "server/served.h"

#include "base/assert.h"
#include "base/mem.h"

#define SERVED(node_) DT_CONTAINER(node_, struct dt_served, node)

void
dt_served_init(struct dt_served_list *l, struct dt_plugin_worker *plugin)
{
	dt_list_init(&l->list);
	l->plugin = plugin;
}

static struct dt_served *
find_chain(const struct dt_served_list *l, const struct dt_chain *chain)
{
	DT_LIST_EACH(node, next, &l->list)
		if (SERVED(node)->chain == chain)
			return SERVED(node);
	return NULL;
}

static void
end(struct dt_served_list *l, struct dt_served *s)
{
	DT_ASSERT(s->service.connections == 0);
	dt_chain_worker_stop(s->chain, l->plugin);
	dt_list_remove(&s->node);
	dt_free(s);
}

void
dt_served_fini(struct dt_served_list *l)
{
	while (!dt_list_empty(&l->list)) /* last first */
		end(l, SERVED(l->list.prev));
}

static enum dt_err
begin(struct dt_served_list *l, const struct dt_endpoint *e)
{
	struct dt_served *s = dt_alloc(sizeof(*s));
	if (!s)
		return DT_ERR_NOMEM;
	enum dt_err err = dt_chain_worker_start(e->chain, l->plugin);
	if (err != DT_OK) {
		dt_free(s);
		return err;
	}
	s->site = e->site;
	s->chain = e->chain;
	s->retired = true; /* until the commit */
	s->service.events = dt_chain_events(e->chain, l->plugin);
	s->service.load = &e->site->load;
	s->service.name = e->site->name;
	dt_list_append(&l->list, &s->node);
	return DT_OK;
}

enum dt_err
dt_served_prepare(struct dt_served_list *l, struct dt_generation *g)
{
	for (size_t i = 0; i < g->endpoint_count; i++) {
		if (find_chain(l, g->endpoints[i].chain))
			continue;
		enum dt_err err = begin(l, &g->endpoints[i]);
		if (err != DT_OK) {
			dt_served_roll_back(l, g);
			return err;
		}
	}
	return DT_OK;
}

/* A service without settings was never committed. */
void
dt_served_roll_back(struct dt_served_list *l, struct dt_generation *g)
{
	for (size_t i = g->endpoint_count; i-- > 0;) {
		struct dt_served *s = find_chain(l, g->endpoints[i].chain);
		if (s && !s->service.tls)
			end(l, s);
	}
}

static void
set(struct dt_service *s, const struct dt_endpoint *e)
{
	const struct dt_config_server *c = e->config;
	s->tls = e->tls;
	s->psk_file = e->psk_file;
	s->idle_timeout.ns = c->idle_timeout;
	s->connection_id = c->connection_id.enabled;
	s->move_policy = (enum dt_move_policy)c->connection_id.on_move;
	s->tls_records = c->log.tls_records;
	s->exporter = c->tls.exporter;
	s->pause_queue = (struct dt_pause_limits){(uint32_t)c->pause_queue.datagrams, c->pause_queue.bytes};
	s->keep_alive = (struct dt_keep_alive_config){
	    .enabled = c->keep_alive.enabled,
	    .time = {c->keep_alive.time},
	    .interval = {c->keep_alive.interval},
	    .retries = (uint32_t)c->keep_alive.retries,
	};
	s->handshake_timeout.ns = c->handshake.timeout;
	s->connection_limit = (uint32_t)c->limits.connections;
	s->handshake_limit = (uint32_t)c->limits.handshakes;
	s->hellos_per_prefix = c->limits.hellos_per_prefix.count;
	s->hellos_window_ns = c->limits.hellos_per_prefix.per_ns;
}

void
dt_served_commit(struct dt_served_list *l, struct dt_generation *g)
{
	DT_LIST_EACH(node, next, &l->list) {
		SERVED(node)->retired = true;
		SERVED(node)->service.listening = false;
	}
	for (size_t i = 0; i < g->endpoint_count; i++) {
		struct dt_served *s = find_chain(l, g->endpoints[i].chain);
		DT_ASSERT(s);
		set(&s->service, &g->endpoints[i]);
		s->retired = false;
		s->service.listening = true;
	}
}

struct dt_service *
dt_served_find(const struct dt_served_list *l, const struct dt_site *site)
{
	DT_LIST_EACH(node, next, &l->list)
		if (SERVED(node)->site == site && !SERVED(node)->retired)
			return &SERVED(node)->service;
	return NULL;
}

void
dt_served_listen(struct dt_served_list *l, bool listening)
{
	DT_LIST_EACH(node, next, &l->list)
		SERVED(node)->service.listening = listening && !SERVED(node)->retired;
}

const struct dt_service *
dt_served_now(const struct dt_served_list *l, const struct dt_service *service)
{
	DT_LIST_EACH (node, next, &l->list)
		if (SERVED(node)->service.load == service->load && !SERVED(node)->retired)
			return &SERVED(node)->service;
	return NULL;
}

struct dt_service *
dt_served_of(const struct dt_served_list *l, const struct dt_chain *chain)
{
	struct dt_served *s = find_chain(l, chain);
	return s ? &s->service : NULL;
}

uint32_t
dt_served_leave(struct dt_served_list *l, const struct dt_chain *chain)
{
	struct dt_served *s = find_chain(l, chain);
	if (!s)
		return 0;
	uint32_t left = s->service.connections;
	if (left == 0)
		end(l, s);
	return left;
}
