#include "sim.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

struct sim_options
sim_defaults(const char *test)
{
	return (struct sim_options){
	    .test = test,
	    .ticket_lifetime = DT_SECONDS(86400),
	    .idle_timeout = DT_SECONDS(600),
	    .handshake_timeout = DT_SECONDS(60),
	    .mtu = 1400,
	    .record_size_limit = 16384,
	    .connection_limit = 1000,
	    .handshake_limit = 1000,
	    .handshake_memory = 64 * 1024 * 1024,
	    .last_flight_memory = 1024 * 1024,
	    .pause_memory = 1024 * 1024,
	    .pause_queue = {64, 65536},
	};
}

struct sim *
sim_new(const struct sim_options *o)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	cr_assert(sim);
	sim->random = o->seed ? (struct seeded){o->seed} : seeded_begin(o->test);
	sim_random_begin(seeded_next(&sim->random));
	dt_list_init(&sim->clients);
	sim_link_init(&sim->link, seeded_next(&sim->random));
	sim->link.faults = o->faults;
	sim_server_init(&sim->server, &sim->link, o);
	return sim;
}

void
sim_drop_client(struct sim *sim, struct sim_client *c)
{
	(void)sim;
	dt_list_remove(&c->node);
	sim_client_fini(c);
	free(c);
}

void
sim_free(struct sim *sim)
{
	DT_LIST_EACH (node, next, &sim->clients)
		sim_drop_client(sim, DT_CONTAINER(node, struct sim_client, node));
	sim_server_fini(&sim->server);
	sim_link_fini(&sim->link);
	free(sim);
}

struct sim_client *
sim_add_client(struct sim *sim, SSL_CTX *ctx)
{
	struct sim_client *c = malloc(sizeof(*c));
	cr_assert(c);
	sim_client_init(c, &sim->link, ++sim->next_client, ctx);
	dt_list_append(&sim->clients, &c->node);
	return c;
}

static struct sim_client *
find_client(struct sim *sim, uint32_t number)
{
	DT_LIST_EACH (node, next, &sim->clients) {
		struct sim_client *c = DT_CONTAINER(node, struct sim_client, node);
		if (c->number == number)
			return c;
	}
	return NULL;
}

static struct dt_mono
next_event(struct sim *sim)
{
	struct dt_mono at = dt_mono_min(sim_link_next(&sim->link), sim_server_next(&sim->server));
	DT_LIST_EACH (node, next, &sim->clients)
		at = dt_mono_min(at, DT_CONTAINER(node, struct sim_client, node)->deadline);
	return at;
}

static void
deliver(struct sim *sim)
{
	struct sim_packet *p = sim_link_take(&sim->link);
	struct sim_client *c = p->to_server ? NULL : find_client(sim, p->client);
	if (p->to_server)
		sim_server_input(&sim->server, p->client, p->bytes, p->len);
	else if (c)
		sim_client_input(c, p);
	free(p);
}

/* All that is due at `at`. */
static void
step(struct sim *sim, struct dt_mono at)
{
	if (at.ns > sim_now().mono.ns)
		sim_clock_move(at);
	sim_server_timers(&sim->server);
	DT_LIST_EACH (node, next, &sim->clients) {
		struct sim_client *c = DT_CONTAINER(node, struct sim_client, node);
		if (dt_mono_reached(c->deadline, sim_now().mono))
			sim_client_timer(c);
	}
	while (dt_mono_reached(sim_link_next(&sim->link), sim_now().mono))
		deliver(sim);
}

void
sim_run(struct sim *sim, struct dt_dur time)
{
	struct dt_mono end = dt_mono_add(sim_now().mono, time);
	struct dt_mono at;
	while ((at = next_event(sim)).ns <= end.ns)
		step(sim, at);
	sim_clock_move(end);
}

void
sim_settle(struct sim *sim)
{
	while (sim_link_next(&sim->link).ns != DT_NEVER.ns)
		step(sim, next_event(sim));
}

struct sim_client *
sim_connect(struct sim *sim, SSL_CTX *ctx)
{
	struct sim_client *c = sim_add_client(sim, ctx);
	sim_client_start(c);
	sim_settle(sim);
	return c;
}

void
sim_check_echo(struct sim *sim, struct sim_client *c, const char *text)
{
	size_t before = c->message_count;
	sim_client_send(c, text, strlen(text));
	sim_settle(sim);
	cr_assert(c->message_count == before + 1 && sim_client_got(c, text), "no echo");
}
