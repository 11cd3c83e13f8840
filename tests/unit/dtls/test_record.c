#include "dtls/record.h"

#include "seeded.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#define SPACE 70000u

static uint8_t *
fresh_space(void)
{
	uint8_t *p = calloc(1, SPACE);
	cr_assert(p);
	return p;
}

static size_t
put(uint8_t *to, uint8_t type, uint16_t version, size_t len)
{
	to[0] = type;
	dt_write_uint(to + 1, version, 2);
	dt_write_uint(to + 3, 1, 2);
	dt_write_uint(to + 5, 9, 6);
	dt_write_uint(to + 11, len, 2);
	return DT_RECORD_HEADER + len;
}

Test(record, what_is_written_is_read_again)
{
	uint8_t d[DT_RECORD_HEADER + 3] = {0};
	struct dt_record rec;
	size_t at = 0;
	dt_record_write_header(d, DT_ALERT, DT_VERSION_12, 0x1234, DT_SEQ_MAX - 1, 3);
	cr_assert_eq(dt_record_next(d, sizeof(d), &at, &rec), DT_RECORD_OK);
	cr_assert(rec.type == DT_ALERT && rec.version == DT_VERSION_12 && rec.epoch == 0x1234);
	cr_assert(rec.seq == DT_SEQ_MAX - 1 && rec.len == 3 && rec.body == d + DT_RECORD_HEADER);
	cr_assert_eq(dt_record_next(d, sizeof(d), &at, &rec), DT_RECORD_END);
}

Test(record, a_number_of_49_bits_cannot_be_written, .signal = SIGABRT)
{
	uint8_t d[DT_RECORD_HEADER];
	dt_record_write_header(d, DT_ALERT, DT_VERSION_12, 0, DT_SEQ_MAX + 1, 0);
}

Test(record, each_header_field_has_its_verdict)
{
	static const struct {
		uint8_t type;
		uint16_t version;
		size_t len;
		enum dt_record_verdict want;
	} rows[] = {
	    {20, 0xfefd, 1, DT_RECORD_OK},
	    {24, 0xfefd, 1, DT_RECORD_OK},
	    {22, 0xfeff, 1, DT_RECORD_OK},
	    {22, 0xfe00, 1, DT_RECORD_OK},
	    {23, 0xfefd, 0, DT_RECORD_OK},
	    {23, 0xfefd, 16384 + 2048, DT_RECORD_OK},
	    {23, 0xfefd, 16384 + 2049, DT_RECORD_SKIP},
	    {23, 0xfefd, 65000, DT_RECORD_SKIP},
	    {19, 0xfefd, 1, DT_RECORD_SKIP},
	    {26, 0xfefd, 1, DT_RECORD_SKIP},
	    {0, 0xfefd, 1, DT_RECORD_SKIP},
	    {255, 0xfefd, 1, DT_RECORD_SKIP},
	    {23, 0x0303, 1, DT_RECORD_SKIP},
	    {23, 0xfdfd, 1, DT_RECORD_SKIP},
	    {23, 0x0100, 1, DT_RECORD_SKIP},
	};
	uint8_t *d = fresh_space();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_record rec;
		size_t at = 0, n = put(d, rows[i].type, rows[i].version, rows[i].len);
		cr_assert_eq(dt_record_next(d, n, &at, &rec), rows[i].want, "row %zu", i);
		cr_assert_eq(at, n, "row %zu", i);
		cr_assert_eq(dt_record_next(d, n, &at, &rec), DT_RECORD_END);
	}
	free(d);
}

Test(record, a_connection_id_stands_between_number_and_length)
{
	static const uint8_t d[] = {25, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0, 2,
	    0xaa, 0xbb, 22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xcc};
	uint8_t copy[sizeof(d)];
	struct dt_record rec;
	size_t at = 0;
	memcpy(copy, d, sizeof(d));
	cr_assert_eq(dt_record_next(copy, sizeof(d), &at, &rec), DT_RECORD_OK);
	cr_assert(rec.type == DT_TLS12_CID && rec.epoch == 1 && rec.seq == 9 && rec.len == 2);
	cr_assert(rec.cid == copy + 11 && rec.body == copy + 21 && rec.body[1] == 0xbb);
	cr_assert_eq(dt_record_next(copy, sizeof(d), &at, &rec), DT_RECORD_OK);
	cr_assert(rec.type == 22 && rec.cid == NULL && rec.body[0] == 0xcc);
	for (size_t cut = 1; cut < 23; cut++) {
		at = 0;
		cr_assert_eq(dt_record_next(copy, cut, &at, &rec), DT_RECORD_BAD, "%zu bytes", cut);
	}
}

Test(record, a_bad_record_does_not_hide_the_next_one)
{
	uint8_t d[64] = {0};
	struct dt_record rec;
	size_t at = 0, n = put(d, 99, 0xfefd, 5);
	n += put(d + n, 23, 0xfefd, 2);
	cr_assert_eq(dt_record_next(d, n, &at, &rec), DT_RECORD_SKIP);
	cr_assert_eq(dt_record_next(d, n, &at, &rec), DT_RECORD_OK);
	cr_assert(rec.type == 23 && rec.len == 2);
}

Test(record, a_bad_length_ends_the_datagram)
{
	uint8_t d[64] = {0};
	size_t n = put(d, 23, 0xfefd, 10);
	for (size_t cut = 1; cut < n; cut++) {
		struct dt_record rec;
		size_t at = 0;
		cr_assert_eq(dt_record_next(d, cut, &at, &rec), DT_RECORD_BAD, "%zu bytes", cut);
		cr_assert_eq(dt_record_next(d, cut, &at, &rec), DT_RECORD_END, "%zu bytes", cut);
	}
}

Test(record, an_empty_datagram_holds_nothing)
{
	uint8_t d[1];
	struct dt_record rec;
	size_t at = 0;
	cr_assert_eq(dt_record_next(d, 0, &at, &rec), DT_RECORD_END);
}

Test(record, what_can_be_dtls_at_all_is_told_by_13_bytes)
{
	uint8_t d[16] = {0};
	put(d, 22, 0xfeff, 3);
	cr_assert(dt_record_looks_like_dtls(d, 13));
	cr_assert_not(dt_record_looks_like_dtls(d, 12));
	cr_assert_not(dt_record_looks_like_dtls(d, 0));
	put(d, 19, 0xfeff, 3);
	cr_assert_not(dt_record_looks_like_dtls(d, 13));
	put(d, 26, 0xfefd, 3);
	cr_assert_not(dt_record_looks_like_dtls(d, 13));
	put(d, 25, 0xfefd, 3);
	cr_assert(dt_record_looks_like_dtls(d, 13));
	put(d, 22, 0x0301, 3);
	cr_assert_not(dt_record_looks_like_dtls(d, 13));
}

/* Random bytes with plausible headers strewn in: every reading ends, and stays inside. */
Test(record, random_datagrams_are_read_to_their_end)
{
	struct seeded s = seeded_begin("record");
	for (int run = 0; run < 20000; run++) {
		size_t len = seeded_below(&s, 200), at = 0;
		uint8_t *d = malloc(len ? len : 1);
		seeded_fill(&s, d, len);
		for (size_t i = 0; i + 13 < len; i += 1 + seeded_below(&s, 40))
			put(d + i, (uint8_t)(20 + seeded_below(&s, 6)), 0xfefd, seeded_below(&s, 40));
		struct dt_record rec;
		enum dt_record_verdict v;
		while ((v = dt_record_next(d, len, &at, &rec)) != DT_RECORD_END) {
			cr_assert(at <= len);
			if (v != DT_RECORD_BAD)
				cr_assert(rec.body >= d + 13 && rec.body + rec.len == d + at);
		}
		cr_assert_eq(at, len);
		free(d);
	}
}
