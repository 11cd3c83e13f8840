/* Keep-alive: questions to silent clients, and what follows from no answer. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "cid_world.h"
#include "conn/conn_state.h"

#define KEEP_ALIVE ((struct dt_keep_alive_config){true, DT_SECONDS(60), DT_SECONDS(2), 3})

static struct sim_options
options(const char *test)
{
	struct sim_options o = sim_defaults(test);
	o.heartbeat = DT_HEARTBEAT_PEER_MAY_SEND;
	o.keep_alive = KEEP_ALIVE;
	o.idle_timeout = (struct dt_dur){0};
	return o;
}

static struct sim_client *
connect_as(struct cid_world *w, int mode)
{
	struct sim_client *c = cid_add(w, 8);
	c->cid->mode = mode;
	cid_start(w, c);
	return c;
}

/* The server answers `sent` datagrams to a heartbeat message. */
static void
tell(struct cid_world *w, struct sim_client *c, uint8_t type, const void *payload, uint64_t sent)
{
	uint8_t d[300], m[100];
	uint64_t before = w->sim->server.sent;
	size_t n = sim_cid_seal(c, SIM_HEARTBEAT, m, sim_heartbeat(type, 16, payload, 16, 16, m), d);
	sim_server_input(&w->sim->server, c->number, d, n);
	cr_assert(w->sim->server.sent - before == sent);
}

Test(keep_alive, a_request_is_repeated_with_the_same_payload_and_fresh_numbers)
{
	struct sim_options o = options("requests");
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = connect_as(&w, 1);
	c->cid->deaf = true;
	uint8_t first[35];
	sim_run(w.sim, DT_MILLISECONDS(60100));
	cr_assert(c->cid->requests == 1 && c->cid->heard_len == 35);
	memcpy(first, c->cid->heard, 35);
	cr_assert(first[0] == 1 && first[1] == 0 && first[2] == 16);
	sim_run(w.sim, DT_SECONDS(2));
	cr_assert(c->cid->requests == 2 && memcmp(c->cid->heard, first, 19) == 0);
	cr_assert(memcmp(c->cid->heard + 19, first + 19, 16) != 0);
	/* Answered: the next one is another, a minute later. */
	tell(&w, c, 2, first + 3, 0);
	sim_run(w.sim, DT_SECONDS(59));
	cr_assert(c->cid->requests == 2);
	sim_run(w.sim, DT_SECONDS(2));
	cr_assert(c->cid->requests == 3 && memcmp(c->cid->heard + 3, first + 3, 16) != 0);
	cid_world_fini(&w);
}

Test(keep_alive, a_client_that_answers_nothing_any_more_is_dead_after_the_last_try)
{
	for (uint32_t retries = 0; retries < 5; retries++) {
		struct sim_options o = options("dead");
		o.keep_alive.retries = retries;
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		struct sim_client *c = connect_as(&w, 1);
		sim_run(w.sim, DT_SECONDS(100));
		cr_assert(c->cid->requests == 1);
		sim_check_echo(w.sim, c, "alive");
		c->cid->deaf = true;
		struct sim_diary *d = sim_newest(&w.sim->server);
		sim_run(w.sim, DT_SECONDS(60 + 2 * retries + 1));
		cr_assert(c->cid->requests == 1 + 1 + retries && d->disconnected == 0, "%u retries, %u requests", retries,
		    c->cid->requests);
		sim_run(w.sim, DT_SECONDS(2));
		cr_assert(d->disconnected == 1 && d->end_status == ETIMEDOUT);
		cr_assert_str_eq(d->end_text, "no answer to keep-alive");
		cr_assert(sim_counter(&w.sim->server, DT_COUNT_HEARTBEATS_ASKED) == 2 + retries);
		cid_world_fini(&w);
	}
}

Test(keep_alive, any_authentic_record_is_an_answer_and_a_forged_one_is_none)
{
	struct sim_options o = options("signs of life");
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	w.sim->server.mute = true;
	struct sim_client *c = connect_as(&w, 1);
	c->cid->deaf = true;
	struct sim_diary *d = sim_newest(&w.sim->server);
	for (int i = 0; i < 20; i++) {
		sim_run(w.sim, DT_SECONDS(63));
		sim_client_send(c, "x", 1);
		sim_settle(w.sim);
	}
	cr_assert(d->disconnected == 0 && c->cid->requests == 40);
	uint8_t bytes[200];
	size_t len = sim_cid_seal(c, DT_APPLICATION_DATA, "forged", 6, bytes);
	bytes[len - 1] ^= 1;
	for (int i = 0; i < 35; i++) {
		sim_run(w.sim, DT_SECONDS(2));
		sim_server_input(&w.sim->server, c->number, bytes, len);
	}
	cr_assert(d->disconnected == 1 && d->end_status == ETIMEDOUT);
	cid_world_fini(&w);
}

Test(keep_alive, one_that_may_not_be_asked_is_never_taken_for_dead)
{
	struct sim_options o = options("not asked");
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = connect_as(&w, 2);
	sim_run(w.sim, DT_SECONDS(100000));
	cr_assert(c->cid->requests == 0);
	sim_check_echo(w.sim, c, "still here");
	cid_world_fini(&w);
}

Test(keep_alive, they_do_not_count_against_the_idle_timeout)
{
	struct sim_options o = options("idle");
	o.idle_timeout = DT_SECONDS(600);
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = connect_as(&w, 1);
	struct sim_diary *d = sim_newest(&w.sim->server);
	for (int i = 0; i < 59; i++) {
		sim_run(w.sim, DT_SECONDS(10));
		tell(&w, c, 1, "0123456789abcdef", 1);
	}
	cr_assert(d->disconnected == 0);
	sim_run(w.sim, DT_SECONDS(11));
	cr_assert(d->disconnected == 1);
	cr_assert_str_eq(d->end_text, "idle timeout");
	cid_world_fini(&w);
}

Test(keep_alive, a_bad_network_kills_nobody_who_answers)
{
	struct sim_options o = options("bad network");
	o.keep_alive = (struct dt_keep_alive_config){true, DT_SECONDS(10), DT_SECONDS(1), 20};
	o.faults = (struct sim_faults){20, 20, 20};
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = cid_add(&w, 8);
	c->cid->mode = 1;
	sim_client_start(c);
	sim_run(w.sim, DT_SECONDS(3600));
	cr_assert(c->state == SIM_UP && c->cid->requests > 300);
	cr_assert(dt_conns_count(w.sim->server.conns) == 1);
	cid_world_fini(&w);
}

Test(keep_alive, the_question_to_a_new_address_is_the_only_one)
{
	struct sim_options o = options("one question");
	o.connection_id = true;
	o.move_policy = DT_MOVE_LIMITED;
	o.keep_alive = (struct dt_keep_alive_config){true, DT_MILLISECONDS(500), DT_MILLISECONDS(500), 50};
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = connect_as(&w, 1);
	sim_run(w.sim, DT_MILLISECONDS(100));
	c->cid->deaf = true;
	sim_cid_move(c);
	char text[300] = {0};
	memset(text, 'm', sizeof(text) - 1);
	sim_check_echo(w.sim, c, text);
	sim_run(w.sim, DT_MILLISECONDS(2500));
	cr_assert(c->cid->requests == 3 && sim_counter(&w.sim->server, DT_COUNT_HEARTBEATS_ASKED) == 0);
	sim_run(w.sim, DT_SECONDS(2)); /* back at the old address, where the questions of keep-alive go */
	cr_assert(sim_counter(&w.sim->server, DT_COUNT_HEARTBEATS_ASKED) > 0 && c->cid->requests == 3);
	cid_world_fini(&w);
}
