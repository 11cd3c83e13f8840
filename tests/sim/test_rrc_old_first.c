/* Return routability checks of a client's old address before its new one (on_move ask_old_address). */
#include <criterion/criterion.h>

#include "cid_catch.h"
#include "dtls/alert.h"

#define NEXT DT_MILLISECONDS(334) /* from one question to the next, and to giving up */

static uint8_t big[1400];

Test(rrc_old_first, the_old_address_is_asked_first_and_answered_all_the_while)
{
	struct cid_world w;
	struct cid_catcher k;
	struct sim_client *c = cid_rrc_world(&w, DT_MOVE_ASK_OLD, 8, &k);
	uint32_t home = c->number;
	cid_say(&w, c, 1001, 20);
	cr_assert(k.questions == 1 && cid_asked(&k)->to == home && k.replies == 1 && k.to == home);
	cr_assert(!cid_is_limited(&w) && cid_is_at(&w, home));
	cid_answer(&w, c, cid_asked(&k), home);
	sim_run(w.sim, DT_SECONDS(60));
	cr_assert(k.questions == 1 && k.to == home && cid_is_at(&w, home));
	cr_assert(sim_counter(&w.sim->server, DT_COUNT_PATHS_REFUSED) == 1);
	cid_world_fini(&w);
}

Test(rrc_old_first, when_the_client_says_that_it_has_left_the_new_address_is_asked)
{
	struct cid_world w;
	struct cid_catcher k;
	struct sim_client *c = cid_rrc_world(&w, DT_MOVE_ASK_OLD, 8, &k);
	uint32_t home = c->number;
	cid_say(&w, c, 1001, 20);
	struct cid_question first = *cid_asked(&k), wrong = first;
	wrong.message[3] ^= 1;
	cid_say_left(&w, c, &wrong, home);
	cr_assert(k.questions == 1 && cid_is_at(&w, home));
	sim_run(w.sim, DT_MILLISECONDS(300));
	cid_say_left(&w, c, &first, home);
	struct cid_question second = *cid_asked(&k);
	cr_assert(k.questions == 2 && second.to == 1001 && cid_is_limited(&w) && cid_is_at(&w, 1001));
	sim_run(w.sim, DT_MILLISECONDS(999)); /* over the time when the old one would have been asked again */
	cr_assert(k.questions == 2);
	cid_say_left(&w, c, &first, home); /* a second time: too late to mean anything */
	cid_answer(&w, c, &first, 1001);
	cr_assert(cid_is_limited(&w) && cid_is_at(&w, 1001));
	cid_answer(&w, c, &second, 1001);
	cr_assert(!cid_is_limited(&w) && cid_is_at(&w, 1001));
	cr_assert(sim_counter(&w.sim->server, DT_COUNT_PATHS_REFUSED) == 0);
	cid_world_fini(&w);
}

Test(rrc_old_first, when_the_old_address_is_silent_the_new_one_is_asked)
{
	for (int answers = 0; answers < 2; answers++) {
		struct cid_world w;
		struct cid_catcher k;
		struct sim_client *c = cid_rrc_world(&w, DT_MOVE_ASK_OLD, 8, &k);
		uint32_t home = c->number;
		cid_say(&w, c, 1001, 100);
		for (unsigned i = 1; i < 3; i++) {
			sim_run(w.sim, NEXT);
			cr_assert(k.questions == i + 1 && cid_asked(&k)->to == home);
		}
		sim_run(w.sim, NEXT);
		cr_assert(k.questions == 4 && cid_asked(&k)->to == 1001 && cid_is_limited(&w));
		if (answers)
			cid_answer(&w, c, cid_asked(&k), 1001);
		sim_run(w.sim, DT_SECONDS(3));
		cr_assert(!cid_is_limited(&w) && cid_is_at(&w, answers ? 1001 : home));
		cr_assert(k.questions == (answers ? 4 : 6));
		cid_world_fini(&w);
	}
}

/* Whatever the client sends arrives from the attacker's address first. */
Test(rrc_old_first, one_who_only_carries_records_faster_does_not_draw_the_connection_away)
{
	struct cid_world w;
	struct cid_catcher k;
	struct sim_client *c = cid_rrc_world(&w, DT_MOVE_ASK_OLD, 8, &k);
	uint32_t home = c->number;
	unsigned questions = 0;
	for (unsigned i = 0; i < 100; i++) {
		cid_say(&w, c, i % 3 ? 1001 : 1001 + i, 100);
		cr_assert(k.to == home && cid_is_at(&w, home), "record %u", i);
		cr_assert(k.questions <= 1);
		questions += k.questions;
		if (k.questions) {
			cr_assert(cid_asked(&k)->to == home);
			cid_answer(&w, c, cid_asked(&k), 1001);
		}
		cid_forget(&k);
		sim_run(w.sim, DT_MILLISECONDS(25));
		cr_assert(k.questions == 0 && !cid_is_limited(&w));
	}
	cr_assert(questions > 16 && questions <= 16 * 4, "%u questions in 2.5 seconds", questions);
	cr_assert(sim_counter(&w.sim->server, DT_COUNT_PATHS_REFUSED) == questions);
	cid_world_fini(&w);
}

Test(rrc_old_first, data_along_the_old_path_ends_the_question)
{
	struct cid_world w;
	struct cid_catcher k;
	struct sim_client *c = cid_rrc_world(&w, DT_MOVE_ASK_OLD, 8, &k);
	uint32_t home = c->number;
	cid_say(&w, c, 1001, 100);
	cid_say(&w, c, home, 100);
	sim_run(w.sim, DT_SECONDS(10));
	cr_assert(k.questions == 1 && cid_is_at(&w, home));
	cid_world_fini(&w);
}

Test(rrc_old_first, several_addresses_wait_for_one_answer_of_the_old_and_the_newest_is_asked_then)
{
	struct cid_world w;
	struct cid_catcher k;
	struct sim_client *c = cid_rrc_world(&w, DT_MOVE_ASK_OLD, 8, &k);
	uint32_t home = c->number;
	for (uint32_t i = 0; i < 50; i++) {
		cid_say(&w, c, 1001 + i, 100);
		cr_assert(k.questions == 1 && k.to == home);
	}
	cid_say_left(&w, c, cid_asked(&k), home);
	cr_assert(k.questions == 2 && cid_asked(&k)->to == 1050);
	cid_say(&w, c, 1051, 100);
	cr_assert(k.questions == 3 && cid_asked(&k)->to == 1051 && cid_is_limited(&w));
	cid_answer(&w, c, cid_asked(&k), 1051);
	cr_assert(!cid_is_limited(&w) && cid_is_at(&w, 1051));
	cid_world_fini(&w);
}

Test(rrc_old_first, answers_to_the_new_address_count_while_the_old_one_is_asked)
{
	struct cid_world w;
	struct cid_catcher k;
	struct sim_client *c = cid_rrc_world(&w, DT_MOVE_ASK_OLD, 100, &k);
	w.sim->server.mute = true;
	size_t received = cid_say(&w, c, 1001, 1);
	struct cid_question q = *cid_asked(&k);
	cid_forget(&k);
	for (int i = 0; i < 5; i++)
		received += cid_check(&w, c, 1001, 0, (const uint8_t *)"a cookie");
	cr_assert(k.responses == 5 && k.to == 1001);
	cid_say_left(&w, c, &q, c->number);
	size_t len = 1;
	while (sim_server_send(&w.sim->server, big, len) == DT_OK)
		cr_assert(k.bytes <= 3 * received, "%zu bytes out for %zu in", k.bytes, received);
	cr_assert(k.bytes <= 3 * received);
	cid_world_fini(&w);
}

Test(rrc_old_first, a_client_that_knows_heartbeats_only_is_asked_at_its_new_address)
{
	struct sim_options o = cid_rrc_options(DT_MOVE_ASK_OLD);
	struct cid_world w;
	struct cid_catcher k;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = cid_add(&w, 8);
	c->cid->mode = 1;
	cid_start(&w, c);
	cid_catch(&w, &k, c);
	cid_say(&w, c, 1001, 20);
	cr_assert(k.questions == 1 && cid_asked(&k)->to == 1001 && cid_is_limited(&w));
	cid_answer(&w, c, cid_asked(&k), 1001);
	cr_assert(!cid_is_limited(&w));
	cid_world_fini(&w);
}
