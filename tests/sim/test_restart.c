/* A client that starts again on the path of its own live connection gets in, and the old one ends
 * when the new one has proven itself. RFC 6347 4.2.8. */
#include <criterion/criterion.h>
#include <string.h>

#include "cid_world.h"
#include "conn/conn_state.h"
#include "restart.h"

#define CBC "ECDHE-ECDSA-AES128-SHA256"
#define GCM "ECDHE-ECDSA-AES128-GCM-SHA256"

static const struct restart_kind kinds[] = {
    {.name = "full handshake", .before = GCM, .after = GCM},
    {.name = "PSK", .before = "PSK-AES128-CCM8", .after = "PSK-AES128-CCM8", .psk = true},
    {.name = "ECDHE-PSK", .before = "ECDHE-PSK-CHACHA20-POLY1305", .after = "ECDHE-PSK-CHACHA20-POLY1305", .psk = true},
    {.name = "CBC", .before = CBC, .after = CBC},
    {.name = "PSK and CBC", .before = "PSK-AES128-CBC-SHA256", .after = "PSK-AES128-CBC-SHA256", .psk = true},
    {.name = "GCM, then CBC", .before = GCM, .after = CBC},
    {.name = "CBC, then GCM", .before = CBC, .after = GCM},
    {.name = "CBC, then PSK", .before = CBC, .after = "PSK-AES128-CCM8", .psk = true},
    {.name = "resumed", .before = GCM, .after = GCM, .tickets = true},
    {.name = "CBC, resumed", .before = CBC, .after = CBC, .tickets = true},
    {.name = "the last place", .before = GCM, .after = GCM, .connection_limit = 1},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

Test(restart, a_client_that_crashed_gets_in_again_whatever_it_speaks)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct restart r;
		restart_init(&r, &kinds[i], NULL);
		restart_crash(&r);
		restart_begin(&r);
		sim_settle(r.sim);
		restart_check_replaced(&r);
		cr_assert(sim_counter(&r.sim->server, DT_COUNT_ALERTS_SENT) == 0, "%s: the old one was told", r.kind->name);
		r.before = restart_after(&r);
		restart_begin(&r); /* and again */
		sim_settle(r.sim);
		restart_check_replaced(&r);
		restart_fini(&r);
	}
}

/* Says something each millisecond; all of it comes back until the other is in. */
static void
talk_until_replaced(struct restart *r)
{
	size_t said = 0, heard_at_end = 0;
	for (; r->before->disconnected == 0 && said < 100; said++) {
		char text[64];
		snprintf(text, sizeof(text), "line %zu", said);
		sim_client_send(r->old, text, strlen(text) + 1);
		sim_run(r->sim, DT_MILLISECONDS(1));
	}
	sim_settle(r->sim);
	DT_LIST_EACH (node, next, &r->old->messages) {
		const struct sim_message *m = DT_CONTAINER(node, struct sim_message, node);
		char text[64];
		size_t len = (size_t)snprintf(text, sizeof(text), "line %zu", heard_at_end++) + 1;
		cr_assert(m->len == len && memcmp(m->bytes, text, len) == 0, "%s: wrong bytes", r->kind->name);
	}
	/* 5 ms of it were on their way when the other got in. */
	cr_assert(heard_at_end + 6 >= said && r->before->datagrams == heard_at_end, "%s: %zu said, %zu heard",
	    r->kind->name, said, heard_at_end);
}

Test(restart, until_then_the_old_one_goes_on)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct restart r;
		restart_init(&r, &kinds[i], NULL);
		restart_begin(&r);
		talk_until_replaced(&r);
		restart_check_replaced(&r);
		restart_fini(&r);
	}
}

Test(restart, a_verdict_that_comes_late_leaves_the_old_one_all_the_time)
{
	static const enum dt_gate_kind gates[] = {DT_GATE_REQUEST, DT_GATE_AUTH, DT_GATE_PSK};
	for (size_t i = 0; i < KINDS; i++)
		for (size_t g = 0; g < 2u + kinds[i].psk; g++) {
			struct restart r;
			restart_init(&r, &kinds[i], NULL);
			enum sim_verdict *gate[] = {&r.sim->server.request, &r.sim->server.auth, &r.sim->server.psk};
			*gate[g] = SIM_WAIT;
			restart_begin(&r);
			for (int n = 0; n < 20; n++) {
				sim_run(r.sim, DT_MILLISECONDS(500));
				restart_check_untouched(&r);
				cr_assert(dt_conns_count(r.sim->server.conns) == 2 && r.sim->server.load.connections == 1);
				cr_assert(r.sim->server.load.handshakes == 1);
			}
			restart_verdict(&r, gates[g], true, 0);
			sim_settle(r.sim);
			restart_check_replaced(&r);
			restart_fini(&r);
		}
}

Test(restart, it_gets_in_on_a_bad_network_too)
{
	struct seeded draw = seeded_begin("restart, bad network");
	uint64_t heard = 0;
	for (size_t i = 0; i < 4 * KINDS; i++) {
		struct sim_options o = sim_defaults("bad network");
		o.seed = seeded_next(&draw) | 1;
		o.faults = (struct sim_faults){20, 20, 20};
		o.handshake_timeout = DT_SECONDS(600);
		o.idle_timeout = DT_SECONDS(100000);
		struct restart r;
		restart_init(&r, &kinds[i % KINDS], &o);
		for (int attempt = 0; r.before->disconnected == 0; attempt++) {
			cr_assert(attempt < 5, "%s", r.kind->name);
			restart_begin(&r); /* a HelloVerifyRequest that was repeated leads astray: start again */
			for (int n = 0; n < 400 && r.before->disconnected == 0; n++) {
				sim_client_send(r.old, "more", 4);
				sim_run(r.sim, DT_MILLISECONDS(500));
			}
		}
		sim_run(r.sim, DT_SECONDS(300));
		r.sim->link.faults = (struct sim_faults){0};
		sim_run(r.sim, DT_SECONDS(10));
		heard += r.before->datagrams;
		restart_check_replaced(&r);
		restart_fini(&r);
	}
	cr_assert(heard > 10);
}

/* Its records carry an id while those of the old one do not. */
Test(restart, the_new_one_may_have_a_connection_id)
{
	struct cid_world w;
	cid_world_init(&w, "restart with an id", NULL);
	struct sim_client *old = sim_connect(w.sim, w.ctx);
	struct sim_diary *before = sim_newest(&w.sim->server);
	sim_check_echo(w.sim, old, "without");
	uint32_t address = old->number;
	sim_drop_client(w.sim, old);
	struct sim_client *new = cid_add(&w, 8);
	new->number = address;
	cid_start(&w, new);
	cr_assert(before->disconnected == 1 && before->disconnected_as < sim_newest(&w.sim->server)->connected_as);
	cr_assert(w.sim->server.load.connections == 1);
	sim_check_echo(w.sim, new, "with");
	sim_cid_move(new);
	sim_check_echo(w.sim, new, "elsewhere");
	cid_world_fini(&w);
}

/* ---- whose a record is ---- */

Test(restart, a_record_that_both_refuse_is_counted_once_as_the_old_one_saw_it)
{
	struct restart r;
	restart_init(&r, &kinds[0], NULL);
	struct sim_server *s = &r.sim->server;
	struct sim_forge keys;
	sim_forge_init(&keys, r.old);
	uint8_t seen[100], forged[100];
	size_t len = sim_forge_seal(&keys, DT_APPLICATION_DATA, 40, "once", 4, seen);
	memcpy(forged, seen, len);
	forged[len - 1] ^= 1;
	forged[10] ^= 1;
	restart_inject(&r, seen, len);
	s->auth = SIM_WAIT; /* the new one has keys then, and reads no application data yet */
	restart_begin(&r);
	sim_settle(r.sim);
	cr_assert(dt_conn_waiting(dt_conns_find(s->conns, restart_after(&r)->id), DT_GATE_AUTH));
	seen[0] = forged[0] = DT_HANDSHAKE; /* neither is authentic any more */
	uint64_t dropped[DT_DROPS];
	for (unsigned i = 0; i < DT_DROPS; i++)
		dropped[i] = sim_drops(s, i);
	restart_inject(&r, seen, len);
	restart_inject(&r, forged, len);
	for (unsigned i = 0; i < DT_DROPS; i++) {
		uint64_t due = i == DT_DROP_REPLAYED || i == DT_DROP_BAD_TAG ? 1 : i == DT_DROP_NOTHING_USED ? 2 : 0;
		cr_assert(sim_drops(s, i) - dropped[i] == due, "%s", dt_drop_infos[i].name);
	}
	restart_check_untouched(&r);
	restart_verdict(&r, DT_GATE_AUTH, true, 0);
	sim_settle(r.sim);
	restart_check_replaced(&r);
	sim_forge_fini(&keys);
	restart_fini(&r);
}

/* What the new one sends before it is in is tried with the old one's keys first, and comes through whole. */
Test(restart, early_data_of_the_new_one_is_held_for_it)
{
	for (size_t i = 0; i < 2; i++) {
		struct restart r;
		restart_init(&r, &kinds[i], NULL);
		restart_begin(&r);
		while (SSL_get_state(r.new->ssl) != TLS_ST_CR_SESSION_TICKET &&
		    SSL_get_state(r.new->ssl) != TLS_ST_CW_FINISHED) {
			sim_run(r.sim, DT_MILLISECONDS(1));
			cr_assert(r.before->disconnected == 0);
		}
		struct sim_forge keys;
		uint8_t early[100];
		sim_forge_init(&keys, r.new);
		size_t len = sim_forge_seal(&keys, DT_APPLICATION_DATA, 1, "early", 5, early);
		restart_inject(&r, early, len); /* overtakes the Finished */
		cr_assert(r.before->disconnected == 0 && restart_after(&r)->datagrams == 0);
		sim_settle(r.sim);
		cr_assert(restart_after(&r)->datagrams == 1 && sim_client_got(r.new, "early"));
		cr_assert(r.before->datagrams == 0);
		sim_forge_fini(&keys);
		restart_fini(&r);
	}
}
