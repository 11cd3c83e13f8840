#include "base/mem.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static bool
is_zero(const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

Test(mem, new_memory_is_zero)
{
	for (int i = 0; i < 100; i++) {
		unsigned char *p = dt_alloc(100);
		cr_assert(p && is_zero(p, 100));
		memset(p, 0xaa, 100);
		dt_free(p);
	}
}

Test(mem, nothing_at_all_is_still_a_block)
{
	void *p = dt_alloc(0), *q = dt_alloc_array(0, 8), *r = dt_resize(dt_alloc(8), 0);
	cr_assert(p && q && r);
	dt_free(p);
	dt_free(q);
	dt_free(r);
	dt_free(NULL);
	dt_free_secret(NULL, 16);
}

Test(mem, an_array_whose_size_overflows_is_refused)
{
	volatile size_t huge = SIZE_MAX / 2 + 1; /* hidden from the compiler, which would warn */
	cr_assert(dt_alloc_array(huge, 2) == NULL);
	cr_assert(dt_alloc_array(2, huge) == NULL);
	cr_assert(dt_copy("", SIZE_MAX) == NULL);
}

Test(mem, a_copy_is_followed_by_a_nul)
{
	char *p = dt_copy("a\0bc", 4);
	cr_assert(memcmp(p, "a\0bc", 5) == 0);
	char *q = dt_copy(NULL, 0), *r = dt_copy_text("name");
	cr_assert(*q == '\0' && strcmp(r, "name") == 0);
	dt_free(p);
	dt_free(q);
	dt_free(r);
}

Test(mem, a_resized_block_keeps_its_bytes)
{
	char *p = dt_copy_text("kept");
	p = dt_resize(p, 4096);
	cr_assert(p && strcmp(p, "kept") == 0);
	dt_free(p);
}

Test(mem, a_refused_resize_leaves_the_old_block)
{
	char *p = dt_copy_text("kept");
	dt_mem_fail_nth(1);
	cr_assert(dt_resize(p, 4096) == NULL);
	cr_assert(strcmp(p, "kept") == 0);
	dt_free(p);
}

Test(mem, a_wipe_leaves_zeros)
{
	unsigned char secret[32];
	memset(secret, 0x5a, sizeof(secret));
	dt_wipe(secret, 0);
	cr_assert(secret[0] == 0x5a);
	dt_wipe(secret, sizeof(secret));
	cr_assert(is_zero(secret, sizeof(secret)));
}

Test(mem, the_nth_allocation_fails_once)
{
	for (uint64_t nth = 1; nth <= 5; nth++) {
		dt_mem_fail_nth(nth);
		for (uint64_t i = 1; i <= 8; i++) {
			void *p = dt_alloc(1);
			cr_assert((p == NULL) == (i == nth), "nth %d, allocation %d", (int)nth, (int)i);
			dt_free(p);
		}
	}
}

Test(mem, every_way_to_allocate_can_fail_and_is_counted)
{
	uint64_t before = dt_mem_count();
	dt_mem_fail_nth(1);
	cr_assert(dt_alloc(1) == NULL);
	dt_mem_fail_nth(1);
	cr_assert(dt_alloc_array(1, 1) == NULL);
	dt_mem_fail_nth(1);
	cr_assert(dt_copy("x", 1) == NULL);
	dt_mem_fail_nth(1);
	cr_assert(dt_copy_text("x") == NULL);
	dt_mem_fail_nth(1);
	cr_assert(dt_resize(NULL, 1) == NULL);
	cr_assert(dt_mem_count() == before + 5);
}

Test(mem, zero_takes_the_order_to_fail_back)
{
	dt_mem_fail_nth(1);
	dt_mem_fail_nth(0);
	void *p = dt_alloc(1);
	cr_assert(p);
	dt_free(p);
}

static void *
allocate_one(void *arg)
{
	(void)arg;
	return dt_alloc(1);
}

Test(mem, another_thread_is_not_hit)
{
	pthread_t t;
	void *p;
	dt_mem_fail_nth(1);
	cr_assert(pthread_create(&t, NULL, allocate_one, NULL) == 0);
	pthread_join(t, &p);
	cr_assert(p);
	dt_free(p);
	cr_assert(dt_alloc(1) == NULL);
}
