/* A paused connection: data waits within bounds, everything else goes on. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cid_world.h"
#include "conn/conn_state.h"

#define DATAGRAMS 200u

static struct sim *
begin(struct sim_options *o, struct sim_client **client)
{
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim *sim = sim_new(o);
	*client = sim_connect(sim, ctx);
	SSL_CTX_free(ctx);
	return sim;
}

static void
say(struct sim *sim, struct sim_client *c, unsigned from, unsigned to)
{
	char text[16];
	for (unsigned i = from; i < to; i++) {
		snprintf(text, sizeof(text), "%u", i);
		sim_client_send(c, text, strlen(text));
		sim_settle(sim);
	}
}

/* The echo of what was said, in the order of saying. */
static void
check_order(const struct sim_client *c, size_t count)
{
	unsigned i = 0;
	char text[16];
	cr_assert(c->message_count == count, "%zu came back", c->message_count);
	DT_LIST_EACH (node, next, (struct dt_list *)(uintptr_t)&c->messages) {
		const struct sim_message *m = DT_CONTAINER(node, struct sim_message, node);
		snprintf(text, sizeof(text), "%u", i++);
		cr_assert(m->len == strlen(text) && memcmp(m->bytes, text, m->len) == 0, "%u is another", i);
	}
}

Test(pause, what_waits_comes_in_order_and_once_and_then_it_goes_on)
{
	struct sim_options o = sim_defaults("pause_order");
	struct sim_client *c;
	struct sim *sim = begin(&o, &c);
	say(sim, c, 0, 3);
	sim_pause(&sim->server);
	say(sim, c, 3, 40);
	check_order(c, 3);
	cr_assert(sim_newest(&sim->server)->datagrams == 3);
	sim_process(&sim->server);
	sim_settle(sim);
	check_order(c, 40);
	say(sim, c, 40, 45);
	sim_process(&sim->server); /* of one that is not paused: nothing */
	check_order(c, 45);
	cr_assert(sim_newest(&sim->server)->errors == 0);
	sim_free(sim);
}

Test(pause, one_that_is_paused_while_it_is_processed_stops_there)
{
	struct sim_options o = sim_defaults("pause_again");
	struct sim_client *c;
	struct sim *sim = begin(&o, &c);
	sim_pause(&sim->server);
	say(sim, c, 0, 10);
	sim->server.pauses_at = 4;
	sim_process(&sim->server);
	sim_settle(sim);
	check_order(c, 4);
	sim_pause(&sim->server);
	say(sim, c, 10, 12);
	check_order(c, 4);
	sim_process(&sim->server);
	sim_settle(sim);
	check_order(c, 12);
	sim_free(sim);
}

Test(pause, over_a_lossy_link_nothing_is_delivered_twice_or_invented)
{
	struct sim_options o = sim_defaults("pause_loss");
	struct sim_client *c;
	struct sim *sim = begin(&o, &c);
	struct seeded random = sim->random;
	sim->server.mute = true;
	sim->link.faults = (struct sim_faults){15, 15, 30};
	for (unsigned i = 0; i < DATAGRAMS; i++) {
		if (seeded_below(&random, 5) == 0)
			sim_pause(&sim->server);
		if (seeded_below(&random, 5) == 0)
			sim_process(&sim->server);
		sim_client_send(c, &i, sizeof(i));
		if (seeded_below(&random, 2))
			sim_run(sim, DT_MILLISECONDS(7));
	}
	sim->link.faults = (struct sim_faults){0};
	sim_settle(sim);
	sim_process(&sim->server);
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(d->datagrams > DATAGRAMS / 2 && d->datagrams <= DATAGRAMS);
	cr_assert(d->bytes == d->datagrams * sizeof(unsigned));
	cr_assert(d->datagrams == sim_counter(&sim->server, DT_COUNT_DATA_IN));
	sim_free(sim);
}

Test(pause, more_datagrams_than_the_queue_takes_are_dropped_counted_and_told_once)
{
	struct sim_options o = sim_defaults("pause_count");
	struct sim_client *c;
	o.pause_queue.datagrams = 5;
	struct sim *sim = begin(&o, &c);
	sim_pause(&sim->server);
	say(sim, c, 0, 12);
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(sim_drops(&sim->server, DT_DROP_PAUSED) == 7);
	cr_assert(d->errors == 1 && d->error == ENOBUFS && strstr(d->error_text, "pause_queue"));
	sim_process(&sim->server);
	sim_settle(sim);
	check_order(c, 5);
	sim_pause(&sim->server);
	say(sim, c, 12, 18);
	cr_assert(d->errors == 2); /* another pause */
	sim_free(sim);
}

Test(pause, the_bytes_of_a_connection_and_of_the_worker_are_bounded)
{
	char text[500] = {0};
	for (unsigned round = 0; round < 2; round++) {
		struct sim_options o = sim_defaults("pause_bytes");
		struct sim_client *c;
		if (round)
			o.pause_memory = 2000;
		else
			o.pause_queue.bytes = 2000;
		struct sim *sim = begin(&o, &c);
		sim_pause(&sim->server);
		for (unsigned i = 0; i < 10; i++)
			sim_client_send(c, text, sizeof(text));
		sim_settle(sim);
		cr_assert(sim->server.conns->pause_bytes <= 2000 && sim->server.conns->pause_bytes > 1500);
		cr_assert(sim_drops(&sim->server, DT_DROP_PAUSED) == 7);
		sim_free(sim);
	}
}

Test(pause, an_allocation_that_fails_costs_one_datagram)
{
	struct sim_options o = sim_defaults("pause_memory");
	struct sim_client *c;
	struct sim *sim = begin(&o, &c);
	uint8_t data[4] = "abc";
	struct dt_conn *conn = dt_conns_find(sim->server.conns, sim_newest(&sim->server)->id);
	sim_pause(&sim->server);
	for (uint64_t nth = 1; nth <= 2; nth++) {
		dt_mem_fail_nth(nth);
		dt_conn_give_data(conn, data, 3, 4, (struct dt_now){0});
		dt_mem_fail_nth(0);
	}
	cr_assert(sim_drops(&sim->server, DT_DROP_PAUSED) == 2 && sim_newest(&sim->server)->errors == 1);
	dt_conn_give_data(conn, data, 3, 4, (struct dt_now){0});
	sim_process(&sim->server);
	cr_assert(sim_newest(&sim->server)->datagrams == 1);
	sim_free(sim);
}

Test(pause, what_waits_when_the_connection_ends_is_dropped_and_told_before_its_end)
{
	for (unsigned round = 0; round < 2; round++) {
		struct sim_options o = sim_defaults("pause_close");
		struct sim_client *c;
		struct sim *sim = begin(&o, &c);
		sim_pause(&sim->server);
		say(sim, c, 0, 3);
		if (round)
			sim_server_close(&sim->server, DT_CLOSE_MODULE);
		else
			sim_client_close(c);
		sim_settle(sim);
		struct sim_diary *d = sim_newest(&sim->server);
		cr_assert(d->disconnected == 1 && d->datagrams == 0);
		cr_assert(d->errors == 1 && d->error == ECONNABORTED && d->error_text[0] == '3');
		cr_assert(sim_drops(&sim->server, DT_DROP_PAUSED) == 3);
		sim_free(sim);
	}
}

Test(pause, data_feeds_the_idle_timeout_although_it_waits)
{
	struct sim_options o = sim_defaults("pause_idle");
	struct sim_client *c;
	o.idle_timeout = DT_SECONDS(10);
	struct sim *sim = begin(&o, &c);
	sim_pause(&sim->server);
	for (unsigned i = 0; i < 4; i++) {
		sim_run(sim, DT_SECONDS(8));
		say(sim, c, i, i + 1);
	}
	cr_assert(sim_newest(&sim->server)->disconnected == 0);
	sim_run(sim, DT_SECONDS(11));
	cr_assert(sim_newest(&sim->server)->end_status == ETIMEDOUT);
	sim_free(sim);
}

Test(pause, heartbeats_keep_alive_and_moves_go_on)
{
	struct sim_options o = sim_defaults("pause_rest");
	struct cid_world w;
	uint8_t d[100], m[100];
	o.heartbeat = DT_HEARTBEAT_PEER_MAY_SEND;
	o.keep_alive = (struct dt_keep_alive_config){true, DT_SECONDS(60), DT_SECONDS(2), 3};
	o.connection_id = true;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = cid_add(&w, 8);
	c->cid->mode = 1;
	cid_start(&w, c);
	struct sim_server *s = &w.sim->server;
	sim_pause(s);
	size_t n = sim_cid_seal(c, SIM_HEARTBEAT, m, sim_heartbeat(1, 4, "ping", 4, 16, m), d);
	sim_server_input(s, c->number, d, n);
	cr_assert(sim_counter(s, DT_COUNT_HEARTBEATS_ANSWERED) == 1);
	sim_run(w.sim, DT_SECONDS(61));
	cr_assert(c->cid->requests == 1 && sim_newest(s)->disconnected == 0);
	sim_cid_move(c);
	sim_client_send(c, "here", 4);
	sim_settle(w.sim);
	cr_assert(sim_newest(s)->moves == 1 && sim_newest(s)->datagrams == 0);
	sim_process(s);
	cr_assert(sim_newest(s)->datagrams == 1);
	cid_world_fini(&w);
}
