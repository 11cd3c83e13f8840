#include <criterion/criterion.h>
#include <string.h>

#include "base/addr.h"
#include "base/mem.h"
#include "conn/budget.h"
#include "seeded.h"

#define SECOND UINT64_C(1000000000)

static const struct dt_siphash_key key = {11, 22};

static bool
take(struct dt_prefix_budget *b, const char *from, uint64_t limit, int64_t ms)
{
	struct dtlsd_address a;
	cr_assert(dt_addr_parse_ip(from, &a) == DT_OK);
	return dt_prefix_budget_take(b, &key, &a, limit, SECOND, (struct dt_mono){ms * 1000000});
}

Test(budget, counts_by_network_and_second)
{
	static const struct {
		const char *from;
		int64_t ms;
		bool had;
	} table[] = {
	    {"10.0.0.1", 0, true},
	    {"10.0.0.2", 10, true},
	    {"10.0.0.255", 999, false}, /* the same /24 */
	    {"10.0.1.1", 999, true},
	    {"10.0.0.1", 1000, true},
	    {"10.0.0.1", 1001, true},
	    {"10.0.0.1", 1999, false},
	    {"2001:db8:0:aa00::1", 0, true},
	    {"2001:db8:0:aaff:1::", 0, true},
	    {"2001:db8:0:aa12::2", 0, false}, /* the same /56 */
	    {"2001:db8:0:ab00::1", 0, true},
	};
	struct dt_prefix_budget *b = dt_prefix_budget_new();
	cr_assert(b);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		cr_assert(take(b, table[i].from, 2, table[i].ms) == table[i].had, "row %zu", i);
	dt_free(b);
}

Test(budget, none_set_means_no_limit)
{
	struct dt_prefix_budget *b = dt_prefix_budget_new();
	for (int i = 0; i < 1000; i++)
		cr_assert(take(b, "10.0.0.1", 0, 0));
	dt_free(b);
}

Test(budget, gives_nobody_more_than_a_plain_count_would)
{
	struct seeded r = seeded_begin("budget");
	struct dt_prefix_budget *b = dt_prefix_budget_new();
	static uint64_t used[256][100]; /* by network and second */
	uint64_t given = 0, asked = 0;
	int64_t ms = 0;
	for (int i = 0; i < 100000; i++) {
		ms += (int64_t)seeded_below(&r, 2);
		struct dtlsd_address a = {.family = DTLSD_IPV4, .ip = {10, 0, (uint8_t)seeded_next(&r), 1}};
		uint64_t *n = &used[a.ip[2]][ms / 1000];
		bool had = dt_prefix_budget_take(b, &key, &a, 3, SECOND, (struct dt_mono){ms * 1000000});
		cr_assert(!had || *n < 3);
		asked += *n < 3;
		*n += had;
		given += had;
	}
	/* Networks that share a slot get less; of 256 in 16,384 slots about two do. */
	cr_assert(given * 10 >= asked * 9);
	dt_free(b);
}
