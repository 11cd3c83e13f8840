#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "base/span.h"
#include "conn/tombstone.h"

static struct dt_path
path(uint8_t n)
{
	return (struct dt_path){.peer = {.family = DTLSD_IPV4, .port = 1, .ip = {10, 0, 0, n}}};
}

static struct dt_mono
ms(int64_t n)
{
	return (struct dt_mono){n * 1000000};
}

Test(tombstone, repeats_its_alert_once_a_second_for_ten_seconds)
{
	static const struct {
		int64_t ms;
		bool found, said;
	} table[] = {{0, true, false}, {499, true, false}, {500, true, true}, {501, true, false},
	    {1499, true, false}, {1500, true, true}, {9500, true, true}, {9999, true, false},
	    {10000, false, false}, {20000, false, false}};
	struct dt_tombstones t;
	cr_assert(dt_tombstones_init(&t) == DT_OK);
	struct dt_path p = path(1);
	dt_tombstone_set(&t, 7, &p, 1, (const uint8_t *)"alert", 5, ms(0));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const uint8_t *alert;
		size_t len;
		bool found = dt_tombstone_find(&t, 7, &p, ms(table[i].ms), &alert, &len);
		cr_assert(found == table[i].found, "row %zu", i);
		if (!found)
			continue;
		cr_assert((alert != NULL) == table[i].said, "row %zu", i);
		cr_assert(!alert || (len == 5 && memcmp(alert, "alert", 5) == 0));
	}
	dt_tombstones_fini(&t);
}

Test(tombstone, answers_its_own_path_only_and_gives_way_to_a_newer_one)
{
	struct dt_tombstones t;
	cr_assert(dt_tombstones_init(&t) == DT_OK);
	struct dt_path a = path(1), b = path(2);
	const uint8_t *alert;
	size_t len;
	cr_assert(!dt_tombstone_find(&t, 7, &a, ms(0), &alert, &len));
	dt_tombstone_set(&t, 7, &a, 1, (const uint8_t *)"a", 1, ms(0));
	cr_assert(!dt_tombstone_find(&t, 7, &b, ms(2000), &alert, &len));
	dt_tombstone_set(&t, 7 + 1024, &b, 1, (const uint8_t *)"b", 1, ms(0)); /* the same slot */
	cr_assert(!dt_tombstone_find(&t, 7, &a, ms(2000), &alert, &len));
	cr_assert(dt_tombstone_find(&t, 7 + 1024, &b, ms(2000), &alert, &len) && alert[0] == 'b');
	dt_tombstones_fini(&t);
}

Test(tombstone, knows_the_hello_that_it_is_of_until_it_crumbles)
{
	struct dt_tombstones t;
	cr_assert(dt_tombstones_init(&t) == DT_OK);
	struct dt_path a = path(1), b = path(2);
	cr_assert(!dt_tombstone_is_of(&t, 7, &a, 0, ms(0)));
	dt_tombstone_set(&t, 7, &a, 42, (const uint8_t *)"a", 1, ms(0));
	cr_assert(dt_tombstone_is_of(&t, 7, &a, 42, ms(0)));
	cr_assert(dt_tombstone_is_of(&t, 7, &a, 42, ms(9999)));
	cr_assert(!dt_tombstone_is_of(&t, 7, &a, 42, ms(10000)));
	cr_assert(!dt_tombstone_is_of(&t, 7, &a, 43, ms(0)));
	cr_assert(!dt_tombstone_is_of(&t, 7, &b, 42, ms(0)));
	dt_tombstones_fini(&t);
}

Test(tombstone, an_alert_in_the_clear_gets_the_next_number_each_time)
{
	static const uint8_t plain[] = {21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 254, 0, 2, 2, 40};
	static const uint8_t last[] = {21, 254, 253, 0, 0, 255, 255, 255, 255, 255, 255, 0, 2, 2, 40};
	static const uint8_t sealed[] = {21, 254, 253, 0, 1, 0, 0, 0, 0, 0, 1, 0, 2, 7, 7};
	static const uint8_t *const alerts[] = {plain, last, sealed};
	struct dt_tombstones t;
	cr_assert(dt_tombstones_init(&t) == DT_OK);
	struct dt_path a = path(1);
	for (size_t i = 0; i < 3; i++) {
		dt_tombstone_set(&t, 7, &a, 1, alerts[i], sizeof(plain), ms(0));
		for (uint16_t n = 255; n < 260; n++) {
			const uint8_t *alert;
			size_t len;
			uint8_t expected[sizeof(plain)];
			memcpy(expected, alerts[i], sizeof(plain));
			if (i == 0)
				dt_write_uint(expected + 9, n, 2);
			cr_assert(dt_tombstone_find(&t, 7, &a, ms(1000 * (n - 254)), &alert, &len));
			cr_assert(len == sizeof(plain) && memcmp(alert, expected, len) == 0, "alert %zu, %u", i, n);
		}
	}
	dt_tombstones_fini(&t);
}

Test(tombstone, an_alert_that_is_too_long_is_a_programmer_error, .signal = SIGABRT)
{
	static const uint8_t alert[DT_TOMBSTONE_ALERT + 1];
	struct dt_tombstones t;
	cr_assert(dt_tombstones_init(&t) == DT_OK);
	struct dt_path a = path(1);
	dt_tombstone_set(&t, 7, &a, 1, alert, sizeof(alert), ms(0));
}

Test(tombstone, without_memory_there_is_none)
{
	struct dt_tombstones t;
	dt_mem_fail_nth(1);
	cr_assert(dt_tombstones_init(&t) == DT_ERR_NOMEM);
	dt_tombstones_fini(&t);
}
