#include "base/err.h"

#include <criterion/criterion.h>
#include <string.h>

static const enum dt_err all[] = {
#define X(name, text) DT_ERR_##name,
#include "base/err.def"
#undef X
};
#define COUNT (sizeof(all) / sizeof(all[0]))

Test(err, success_is_zero)
{
	cr_assert(DT_OK == 0);
}

Test(err, every_code_has_a_text_of_its_own)
{
	for (size_t i = 0; i < COUNT; i++) {
		cr_assert(*dt_err_text(all[i]) != '\0');
		for (size_t j = i + 1; j < COUNT; j++)
			cr_assert(strcmp(dt_err_text(all[i]), dt_err_text(all[j])) != 0);
	}
}

Test(err, a_code_that_does_not_exist_has_a_text_too)
{
	cr_assert(strcmp(dt_err_text((enum dt_err)COUNT), "unknown error") == 0);
}
