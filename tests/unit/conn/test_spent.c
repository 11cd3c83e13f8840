#include <criterion/criterion.h>

#include "conn/spent.h"

static struct dt_spent_hellos spent;

static struct dt_mono
at(int64_t s)
{
	return dt_mono_add((struct dt_mono){0}, DT_SECONDS(s));
}

Test(spent, a_hello_is_remembered_for_two_minutes)
{
	dt_spent_add(&spent, 7, at(10));
	cr_assert(dt_spent_has(&spent, 7, at(10)) && dt_spent_has(&spent, 7, at(129)));
	cr_assert(!dt_spent_has(&spent, 7, at(130)));
}

Test(spent, another_hello_of_the_same_slot_is_not_taken_for_it_and_may_push_it_out)
{
	dt_spent_add(&spent, 7, at(10));
	cr_assert(!dt_spent_has(&spent, 7 + DT_SPENT_SLOTS, at(11)));
	dt_spent_add(&spent, 7 + DT_SPENT_SLOTS, at(11));
	cr_assert(dt_spent_has(&spent, 7 + DT_SPENT_SLOTS, at(12)) && !dt_spent_has(&spent, 7, at(12)));
}

Test(spent, an_empty_table_knows_nobody)
{
	cr_assert(!dt_spent_has(&spent, 0, at(1)) && !dt_spent_has(&spent, UINT64_MAX, at(1)));
}
