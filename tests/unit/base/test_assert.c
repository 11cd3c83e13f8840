#include "base/assert.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdint.h>

struct thing {
	uint32_t magic;
};
#define THING_MAGIC 0x7468696eu

Test(assert, a_kept_promise_costs_nothing)
{
	struct thing t = {THING_MAGIC}, *it = &t;
	int evaluated = 0;
	DT_ASSERT(++evaluated == 1);
	DT_CHECK_MAGIC(it, THING_MAGIC);
	cr_assert(evaluated == 1);
}

Test(assert, a_broken_promise_ends_the_process, .signal = SIGABRT)
{
	DT_ASSERT(1 == 2);
}

Test(assert, a_null_object_ends_the_process, .signal = SIGABRT)
{
	struct thing *none = NULL;
	DT_CHECK_MAGIC(none, THING_MAGIC);
}

Test(assert, a_wrong_magic_ends_the_process, .signal = SIGABRT)
{
	struct thing t = {THING_MAGIC + 1}, *it = &t;
	DT_CHECK_MAGIC(it, THING_MAGIC);
}
