#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/mem.h"
#include "fake_conns.h"
#include "seeded.h"

#define WORKER 127u
#define PATHS 3000u
#define STEPS 60000u

/* The oracle: who is there, by the number of its path. */
struct known {
	struct dt_conn *conn;
	uint64_t id, last_id;
};

static void
check_known(struct fake_conns *f, const struct known *k, uint32_t i)
{
	struct dt_path path = fake_path(i);
	cr_assert(dt_conns_find_path(f->conns, &path) == k->conn);
	if (k->conn)
		cr_assert(dt_conns_find(f->conns, k->id) == k->conn && dt_conn_id(k->conn) == k->id);
	else if (k->last_id)
		cr_assert(dt_conns_find(f->conns, k->last_id) == NULL, "a stale id was found");
}

Test(table, finds_by_path_and_by_id_what_a_plain_array_finds)
{
	struct seeded r = seeded_begin("table");
	struct fake_conns f;
	struct known *known = calloc(PATHS, sizeof(*known));
	size_t count = 0;
	cr_assert(known && fake_conns_init(&f, WORKER, 1000) == DT_OK);
	for (unsigned step = 0; step < STEPS; step++) {
		uint32_t i = (uint32_t)seeded_below(&r, PATHS);
		struct known *k = &known[i];
		if (k->conn) {
			fake_end(k->conn);
			*k = (struct known){NULL, 0, k->id};
			count--;
		} else {
			k->conn = fake_conn(&f, i);
			cr_assert(k->conn);
			k->id = dt_conn_id(k->conn);
			cr_assert(dt_conn_id_worker(k->id) == WORKER && k->id != k->last_id);
			count++;
		}
		cr_assert(dt_conns_count(f.conns) == count && f.load.connections == count);
		check_known(&f, k, i);
		uint32_t other = (uint32_t)seeded_below(&r, PATHS);
		check_known(&f, &known[other], other);
	}
	free(known);
	fake_conns_fini(&f);
	cr_assert(f.load.connections == 0);
}

Test(table, ids_of_other_workers_and_of_slots_that_never_were_are_not_found)
{
	struct fake_conns f;
	cr_assert(fake_conns_init(&f, 5, 1000) == DT_OK);
	uint64_t id = dt_conn_id(fake_conn(&f, 1));
	cr_assert(dt_conns_find(f.conns, id) != NULL);
	cr_assert(dt_conns_find(f.conns, id ^ UINT64_C(1) << 56) == NULL);
	cr_assert(dt_conns_find(f.conns, id ^ UINT64_C(1) << 32) == NULL);
	cr_assert(dt_conns_find(f.conns, id ^ 1) == NULL);
	cr_assert(dt_conns_find(f.conns, 0) == NULL && dt_conns_find(f.conns, UINT64_MAX) == NULL);
	fake_conns_fini(&f);
}

Test(table, a_slot_whose_generations_are_used_up_is_retired)
{
	struct fake_conns f;
	cr_assert(fake_conns_init(&f, 0, 1000) == DT_OK);
	fake_end(fake_conn(&f, 1));
	f.conns->slots[0].generation = UINT32_MAX - 1;
	struct dt_conn *c = fake_conn(&f, 1);
	uint64_t last_but_one = dt_conn_id(c);
	cr_assert(last_but_one == UINT32_MAX - 1);
	fake_end(c);
	c = fake_conn(&f, 1);
	cr_assert(dt_conn_id(c) == UINT32_MAX);
	fake_end(c);
	c = fake_conn(&f, 1);
	cr_assert(dt_conn_id(c) == (UINT64_C(1) << 32 | 1), "the slot was used again");
	cr_assert(dt_conns_find(f.conns, UINT32_MAX) == NULL);
	cr_assert(dt_conns_find(f.conns, last_but_one) == NULL);
	fake_conns_fini(&f);
}

Test(table, the_limit_counts_what_all_workers_have)
{
	struct fake_conns f;
	cr_assert(fake_conns_init(&f, 0, 1000) == DT_OK);
	f.service.connection_limit = 10;
	f.load.connections = 8; /* of another worker */
	struct dt_conn *c = fake_conn(&f, 1);
	cr_assert(c && fake_conn(&f, 2));
	cr_assert(!fake_conn(&f, 3) && f.load.connections == 10);
	fake_end(c);
	cr_assert(fake_conn(&f, 3) != NULL);
	fake_conns_fini(&f);
	cr_assert(f.load.connections == 8);
}

static void
close_every_second(struct dt_conn *c, void *arg)
{
	unsigned *seen = arg;
	if ((*seen)++ % 2)
		fake_end(c);
}

Test(table, a_walk_may_end_what_it_visits)
{
	struct fake_conns f;
	cr_assert(fake_conns_init(&f, 0, 1000) == DT_OK);
	for (uint32_t i = 0; i < 500; i++)
		cr_assert(fake_conn(&f, i));
	unsigned seen = 0;
	dt_conns_each(f.conns, close_every_second, &seen);
	cr_assert(seen == 500 && dt_conns_count(f.conns) == 250);
	fake_conns_fini(&f);
}

Test(table, without_memory_nothing_is_half_made)
{
	struct fake_conns f;
	for (uint64_t nth = 1;; nth++) {
		dt_mem_fail_nth(nth);
		enum dt_err err = fake_conns_init(&f, 0, 1000);
		dt_mem_fail_nth(0);
		if (err == DT_OK)
			break;
		cr_assert(err == DT_ERR_NOMEM && f.conns == NULL);
	}
	for (uint32_t i = 0; i < 300; i++) {
		dt_mem_fail_nth(1);
		cr_assert(fake_conn(&f, i) == NULL && f.load.connections == i);
		dt_mem_fail_nth(2);
		bool first_time = fake_conn(&f, i) == NULL; /* the slots could not grow */
		dt_mem_fail_nth(0);
		if (first_time)
			cr_assert(fake_conn(&f, i) != NULL);
		cr_assert(dt_conns_count(f.conns) == i + 1);
	}
	fake_conns_fini(&f);
}
