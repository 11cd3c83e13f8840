/* A handshake beside a live connection that comes to nothing, or outlives it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "conn/conn_state.h"
#include "dtls/alert.h"
#include "restart.h"

static const struct restart_kind plain = {.name = "plain"};
static const struct restart_kind cbc = {.name = "CBC", .before = "ECDHE-ECDSA-AES128-SHA256", .after = "ECDHE-ECDSA-AES128-SHA256"};
static const struct restart_kind psk = {.name = "PSK", .before = "PSK-AES128-CCM8", .after = "PSK-AES128-CCM8", .psk = true};
static const struct restart_kind resumed = {.name = "resumed", .tickets = true};
static const struct restart_kind *const kinds[] = {&plain, &cbc, &psk, &resumed};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void
check_alone(struct restart *r)
{
	const struct sim_server *s = &r->sim->server;
	cr_assert(dt_conns_count(s->conns) == 1 && s->load.connections == 1 && s->load.handshakes == 0, "%s",
	    r->kind->name);
	cr_assert(sim_handshake_memory(s) == 0);
}

Test(restart_end, one_that_a_gate_refuses_leaves_the_old_one_untouched)
{
	static const struct {
		enum dt_gate_kind gate;
		bool deferred;
		uint8_t alert;
		int told; /* -1: nothing */
	} table[] = {
	    {DT_GATE_REQUEST, false, 0, -1},
	    {DT_GATE_REQUEST, false, DT_ALERT_ACCESS_DENIED, DT_ALERT_ACCESS_DENIED},
	    {DT_GATE_REQUEST, true, 0, -1},
	    {DT_GATE_REQUEST, true, DT_ALERT_ACCESS_DENIED, DT_ALERT_ACCESS_DENIED},
	    {DT_GATE_AUTH, false, DT_ALERT_CERTIFICATE_REVOKED, DT_ALERT_CERTIFICATE_REVOKED},
	    {DT_GATE_AUTH, true, DT_ALERT_CERTIFICATE_REVOKED, DT_ALERT_CERTIFICATE_REVOKED},
	};
	for (size_t k = 0; k < KINDS; k++)
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			struct restart r;
			restart_init(&r, kinds[k], NULL);
			struct sim_server *s = &r.sim->server;
			s->alert = table[i].alert;
			*(table[i].gate == DT_GATE_AUTH ? &s->auth : &s->request) =
			    table[i].deferred ? SIM_WAIT : SIM_REJECT;
			restart_begin(&r);
			sim_settle(r.sim);
			if (table[i].deferred) {
				restart_check_untouched(&r);
				restart_verdict(&r, table[i].gate, false, table[i].alert);
				sim_settle(r.sim);
			}
			struct sim_diary *d = restart_after(&r);
			cr_assert(d->released == 1 && (d->connected == 0 || d->status != 0));
			cr_assert(r.new->state != SIM_UP && (kinds[k] == &cbc || r.new->alert == table[i].told),
			    "%s, row %zu: alert %d", r.kind->name, i, r.new->alert);
			check_alone(&r);
			restart_check_untouched(&r);
			restart_fini(&r);
		}
}

Test(restart_end, a_wrong_key_leaves_the_old_one_untouched)
{
	struct restart r;
	restart_init(&r, &psk, NULL);
	r.sim->server.key = "the server's has changed";
	restart_begin(&r);
	sim_settle(r.sim);
	cr_assert(r.new->state == SIM_FAILED && r.new->alert == DT_ALERT_DECRYPT_ERROR);
	check_alone(&r);
	restart_check_untouched(&r);
	restart_fini(&r);
}

Test(restart_end, one_that_goes_silent_ends_at_its_bound_and_the_old_one_goes_on)
{
	for (size_t k = 0; k < KINDS; k++)
		for (int later = 0; later < 2; later++) {
			struct restart r;
			restart_init(&r, kinds[k], NULL);
			r.sim->server.auth = later ? SIM_WAIT : SIM_INHERIT;
			restart_begin_shadow(&r);
			if (later)
				sim_settle(r.sim);
			sim_drop_client(r.sim, r.new);
			r.new = NULL;
			for (int n = 0; n < 58; n++) {
				restart_check_untouched(&r);
				cr_assert(dt_conns_count(r.sim->server.conns) == 2);
				sim_run(r.sim, DT_SECONDS(1));
			}
			sim_run(r.sim, DT_SECONDS(4));
			check_alone(&r);
			restart_check_untouched(&r);
			restart_fini(&r);
		}
}

enum end { BY_CLIENT, BY_SERVER, BY_IDLENESS, ENDS };

static void
end_old(struct restart *r, enum end end)
{
	switch (end) {
	case BY_CLIENT:
		sim_client_close(r->old);
		sim_settle(r->sim);
		break;
	case BY_SERVER:
		dt_conn_close(dt_conns_find(r->sim->server.conns, r->before->id), DT_CLOSE_MODULE, sim_now());
		break;
	case BY_IDLENESS:
		sim_run(r->sim, DT_SECONDS(40));
		break;
	case ENDS:
		break;
	}
	cr_assert(r->before->released == 1 && r->before->end_status != ECONNRESET, "%s", r->before->end_text);
}

Test(restart_end, when_the_old_one_ends_first_the_new_one_has_the_path)
{
	for (size_t k = 0; k < KINDS; k++)
		for (enum end end = BY_CLIENT; end < ENDS; end++)
			for (int fails = 0; fails < 2; fails++) {
				struct sim_options o = sim_defaults("old one first");
				o.idle_timeout = DT_SECONDS(30);
				o.connection_limit = 1;
				struct restart r;
				restart_init(&r, kinds[k], &o);
				r.sim->server.auth = SIM_WAIT;
				restart_begin(&r);
				sim_settle(r.sim);
				end_old(&r, end);
				cr_assert(r.sim->server.load.connections == 1 && dt_conns_count(r.sim->server.conns) == 1);
				struct dt_path path = sim_path(r.path);
				cr_assert(dt_conns_find_path(r.sim->server.conns, &path) ==
				    dt_conns_find(r.sim->server.conns, restart_after(&r)->id));
				restart_verdict(&r, DT_GATE_AUTH, !fails, 0);
				sim_settle(r.sim);
				cr_assert(r.sim->server.load.connections == !fails && r.sim->server.load.handshakes == 0);
				if (!fails)
					sim_check_echo(r.sim, r.new, "alone");
				restart_fini(&r);
			}
}

Test(restart_end, a_newer_hello_takes_the_place_of_the_older_one)
{
	for (size_t k = 0; k < KINDS; k++)
		for (int waiting = 0; waiting < 2; waiting++) {
			struct restart r;
			restart_init(&r, kinds[k], NULL);
			r.sim->server.request = waiting ? SIM_WAIT : SIM_ACCEPT;
			restart_begin_shadow(&r);
			struct sim_diary *first = restart_after(&r);
			cr_assert(first && first->released == 0);
			r.sim->server.request = SIM_ACCEPT;
			restart_begin_shadow(&r);
			cr_assert(first->released == 1 && first->connected == !waiting && r.before->disconnected == 0);
			cr_assert(!first->connected || first->status == ECONNRESET);
			cr_assert(dt_conns_count(r.sim->server.conns) == 2 && r.sim->server.load.handshakes == 1);
			sim_settle(r.sim);
			restart_check_replaced(&r);
			restart_fini(&r);
		}
}

/* ---- limits ---- */

Test(restart_end, where_handshakes_are_many_it_waits_for_its_turn)
{
	struct sim_options o = sim_defaults("handshakes");
	o.handshake_limit = 1;
	struct restart r;
	restart_init(&r, &plain, &o);
	r.sim->server.request = SIM_WAIT;
	struct sim_client *other = sim_connect(r.sim, r.ctx);
	uint64_t waiting = sim_newest(&r.sim->server)->id;
	cr_assert(r.sim->server.load.handshakes == 1);
	r.sim->server.request = SIM_ACCEPT;
	restart_begin_shadow(&r);
	cr_assert(sim_drops(&r.sim->server, DT_DROP_HANDSHAKE_LIMIT) == 1 && r.sim->server.load.connections == 2);
	restart_check_untouched(&r);
	dt_conn_close(dt_conns_find(r.sim->server.conns, waiting), DT_CLOSE_MODULE, sim_now());
	sim_drop_client(r.sim, other);
	sim_run(r.sim, DT_SECONDS(2)); /* it asks again */
	restart_check_replaced(&r);
	restart_fini(&r);
}

Test(restart_end, at_the_limit_of_connections_nobody_but_the_old_one_makes_room)
{
	struct sim_options o = sim_defaults("places");
	o.connection_limit = 2;
	struct restart r;
	restart_init(&r, &plain, &o);
	struct sim_client *other = sim_connect(r.sim, r.ctx);
	struct sim_diary *others = sim_newest(&r.sim->server);
	cr_assert(other->state == SIM_UP);
	r.sim->server.auth = SIM_WAIT;
	restart_begin(&r);
	sim_settle(r.sim);
	struct sim_client *third = sim_add_client(r.sim, r.ctx);
	sim_client_start(third);
	sim_settle(r.sim);
	cr_assert(third->state == SIM_BUSY && sim_drops(&r.sim->server, DT_DROP_CONNECTION_LIMIT) == 1);
	cr_assert(r.sim->server.load.connections == 2 && dt_conns_count(r.sim->server.conns) == 3);
	/* the other one's own place is free for the third; the new one has that of the old one */
	dt_conn_close(dt_conns_find(r.sim->server.conns, others->id), DT_CLOSE_MODULE, sim_now());
	cr_assert(r.sim->server.load.connections == 1);
	restart_fini(&r);
}

/* ---- no memory ---- */

/* Returns whether there was an nth allocation. */
static bool
fail_nth(const struct restart_kind *kind, bool newer, uint64_t nth)
{
	struct sim_options o = sim_defaults("restart torture");
	o.seed = nth;
	struct restart r;
	restart_init(&r, kind, &o);
	r.sim->server.auth = newer ? SIM_WAIT : SIM_INHERIT;
	uint64_t before = dt_mem_count();
	dt_mem_fail_nth(nth);
	restart_begin(&r);
	sim_settle(r.sim);
	if (newer) {
		r.sim->server.auth = SIM_INHERIT;
		restart_begin(&r);
		sim_settle(r.sim);
	}
	dt_mem_fail_nth(0);
	bool failed = dt_mem_count() - before >= nth;
	if (!r.before->disconnected)
		restart_check_untouched(&r);
	sim_run(r.sim, DT_SECONDS(90));
	check_alone(&r);
	if (!r.before->disconnected) {
		restart_begin(&r);
		sim_settle(r.sim);
	}
	restart_check_replaced(&r);
	restart_fini(&r);
	return failed;
}

Test(restart_end, every_allocation_may_fail_and_one_of_the_two_is_served)
{
	for (size_t k = 0; k < KINDS; k++)
		for (int newer = 0; newer < 2; newer++) {
			uint64_t nth = 1;
			while (fail_nth(kinds[k], newer, nth))
				nth++;
			cr_assert(nth > 5);
		}
}
