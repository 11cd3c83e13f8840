#include "base/time.h"

#include <criterion/criterion.h>

Test(time, adding_saturates_at_never)
{
	static const struct {
		int64_t t, d, sum;
	} rows[] = {
	    {0, 0, 0},
	    {5, 7, 12},
	    {INT64_MAX - 1, 1, INT64_MAX},
	    {INT64_MAX - 1, 2, INT64_MAX},
	    {INT64_MAX, 0, INT64_MAX},
	    {INT64_MAX, INT64_MAX, INT64_MAX},
	    {-10, 3, -7},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_mono sum =
		    dt_mono_add((struct dt_mono){rows[i].t}, (struct dt_dur){rows[i].d});
		cr_assert(sum.ns == rows[i].sum, "row %zu", i);
	}
}

Test(time, a_deadline_is_reached_at_its_very_nanosecond)
{
	struct dt_mono deadline = {1000};
	cr_assert(!dt_mono_reached(deadline, (struct dt_mono){999}));
	cr_assert(dt_mono_reached(deadline, (struct dt_mono){1000}));
	cr_assert(dt_mono_reached(deadline, (struct dt_mono){1001}));
	cr_assert(!dt_mono_reached(DT_NEVER, (struct dt_mono){INT64_MAX - 1}));
}

Test(time, a_length_has_a_direction)
{
	struct dt_mono early = {100}, late = {350};
	cr_assert(dt_mono_diff(early, late).ns == 250);
	cr_assert(dt_mono_diff(late, early).ns == -250);
	cr_assert(dt_mono_min(early, late).ns == 100 && dt_mono_min(late, early).ns == 100);
	cr_assert(dt_mono_min(DT_NEVER, late).ns == 350);
}

Test(time, units_are_nanoseconds)
{
	cr_assert(DT_SECONDS(240).ns == 240000000000);
	cr_assert(DT_MILLISECONDS(20).ns == 20000000);
}
