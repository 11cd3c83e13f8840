#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include "config/units.h"
#include "seeded.h"

struct row {
	const char *text;
	enum dt_quantity_verdict verdict;
	int64_t value;
	const char *suggest;
};

Test(units, durations)
{
	static const struct row rows[] = {
	    {"0s", DT_QUANTITY_OK, 0, ""},
	    {"0ns", DT_QUANTITY_OK, 0, ""},
	    {"7ns", DT_QUANTITY_OK, 7, ""},
	    {"7us", DT_QUANTITY_OK, 7000, ""},
	    {"7ms", DT_QUANTITY_OK, 7000000, ""},
	    {"7s", DT_QUANTITY_OK, 7000000000, ""},
	    {"7m", DT_QUANTITY_OK, 420000000000, ""},
	    {"7h", DT_QUANTITY_OK, 25200000000000, ""},
	    {"7d", DT_QUANTITY_OK, 604800000000000, ""},
	    {"007s", DT_QUANTITY_OK, 7000000000, ""},
	    {"9223372036854775807ns", DT_QUANTITY_OK, INT64_MAX, ""},
	    {"9223372036854775808ns", DT_QUANTITY_RANGE, 0, ""},
	    {"9223372036s", DT_QUANTITY_OK, 9223372036000000000, ""},
	    {"9223372037s", DT_QUANTITY_RANGE, 0, ""},
	    {"18446744073709551615ns", DT_QUANTITY_RANGE, 0, ""},
	    {"18446744073709551616ns", DT_QUANTITY_RANGE, 0, ""},
	    {"60", DT_QUANTITY_BARE, 0, "60s"},
	    {"60 ", DT_QUANTITY_BARE, 0, "60s"},
	    {"60 s", DT_QUANTITY_UNIT, 0, "60s"},
	    {"60seconds", DT_QUANTITY_UNIT, 0, "60s"},
	    {"60Sec", DT_QUANTITY_UNIT, 0, "60s"},
	    {"60min", DT_QUANTITY_UNIT, 0, "60m"},
	    {"60millis", DT_QUANTITY_UNIT, 0, "60ms"},
	    {"60MS", DT_QUANTITY_UNIT, 0, "60ms"},
	    {"6hours", DT_QUANTITY_UNIT, 0, "6h"},
	    {"6days", DT_QUANTITY_UNIT, 0, "6d"},
	    {"6w", DT_QUANTITY_UNIT, 0, ""},
	    {"6s ", DT_QUANTITY_UNIT, 0, ""},
	    {"", DT_QUANTITY_NONSENSE, 0, ""},
	    {"s", DT_QUANTITY_NONSENSE, 0, ""},
	    {"-6s", DT_QUANTITY_NONSENSE, 0, ""},
	    {" 6s", DT_QUANTITY_NONSENSE, 0, ""},
	    {"+6s", DT_QUANTITY_NONSENSE, 0, ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char suggest[DT_QUANTITY_TEXT];
		int64_t ns = -1;
		cr_expect_eq(dt_duration_parse(rows[i].text, &ns, suggest), rows[i].verdict, "%s",
		    rows[i].text);
		cr_expect_eq(ns, rows[i].value, "%s", rows[i].text);
		cr_expect_str_eq(suggest, rows[i].suggest, "%s: %s", rows[i].text, suggest);
	}
}

Test(units, sizes)
{
	static const struct row rows[] = {
	    {"0B", DT_QUANTITY_OK, 0, ""},
	    {"3B", DT_QUANTITY_OK, 3, ""},
	    {"3kB", DT_QUANTITY_OK, 3000, ""},
	    {"3KiB", DT_QUANTITY_OK, 3072, ""},
	    {"3MB", DT_QUANTITY_OK, 3000000, ""},
	    {"3MiB", DT_QUANTITY_OK, 3145728, ""},
	    {"3GB", DT_QUANTITY_OK, 3000000000, ""},
	    {"3GiB", DT_QUANTITY_OK, 3221225472, ""},
	    {"8589934591GiB", DT_QUANTITY_OK, INT64_MAX - 1073741823, ""},
	    {"8589934592GiB", DT_QUANTITY_RANGE, 0, ""},
	    {"3", DT_QUANTITY_BARE, 0, "3B"},
	    {"3KB", DT_QUANTITY_UNIT, 0, "3kB"},
	    {"3kib", DT_QUANTITY_UNIT, 0, "3KiB"},
	    {"3k", DT_QUANTITY_UNIT, 0, "3KiB"},
	    {"3M", DT_QUANTITY_UNIT, 0, "3MiB"},
	    {"3g", DT_QUANTITY_UNIT, 0, "3GiB"},
	    {"3 bytes", DT_QUANTITY_UNIT, 0, "3B"},
	    {"3T", DT_QUANTITY_UNIT, 0, ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char suggest[DT_QUANTITY_TEXT];
		uint64_t bytes = 1;
		cr_expect_eq(dt_size_parse(rows[i].text, &bytes, suggest), rows[i].verdict, "%s",
		    rows[i].text);
		cr_expect_eq(bytes, (uint64_t)rows[i].value, "%s", rows[i].text);
		cr_expect_str_eq(suggest, rows[i].suggest, "%s: %s", rows[i].text, suggest);
	}
}

Test(units, rates)
{
	static const struct {
		const char *text;
		enum dt_quantity_verdict verdict;
		struct dtlsd_rate rate;
		const char *suggest;
	} rows[] = {
	    {"5/s", DT_QUANTITY_OK, {5, 1000000000}, ""},
	    {"0/m", DT_QUANTITY_OK, {0, 60000000000}, ""},
	    {"18446744073709551615/h", DT_QUANTITY_OK, {UINT64_MAX, 3600000000000}, ""},
	    {"18446744073709551616/h", DT_QUANTITY_RANGE, {0, 0}, ""},
	    {"5", DT_QUANTITY_BARE, {0, 0}, "5/s"},
	    {"5 /s", DT_QUANTITY_UNIT, {0, 0}, "5/s"},
	    {"5/hour", DT_QUANTITY_UNIT, {0, 0}, "5/h"},
	    {"5/S", DT_QUANTITY_UNIT, {0, 0}, "5/s"},
	    {"5/d", DT_QUANTITY_UNIT, {0, 0}, ""},
	    {"/s", DT_QUANTITY_NONSENSE, {0, 0}, ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char suggest[DT_QUANTITY_TEXT];
		struct dtlsd_rate rate = {1, 1};
		cr_expect_eq(dt_rate_parse(rows[i].text, &rate, suggest), rows[i].verdict, "%s",
		    rows[i].text);
		cr_expect_eq(rate.count, rows[i].rate.count, "%s", rows[i].text);
		cr_expect_eq(rate.per_ns, rows[i].rate.per_ns, "%s", rows[i].text);
		cr_expect_str_eq(suggest, rows[i].suggest, "%s: %s", rows[i].text, suggest);
	}
}

/* Oracle: arithmetic in 128 bits. */
__extension__ typedef unsigned __int128 wide;

Test(units, random_quantities_are_what_arithmetic_says)
{
	struct seeded r = seeded_begin("random_quantities");
	for (int i = 0; i < 20000; i++) {
		const struct dt_unit *u = &dt_durations.units[seeded_below(&r, dt_durations.count)];
		uint64_t n = seeded_next(&r) >> seeded_below(&r, 64);
		char text[64], suggest[DT_QUANTITY_TEXT];
		int64_t ns;
		snprintf(text, sizeof(text), "%" PRIu64 "%s", n, u->name);
		bool fits = (wide)n * u->factor <= INT64_MAX;
		cr_assert_eq(dt_duration_parse(text, &ns, suggest),
		    fits ? DT_QUANTITY_OK : DT_QUANTITY_RANGE, "%s", text);
		if (fits)
			cr_assert_eq((uint64_t)ns, n * u->factor, "%s", text);
	}
}

Test(units, what_is_written_reads_as_the_same)
{
	struct seeded r = seeded_begin("what_is_written");
	for (int i = 0; i < 20000; i++) {
		uint64_t v = seeded_next(&r) >> (1 + seeded_below(&r, 63));
		v *= i % 3 ? 1 : dt_sizes.units[seeded_below(&r, dt_sizes.count)].factor;
		v &= INT64_MAX;
		char text[DT_QUANTITY_TEXT], suggest[DT_QUANTITY_TEXT];
		int64_t ns;
		uint64_t bytes;
		cr_assert_eq(dt_duration_parse(dt_duration_format((int64_t)v, text), &ns, suggest),
		    DT_QUANTITY_OK);
		cr_assert_eq((uint64_t)ns, v, "%s", text);
		cr_assert_eq(
		    dt_size_parse(dt_size_format(v, text), &bytes, suggest), DT_QUANTITY_OK);
		cr_assert_eq(bytes, v, "%s", text);
	}
}

Test(units, the_largest_unit_that_fits_is_written)
{
	char text[DT_QUANTITY_TEXT];
	cr_expect_str_eq(dt_duration_format(0, text), "0s");
	cr_expect_str_eq(dt_duration_format(1500000000, text), "1500ms");
	cr_expect_str_eq(dt_duration_format(3600000000000, text), "1h");
	cr_expect_str_eq(dt_size_format(0, text), "0B");
	cr_expect_str_eq(dt_size_format(1000, text), "1kB");
	cr_expect_str_eq(dt_size_format(1024, text), "1KiB");
	cr_expect_str_eq(dt_rate_format(&(struct dtlsd_rate){5, 60000000000}, text), "5/m");
}
