/* Return routability checks: who may use them, what is answered, and what proves an address. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "cid_catch.h"
#include "dtls/alert.h"

static uint8_t big[1400];

/* ---- what is negotiated ---- */

Test(rrc, is_answered_only_together_with_a_connection_id)
{
	static const struct {
		bool offers_id, offers_rrc, server_gives, extended_master_secret;
		const char *suite;
		bool answered;
	} rows[] = {
	    {true, true, true, true, NULL, true},
	    {false, true, true, true, NULL, false},
	    {true, false, true, true, NULL, false},
	    {true, true, false, true, NULL, false},
	    {true, true, true, false, NULL, false},
	    {true, true, true, true, "ECDHE-ECDSA-AES128-SHA256", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_options o = cid_rrc_options(DT_MOVE_LIMITED);
		o.connection_id = rows[i].server_gives;
		o.suites = rows[i].suite;
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		if (!rows[i].extended_master_secret)
			SSL_CTX_set_options(w.ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
		struct sim_client *c = cid_add(&w, 8);
		c->cid->offers = rows[i].offers_id;
		c->cid->offers_rrc = rows[i].offers_rrc;
		cid_start(&w, c);
		cr_assert(c->cid->rrc == rows[i].answered, "row %zu", i);
		sim_check_echo(w.sim, c, "served in any case");
		cid_world_fini(&w);
	}
}

Test(rrc, an_extension_with_a_body_is_refused)
{
	static const uint8_t lengths[] = {1, 8, 255};
	for (size_t i = 0; i < sizeof(lengths); i++) {
		struct cid_world w;
		cid_world_init(&w, "a body", NULL);
		struct sim_client *c = cid_add(&w, 8);
		c->cid->offers_rrc = true;
		c->cid->rrc_len = lengths[i];
		sim_client_start(c);
		sim_settle(w.sim);
		cr_assert(c->state == SIM_FAILED && c->alert == DT_ALERT_DECODE_ERROR, "row %zu", i);
		cid_world_fini(&w);
	}
}

/* ---- the client asks ---- */

Test(rrc, each_message_is_answered_or_ignored_or_dropped)
{
	static const struct {
		uint8_t type;
		size_t len;
		unsigned responses;
		enum dt_drop drop; /* DT_DROPS = none */
	} rows[] = {
	    {0, 9, 1, DT_DROPS}, {0, 0, 0, DT_DROP_BAD_CONTENT}, {0, 1, 0, DT_DROP_BAD_CONTENT},
	    {0, 8, 0, DT_DROP_BAD_CONTENT}, {0, 10, 0, DT_DROP_BAD_CONTENT}, {0, 1000, 0, DT_DROP_BAD_CONTENT},
	    {1, 9, 0, DT_DROP_UNEXPECTED}, {1, 8, 0, DT_DROP_BAD_CONTENT}, {2, 9, 0, DT_DROP_UNEXPECTED},
	    {2, 10, 0, DT_DROP_BAD_CONTENT}, {3, 9, 0, DT_DROPS}, {3, 1, 0, DT_DROPS}, {255, 1000, 0, DT_DROPS},
	};
	struct cid_world w;
	struct cid_catcher k;
	struct sim_client *c = cid_rrc_world(&w, DT_MOVE_LIMITED, 8, &k);
	const struct sim_server *s = &w.sim->server;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t message[1000] = {rows[i].type};
		enum dt_drop drop = rows[i].drop;
		uint64_t before = drop < DT_DROPS ? sim_drops(s, drop) : 0;
		memset(message + 1, 'c', sizeof(message) - 1);
		cid_forget(&k);
		uint64_t handled = sim_counter(s, DT_COUNT_HANDLED);
		cid_give(&w, c, c->number, SIM_RRC, message, rows[i].len);
		cr_assert(k.responses == rows[i].responses && k.questions + k.replies == 0, "row %zu", i);
		cr_assert(drop == DT_DROPS || sim_drops(s, drop) == before + 1, "row %zu", i);
		bool used = sim_counter(s, DT_COUNT_HANDLED) == handled + 1;
		cr_assert(used == (drop != DT_DROP_BAD_CONTENT), "row %zu", i);
		cr_assert(!k.responses || memcmp(k.response + 1, message + 1, 8) == 0);
	}
	cr_assert(sim_counter(s, DT_COUNT_CHALLENGES_ANSWERED) == 1);
	cid_world_fini(&w);
}

Test(rrc, on_a_connection_that_did_not_negotiate_it_nothing_is_answered)
{
	static const uint8_t cookie[8] = "12345678";
	struct cid_world w;
	struct cid_catcher k;
	cid_world_init(&w, "not negotiated", NULL);
	struct sim_client *c = cid_connect(&w, 8);
	cid_catch(&w, &k, c);
	for (uint8_t type = 0; type < 4; type++)
		cid_check(&w, c, c->number, type, cookie);
	cid_check(&w, c, 1001, 0, cookie);
	cr_assert(k.bytes == 0 && sim_drops(&w.sim->server, DT_DROP_UNEXPECTED) == 5);
	cr_assert(sim_newest(&w.sim->server)->moves == 0);
	cid_world_fini(&w);
}

Test(rrc, a_challenge_is_answered_once_where_it_came_from_and_moves_nothing)
{
	static const uint8_t cookie[8] = "a cookie";
	struct cid_world w;
	struct cid_catcher k;
	struct sim_client *c = cid_rrc_world(&w, DT_MOVE_LIMITED, 8, &k);
	uint32_t home = c->number;
	uint8_t late[200], message[SIM_RRC_LEN] = {0};
	memcpy(message + 1, cookie, 8);
	size_t len = sim_cid_seal(c, SIM_RRC, message, sizeof(message), late);
	const uint32_t from[] = {home, 1001, 1002, home, 1001};
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		cid_forget(&k);
		cid_check(&w, c, from[i], 0, cookie);
		cr_assert(k.responses == 1 && k.to == from[i] && k.questions == 0, "%zu", i);
		cr_assert(k.response[0] == 1 && memcmp(k.response + 1, cookie, 8) == 0);
		cr_assert(cid_is_at(&w, home) && !cid_is_limited(&w));
	}
	/* A later number was there before it: an answer all the same, but one only. */
	for (unsigned i = 0; i < 3; i++) {
		cid_forget(&k);
		sim_server_input(&w.sim->server, 1003, late, len);
		cr_assert(k.responses == (i == 0) && (i || k.to == 1003));
	}
	late[10]++; /* a fresh number does not make it authentic */
	late[9]++;
	sim_server_input(&w.sim->server, 1003, late, len);
	cr_assert(k.responses == 0 && k.bytes == 0);
	cr_assert(sim_newest(&w.sim->server)->moves == 0);
	cid_world_fini(&w);
}

Test(rrc, an_answer_elsewhere_is_no_longer_than_three_times_the_challenge)
{
	static const size_t lengths[] = {0, 1, 8, 100, 112, 113, 114, 115, 200, 255};
	static const uint8_t cookie[8] = "a cookie";
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct cid_world w;
		struct cid_catcher k;
		struct sim_client *c = cid_rrc_world(&w, DT_MOVE_LIMITED, lengths[i], &k);
		cid_check(&w, c, c->number, 0, cookie);
		cr_assert(k.responses == 1 && k.to == c->number);
		size_t answer = k.bytes;
		for (int j = 0; j < 3; j++) {
			cid_forget(&k);
			size_t challenge = cid_check(&w, c, 1001, 0, cookie);
			cr_assert(k.responses == (answer <= 3 * challenge) && k.bytes <= 3 * challenge);
		}
		cid_world_fini(&w);
	}
}

/* ---- the server asks ---- */

Test(rrc, a_path_response_proves_the_address_in_every_kind_of_suite)
{
	static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
	    "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES256-CCM8", "ECDHE-ECDSA-CHACHA20-POLY1305"};
	for (size_t i = 0; i < 10; i++) {
		struct sim_options o = cid_rrc_options(DT_MOVE_LIMITED);
		o.suites = suites[i / 2];
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		SSL_CTX_set_cipher_list(w.ctx, o.suites);
		struct sim_client *c = cid_add(&w, i % 2 ? 20 : 0);
		c->cid->offers_rrc = true;
		cid_start(&w, c);
		sim_cid_move(c);
		sim_check_echo(w.sim, c, "within the limit");
		cr_assert(c->cid->challenges == 1 && c->cid->requests == 0);
		cr_assert(cid_is_at(&w, c->number) && !cid_is_limited(&w));
		cid_world_fini(&w);
	}
}

Test(rrc, three_times_the_bytes_go_there_before_the_proof_and_all_after_it)
{
	for (int i = 0; i < 2; i++) {
		struct cid_world w;
		struct cid_catcher k;
		struct sim_client *c = cid_rrc_world(&w, i ? DT_MOVE_TRUST : DT_MOVE_LIMITED, 8, &k);
		w.sim->server.mute = true;
		size_t received = cid_say(&w, c, 1001, 20), sent = k.bytes;
		struct cid_question q = *cid_asked(&k);
		cr_assert(k.questions == 1 && q.to == 1001 && q.message[0] == 0);
		for (int n = 0; n < 200; n++) {
			size_t len = 1 + seeded_below(&w.sim->random, sizeof(big));
			cid_forget(&k);
			enum dt_err err = sim_server_send(&w.sim->server, big, len);
			cr_assert(err == DT_OK ? k.to == 1001 : err == DT_ERR_AGAIN && k.bytes == 0);
			sent += k.bytes;
			if (n % 5 == 0)
				received += cid_say(&w, c, 1001, seeded_below(&w.sim->random, 500));
			cr_assert(sent <= 3 * received, "%zu bytes out for %zu in", sent, received);
		}
		cr_assert(sent > 2 * received);
		cid_answer(&w, c, &q, 1001);
		for (int n = 0; n < 100; n++)
			cr_assert(sim_server_send(&w.sim->server, big, sizeof(big)) == DT_OK && k.to == 1001);
		sim_run(w.sim, DT_SECONDS(60)); /* a deadline that is stale asks nobody, and moves nothing */
		cr_assert(cid_is_at(&w, 1001) && !cid_is_limited(&w));
		cr_assert(sim_counter(&w.sim->server, DT_COUNT_PATHS_CHALLENGED) == 1);
		cr_assert(sim_counter(&w.sim->server, DT_COUNT_PATHS_REFUSED) == 0);
		cid_world_fini(&w);
	}
}

Test(rrc, what_is_no_answer_proves_nothing)
{
	struct cid_world w;
	struct cid_catcher k;
	struct sim_client *c = cid_rrc_world(&w, DT_MOVE_LIMITED, 8, &k);
	const struct sim_server *s = &w.sim->server;
	cid_say(&w, c, 1001, 20);
	struct cid_question q = *cid_asked(&k), wrong = q;
	for (size_t bit = 8; bit < 8 * SIM_RRC_LEN; bit++) { /* another cookie */
		wrong = q;
		wrong.message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cid_answer(&w, c, &wrong, 1001);
	}
	cid_check(&w, c, 1001, 0, q.message + 1); /* asked in return */
	cid_answer(&w, c, &q, 1002); /* from another path, and the newest record at that */
	cr_assert(cid_is_limited(&w) && cid_is_at(&w, 1001) && sim_drops(s, DT_DROP_UNEXPECTED) == 65);
	uint8_t d[100], message[SIM_RRC_LEN] = {1};
	memcpy(message + 1, q.message + 1, 8);
	size_t len = sim_cid_seal(c, SIM_RRC, message, sizeof(message), d);
	for (size_t i = 0; i < len; i++) { /* forged */
		d[i] ^= 1;
		sim_server_input(&w.sim->server, 1001, d, len);
		d[i] ^= 1;
	}
	len = sim_heartbeat(2, 8, q.message + 1, 8, 16, d);
	cid_give(&w, c, 1001, SIM_HEARTBEAT, d, len);
	cr_assert(cid_is_limited(&w) && cid_is_at(&w, 1001));
	/* And last what is one, with a number that others have overtaken. */
	len = sim_cid_seal(c, SIM_RRC, message, sizeof(message), d);
	cid_say(&w, c, 1001, 1);
	sim_server_input(&w.sim->server, 1001, d, len);
	cr_assert(!cid_is_limited(&w));
	/* Again, for the next move: it was for this one. */
	cid_say(&w, c, 1002, 1);
	sim_server_input(&w.sim->server, 1002, d, len);
	cid_answer(&w, c, &q, 1002);
	cr_assert(cid_is_limited(&w));
	cid_world_fini(&w);
}

Test(rrc, each_challenge_has_a_cookie_of_its_own_and_any_of_them_may_be_answered)
{
	for (unsigned answered = 0; answered < 3; answered++) {
		struct cid_world w;
		struct cid_catcher k;
		struct sim_client *c = cid_rrc_world(&w, DT_MOVE_LIMITED, 8, &k);
		w.sim->server.mute = true;
		cid_say(&w, c, 1001, 100);
		for (unsigned i = 1; i < 3; i++) {
			sim_run(w.sim, DT_MILLISECONDS(999));
			cr_assert(k.questions == i);
			sim_run(w.sim, DT_MILLISECONDS(1));
			cr_assert(k.questions == i + 1);
		}
		for (unsigned i = 0; i < 3; i++)
			cr_assert(memcmp(k.question[i].message + 1, k.question[(i + 1) % 3].message + 1, 8) != 0);
		sim_run(w.sim, DT_MILLISECONDS(900));
		cr_assert(cid_is_limited(&w));
		cid_answer(&w, c, &k.question[answered], 1001);
		cr_assert(!cid_is_limited(&w));
		sim_run(w.sim, DT_SECONDS(10));
		cr_assert(cid_is_at(&w, 1001) && k.questions == 3);
		cid_world_fini(&w);
	}
}

Test(rrc, who_does_not_answer_in_time_is_answered_at_the_old_address)
{
	struct cid_world w;
	struct cid_catcher k;
	struct sim_client *c = cid_rrc_world(&w, DT_MOVE_LIMITED, 8, &k);
	uint32_t home = c->number;
	cid_say(&w, c, 1001, 100);
	sim_run(w.sim, DT_SECONDS(3));
	cr_assert(cid_is_at(&w, home) && !cid_is_limited(&w));
	cr_assert(k.questions == 3 && sim_counter(&w.sim->server, DT_COUNT_PATHS_REFUSED) == 1);
	struct cid_question q = *cid_asked(&k);
	cid_answer(&w, c, &q, 1001); /* too late */
	cr_assert(cid_is_at(&w, home) && k.questions == 3);
	cr_assert(sim_drops(&w.sim->server, DT_DROP_UNEXPECTED) == 1);
	cid_say(&w, c, 1001, 100); /* a record that moves: asked anew, and not answered by what was */
	cr_assert(k.questions == 4 && memcmp(q.message, cid_asked(&k)->message, SIM_RRC_LEN) != 0);
	cid_answer(&w, c, &q, 1001);
	cr_assert(cid_is_limited(&w));
	cid_world_fini(&w);
}

Test(rrc, a_client_that_answers_along_its_old_path_stays_there)
{
	struct cid_world w;
	struct cid_catcher k;
	struct sim_client *c = cid_rrc_world(&w, DT_MOVE_LIMITED, 8, &k);
	uint32_t home = c->number;
	cid_say(&w, c, 1001, 100);
	cid_answer(&w, c, cid_asked(&k), home);
	cr_assert(cid_is_limited(&w), "an answer by another way does not prove this one");
	sim_run(w.sim, DT_SECONDS(3));
	cr_assert(cid_is_at(&w, home) && !cid_is_limited(&w));
	/* Or at once, when data comes from there. */
	cid_say(&w, c, 1001, 100);
	cr_assert(cid_is_at(&w, 1001));
	cid_say(&w, c, home, 1);
	cr_assert(cid_is_at(&w, home) && !cid_is_limited(&w));
	/* Or when it says that it does not want the new one. */
	cid_say(&w, c, 1001, 100);
	cid_say_left(&w, c, cid_asked(&k), 1001);
	cr_assert(cid_is_at(&w, home) && !cid_is_limited(&w));
	cid_world_fini(&w);
}

Test(rrc, the_newest_of_several_addresses_is_asked_and_has_to_answer)
{
	struct cid_world w;
	struct cid_catcher k;
	struct sim_client *c = cid_rrc_world(&w, DT_MOVE_LIMITED, 8, &k);
	uint32_t home = c->number;
	for (uint32_t i = 0; i < 3; i++) {
		cid_say(&w, c, 1001 + i, 100);
		cr_assert(k.questions == i + 1 && cid_asked(&k)->to == 1001 + i);
	}
	for (uint32_t i = 0; i < 2; i++) {
		cid_answer(&w, c, &k.question[i], 1001 + i);
		cid_answer(&w, c, &k.question[i], 1003);
		cid_answer(&w, c, &k.question[2], 1001 + i);
	}
	cr_assert(cid_is_limited(&w) && cid_is_at(&w, 1003));
	sim_run(w.sim, DT_SECONDS(3));
	cr_assert(cid_is_at(&w, home), "not the one before: it was not proven");
	cid_forget(&k);
	cid_say(&w, c, 1001, 100);
	cid_say(&w, c, 1003, 100);
	cid_answer(&w, c, cid_asked(&k), 1003);
	cr_assert(!cid_is_limited(&w) && cid_is_at(&w, 1003));
	cid_world_fini(&w);
}

Test(rrc, a_client_roams_through_a_bad_network)
{
	for (int policy = DT_MOVE_LIMITED; policy <= DT_MOVE_ASK_OLD; policy++) {
		struct sim_options o = cid_rrc_options((enum dt_move_policy)policy);
		o.faults = (struct sim_faults){10, 20, 20};
		struct cid_world w;
		cid_world_init(&w, "roaming with path checks", &o);
		struct sim_client *c = cid_add(&w, 8);
		c->cid->offers_rrc = true;
		sim_client_start(c);
		sim_run(w.sim, DT_SECONDS(100));
		cr_assert(c->state == SIM_UP);
		char text[32];
		unsigned got = 0;
		for (int i = 0; i < 300; i++) {
			if (i % 10 == 0)
				sim_cid_move(c);
			snprintf(text, sizeof(text), "number %d", i);
			sim_client_send(c, text, strlen(text));
			sim_run(w.sim, DT_SECONDS(1));
			got += sim_client_got(c, text);
		}
		cr_assert(got > 120, "%u echoes", got);
		cr_assert(c->cid->challenges > 20 && c->cid->requests == 0);
		cr_assert(sim_counter(&w.sim->server, DT_COUNT_HANDSHAKES_STARTED) == 1);
		cid_world_fini(&w);
	}
}

Test(rrc, a_module_is_asked_a_few_times_in_a_second_and_no_more)
{
	struct cid_world w;
	struct cid_catcher k;
	struct sim_client *c = cid_rrc_world(&w, DT_MOVE_LIMITED, 8, &k);
	uint32_t home = c->number;
	struct sim_diary *d = sim_newest(&w.sim->server);
	w.sim->server.forbids_moves = true;
	for (unsigned second = 1; second <= 3; second++) {
		for (unsigned i = 0; i < 100; i++)
			cid_say(&w, c, 1001 + i % 2, 5);
		cr_assert(d->moves == 16 * second && cid_is_at(&w, home) && k.questions == 0);
		sim_run(w.sim, DT_SECONDS(1));
	}
	w.sim->server.forbids_moves = false;
	cid_say(&w, c, 1001, 5);
	cr_assert(cid_is_at(&w, 1001));
	cid_world_fini(&w);
}

/* ---- whatever ---- */

Test(rrc, without_memory_the_old_address_stays)
{
	for (int policy = DT_MOVE_LIMITED; policy <= DT_MOVE_ASK_OLD; policy++) {
		struct cid_world w;
		struct cid_catcher k;
		struct sim_client *c = cid_rrc_world(&w, (enum dt_move_policy)policy, 8, &k);
		uint32_t home = c->number;
		dt_mem_fail_nth(1);
		cid_say(&w, c, 1001, 20);
		dt_mem_fail_nth(0);
		cr_assert(k.questions == 0 && k.replies == 1 && k.to == home && cid_is_at(&w, home));
		cid_say(&w, c, 1001, 20);
		cr_assert(k.questions == 1);
		cid_world_fini(&w);
	}
}

Test(rrc, a_connection_may_end_while_somebody_is_asked)
{
	for (int i = 0; i < 6; i++) {
		struct cid_world w;
		struct cid_catcher k;
		struct sim_client *c = cid_rrc_world(&w, i % 2 ? DT_MOVE_ASK_OLD : DT_MOVE_LIMITED, 8, &k);
		cid_say(&w, c, 1001, 20);
		if (i / 2 == 0)
			sim_server_close(&w.sim->server, DT_CLOSE_LOCAL);
		else if (i / 2 == 1)
			cid_give(&w, c, 1002, DT_ALERT, "\1\0", 2);
		sim_run(w.sim, DT_SECONDS(5));
		cr_assert(i / 2 == 2 || dt_conns_count(w.sim->server.conns) == 0);
		cid_world_fini(&w);
	}
}
