/* Clients whose address changes under their connection id. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cid_catch.h"
#include "conn/conn_state.h"

/* ---- a thousand datagrams ---- */

#define GENUINE 1000u
#define REPLIES_BEHIND 40u /* how far one may be overtaken; within the replay window */

enum kind { FRESH, REPLAY, FORGERY };

struct shot {
	uint64_t order; /* of arrival */
	enum kind kind;
	uint64_t seq;
	uint32_t from;
	size_t len, text_len;
	uint8_t bytes[400], text[100];
};

static int
by_order(const void *a, const void *b)
{
	const struct shot *x = a, *y = b;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void
forge(struct seeded *random, struct shot *s)
{
	static const uint64_t far = (UINT64_C(1) << 48) - 1;
	s->kind = FORGERY;
	s->from = 0x400000 + (uint32_t)seeded_below(random, 1000);
	uint64_t number = s->seq + 1 + seeded_below(random, 200);
	if (seeded_below(random, 2))
		number = far - seeded_below(random, 100);
	if (seeded_below(random, 2))
		dt_write_uint(s->bytes + 5, number, 6); /* its number alone is another */
	else
		s->bytes[s->len - 1 - seeded_below(random, s->len - 22)] ^= (uint8_t)(1 + seeded_below(random, 255));
}

/* Genuine datagrams, each from another address, lost, overtaken and repeated; behind many of them
 * the same once more from a stranger's address, and forgeries made of them. */
static size_t
make_shots(struct cid_world *w, struct sim_client *c, struct shot *shots)
{
	struct seeded *random = &w->sim->random;
	size_t n = 0;
	for (uint64_t i = 0; i < GENUINE; i++) {
		struct shot *s = &shots[n++];
		*s = (struct shot){.kind = FRESH, .seq = c->cid->next, .from = sim_cid_move(c)};
		s->text_len = 1 + seeded_below(random, sizeof(s->text));
		seeded_fill(random, s->text, s->text_len);
		c->cid->padding = seeded_below(random, 3) ? 0 : seeded_below(random, 100);
		s->len = sim_cid_seal(c, DT_APPLICATION_DATA, s->text, s->text_len, s->bytes);
		s->order = i * 1000 + (seeded_below(random, 3) ? 0 : seeded_below(random, REPLIES_BEHIND * 1000));
		bool lost = seeded_below(random, 10) == 0;
		const struct shot first = *s;
		for (uint64_t copies = seeded_below(random, 3); copies && !lost; copies--) {
			struct shot *again = &shots[n++];
			*again = first;
			again->kind = REPLAY;
			again->order += 1 + seeded_below(random, 100000);
			if (seeded_below(random, 2))
				again->from = 0x500000 + (uint32_t)seeded_below(random, 1000);
		}
		for (uint64_t copies = seeded_below(random, 3); copies; copies--) {
			struct shot *forged = &shots[n++];
			*forged = first;
			forge(random, forged);
			forged->order += seeded_below(random, 2000);
		}
		if (lost)
			shots[(s - shots)].order = UINT64_MAX;
	}
	return n;
}

static void
play_shots(enum dt_move_policy policy, enum dt_heartbeat_mode heartbeat)
{
	struct sim_options o = cid_options("a thousand moves");
	o.move_policy = policy;
	o.heartbeat = heartbeat;
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = cid_add(&w, 8);
	c->cid->mode = 1;
	cid_start(&w, c);
	struct cid_catcher k;
	cid_catch(&w, &k, c);
	static struct shot shots[GENUINE * 6];
	size_t n = make_shots(&w, c, shots);
	qsort(shots, n, sizeof(shots[0]), by_order);

	uint64_t newest = 0, genuine = 0, held = 0;
	uint32_t newest_from = 0;
	for (size_t i = 0; i < n && shots[i].order != UINT64_MAX; i++) {
		struct shot *s = &shots[i];
		cid_forget(&k);
		sim_server_input(&w.sim->server, s->from, s->bytes, s->len);
		if (s->kind != FRESH) {
			cr_assert(k.replies + k.questions == 0, "shot %zu: an answer to %s", i,
			    s->kind == REPLAY ? "a replay" : "a forgery");
			continue;
		}
		genuine++;
		bool moved = s->seq > newest;
		if (moved) {
			newest = s->seq;
			newest_from = s->from;
		}
		cr_assert(cid_is_at(&w, newest_from), "shot %zu: not at the newest address", i);
		cr_assert(k.questions == (moved && policy == DT_MOVE_LIMITED), "shot %zu", i);
		if (k.replies == 0 && !moved && w.sim->server.held_back == ++held)
			continue; /* three times what came from the newest address has gone there */
		cr_assert(k.replies == 1 && k.len == s->text_len && memcmp(k.text, s->text, k.len) == 0, "shot %zu", i);
		cr_assert(k.to == newest_from, "shot %zu: not to the newest address", i);
	}
	cr_assert(held == w.sim->server.held_back && (held == 0 || policy == DT_MOVE_LIMITED));
	cr_assert(genuine > GENUINE / 2 && sim_newest(&w.sim->server)->datagrams == genuine);
	cr_assert(sim_counter(&w.sim->server, DT_COUNT_HANDSHAKES_STARTED) == 1);
	cr_assert(sim_drops(&w.sim->server, DT_DROP_BAD_TAG) > 300);
	cid_world_fini(&w);
}

Test(cid_move, a_thousand_moves_among_replays_and_forgeries_when_addresses_are_trusted)
{
	play_shots(DT_MOVE_TRUST, DT_HEARTBEAT_OFF);
}

Test(cid_move, a_thousand_moves_among_replays_and_forgeries_when_they_must_be_proven)
{
	play_shots(DT_MOVE_LIMITED, DT_HEARTBEAT_PEER_MAY_SEND);
}

Test(cid_move, a_client_roams_through_a_bad_network)
{
	struct sim_options o = cid_options("roaming");
	o.faults = (struct sim_faults){10, 20, 20};
	o.heartbeat = DT_HEARTBEAT_PEER_MAY_SEND;
	for (int policy = 0; policy < 2; policy++) {
		o.move_policy = policy ? DT_MOVE_TRUST : DT_MOVE_LIMITED;
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		struct sim_client *c = cid_add(&w, 8);
		c->cid->mode = 1;
		sim_client_start(c);
		sim_run(w.sim, DT_SECONDS(100));
		cr_assert(c->state == SIM_UP);
		c->cid->roams = true;
		char text[32];
		unsigned got = 0;
		for (int i = 0; i < 300; i++) {
			snprintf(text, sizeof(text), "number %d", i);
			sim_client_send(c, text, strlen(text));
			sim_run(w.sim, DT_SECONDS(1));
			got += sim_client_got(c, text);
		}
		cr_assert(got > 200, "%u echoes", got);
		cr_assert(sim_counter(&w.sim->server, DT_COUNT_HANDSHAKES_STARTED) == 1);
		cr_assert(dt_conns_count(w.sim->server.conns) == 1);
		cid_world_fini(&w);
	}
}

/* ---- when the path moves ---- */

Test(cid_move, old_records_are_delivered_but_move_nothing)
{
	struct cid_world w;
	cid_world_init(&w, "old records", NULL);
	struct sim_client *c = cid_connect(&w, 8);
	struct cid_catcher k;
	cid_catch(&w, &k, c);
	uint8_t late[200];
	size_t len = sim_cid_seal(c, DT_APPLICATION_DATA, "late", 4, late);
	cid_say(&w, c, 1001, 5);
	cr_assert(k.replies == 1 && k.to == 1001);
	sim_server_input(&w.sim->server, 1002, late, len);
	cr_assert(k.replies == 2 && k.to == 1001 && cid_is_at(&w, 1001));
	sim_server_input(&w.sim->server, 1002, late, len);
	cr_assert(k.replies == 2 && cid_is_at(&w, 1001));
	struct sim_diary *d = sim_newest(&w.sim->server);
	cr_assert(d->moves == 1 && d->datagrams == 2);
	cid_world_fini(&w);
}

Test(cid_move, any_authentic_record_moves_the_path)
{
	static const uint8_t warning[2] = {1, 90}, fatal[2] = {2, 80}, close[2] = {1, 0};
	static const struct {
		uint8_t type;
		const void *data;
		size_t len;
		bool moves;
	} table[] = {{DT_APPLICATION_DATA, "", 0, true}, {DT_ALERT, warning, 2, true}, {DT_ALERT, "x", 1, false},
	    {DT_CHANGE_CIPHER_SPEC, "\1", 1, false}, {DT_ALERT, fatal, 2, true}, {DT_ALERT, close, 2, true}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct cid_world w;
		cid_world_init(&w, "kinds of records", NULL);
		struct sim_client *c = cid_connect(&w, 8);
		struct cid_catcher k;
		cid_catch(&w, &k, c);
		uint8_t d[200];
		size_t len = sim_cid_seal(c, table[i].type, table[i].data, table[i].len, d);
		sim_server_input(&w.sim->server, 1001, d, len);
		cr_assert(sim_newest(&w.sim->server)->moves == table[i].moves, "row %zu", i);
		cid_world_fini(&w);
	}
}

Test(cid_move, a_module_may_forbid_it)
{
	struct cid_world w;
	cid_world_init(&w, "forbidden", NULL);
	struct sim_client *c = cid_connect(&w, 8);
	uint32_t home = c->number;
	w.sim->server.forbids_moves = true;
	struct cid_catcher k;
	cid_catch(&w, &k, c);
	for (uint32_t i = 0; i < 3; i++) {
		cid_say(&w, c, 1001 + i, 5);
		cr_assert(k.replies == i + 1 && k.to == home && cid_is_at(&w, home));
	}
	cr_assert(sim_newest(&w.sim->server)->moves == 3);
	cr_assert(sim_counter(&w.sim->server, DT_COUNT_PATHS_MOVED) == 0);
	w.sim->server.forbids_moves = false;
	cid_say(&w, c, 1001, 5);
	cr_assert(k.to == 1001);
	cid_world_fini(&w);
}

/* ---- unproven addresses ---- */

static void
limited_world(struct cid_world *w, enum dt_heartbeat_mode heartbeat, struct sim_client **c, struct cid_catcher *k)
{
	struct sim_options o = cid_options("unproven");
	o.move_policy = DT_MOVE_LIMITED;
	o.heartbeat = heartbeat;
	cid_world_init(w, o.test, &o);
	*c = cid_add(w, 8);
	(*c)->cid->mode = 1;
	cid_start(w, *c);
	cid_catch(w, k, *c);
}

Test(cid_move, without_heartbeats_three_times_the_bytes_may_go_there_and_no_more)
{
	struct cid_world w;
	struct sim_client *c;
	struct cid_catcher k;
	limited_world(&w, DT_HEARTBEAT_OFF, &c, &k);
	uint32_t home = c->number;
	w.sim->server.mute = true;
	size_t received = cid_say(&w, c, 1001, 20);
	static uint8_t data[1400];
	size_t sent = 0;
	for (int i = 0; i < 100; i++) {
		size_t len = 1 + seeded_below(&w.sim->random, sizeof(data));
		cid_forget(&k);
		enum dt_err err = sim_server_send(&w.sim->server, data, len);
		cr_assert(err == DT_OK || (err == DT_ERR_AGAIN && k.bytes == 0));
		cr_assert(k.bytes == 0 || k.to == 1001);
		sent += k.bytes;
		cr_assert(sent <= 3 * received, "%zu bytes out for %zu in", sent, received);
		if (i % 5 == 0)
			received += cid_say(&w, c, 1001, seeded_below(&w.sim->random, 500));
	}
	cr_assert(sent > received && cid_is_at(&w, 1001));
	/* A forged, a repeated and a plain datagram earn nothing, however long. */
	static uint8_t d[1400];
	size_t len = sim_cid_seal(c, DT_APPLICATION_DATA, data, 1, d);
	sim_server_input(&w.sim->server, 1001, d, len);
	received += len;
	for (int i = 0; i < 10; i++)
		sim_server_input(&w.sim->server, 1001, d, len);
	sim_server_input(&w.sim->server, 1001, d, sizeof(d));
	cid_forget(&k);
	while (sim_server_send(&w.sim->server, "x", 1) == DT_OK)
		;
	sent += k.bytes;
	cr_assert(sent <= 3 * received && sent + 200 > 3 * received);
	/* Home again it is proven, as before. */
	cid_say(&w, c, home, 1);
	for (int i = 0; i < 10; i++)
		cr_assert(sim_server_send(&w.sim->server, data, sizeof(data)) == DT_OK && k.to == home);
	cid_world_fini(&w);
}

Test(cid_move, what_stands_around_authentic_records_does_not_count)
{
	struct cid_world w;
	struct sim_client *c;
	struct cid_catcher k;
	limited_world(&w, DT_HEARTBEAT_OFF, &c, &k);
	w.sim->server.mute = true;
	static uint8_t d[16000], data[1000];
	size_t genuine = 0, at = 0;
	for (int i = 0; i < 10; i++) {
		genuine += sim_cid_seal(c, DT_APPLICATION_DATA, data, 1, d + genuine);
		at = genuine;
	}
	while (at + 1013 <= sizeof(d)) { /* records of nobody */
		dt_record_write_header(d + at, DT_APPLICATION_DATA, DT_VERSION_12, 1, 5, 1000);
		at += 1013;
	}
	sim_server_input(&w.sim->server, 1001, d, at);
	cid_forget(&k);
	while (sim_server_send(&w.sim->server, data, 50) == DT_OK)
		cr_assert(k.bytes <= 3 * genuine, "%zu bytes out for %zu in", k.bytes, genuine);
	cr_assert(k.bytes > 2 * genuine);
	cid_world_fini(&w);
}

Test(cid_move, an_answered_heartbeat_proves_the_address)
{
	struct cid_world w;
	struct sim_client *c;
	struct cid_catcher k;
	limited_world(&w, DT_HEARTBEAT_PEER_MAY_NOT_SEND, &c, &k);
	static uint8_t data[1400];
	cid_say(&w, c, 1001, 20);
	struct cid_question q = *cid_asked(&k);
	cr_assert(k.questions == 1 && q.to == 1001 && q.message[0] == 1 && q.len == 35);
	cr_assert(sim_server_send(&w.sim->server, data, sizeof(data)) == DT_ERR_AGAIN);
	/* An answer to another question is none. */
	q.message[10] ^= 1;
	cid_answer(&w, c, &q, 1001);
	cr_assert(sim_server_send(&w.sim->server, data, sizeof(data)) == DT_ERR_AGAIN);
	q.message[10] ^= 1;
	q.message[2] = 15;
	cid_answer(&w, c, &q, 1001);
	cr_assert(sim_server_send(&w.sim->server, data, sizeof(data)) == DT_ERR_AGAIN);
	q.message[2] = 17; /* begins alike */
	cid_answer(&w, c, &q, 1001);
	cr_assert(sim_server_send(&w.sim->server, data, sizeof(data)) == DT_ERR_AGAIN);
	q.message[2] = 16;
	cid_answer(&w, c, &q, 1001);
	for (int i = 0; i < 10; i++)
		cr_assert(sim_server_send(&w.sim->server, data, sizeof(data)) == DT_OK && k.to == 1001);
	sim_run(w.sim, DT_SECONDS(60));
	cr_assert(cid_is_at(&w, 1001));
	cr_assert(sim_counter(&w.sim->server, DT_COUNT_PATHS_CHALLENGED) == 1);
	cr_assert(sim_counter(&w.sim->server, DT_COUNT_PATHS_REFUSED) == 0);
	/* The next one has a question of its own. */
	cid_say(&w, c, 1002, 20);
	cr_assert(k.questions == 2 && memcmp(q.message, cid_asked(&k)->message, 35) != 0);
	cr_assert(sim_server_send(&w.sim->server, data, sizeof(data)) == DT_ERR_AGAIN);
	cid_world_fini(&w);
}

Test(cid_move, who_does_not_answer_is_answered_at_the_proven_address_again)
{
	struct cid_world w;
	struct sim_client *c;
	struct cid_catcher k;
	limited_world(&w, DT_HEARTBEAT_PEER_MAY_SEND, &c, &k);
	uint32_t home = c->number;
	cid_say(&w, c, 1001, 20);
	cid_say(&w, c, 1002, 200); /* once more, before it is proven */
	struct cid_question q = *cid_asked(&k);
	for (unsigned i = 1; i <= 2; i++) {
		cid_forget(&k);
		sim_run(w.sim, DT_SECONDS(1));
		cr_assert(k.questions == 1 && k.to == 1002 &&
		    memcmp(cid_asked(&k)->message, q.message, 19) == 0);
	}
	cid_forget(&k);
	sim_run(w.sim, DT_SECONDS(1));
	cr_assert(k.questions == 0 && cid_is_at(&w, home));
	cr_assert(sim_counter(&w.sim->server, DT_COUNT_PATHS_REFUSED) == 1);
	static uint8_t data[1400];
	for (int i = 0; i < 10; i++)
		cr_assert(sim_server_send(&w.sim->server, data, sizeof(data)) == DT_OK && k.to == home);
	/* An answer that comes too late proves nothing, but is a record from there: asked again. */
	cid_forget(&k);
	cid_answer(&w, c, &q, 1002);
	cr_assert(k.questions == 1 && k.to == 1002);
	cr_assert(sim_server_send(&w.sim->server, data, sizeof(data)) == DT_ERR_AGAIN);
	cid_world_fini(&w);
}

Test(cid_move, a_connection_may_end_while_its_address_is_unproven)
{
	for (int by = 0; by < 3; by++) {
		struct cid_world w;
		struct sim_client *c;
		struct cid_catcher k;
		limited_world(&w, DT_HEARTBEAT_PEER_MAY_SEND, &c, &k);
		cid_say(&w, c, 1001, 20);
		if (by == 0)
			sim_server_close(&w.sim->server, DT_CLOSE_LOCAL);
		else if (by == 1)
			sim_cid_send(c, DT_ALERT, "\1\0", 2);
		sim_settle(w.sim);
		cr_assert(by == 2 || dt_conns_count(w.sim->server.conns) == 0);
		cid_world_fini(&w);
	}
}

/* A server that trusts, and a client that offers heartbeats or none. */
static void
trusting_world(struct cid_world *w, int mode, struct sim_client **c, struct cid_catcher *k)
{
	struct sim_options o = cid_options("trust");
	o.heartbeat = DT_HEARTBEAT_PEER_MAY_SEND;
	cid_world_init(w, o.test, &o);
	*c = cid_add(w, 8);
	(*c)->cid->mode = mode;
	cid_start(w, *c);
	cid_catch(w, k, *c);
}

Test(cid_move, who_cannot_prove_an_address_is_believed_where_that_is_configured)
{
	static uint8_t data[1400];
	for (int mode = 2; mode >= -1; mode -= 3) { /* it must not be asked; it offers no heartbeats */
		struct cid_world w;
		struct sim_client *c;
		struct cid_catcher k;
		trusting_world(&w, mode, &c, &k);
		cid_say(&w, c, 1001, 1);
		for (int i = 0; i < 100; i++)
			cr_assert(sim_server_send(&w.sim->server, data, sizeof(data)) == DT_OK && k.to == 1001);
		sim_run(w.sim, DT_SECONDS(60));
		cr_assert(k.questions == 0 && cid_is_at(&w, 1001));
		cid_world_fini(&w);
	}
}

Test(cid_move, who_can_prove_an_address_is_asked_even_so)
{
	static uint8_t data[1400];
	struct cid_world w;
	struct sim_client *c;
	struct cid_catcher k;
	trusting_world(&w, 1, &c, &k);
	cid_say(&w, c, 1001, 1);
	cr_assert(k.questions == 1 && sim_server_send(&w.sim->server, data, sizeof(data)) == DT_ERR_AGAIN);
	cid_answer(&w, c, cid_asked(&k), 1001);
	cr_assert(sim_server_send(&w.sim->server, data, sizeof(data)) == DT_OK && k.to == 1001);
	cid_world_fini(&w);
}

Test(cid_move, without_memory_the_old_address_stays)
{
	struct cid_world w;
	struct sim_client *c;
	struct cid_catcher k;
	limited_world(&w, DT_HEARTBEAT_OFF, &c, &k);
	uint32_t home = c->number;
	dt_mem_fail_nth(1);
	cid_say(&w, c, 1001, 20);
	dt_mem_fail_nth(0);
	cr_assert(k.replies == 1 && k.to == home && cid_is_at(&w, home));
	cid_say(&w, c, 1001, 20);
	cr_assert(cid_is_at(&w, 1001));
	cid_world_fini(&w);
}
