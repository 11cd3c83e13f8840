#include <criterion/criterion.h>

#include "dtls/alert.h"
#include "dtls/session.h"
#include "pair.h"

#define CHACHA 0xcca9u

struct row {
	uint8_t type;
	const char *plain;
	size_t len;
	enum dt_session_kind kind;
	enum dt_drop drop;
	uint8_t alert;
};

#define HS(type, length, more) type "\0\0" length "\0\0" "\0\0\0" "\0\0" length more

static const struct row rows[] = {
    {DT_APPLICATION_DATA, "data", 4, DT_SESSION_DATA, 0, 0},
    {DT_APPLICATION_DATA, "", 0, DT_SESSION_DATA, 0, 0},
    {DT_ALERT, "\1\0", 2, DT_SESSION_CLOSE_NOTIFY, 0, 0},
    {DT_ALERT, "\2\0", 2, DT_SESSION_CLOSE_NOTIFY, 0, 0},
    {DT_ALERT, "\2\x28", 2, DT_SESSION_FATAL_ALERT, 0, 40},
    {DT_ALERT, "\1\x5a", 2, DT_SESSION_WARNING, 0, 90},
    {DT_ALERT, "\3\x28", 2, DT_SESSION_WARNING, 0, 40},
    {DT_ALERT, "", 0, DT_SESSION_DROPPED, DT_DROP_BAD_CONTENT, 0},
    {DT_ALERT, "\2", 1, DT_SESSION_DROPPED, DT_DROP_BAD_CONTENT, 0},
    {DT_ALERT, "\2\x28\2", 3, DT_SESSION_DROPPED, DT_DROP_BAD_CONTENT, 0},
    {DT_HANDSHAKE, HS("\x14", "\4", "abcd"), 16, DT_SESSION_FINISHED_AGAIN, 0, 0},
    {DT_HANDSHAKE, HS("\1", "\4", "abcd"), 16, DT_SESSION_RENEGOTIATION, 0, 0},
    {DT_HANDSHAKE, HS("\2", "\4", "abcd"), 16, DT_SESSION_DROPPED, DT_DROP_UNEXPECTED, 0},
    {DT_HANDSHAKE, HS("\0", "\0", ""), 12, DT_SESSION_DROPPED, DT_DROP_UNEXPECTED, 0},
    {DT_HANDSHAKE, HS("\1", "\4", "abc"), 15, DT_SESSION_DROPPED, DT_DROP_BAD_CONTENT, 0},
    {DT_HANDSHAKE, "", 0, DT_SESSION_DROPPED, DT_DROP_BAD_CONTENT, 0},
    {DT_CHANGE_CIPHER_SPEC, "\1", 1, DT_SESSION_DROPPED, DT_DROP_UNEXPECTED, 0},
    {DT_HEARTBEAT, "\1\0\1a", 4, DT_SESSION_DROPPED, DT_DROP_UNEXPECTED, 0},
};

/* After return routability checks were negotiated. */
static const struct row path_rows[] = {
    {DT_RETURN_ROUTABILITY_CHECK, "\0a cookie", 9, DT_SESSION_PATH_CHALLENGE, 0, 0},
    {DT_RETURN_ROUTABILITY_CHECK, "\1a cookie", 9, DT_SESSION_PATH_RESPONSE, 0, 0},
    {DT_RETURN_ROUTABILITY_CHECK, "\2a cookie", 9, DT_SESSION_PATH_DROP, 0, 0},
    {DT_RETURN_ROUTABILITY_CHECK, "\3a cookie", 9, DT_SESSION_PATH_UNKNOWN, 0, 0},
    {DT_RETURN_ROUTABILITY_CHECK, "\0cookie", 7, DT_SESSION_DROPPED, DT_DROP_BAD_CONTENT, 0},
    {DT_RETURN_ROUTABILITY_CHECK, "", 0, DT_SESSION_DROPPED, DT_DROP_BAD_CONTENT, 0},
    {DT_APPLICATION_DATA, "data", 4, DT_SESSION_DATA, 0, 0},
};

static const struct row unwanted = {
    DT_RETURN_ROUTABILITY_CHECK, "\0a cookie", 9, DT_SESSION_DROPPED, DT_DROP_UNEXPECTED, 0};

static void
play(const struct row *r, size_t i, bool cid, bool rrc)
{
	struct pair p;
	uint8_t bytes[128];
	pair_init(&p, CHACHA);
	struct dt_session s = {.state = p.ours, .suite = CHACHA};
	s.state.cid_ours = cid;
	s.state.rrc = rrc;
	p.theirs.cid_len = cid ? DT_CID_LEN : 0;
	size_t len = pair_seal(&p, r->type, r->plain, r->len, bytes);
	struct dt_record rec = pair_record(bytes, len);
	struct dt_session_event e = dt_session_open(&s, p.pool, PAIR_OURS, &rec, NULL);
	cr_assert(e.kind == r->kind, "row %zu: %d", i, (int)e.kind);
	cr_assert(e.kind != DT_SESSION_DROPPED || e.drop == r->drop, "row %zu", i);
	cr_assert(e.alert == r->alert, "row %zu", i);
	if (e.kind == DT_SESSION_DATA)
		cr_assert(e.len == r->len && memcmp(e.data, r->plain, r->len) == 0);
	if (e.kind == DT_SESSION_PATH_CHALLENGE || e.kind == DT_SESSION_PATH_RESPONSE || e.kind == DT_SESSION_PATH_DROP)
		cr_assert(e.len == 8 && memcmp(e.data, "a cookie", 8) == 0);
	dt_session_fini(&s, p.pool, PAIR_OURS);
	pair_fini(&p);
}

Test(session, tells_what_a_record_of_the_client_means)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		play(&rows[i], i, false, false);
	for (size_t i = 0; i < sizeof(path_rows) / sizeof(path_rows[0]); i++)
		play(&path_rows[i], i, true, true);
	play(&unwanted, 0, true, false);
}

Test(session, says_why_a_record_was_dropped)
{
	struct pair p;
	uint8_t bytes[64], copy[64];
	pair_init(&p, CHACHA);
	struct dt_session s = {.state = p.ours, .suite = CHACHA};
	size_t len = pair_seal(&p, DT_APPLICATION_DATA, "x", 1, bytes);
	static const struct {
		uint16_t epoch;
		size_t flip; /* 0 = nothing */
		enum dt_drop drop;
	} table[] = {{0, 0, DT_DROP_BAD_EPOCH}, {2, 0, DT_DROP_BAD_EPOCH}, {65535, 0, DT_DROP_BAD_EPOCH},
	    {1, 14, DT_DROP_BAD_TAG}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memcpy(copy, bytes, len);
		if (table[i].flip)
			copy[table[i].flip] ^= 1;
		struct dt_record rec = pair_record(copy, len);
		rec.epoch = table[i].epoch;
		struct dt_session_event e = dt_session_open(&s, p.pool, PAIR_OURS, &rec, NULL);
		cr_assert(e.kind == DT_SESSION_DROPPED && e.drop == table[i].drop, "row %zu", i);
	}
	for (int i = 0; i < 2; i++) {
		memcpy(copy, bytes, len);
		struct dt_record rec = pair_record(copy, len);
		struct dt_session_event e = dt_session_open(&s, p.pool, PAIR_OURS, &rec, NULL);
		cr_assert(i == 0 ? e.kind == DT_SESSION_DATA : e.drop == DT_DROP_REPLAYED);
	}
	dt_session_fini(&s, p.pool, PAIR_OURS);
	pair_fini(&p);
}

Test(session, leaves_no_key_behind)
{
	struct pair p;
	pair_init(&p, CHACHA);
	struct dt_session s = {.state = p.ours, .suite = CHACHA};
	uint8_t out[64];
	cr_assert_str_eq(dt_session_suite_name(&s), "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
	cr_assert(dt_session_max(&s) == DT_PLAIN_MAX && dt_session_overhead(&s) == 29);
	cr_assert(dt_session_seal(&s, p.pool, PAIR_OURS, (uint8_t *)"x", 1, out) == 30);
	dt_session_fini(&s, p.pool, PAIR_OURS);
	static const struct dt_session none;
	cr_assert(memcmp(&s, &none, sizeof(s)) == 0);
	pair_fini(&p);
}
