/* Decisions: what a chain of three says, against ten lines that say what it should. */
#include <string.h>

#include "world.h"

static struct script a, b, c;
static struct script *const three[] = {&a, &b, &c};

static void
reset_scripts(void)
{
	a = (struct script){.name = "a"};
	b = (struct script){.name = "b"};
	c = (struct script){.name = "c"};
}

TestSuite(gate, .init = reset_scripts);

/* ---- the oracle ----------------------------------------------------------------------------- */

/* Returns whether the client comes in; *asked: how many modules were asked. */
static bool
decide(const uint32_t *verdict, bool recommended, size_t *asked)
{
	for (*asked = 1; *asked <= 3; (*asked)++) {
		switch (verdict[*asked - 1]) {
		case DTLSD_NEXT:
			continue;
		case DTLSD_ACCEPT:
			recommended = true;
			continue;
		default: /* REJECT, and whatever a gate does not know */
			return false;
		}
	}
	*asked = 3;
	return recommended;
}

static size_t
count_calls(const char *hook)
{
	size_t n = 0;
	for (const char *at = world_trace; (at = strstr(at, hook)); at++)
		n++;
	return n;
}

#define KINDS 5u

static const uint32_t verdicts[KINDS] = {DTLSD_NEXT, DTLSD_ACCEPT, DTLSD_REJECT, DTLSD_DONE, 77};

static void
play(struct world *w, const uint32_t *verdict, bool recommended, bool with_certificate)
{
	a.request = a.auth = verdict[0];
	b.request = b.auth = verdict[1];
	c.request = c.auth = verdict[2];
	size_t asked;
	world_forget_trace();
	struct dt_conn *conn = fake_conn_new(w->conns[0], &w->service[0]);
	bool in;
	if (with_certificate) {
		struct dtlsd_auth auth = {
		    .size = sizeof(auth), .recommended = recommended ? DTLSD_ACCEPT : DTLSD_REJECT};
		in = fake_ask_auth(conn, &auth) == DT_GATE_ACCEPT;
	} else {
		struct dtlsd_request request = {.size = sizeof(request)};
		in = fake_ask_request(conn, &request) == DT_GATE_ACCEPT;
	}
	bool wanted = decide(verdict, with_certificate ? recommended : true, &asked);
	cr_assert_eq(in, wanted, "%u %u %u, recommended %d", verdict[0], verdict[1], verdict[2],
	    recommended);
	cr_assert_eq(count_calls(with_certificate ? ".auth" : ".request"), asked);
}

Test(gate, every_combination_of_three_verdicts_gives_what_the_rules_say)
{
	for (uint32_t i = 0; i < KINDS * KINDS; i++) {
		struct world w;
		world_open(&w, three, 3);
		dt_plugin_worker_turn(w.pw[0], w.now);
		for (uint32_t k = 0; k < KINDS; k++) {
			uint32_t v[] = {verdicts[i / KINDS], verdicts[i % KINDS], verdicts[k]};
			play(&w, v, false, false);
			play(&w, v, true, true);
			play(&w, v, false, true);
		}
		world_close(&w);
	}
}

Test(gate, each_module_sees_what_is_recommended_so_far)
{
	struct world w;
	b.auth = DTLSD_ACCEPT;
	world_open(&w, three, 3);
	struct dtlsd_auth auth = {.recommended = DTLSD_REJECT};
	cr_assert_eq(fake_ask_auth(world_conn(&w, 0), &auth), DT_GATE_ACCEPT);
	cr_assert_eq(a.recommended, DTLSD_REJECT);
	cr_assert_eq(b.recommended, DTLSD_REJECT);
	cr_assert_eq(c.recommended, DTLSD_ACCEPT);
	world_close(&w);
}

Test(gate, an_empty_chain_takes_requests_and_follows_the_verification)
{
	struct world w;
	world_open(&w, three, 0);
	struct dtlsd_request request = {0};
	struct dtlsd_auth good = {.recommended = DTLSD_ACCEPT}, bad = {.recommended = DTLSD_REJECT};
	struct dtlsd_psk psk = {.identity = (const uint8_t *)"x", .identity_len = 1};
	cr_assert_eq(fake_ask_request(world_conn(&w, 0), &request), DT_GATE_ACCEPT);
	cr_assert_eq(fake_ask_auth(world_conn(&w, 0), &good), DT_GATE_ACCEPT);
	cr_assert_eq(fake_ask_auth(world_conn(&w, 0), &bad), DT_GATE_REJECT);
	cr_assert_eq(fake_ask_psk(world_conn(&w, 0), &psk), DT_GATE_ACCEPT);
	cr_assert_eq(psk.key_len, 0, "no objection, and no key: the file of identities decides");
	world_close(&w);
}

Test(gate, the_alert_is_that_of_the_module_that_refused_and_of_no_other)
{
	static const struct {
		uint32_t first, second, alert, wanted;
		bool recommended;
	} rows[] = {
	    {DTLSD_NEXT, DTLSD_REJECT, 49, 49, true}, {DTLSD_NEXT, DTLSD_REJECT, 0, 0, true},
	    {DTLSD_NEXT, DTLSD_REJECT, 300, 0, true}, /* no AlertDescription */
	    {DTLSD_NEXT, DTLSD_NEXT, 49, 0, false},   /* refused by the verification */
	    {DTLSD_ACCEPT, DTLSD_NEXT, 49, 0, true},
	    {77, DTLSD_NEXT, 49, 0, true}, /* the first one is contained */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;
		a.alert = 80; /* never to be seen */
		a.auth = rows[i].first;
		b.alert = rows[i].alert;
		b.auth = rows[i].second;
		world_open(&w, three, 2);
		struct dtlsd_auth auth = {
		    .recommended = rows[i].recommended ? DTLSD_ACCEPT : DTLSD_REJECT};
		fake_ask_auth(world_conn(&w, 0), &auth);
		cr_assert_eq(auth.alert, rows[i].wanted, "row %zu: %u", i, auth.alert);
		world_close(&w);
	}
}

static void
vandalise(const struct dtlsd_ctx *ctx, struct dtlsd_request *request)
{
	(void)ctx;
	memset(request, 0xff, sizeof(*request));
}

static const char *seen_name;

static void
look(const struct dtlsd_ctx *ctx, struct dtlsd_request *request)
{
	(void)ctx;
	seen_name = request->server_name;
	cr_assert_eq(request->alert, 0);
}

Test(gate, a_module_cannot_change_what_a_later_one_sees)
{
	struct world w;
	a.on_request = vandalise;
	b.on_request = look;
	world_open(&w, three, 2);
	struct dtlsd_request request = {.server_name = "a.example"};
	cr_assert_eq(fake_ask_request(world_conn(&w, 0), &request), DT_GATE_ACCEPT);
	cr_assert_str_eq(seen_name, "a.example");
	cr_assert_str_eq(request.server_name, "a.example");
	world_close(&w);
}

/* ---- PSK ------------------------------------------------------------------------------------ */

Test(gate, the_first_module_that_knows_an_identity_gives_its_key)
{
	static const struct {
		uint32_t first, second;
		const char *trace, *key;
		enum dt_gate wanted;
	} rows[] = {
	    {DTLSD_NEXT, DTLSD_FOUND, "a.psk b.psk ", "bkey", DT_GATE_ACCEPT},
	    {DTLSD_FOUND, DTLSD_FOUND, "a.psk ", "akey", DT_GATE_ACCEPT},
	    {DTLSD_REJECT, DTLSD_FOUND, "a.psk ", "", DT_GATE_REJECT},
	    {DTLSD_NEXT, DTLSD_NEXT, "a.psk b.psk ", "",
		DT_GATE_ACCEPT}, /* without a key: nobody knew it */
	    {DTLSD_NEXT, DTLSD_REJECT, "a.psk b.psk ", "", DT_GATE_REJECT},
	    {DTLSD_ACCEPT, DTLSD_FOUND, "a.psk ", "",
		DT_GATE_REJECT}, /* not a verdict of this hook */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;
		a.psk = rows[i].first;
		a.key = "akey";
		b.psk = rows[i].second;
		b.key = "bkey";
		world_open(&w, three, 2);
		struct dtlsd_psk psk = {.identity = (const uint8_t *)"me", .identity_len = 2};
		cr_assert_eq(fake_ask_psk(world_conn(&w, 0), &psk), rows[i].wanted, "row %zu", i);
		TRACE_IS(rows[i].trace);
		cr_assert_eq(psk.key_len, strlen(rows[i].key));
		cr_assert_arr_eq(psk.key, rows[i].key, strlen(rows[i].key));
		world_close(&w);
	}
}

Test(gate, a_key_of_impossible_length_is_contained)
{
	struct world w;
	a.psk = DTLSD_FOUND;
	a.key = "k";
	a.key_len = 257;
	world_open(&w, three, 1);
	struct dtlsd_psk psk = {.identity = (const uint8_t *)"me", .identity_len = 2};
	cr_assert_eq(fake_ask_psk(world_conn(&w, 0), &psk), DT_GATE_REJECT);
	LOGGED("error a: psk_lookup gave a key of 257 bytes: taken as REJECT");
	world_close(&w);
}

/* ---- verdicts that do not exist ------------------------------------------------------------- */

Test(gate, a_bad_verdict_is_logged_once_and_counted_each_time)
{
	struct world w;
	a.request = 77;
	world_open(&w, three, 1);
	struct dtlsd_request request = {0};
	for (int i = 0; i < 3; i++)
		cr_assert_eq(fake_ask_request(world_conn(&w, 0), &request), DT_GATE_REJECT);
	LOGGED("connection_request returned verdict 77: taken as REJECT");
	cr_assert_null(strstr(strstr(world_log, "77") + 1, "77"), "%s", world_log);
	cr_assert_eq(world_counter(&w, "a.bad_verdicts"), 3);
	world_close(&w);
}

Test(gate, defer_without_a_token_is_contained)
{
	struct world w;
	a.request = DTLSD_DEFER;
	world_open(&w, three, 1);
	struct dtlsd_request request = {0};
	cr_assert_eq(fake_ask_request(world_conn(&w, 0), &request), DT_GATE_REJECT);
	LOGGED("returned DEFER without a token");
	world_close(&w);
}
