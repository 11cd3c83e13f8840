/* The reader against plain arithmetic on positions. */
#include "base/span.h"

#include "seeded.h"

#include <criterion/criterion.h>
#include <string.h>

static const uint8_t wire[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09};

Test(span, numbers_are_big_endian)
{
	static const uint64_t expected[] = {0, 0x01, 0x0102, 0x010203, 0x01020304, 0x0102030405,
	    0x010203040506, 0x01020304050607, 0x0102030405060708};
	for (size_t n = 0; n <= 8; n++) {
		struct dt_reader r = dt_reader(wire, sizeof(wire));
		cr_assert(dt_read_uint(&r, n) == expected[n], "%zu bytes", n);
		cr_assert(!r.bad && r.left == sizeof(wire) - n && r.at == wire + n);
	}
}

Test(span, the_last_byte_can_be_read_and_not_one_more)
{
	struct dt_reader r = dt_reader(wire, sizeof(wire));
	cr_assert(dt_read_bytes(&r, sizeof(wire)).data == wire && r.left == 0 && !r.bad);
	cr_assert(dt_read_bytes(&r, 0).len == 0 && !r.bad);
	cr_assert(dt_read_bytes(&r, 1).data == NULL && r.bad);
}

Test(span, a_bad_reader_gives_zeros_for_ever)
{
	struct dt_reader r = dt_reader(wire, sizeof(wire));
	struct dt_span s = dt_read_bytes(&r, sizeof(wire) + 1);
	cr_assert(r.bad && s.data == NULL && s.len == 0);
	cr_assert(dt_read_uint(&r, 1) == 0 && dt_read_bytes(&r, 1).len == 0);
	cr_assert(dt_read_vector(&r, 1).data == NULL && r.bad);
}

Test(span, nothing_can_be_read_from_nothing)
{
	struct dt_reader r = dt_reader(NULL, 0);
	cr_assert(dt_read_bytes(&r, 0).len == 0 && !r.bad);
	cr_assert(dt_read_uint(&r, 1) == 0 && r.bad);
}

Test(span, a_vector_is_bounded_by_what_is_there)
{
	static const struct {
		size_t bytes_of_length;
		uint8_t wire[5];
		size_t wire_len, len;
		bool bad;
	} rows[] = {
	    {1, {0}, 1, 0, false},
	    {1, {0}, 0, 0, true},
	    {1, {4, 1, 2, 3, 4}, 5, 4, false},
	    {1, {5, 1, 2, 3, 4}, 5, 0, true},
	    {2, {0, 3, 1, 2, 3}, 5, 3, false},
	    {2, {0, 4, 1, 2, 3}, 5, 0, true},
	    {2, {0}, 1, 0, true},
	    {3, {0, 0, 2, 1, 2}, 5, 2, false},
	    {3, {0xff, 0xff, 0xff, 1, 2}, 5, 0, true},
	    {4, {0xff, 0xff, 0xff, 0xff, 2}, 5, 0, true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_reader r = dt_reader(rows[i].wire, rows[i].wire_len);
		struct dt_span s = dt_read_vector(&r, rows[i].bytes_of_length);
		cr_assert(r.bad == rows[i].bad && s.len == rows[i].len, "row %zu", i);
		cr_assert(r.bad || s.data == rows[i].wire + rows[i].bytes_of_length, "row %zu", i);
	}
}

Test(span, a_length_of_eight_bytes_does_not_wrap)
{
	uint8_t all_ones[16];
	memset(all_ones, 0xff, sizeof(all_ones));
	struct dt_reader r = dt_reader(all_ones, sizeof(all_ones));
	cr_assert(dt_read_vector(&r, 8).data == NULL && r.bad);
}

Test(span, agrees_with_plain_positions_through_random_reads)
{
	struct seeded r = seeded_begin("span");
	for (int run = 0; run < 5000; run++) {
		uint8_t data[40];
		size_t len = seeded_below(&r, sizeof(data) + 1), at = 0;
		bool bad = false;
		seeded_fill(&r, data, sizeof(data));
		struct dt_reader reader = dt_reader(data, len);
		while (!bad) {
			size_t n = seeded_below(&r, 12);
			struct dt_span s = dt_read_bytes(&reader, n);
			bad = at + n > len;
			cr_assert(reader.bad == bad);
			cr_assert(bad || (s.data == data + at && s.len == n));
			at += n;
			cr_assert(bad || reader.left == len - at);
			bad = bad || (at == len && n == 0);
		}
	}
}

Test(span, what_was_written_is_read_back)
{
	struct seeded r = seeded_begin("write");
	for (int i = 0; i < 5000; i++) {
		uint8_t buf[10] = {[0] = 0xee, [9] = 0xee};
		size_t n = seeded_below(&r, 9);
		uint64_t v = n ? seeded_next(&r) >> (64 - 8 * n) : 0;
		dt_write_uint(buf + 1, v, n);
		struct dt_reader reader = dt_reader(buf + 1, n);
		cr_assert(dt_read_uint(&reader, n) == v && !reader.bad);
		cr_assert(buf[0] == 0xee && buf[9] == 0xee);
	}
}
