/* What strangers can do to a live connection by hellos in its name: nothing. */
#include <criterion/criterion.h>
#include <string.h>

#include "conn/conn_state.h"
#include "restart.h"

#define ECDSA_SUITE 0xc02bu /* TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 */
#define PSK_SUITE 0xc0a8u   /* TLS_PSK_WITH_AES_128_CCM_8 */

static const struct restart_kind kinds[] = {
    {.name = "GCM"},
    {.name = "CBC", .before = "ECDHE-ECDSA-AES128-SHA256", .after = "ECDHE-ECDSA-AES128-SHA256"},
    {.name = "PSK", .before = "PSK-AES128-CCM8", .after = "PSK-AES128-CCM8", .psk = true},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Reads the line of the server: cookies for the path are known to it. */
struct eavesdropper {
	struct restart *r;
	bool (*route)(void *arg, struct sim_packet *p);
	uint8_t cookie[DT_COOKIE_LEN];
};

static bool
listen_in(void *arg, struct sim_packet *p)
{
	struct eavesdropper *e = arg;
	if (!p->to_server && p->len == DT_HVR_LEN && p->bytes[13] == DT_HS_HELLO_VERIFY_REQUEST)
		memcpy(e->cookie, p->bytes + DT_HVR_LEN - DT_COOKIE_LEN, DT_COOKIE_LEN);
	return e->route(e->r, p);
}

static void
eavesdrop(struct eavesdropper *e, struct restart *r)
{
	*e = (struct eavesdropper){.r = r, .route = r->sim->link.tap};
	r->sim->link.tap = listen_in;
	r->sim->link.tap_arg = e;
}

/* A hello with a cookie that is right, from nobody who will go on. */
static void
spoof_proven(struct eavesdropper *e, uint16_t suite)
{
	uint8_t random[32], hello[SIM_HELLO_MAX];
	seeded_fill(&e->r->sim->random, random, sizeof(random));
	restart_inject(e->r, hello, sim_forge_hello(random, NULL, 0, suite, hello));
	restart_inject(e->r, hello, sim_forge_hello(random, e->cookie, DT_COOKIE_LEN, suite, hello));
}

static void
spoof_unproven(struct restart *r, uint16_t suite, size_t cookie_len)
{
	uint8_t random[32], cookie[64], hello[SIM_HELLO_MAX];
	seeded_fill(&r->sim->random, random, sizeof(random));
	seeded_fill(&r->sim->random, cookie, sizeof(cookie));
	restart_inject(r, hello, sim_forge_hello(random, cookie, cookie_len, suite, hello));
}

static uint16_t
suite_of(const struct restart *r)
{
	return r->kind->psk ? PSK_SUITE : ECDSA_SUITE;
}

Test(restart_attack, a_thousand_hellos_in_a_second_without_a_right_cookie_are_not_noticed)
{
	static const size_t cookies[] = {0, DT_COOKIE_LEN, 1, DT_COOKIE_LEN - 1, 64};
	for (size_t k = 0; k < KINDS; k++) {
		struct restart r;
		restart_init(&r, &kinds[k], NULL);
		for (unsigned i = 0; i < 3000; i++) {
			spoof_unproven(&r, suite_of(&r), cookies[i % 5]);
			sim_run(r.sim, DT_MILLISECONDS(1));
			if (i % 20 == 0)
				restart_check_untouched(&r);
		}
		cr_assert(dt_conns_count(r.sim->server.conns) == 1 && sim_diary_count(&r.sim->server) == 1);
		/* while a new one gets in */
		restart_begin(&r);
		for (unsigned i = 0; i < 100; i++) {
			spoof_unproven(&r, suite_of(&r), DT_COOKIE_LEN);
			sim_run(r.sim, DT_MILLISECONDS(1));
		}
		sim_settle(r.sim);
		restart_fini(&r);
	}
}

Test(restart_attack, nor_is_one_whose_cookie_was_overheard)
{
	for (size_t k = 0; k < KINDS; k++) {
		struct restart r;
		struct eavesdropper e;
		restart_init(&r, &kinds[k], NULL);
		eavesdrop(&e, &r);
		for (unsigned i = 0; i < 1000; i++) {
			spoof_proven(&e, suite_of(&r));
			cr_assert(dt_conns_count(r.sim->server.conns) == 2 && r.sim->server.load.handshakes == 1);
			sim_run(r.sim, DT_MILLISECONDS(1));
			if (i % 20 == 0)
				restart_check_untouched(&r);
			sim_forget(&r.sim->server);
		}
		sim_run(r.sim, DT_SECONDS(61));
		restart_check_untouched(&r);
		cr_assert(dt_conns_count(r.sim->server.conns) == 1 && r.sim->server.load.connections == 1);
		restart_fini(&r);
	}
}

/* Sealed records of nobody, plain ones of all kinds, and the old one's own again. */
Test(restart_attack, noise_beside_a_new_handshake_hurts_neither)
{
	for (size_t k = 0; k < 2; k++) { /* one forgery may end a handshake with a pre-shared key */
		struct restart r;
		restart_init(&r, &kinds[k], NULL);
		restart_begin_shadow(&r);
		for (unsigned i = 0; i < 2000; i++) {
			uint8_t d[DT_RECORD_HEADER + 60];
			size_t len = seeded_below(&r.sim->random, 60);
			uint16_t epoch = (uint16_t)seeded_below(&r.sim->random, 3);
			dt_record_write_header(d, (uint8_t)(20 + seeded_below(&r.sim->random, 6)), DT_VERSION_12, epoch,
			    seeded_below(&r.sim->random, 100), len);
			seeded_fill(&r.sim->random, d + DT_RECORD_HEADER, len);
			restart_inject(&r, d, DT_RECORD_HEADER + len);
		}
		cr_assert(r.before->disconnected == 0 && r.before->datagrams == 0);
		sim_client_send(r.old, "still", 5);
		sim_run(r.sim, DT_SECONDS(5));
		restart_check_replaced(&r);
		restart_fini(&r);
	}
}

/* ---- replays ---- */

Test(restart_attack, the_hello_of_the_old_one_begins_nothing)
{
	for (size_t k = 0; k < KINDS; k++)
		for (int beside = 0; beside < 2; beside++) {
			struct restart r;
			restart_init(&r, &kinds[k], NULL);
			r.sim->server.request = SIM_WAIT;
			if (beside)
				restart_begin_shadow(&r);
			size_t count = sim_diary_count(&r.sim->server);
			uint64_t sent = r.sim->server.sent;
			for (int i = 0; i < 1000; i++)
				restart_replay(&r, 0);
			cr_assert(r.sim->server.sent == sent && sim_diary_count(&r.sim->server) == count);
			cr_assert(r.sim->server.load.handshakes == (unsigned)beside);
			restart_check_untouched(&r);
			restart_fini(&r);
		}
}

Test(restart_attack, the_hello_of_a_new_one_gets_one_flight_in_an_interval)
{
	for (size_t k = 0; k < KINDS; k++) {
		struct sim_options o = sim_defaults("amplifier");
		o.chain_bytes = 5000;
		struct restart r;
		restart_init(&r, &kinds[k], &o);
		restart_begin_shadow(&r);
		sim_drop_client(r.sim, r.new); /* was overheard; from now on it is all replays */
		r.new = NULL;
		cr_assert(r.hello_count == 2);
		uint64_t before = sim_counter(&r.sim->server, DT_COUNT_FLIGHTS_REPEATED);
		for (int i = 0; i < 1000; i++) {
			restart_replay(&r, 1);
			sim_run(r.sim, DT_MILLISECONDS(1));
		}
		/* one for the replays, one for the timer */
		cr_assert(sim_counter(&r.sim->server, DT_COUNT_FLIGHTS_REPEATED) - before <= 2);
		cr_assert(sim_diary_count(&r.sim->server) == 2 && r.sim->server.load.handshakes == 1);
		restart_check_untouched(&r);
		restart_fini(&r);
	}
}

Test(restart_attack, hellos_that_a_newer_one_followed_begin_nothing_any_more)
{
	for (size_t k = 0; k < KINDS; k++)
		for (int live = 0; live < 2; live++) {
			struct restart r;
			restart_init(&r, &kinds[k], NULL);
			if (!live) {
				sim_client_close(r.old);
				sim_settle(r.sim);
			}
			r.sim->server.auth = SIM_WAIT;
			for (int i = 0; i < 4; i++)
				restart_begin_shadow(&r);
			sim_run(r.sim, DT_MILLISECONDS(100));
			cr_assert(r.hello_count == 5);
			size_t count = sim_diary_count(&r.sim->server);
			uint64_t sent = r.sim->server.sent;
			for (size_t i = 0; i < 1000; i++)
				restart_replay(&r, i % 4);
			cr_assert(r.sim->server.sent == sent && sim_diary_count(&r.sim->server) == count);
			cr_assert(sim_drops(&r.sim->server, DT_DROP_SPENT_HELLO) >= 750);
			restart_verdict(&r, DT_GATE_AUTH, true, 0);
			sim_settle(r.sim);
			cr_assert(r.new->state == SIM_UP);
			for (size_t i = 0; i < 1000; i++)
				restart_replay(&r, i % 5);
			cr_assert(sim_diary_count(&r.sim->server) == count && r.sim->server.load.handshakes == 0);
			sim_check_echo(r.sim, r.new, "undisturbed");
			restart_fini(&r);
		}
}

Test(restart_attack, a_hello_is_spent_until_its_cookie_has_expired)
{
	struct restart r;
	restart_init(&r, &kinds[0], NULL);
	sim_client_close(r.old);
	sim_settle(r.sim);
	for (int i = 0; i < 130; i++) {
		restart_replay(&r, 0);
		sim_run(r.sim, DT_SECONDS(1));
	}
	cr_assert(sim_diary_count(&r.sim->server) == 1 && dt_conns_count(r.sim->server.conns) == 0);
	restart_fini(&r);
}
