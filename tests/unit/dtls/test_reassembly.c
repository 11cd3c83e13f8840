/* Fragments in every order, against an array of bytes where the first to come stays. */
#include "dtls/reassembly.h"
#include "base/mem.h"

#include "seeded.h"

#include <criterion/criterion.h>
#include <string.h>

#define CAP 65536u

struct setup {
	struct dt_budget budget;
	struct dt_reassembly r;
};

static void
begin(struct setup *s, uint16_t next_seq, size_t cap)
{
	s->budget = (struct dt_budget){0, 10 * CAP};
	dt_reassembly_init(&s->r, next_seq, cap, &s->budget);
}

static void
end(struct setup *s)
{
	dt_reassembly_fini(&s->r);
	cr_assert_eq(s->budget.used, 0);
}

static enum dt_reassembly_verdict
add(struct setup *s, uint8_t type, uint16_t seq, uint32_t length, uint32_t offset, const char *bytes)
{
	const struct dt_fragment f = {
	    type, length, seq, offset, {(const uint8_t *)bytes, strlen(bytes)}};
	enum dt_reassembly_verdict v = dt_reassembly_add(&s->r, &f);
	cr_assert(s->r.used <= s->r.cap && s->budget.used == s->r.used);
	return v;
}

static void
expect_next(struct setup *s, uint8_t type, uint16_t seq, const char *body)
{
	struct dt_span m;
	struct dt_fragment f;
	cr_assert(dt_reassembly_next(&s->r, &m));
	struct dt_reader r = dt_reader(m.data, m.len);
	cr_assert(dt_fragment_read(&r, &f) && r.left == 0);
	cr_assert(f.type == type && f.message_seq == seq && f.offset == 0);
	cr_assert(f.length == strlen(body) && f.bytes.len == f.length);
	cr_assert_eq(memcmp(f.bytes.data, body, f.length), 0);
}

static void
expect_none(struct setup *s)
{
	struct dt_span m;
	cr_assert_not(dt_reassembly_next(&s->r, &m));
}

Test(reassembly, a_message_in_one_piece_comes_out_once)
{
	struct setup s;
	begin(&s, 1, CAP);
	expect_none(&s);
	cr_assert_eq(add(&s, 11, 1, 5, 0, "hello"), DT_REASSEMBLY_STORED);
	expect_next(&s, 11, 1, "hello");
	expect_none(&s);
	cr_assert_eq(add(&s, 11, 1, 5, 0, "hello"), DT_REASSEMBLY_OLD);
	cr_assert_eq(s.r.next_seq, 2);
	end(&s);
}

Test(reassembly, messages_come_out_in_order_whatever_order_they_arrive_in)
{
	struct setup s;
	begin(&s, 0, CAP);
	cr_assert_eq(add(&s, 3, 2, 1, 0, "c"), DT_REASSEMBLY_STORED);
	cr_assert_eq(add(&s, 2, 1, 1, 0, "b"), DT_REASSEMBLY_STORED);
	expect_none(&s);
	cr_assert_eq(add(&s, 1, 0, 1, 0, "a"), DT_REASSEMBLY_STORED);
	expect_next(&s, 1, 0, "a");
	expect_next(&s, 2, 1, "b");
	expect_next(&s, 3, 2, "c");
	end(&s);
}

Test(reassembly, the_first_byte_to_come_stays)
{
	struct setup s;
	begin(&s, 0, CAP);
	cr_assert_eq(add(&s, 1, 0, 8, 2, "CDE"), DT_REASSEMBLY_STORED);
	cr_assert_eq(add(&s, 1, 0, 8, 6, "G"), DT_REASSEMBLY_STORED);
	cr_assert_eq(add(&s, 1, 0, 8, 0, "abcdefgh"), DT_REASSEMBLY_STORED);
	expect_next(&s, 1, 0, "abCDEfGh");
	end(&s);
}

Test(reassembly, an_empty_message_is_complete_at_once)
{
	struct setup s;
	begin(&s, 4, CAP);
	cr_assert_eq(add(&s, 14, 4, 0, 0, ""), DT_REASSEMBLY_STORED);
	cr_assert_eq(add(&s, 14, 4, 0, 0, ""), DT_REASSEMBLY_STORED);
	expect_next(&s, 14, 4, "");
	expect_none(&s);
	end(&s);
}

Test(reassembly, an_empty_fragment_of_a_message_costs_nothing)
{
	struct setup s;
	begin(&s, 0, CAP);
	for (uint32_t offset = 0; offset <= 5; offset++)
		cr_assert_eq(add(&s, 1, 0, 5, offset, ""), DT_REASSEMBLY_STORED);
	cr_assert_eq(s.r.used, 0);
	cr_assert_eq(add(&s, 1, 0, 5, 0, "hello"), DT_REASSEMBLY_STORED);
	expect_next(&s, 1, 0, "hello");
	end(&s);
}

Test(reassembly, another_length_or_type_for_the_same_number_is_refused)
{
	struct setup s;
	begin(&s, 0, CAP);
	cr_assert_eq(add(&s, 1, 0, 5, 0, "he"), DT_REASSEMBLY_STORED);
	cr_assert_eq(add(&s, 2, 0, 5, 2, "llo"), DT_REASSEMBLY_CONFLICT);
	cr_assert_eq(add(&s, 1, 0, 6, 2, "llo"), DT_REASSEMBLY_CONFLICT);
	cr_assert_eq(add(&s, 1, 0, 4, 2, "ll"), DT_REASSEMBLY_CONFLICT);
	cr_assert_eq(add(&s, 1, 0, 0, 0, ""), DT_REASSEMBLY_CONFLICT);
	cr_assert_eq(add(&s, 1, 0, 5, 2, "llo"), DT_REASSEMBLY_STORED);
	expect_next(&s, 1, 0, "hello");
	end(&s);
}

Test(reassembly, numbers_are_taken_from_the_next_to_eight_ahead)
{
	static const struct {
		uint16_t seq;
		enum dt_reassembly_verdict want;
	} rows[] = {{0, DT_REASSEMBLY_OLD}, {9, DT_REASSEMBLY_OLD}, {10, DT_REASSEMBLY_STORED},
	    {18, DT_REASSEMBLY_STORED}, {19, DT_REASSEMBLY_AHEAD_OF},
	    {65535, DT_REASSEMBLY_AHEAD_OF}};
	struct setup s;
	begin(&s, 10, CAP);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_eq(add(&s, 1, rows[i].seq, 1, 0, "x"), rows[i].want, "row %zu", i);
	end(&s);
}

Test(reassembly, the_numbers_do_not_turn_over)
{
	struct setup s;
	begin(&s, 65534, CAP);
	cr_assert_eq(add(&s, 1, 65534, 1, 0, "x"), DT_REASSEMBLY_STORED);
	expect_next(&s, 1, 65534, "x");
	cr_assert_eq(add(&s, 1, 65535, 1, 0, "x"), DT_REASSEMBLY_AHEAD_OF);
	cr_assert_eq(add(&s, 1, 0, 1, 0, "x"), DT_REASSEMBLY_OLD);
	end(&s);
}

Test(reassembly, a_message_comes_out_also_when_others_took_the_budget_over_its_cap)
{
	struct setup s;
	begin(&s, 1, CAP);
	cr_assert_eq(add(&s, 1, 1, 3, 0, "abc"), DT_REASSEMBLY_STORED);
	s.budget.used += 20 * CAP;
	expect_next(&s, 1, 1, "abc");
	s.budget.used -= 20 * CAP;
	end(&s);
}

/* Every other byte of a message, never the ones between. */
Test(reassembly, crumbs_of_a_message_are_taken_up_to_a_number)
{
	struct setup s;
	unsigned taken = 0;
	begin(&s, 1, 1024 * CAP);
	s.budget.cap = 1024 * CAP;
	while (add(&s, 11, 1, 100000, 2 * taken, "x") == DT_REASSEMBLY_STORED)
		taken++;
	cr_assert_eq(taken, 1024);
	end(&s);
}

Test(reassembly, a_claimed_length_costs_no_memory)
{
	struct setup s;
	begin(&s, 0, (size_t)1 << 25);
	s.budget.cap = (size_t)1 << 26;
	cr_assert_eq(add(&s, 1, 0, 0xffffff, 0xfffffe, "x"), DT_REASSEMBLY_STORED);
	cr_assert(s.r.used < 256, "%zu bytes", s.r.used);
	end(&s);
}

Test(reassembly, a_message_that_could_never_be_complete_is_not_begun)
{
	struct setup s;
	begin(&s, 0, 1000);
	cr_assert_eq(add(&s, 1, 0, 1001, 0, "x"), DT_REASSEMBLY_FULL);
	cr_assert_eq(s.r.used, 0);
	end(&s);
}

Test(reassembly, the_own_cap_holds_and_what_fits_is_kept)
{
	struct setup s;
	begin(&s, 0, 300);
	enum dt_reassembly_verdict v = DT_REASSEMBLY_STORED;
	for (uint16_t seq = 1; seq <= 8 && v == DT_REASSEMBLY_STORED; seq++)
		v = add(&s, 1, seq, 40, 0, "0123456789012345678901234567890123456789");
	cr_assert_eq(v, DT_REASSEMBLY_FULL);
	cr_assert_eq(add(&s, 1, 1, 40, 3, "345"), DT_REASSEMBLY_STORED); /* nothing new in it */
	end(&s);
}

Test(reassembly, the_budget_of_all_holds_too)
{
	struct setup s;
	begin(&s, 0, CAP);
	s.budget.cap = 60;
	cr_assert_eq(add(&s, 1, 0, 10, 0, "ten bytes."), DT_REASSEMBLY_FULL);
	s.budget.cap = 10 * CAP;
	cr_assert_eq(add(&s, 1, 0, 10, 0, "ten bytes."), DT_REASSEMBLY_STORED);
	expect_next(&s, 1, 0, "ten bytes.");
	end(&s);
}

static void
add_byte(struct setup *s, uint32_t length, uint32_t offset)
{
	uint8_t byte = (uint8_t)(offset * 7);
	const struct dt_fragment f = {11, length, 0, offset, {&byte, 1}};
	cr_assert_eq(dt_reassembly_add(&s->r, &f), DT_REASSEMBLY_STORED, "%u", offset);
}

static void
expect_counted_bytes(struct setup *s, size_t length)
{
	struct dt_span m;
	cr_assert(dt_reassembly_next(&s->r, &m));
	cr_assert_eq(m.len, length + DT_HS_HEADER);
	for (size_t i = 0; i < length; i++)
		cr_assert_eq(m.data[DT_HS_HEADER + i], (uint8_t)(i * 7));
}

Test(reassembly, fragments_of_one_byte_fit_into_little_more_than_the_message)
{
	enum { LENGTH = 16000 };
	for (int backwards = 0; backwards < 2; backwards++) {
		struct setup s;
		begin(&s, 0, LENGTH + 1000);
		for (uint32_t i = 0; i < LENGTH; i++)
			add_byte(&s, LENGTH, backwards ? LENGTH - 1 - i : i);
		expect_counted_bytes(&s, LENGTH);
		end(&s);
	}
}

Test(reassembly, every_second_byte_first_fits_too)
{
	enum { LENGTH = 1000 };
	struct setup s;
	begin(&s, 0, CAP);
	for (uint32_t i = 0; i < LENGTH; i += 2)
		add_byte(&s, LENGTH, i);
	for (uint32_t i = 1; i < LENGTH; i += 2)
		add_byte(&s, LENGTH, i);
	cr_assert(s.r.used < LENGTH + 300, "%zu bytes", s.r.used);
	expect_counted_bytes(&s, LENGTH);
	end(&s);
}

/* ---- random runs against bytes in an array ---- */

#define MESSAGES 6
#define LENGTH_MAX 9000

struct oracle {
	uint8_t bytes[LENGTH_MAX];
	bool known[LENGTH_MAX];
	size_t length, have;
};

static void
tell_oracle(struct oracle *o, size_t offset, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (o->known[offset + i])
			continue;
		o->known[offset + i] = true;
		o->bytes[offset + i] = bytes[i];
		o->have++;
	}
}

static void
send_random_fragment(struct setup *s, struct seeded *rnd, struct oracle *o, uint16_t seq)
{
	static uint8_t bytes[LENGTH_MAX];
	size_t offset = seeded_below(rnd, o->length + 1), left = o->length - offset;
	size_t most = seeded_below(rnd, 20) == 0 ? left : left < 600 ? left : 600;
	size_t len = seeded_below(rnd, most + 1);
	seeded_fill(rnd, bytes, len);
	const struct dt_fragment f = {
	    (uint8_t)(seq + 1), (uint32_t)o->length, seq, (uint32_t)offset, {bytes, len}};
	enum dt_reassembly_verdict v = dt_reassembly_add(&s->r, &f);
	cr_assert(v == DT_REASSEMBLY_STORED || v == DT_REASSEMBLY_OLD);
	if (v == DT_REASSEMBLY_STORED)
		tell_oracle(o, offset, bytes, len);
}

static void
take_what_is_whole(struct setup *s, const struct oracle *oracles, uint16_t *taken, bool empty_known)
{
	struct dt_span m;
	while (dt_reassembly_next(&s->r, &m)) {
		const struct oracle *o = &oracles[*taken];
		cr_assert_eq(o->have, o->length);
		cr_assert_eq(m.len, o->length + DT_HS_HEADER);
		cr_assert_eq(m.data[0], *taken + 1);
		cr_assert_eq(memcmp(m.data + DT_HS_HEADER, o->bytes, o->length), 0);
		(*taken)++;
	}
	if (*taken < MESSAGES && oracles[*taken].length && empty_known)
		cr_assert(oracles[*taken].have < oracles[*taken].length);
}

Test(reassembly, it_agrees_with_an_array_over_random_fragments)
{
	static struct oracle oracles[MESSAGES];
	struct seeded rnd = seeded_begin("reassembly");
	for (int run = 0; run < 300; run++) {
		struct setup s;
		begin(&s, 0, 4 * CAP);
		memset(oracles, 0, sizeof(oracles));
		for (size_t i = 0; i < MESSAGES; i++)
			oracles[i].length = seeded_below(&rnd, run % 10 ? 300 : LENGTH_MAX);
		uint16_t taken = 0;
		for (int step = 0; taken < MESSAGES && step < 1000000; step++) {
			uint16_t seq = (uint16_t)seeded_below(&rnd, MESSAGES);
			send_random_fragment(&s, &rnd, &oracles[seq], seq);
			take_what_is_whole(&s, oracles, &taken, true);
		}
		cr_assert_eq(taken, MESSAGES);
		end(&s);
	}
}

/* ---- memory that fails ---- */

static unsigned
feed_all(struct setup *s, unsigned *refused)
{
	static const struct {
		uint32_t offset;
		const char *bytes;
	} parts[] = {{4, "ef"}, {0, "ab"}, {8, "ij"}, {2, "cd"}, {0, "abcdefghij"}};
	unsigned out = 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (add(s, 1, 0, 10, parts[i].offset, parts[i].bytes) == DT_REASSEMBLY_FULL)
			(*refused)++;
		struct dt_span m;
		if (dt_reassembly_next(&s->r, &m)) {
			cr_assert_eq(memcmp(m.data + DT_HS_HEADER, "abcdefghij", 10), 0);
			out++;
		}
	}
	return out;
}

Test(reassembly, each_allocation_may_fail_and_a_repetition_mends_it)
{
	for (uint64_t nth = 1;; nth++) {
		struct setup s;
		begin(&s, 0, CAP);
		uint64_t before = dt_mem_count();
		unsigned refused = 0;
		dt_mem_fail_nth(nth);
		unsigned out = feed_all(&s, &refused);
		bool failed = dt_mem_count() - before >= nth;
		dt_mem_fail_nth(0);
		struct dt_span m;
		if (out == 0 && dt_reassembly_next(&s.r, &m))
			out++;
		if (out == 0)
			out = feed_all(&s, &refused);
		cr_assert_eq(out, 1, "allocation %d", (int)nth);
		end(&s);
		if (!failed)
			break;
	}
}
