#include "base/counters.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <pthread.h>
#include <string.h>

static void
check_table(const struct dt_counter_info *infos, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		cr_assert(*infos[i].name && *infos[i].doc, "row %zu", i);
		for (const char *c = infos[i].name; *c; c++)
			cr_assert(islower((unsigned char)*c) || *c == '_', "%s", infos[i].name);
		for (size_t j = i + 1; j < count; j++)
			cr_assert(strcmp(infos[i].name, infos[j].name) != 0, "%s twice", infos[i].name);
	}
}

Test(counters, every_counter_has_a_doc_and_a_name_of_its_own)
{
	check_table(dt_counter_infos, DT_COUNTERS);
}

Test(counters, every_drop_reason_has_a_doc_and_a_name_of_its_own)
{
	check_table(dt_drop_infos, DT_DROPS);
}

Test(counters, enum_and_table_are_in_step)
{
	cr_assert(strcmp(dt_counter_infos[DT_COUNT_RECEIVED].name, "received") == 0);
	cr_assert(strcmp(dt_drop_infos[DT_DROP_EMPTY].name, "empty") == 0);
	cr_assert(dt_drop_infos[DT_DROP_EMPTY].kind == DT_DROP_KIND_DATAGRAM);
	cr_assert(strcmp(dt_drop_infos[DT_DROP_BAD_TAG].name, "bad_tag") == 0);
	cr_assert(dt_drop_infos[DT_DROP_BAD_TAG].kind == DT_DROP_KIND_RECORD);
}

Test(counters, counting_touches_one_cell)
{
	struct dt_counters c = {0}, sum = {0};
	dt_count(&c, DT_COUNT_SENT_BYTES, 1200);
	dt_count(&c, DT_COUNT_SENT_BYTES, 34);
	dt_count_drop(&c, DT_DROP_REPLAYED);
	for (int i = 0; i < DT_COUNTERS; i++)
		cr_assert(c.count[i] == (i == DT_COUNT_SENT_BYTES ? 1234 : 0));
	for (int i = 0; i < DT_DROPS; i++)
		cr_assert(c.drop[i] == (i == DT_DROP_REPLAYED ? 1 : 0));

	dt_counters_add(&sum, &c);
	dt_counters_add(&sum, &c);
	cr_assert(sum.count[DT_COUNT_SENT_BYTES] == 2468 && sum.drop[DT_DROP_REPLAYED] == 2);
}

#define ROUNDS 100000

static void *
count_on(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		dt_count(arg, DT_COUNT_RECORDS, 1);
	return NULL;
}

Test(counters, a_reader_beside_the_owner_sees_values_that_only_grow)
{
	struct dt_counters c = {0};
	pthread_t owner;
	cr_assert(pthread_create(&owner, NULL, count_on, &c) == 0);
	uint64_t last = 0;
	for (int i = 0; i < 1000; i++) {
		struct dt_counters seen = {0};
		dt_counters_add(&seen, &c);
		cr_assert(seen.count[DT_COUNT_RECORDS] >= last);
		last = seen.count[DT_COUNT_RECORDS];
	}
	pthread_join(owner, NULL);
	cr_assert(c.count[DT_COUNT_RECORDS] == ROUNDS);
}
