#include <criterion/criterion.h>
#include <poll.h>
#include <sched.h>
#include <string.h>

#include "base/mem.h"
#include "io/mailbox.h"
#include "io/thread.h"

static struct dt_mailbox box;
static char heard[64];
static unsigned dropped;

static void
hear(void *arg, void *data, size_t len)
{
	cr_assert_eq(arg, &box);
	cr_assert_eq((uintptr_t)data % _Alignof(max_align_t), 0);
	strncat(heard, data, len);
}

static void
hear_static(void *arg, void *data, size_t len)
{
	(void)arg;
	strncat(heard, data, len);
}

static void
drop_it(void *data)
{
	(void)data;
	dropped++;
}

static void
post_more(void *arg, void *data, size_t len)
{
	(void)data;
	(void)len;
	cr_assert_eq(dt_mailbox_post(arg, hear, "!", 1), DT_OK);
}

static bool
is_readable(void)
{
	struct pollfd p = {.fd = box.fd, .events = POLLIN};
	return poll(&p, 1, 0) == 1;
}

static void
make_box(void)
{
	heard[0] = '\0';
	dropped = 0;
	cr_assert_eq(dt_mailbox_init(&box, 4, 100), DT_OK);
}

static void
end_box(void)
{
	dt_mailbox_fini(&box);
	dt_mailbox_fini(&box);
}

TestSuite(mailbox, .init = make_box, .fini = end_box);

Test(mailbox, calls_run_in_order_and_their_data_was_copied)
{
	char word[] = "one ";
	cr_assert_not(is_readable());
	cr_assert_eq(dt_mailbox_post(&box, hear, word, 4), DT_OK);
	memset(word, 'x', sizeof(word));
	cr_assert_eq(dt_mailbox_post(&box, hear, "two ", 4), DT_OK);
	cr_assert_eq(dt_mailbox_post(&box, hear, NULL, 0), DT_OK);
	cr_assert_eq(dt_mailbox_post_owned(&box, hear_static, NULL, "three", 5), DT_OK);
	cr_assert(is_readable());
	cr_assert_str_eq(heard, "");
	cr_assert_not(dt_mailbox_drain(&box, &box, 100));
	cr_assert_str_eq(heard, "one two three");
	cr_assert_not(is_readable());
}

Test(mailbox, a_drain_stops_at_its_bound_and_the_descriptor_stays_readable)
{
	for (const char *c = "abcd"; *c; c++)
		cr_assert_eq(dt_mailbox_post(&box, hear, c, 1), DT_OK);
	cr_assert(dt_mailbox_drain(&box, &box, 3));
	cr_assert_str_eq(heard, "abc");
	cr_assert(is_readable());
	cr_assert(dt_mailbox_drain(&box, &box, 0));
	cr_assert(is_readable());
	cr_assert_not(dt_mailbox_drain(&box, &box, 3));
	cr_assert_str_eq(heard, "abcd");
	cr_assert_not(is_readable());
	cr_assert_not(dt_mailbox_drain(&box, &box, 3), "an empty one may be drained");
}

Test(mailbox, what_a_call_posts_waits_for_the_next_drain)
{
	cr_assert_eq(dt_mailbox_post(&box, post_more, NULL, 0), DT_OK);
	cr_assert(dt_mailbox_drain(&box, &box, 100));
	cr_assert_str_eq(heard, "");
	cr_assert(is_readable());
	cr_assert_not(dt_mailbox_drain(&box, &box, 100));
	cr_assert_str_eq(heard, "!");
}

Test(mailbox, a_call_to_several_goes_to_all_or_to_none)
{
	static const char bytes[101];
	static struct dt_mailbox other;
	struct dt_mailbox *boxes[] = {&box, &other};
	void *data[] = {(void *)(uintptr_t) "mine", (void *)(uintptr_t) "other"};
	cr_assert_eq(dt_mailbox_init(&other, 1, 100), DT_OK);
	cr_assert_eq(dt_mailbox_post_to_each(boxes, 2, hear_static, NULL, data, 101), DT_ERR_TOO_LONG);
	for (uint64_t nth = 1; nth <= 3; nth++) {
		dt_mem_fail_nth(nth);
		cr_assert_eq(dt_mailbox_post_to_each(boxes, 2, hear_static, NULL, data, 6), DT_ERR_NOMEM);
	}
	cr_assert_not(is_readable());
	cr_assert_eq(dt_mailbox_post_to_each(boxes, 2, hear_static, NULL, data, 6), DT_OK);
	cr_assert_eq(dt_mailbox_post_to_each(boxes, 2, hear_static, NULL, data, 6), DT_ERR_AGAIN,
	    "the other holds one");
	cr_assert_not(dt_mailbox_drain(&box, &box, 100));
	cr_assert_str_eq(heard, "mine", "once");
	cr_assert_not(dt_mailbox_drain(&other, &other, 100));
	cr_assert_str_eq(heard, "mineother");
	dt_mailbox_close(&other);
	cr_assert_eq(dt_mailbox_post_to_each(boxes, 2, hear_static, drop_it, data, 6), DT_ERR_GONE);
	cr_assert_eq(dropped, 0, "they stay the caller's");
	cr_assert_not(is_readable());
	cr_assert_eq(dt_mailbox_post(&box, hear, bytes, 100), DT_OK, "no room was taken");
	dt_mailbox_fini(&other);
}

Test(mailbox, its_bounds_are_exact)
{
	static const char bytes[101];
	cr_assert_eq(dt_mailbox_post(&box, hear, bytes, 101), DT_ERR_TOO_LONG);
	cr_assert_eq(dt_mailbox_post(&box, hear, bytes, 60), DT_OK);
	cr_assert_eq(dt_mailbox_post(&box, hear, bytes, 41), DT_ERR_AGAIN);
	cr_assert_eq(dt_mailbox_post(&box, hear, bytes, 40), DT_OK);
	cr_assert_eq(dt_mailbox_post(&box, hear, bytes, 0), DT_OK);
	cr_assert_eq(dt_mailbox_post(&box, hear, bytes, 0), DT_OK);
	cr_assert_eq(dt_mailbox_post(&box, hear, bytes, 0), DT_ERR_AGAIN, "four is the limit");
	cr_assert_not(dt_mailbox_drain(&box, &box, 100));
	cr_assert_eq(dt_mailbox_post(&box, hear, bytes, 100), DT_OK, "the room came back");
}

Test(mailbox, closing_drops_what_waits_and_refuses_the_rest)
{
	cr_assert_eq(dt_mailbox_post(&box, hear, "a", 1), DT_OK);
	cr_assert_eq(dt_mailbox_post_owned(&box, hear, drop_it, heard, 1), DT_OK);
	cr_assert_eq(dt_mailbox_post_owned(&box, hear, drop_it, heard, 1), DT_OK);
	dt_mailbox_close(&box);
	cr_assert_eq(dropped, 2);
	cr_assert_not(is_readable());
	cr_assert_eq(dt_mailbox_post(&box, hear, "a", 1), DT_ERR_GONE);
	cr_assert_eq(dt_mailbox_post_owned(&box, hear, drop_it, heard, 1), DT_ERR_GONE);
	cr_assert_eq(dropped, 2, "what was refused stays the caller's");
	cr_assert_not(dt_mailbox_drain(&box, &box, 100));
	cr_assert_str_eq(heard, "");
}

Test(mailbox, without_memory_a_post_is_refused_and_nothing_changes)
{
	dt_mem_fail_nth(1);
	cr_assert_eq(dt_mailbox_post(&box, hear, "a", 1), DT_ERR_NOMEM);
	dt_mem_fail_nth(1);
	cr_assert_eq(dt_mailbox_post_owned(&box, hear, drop_it, heard, 1), DT_ERR_NOMEM);
	cr_assert_eq(dropped, 0);
	cr_assert_not(is_readable());
	cr_assert_eq(dt_mailbox_post(&box, hear, "b", 1), DT_OK);
	cr_assert_not(dt_mailbox_drain(&box, &box, 100));
	cr_assert_str_eq(heard, "b");
}

/* ---- four threads --------------------------------------------------------------------------- */

#define PRODUCERS 4u
#define EACH 100000u

struct note {
	uint32_t producer;
	uint32_t number;
};

static struct dt_mailbox busy;
static uint32_t seen[PRODUCERS];

static void
check_note(void *arg, void *data, size_t len)
{
	const struct note *n = data;
	(void)arg;
	cr_assert_eq(len, sizeof(*n));
	cr_assert_eq(n->number, seen[n->producer], "producer %u", n->producer);
	seen[n->producer]++;
}

static void
produce(void *arg)
{
	struct note n = {.producer = *(uint32_t *)arg};
	while (n.number < EACH) {
		enum dt_err err = dt_mailbox_post(&busy, check_note, &n, sizeof(n));
		if (err == DT_OK)
			n.number++;
		else if (err == DT_ERR_AGAIN)
			sched_yield();
		else
			abort();
	}
}

Test(mailbox, four_threads_lose_nothing_and_each_keeps_its_order)
{
	struct dt_thread thread[PRODUCERS];
	uint32_t index[PRODUCERS];
	cr_assert_eq(dt_mailbox_init(&busy, 1000, 1 << 20), DT_OK);
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		index[i] = i;
		cr_assert_eq(dt_thread_start(&thread[i], "producer", produce, &index[i]), DT_OK);
	}
	uint64_t total = 0;
	while (total < PRODUCERS * EACH) {
		struct pollfd p = {.fd = busy.fd, .events = POLLIN};
		cr_assert_eq(poll(&p, 1, 60000), 1, "a wake-up was lost");
		dt_mailbox_drain(&busy, NULL, 256);
		total = 0;
		for (uint32_t i = 0; i < PRODUCERS; i++)
			total += seen[i];
	}
	for (uint32_t i = 0; i < PRODUCERS; i++)
		dt_thread_join(&thread[i]);
	cr_assert_eq(busy.count, 0);
	cr_assert_eq(busy.bytes, 0);
	dt_mailbox_fini(&busy);
}
