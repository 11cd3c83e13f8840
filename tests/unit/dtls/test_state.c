#include <criterion/criterion.h>
#include <signal.h>

#include "dtls/alert.h"
#include "pair.h"
#include "seeded.h"

#define GCM 0xc02bu
#define CCM_8 0xc0a8u

static enum dt_state_verdict
open_record(struct pair *p, uint8_t *bytes, size_t len)
{
	struct dt_record rec = pair_record(bytes, len);
	uint8_t type, *plain;
	size_t n;
	return dt_state_open(&p->ours, p->pool, PAIR_OURS, &rec, &type, &plain, &n);
}

Test(state, numbers_count_up_in_each_epoch_by_itself)
{
	struct pair p;
	uint8_t out[64];
	pair_init(&p, GCM);
	p.ours.next_plain = 7;
	for (uint64_t i = 0; i < 5; i++) {
		size_t len = dt_state_write(&p.ours, p.pool, PAIR_OURS, 0, DT_ALERT, (uint8_t *)"ab", 2, out);
		struct dt_record rec = pair_record(out, len);
		cr_assert(len == 15 && rec.epoch == 0 && rec.seq == 7 + i && rec.type == DT_ALERT);
		len = dt_state_write(&p.ours, p.pool, PAIR_OURS, 1, DT_ALERT, (uint8_t *)"ab", 2, out);
		rec = pair_record(out, len);
		cr_assert(len == 2 + dt_state_overhead(&p.ours, 1) && rec.epoch == 1 && rec.seq == i);
	}
	cr_assert(dt_state_overhead(&p.ours, 0) == 13);
	pair_fini(&p);
}

Test(state, nothing_is_written_when_the_numbers_or_the_key_are_used_up)
{
	static const struct {
		uint64_t next;
		bool epoch_0, epoch_1;
	} table[] = {{0, true, true}, {UINT64_C(1) << 20, true, true}, {UINT64_C(1) << 30, true, false},
	    {(UINT64_C(1) << 48) - 1, false, false}, {UINT64_MAX, false, false}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct pair p;
		uint8_t out[64];
		pair_init(&p, GCM);
		p.ours.next_plain = p.ours.next_sealed = table[i].next;
		size_t a = dt_state_write(&p.ours, p.pool, PAIR_OURS, 0, DT_ALERT, (uint8_t *)"ab", 2, out);
		size_t b = dt_state_write(&p.ours, p.pool, PAIR_OURS, 1, DT_ALERT, (uint8_t *)"ab", 2, out);
		cr_assert((a != 0) == table[i].epoch_0 && (b != 0) == table[i].epoch_1, "row %zu", i);
		cr_assert((dt_state_key_use(&p.ours) != DT_KEY_USED_UP) == table[i].epoch_1);
		pair_fini(&p);
	}
}

Test(state, the_last_record_before_the_limit_is_the_last)
{
	struct pair p;
	uint8_t out[64];
	pair_init(&p, CCM_8);
	p.ours.next_sealed = dt_suite_find(CCM_8)->seal_limit - 1;
	cr_assert(dt_state_write(&p.ours, p.pool, PAIR_OURS, 1, DT_ALERT, (uint8_t *)"ab", 2, out) != 0);
	cr_assert(dt_state_write(&p.ours, p.pool, PAIR_OURS, 1, DT_ALERT, (uint8_t *)"ab", 2, out) == 0);
	pair_fini(&p);
}

Test(state, the_last_number_is_for_an_alert)
{
	struct pair p;
	uint8_t out[64];
	pair_init(&p, GCM);
	dt_state_set_limits(&p.ours, dt_suite_find(GCM), 3, 0);
	for (int i = 0; i < 2; i++) {
		cr_assert(dt_state_key_use(&p.ours) == (i ? DT_KEY_HALF_USED : DT_KEY_GOOD));
		cr_assert(dt_state_write(&p.ours, p.pool, PAIR_OURS, 1, DT_HEARTBEAT, (uint8_t *)"ab", 2, out));
	}
	cr_assert(dt_state_key_use(&p.ours) == DT_KEY_USED_UP);
	cr_assert(!dt_state_write(&p.ours, p.pool, PAIR_OURS, 1, DT_HEARTBEAT, (uint8_t *)"ab", 2, out));
	cr_assert(dt_state_write(&p.ours, p.pool, PAIR_OURS, 1, DT_ALERT, (uint8_t *)"ab", 2, out));
	cr_assert(!dt_state_write(&p.ours, p.pool, PAIR_OURS, 1, DT_ALERT, (uint8_t *)"ab", 2, out));
	pair_fini(&p);
}

Test(state, limits_are_the_suites_own_or_lower)
{
	static const struct {
		uint16_t suite; /* 0: not ours */
		uint64_t records, forgeries, seal, forgery, warning;
	} table[] = {
	    {GCM, 0, 0, 23726566, UINT64_C(1) << 36, UINT64_C(1) << 35},
	    {GCM, 1000, 64, 1000, 64, 32},
	    {GCM, UINT64_MAX, UINT64_MAX, 23726566, UINT64_C(1) << 36, UINT64_C(1) << 35},
	    {CCM_8, 0, 0, 8388608, 0, 64},
	    {CCM_8, 5, 1000, 5, 1000, 500},
	    {0, 0, 0, (UINT64_C(1) << 48) - 1 - (UINT64_C(1) << 32), UINT64_MAX, UINT64_MAX / 2},
	    {0, 77, 88, 77, 88, 44},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct dt_record_state s = {0};
		cr_assert(dt_state_key_use(&s) == DT_KEY_USED_UP, "without limits nothing may be sealed");
		dt_state_set_limits(&s, dt_suite_find(table[i].suite), table[i].records, table[i].forgeries);
		cr_assert(s.seal_limit == table[i].seal && s.forgery_limit == table[i].forgery &&
			s.forgery_warning == table[i].warning,
		    "row %zu", i);
	}
}

Test(state, a_refused_length_leads_to_the_next_usual_one_below)
{
	static const struct {
		uint16_t mtu;
		size_t refused;
		uint16_t step, then;
	} table[] = {
	    {1400, 9000, 1400, 1400}, {9000, 9000, 1400, 1400}, {1400, 1401, 1400, 1400}, {1400, 1400, 1280, 1280},
	    {1280, 1400, 1280, 1280}, {1400, 1281, 1280, 1280}, {1400, 1280, 1024, 1024}, {1400, 1000, 512, 512},
	    {1400, 512, 256, 256}, {1400, 256, 256, 256}, {1400, 1, 256, 256}, {700, 1400, 1280, 700},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct dt_record_state s = {.mtu = table[i].mtu};
		cr_assert(dt_state_lower_mtu(&s, table[i].refused) == table[i].step, "row %zu", i);
		cr_assert(s.mtu == table[i].then, "row %zu", i);
	}
	struct dt_record_state s = {.mtu = 1400};
	static const uint16_t halves[] = {700, 350, 256, 256};
	for (size_t i = 0; i < 4; i++) {
		dt_state_halve_mtu(&s);
		cr_assert(s.mtu == halves[i]);
	}
}

Test(state, each_verdict_is_counted_as_one_drop)
{
	cr_assert(dt_state_drop(DT_STATE_SEEN) == DT_DROP_REPLAYED);
	cr_assert(dt_state_drop(DT_STATE_TOO_OLD) == DT_DROP_TOO_OLD);
	cr_assert(dt_state_drop(DT_STATE_FORGED) == DT_DROP_BAD_TAG);
	cr_assert(dt_state_drop(DT_STATE_MALFORMED) == DT_DROP_BAD_RECORD);
}

Test(state, epoch_one_without_keys_is_a_programmer_error, .signal = SIGABRT)
{
	struct pair p;
	uint8_t out[64];
	pair_init(&p, GCM);
	p.ours.keyed = 0;
	dt_state_write(&p.ours, p.pool, PAIR_OURS, 1, DT_ALERT, (uint8_t *)"ab", 2, out);
}

Test(state, a_forgery_does_not_move_the_window)
{
	struct pair p;
	uint8_t out[64], far[64];
	pair_init(&p, GCM);
	size_t len = pair_seal(&p, DT_APPLICATION_DATA, "real", 4, out);
	memcpy(far, out, len);
	memset(far + 5, 0xff, 6); /* number 2^48 - 1 */
	cr_assert(open_record(&p, far, len) == DT_STATE_FORGED && p.ours.forgeries == 1);
	cr_assert(p.ours.replay.next == 0);
	cr_assert(open_record(&p, out, len) == DT_STATE_OPENED);
	len = pair_seal(&p, DT_APPLICATION_DATA, "next", 4, out);
	cr_assert(open_record(&p, out, len) == DT_STATE_OPENED);
	pair_fini(&p);
}

Test(state, a_record_too_short_for_nonce_and_tag_is_malformed)
{
	struct pair p;
	uint8_t out[64];
	pair_init(&p, GCM);
	for (size_t len = 0; len < 24; len++) {
		dt_record_write_header(out, DT_APPLICATION_DATA, DT_VERSION_12, 1, len, len);
		memset(out + 13, 0, len);
		cr_assert(open_record(&p, out, 13 + len) == DT_STATE_MALFORMED);
	}
	cr_assert(p.ours.replay.next == 0 && p.ours.forgeries == 0);
	pair_fini(&p);
}

/* The oracle: a plain array of what was accepted. */
Test(state, every_record_is_opened_once_in_any_order)
{
	enum { COUNT = 3000 };
	struct seeded r = seeded_begin("state");
	struct pair p;
	pair_init(&p, GCM);
	static uint8_t records[COUNT][64];
	static bool accepted[COUNT];
	size_t len = 0;
	uint64_t next = 0;
	for (size_t i = 0; i < COUNT; i++)
		len = pair_seal(&p, DT_APPLICATION_DATA, &i, sizeof(i), records[i]);
	for (int step = 0; step < 20000; step++) {
		uint64_t around = next + seeded_below(&r, 100);
		uint64_t i = around < 90 ? 0 : around - 90;
		if (i >= COUNT)
			break;
		uint8_t copy[64];
		memcpy(copy, records[i], len);
		bool forge = seeded_below(&r, 4) == 0;
		if (forge)
			copy[13 + seeded_below(&r, len - 13)] ^= (uint8_t)(1 + seeded_below(&r, 255));
		enum dt_state_verdict expected = DT_STATE_OPENED;
		if (i < next && next - 1 - i >= DT_REPLAY_BITS)
			expected = DT_STATE_TOO_OLD;
		else if (accepted[i])
			expected = DT_STATE_SEEN;
		else if (forge)
			expected = DT_STATE_FORGED;
		cr_assert(open_record(&p, copy, len) == expected);
		if (expected == DT_STATE_OPENED) {
			accepted[i] = true;
			next = i >= next ? i + 1 : next;
		}
	}
	pair_fini(&p);
}

struct sink {
	uint8_t bytes[128];
	size_t cap, len;
	unsigned commits, alerts;
	bool full;
};

static uint8_t *
sink_reserve(void *arg, size_t cap)
{
	struct sink *s = arg;
	s->cap = cap;
	return s->full || cap > sizeof(s->bytes) ? NULL : s->bytes;
}

static void
sink_commit(void *arg, size_t len)
{
	struct sink *s = arg;
	cr_assert(len <= s->cap);
	s->len = len;
	s->commits++;
}

static void
sink_alert(void *arg)
{
	((struct sink *)arg)->alerts++;
}

Test(state, an_alert_is_one_datagram_or_none)
{
	struct pair p;
	struct sink s = {.len = 0};
	struct dt_wire wire = {&s, sink_reserve, sink_commit, sink_alert};
	pair_init(&p, GCM);
	dt_state_send_alert(&p.ours, p.pool, PAIR_OURS, 0, DT_ALERT_FATAL, DT_ALERT_DECODE_ERROR, &wire);
	cr_assert(s.commits == 1 && s.len == 15 && s.bytes[13] == 2 && s.bytes[14] == 50);
	dt_state_send_alert(&p.ours, p.pool, PAIR_OURS, 1, DT_ALERT_WARNING, DT_ALERT_CLOSE_NOTIFY, &wire);
	cr_assert(s.commits == 2 && s.len == 39 && s.alerts == 2);
	s.full = true;
	dt_state_send_alert(&p.ours, p.pool, PAIR_OURS, 1, DT_ALERT_WARNING, DT_ALERT_CLOSE_NOTIFY, &wire);
	cr_assert(s.commits == 2 && p.ours.next_sealed == 1);
	s.full = false;
	p.ours.next_sealed = UINT64_C(1) << 47;
	dt_state_send_alert(&p.ours, p.pool, PAIR_OURS, 1, DT_ALERT_WARNING, DT_ALERT_CLOSE_NOTIFY, &wire);
	cr_assert(s.commits == 2);
	pair_fini(&p);
}
