/* The small rooms inside the room: index, tokens, actions. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "plugin/actions.h"
#include "plugin/index.h"
#include "plugin/tokens.h"

/* ---- index ---------------------------------------------------------------------------------- */

#define NODES 512u
#define KEYS 64u

struct item {
	struct dt_index_node node;
	uint64_t key;
	bool in;
};

static size_t
count_with_key(const struct dt_index *ix, uint64_t key)
{
	size_t n = 0;
	for (struct dt_index_node *at = dt_index_first(ix, key); at; at = dt_index_next(at)) {
		cr_assert_eq(DT_CONTAINER(at, struct item, node)->key, key);
		n++;
	}
	return n;
}

Test(index, random_runs_agree_with_a_plain_array)
{
	static struct item items[NODES];
	struct dt_index ix = {0};
	unsigned seed = 20240611;
	cr_log_info("seed %u", seed);
	srand(seed);
	for (int step = 0; step < 20000; step++) {
		struct item *it = &items[(unsigned)rand() % NODES];
		if (it->in) {
			dt_index_remove(&ix, &it->node);
		} else {
			it->key = (unsigned)rand() % KEYS;
			cr_assert_eq(dt_index_add(&ix, &it->node, it->key), DT_OK);
		}
		it->in = !it->in;

		uint64_t key = (unsigned)rand() % KEYS;
		size_t wanted = 0;
		for (size_t i = 0; i < NODES; i++)
			wanted += items[i].in && items[i].key == key;
		cr_assert_eq(count_with_key(&ix, key), wanted, "step %d", step);
	}
	dt_index_fini(&ix);
}

Test(index, only_the_first_node_needs_memory)
{
	static struct item items[NODES];
	struct dt_index ix = {0};
	dt_mem_fail_nth(1);
	cr_assert_eq(dt_index_add(&ix, &items[0].node, 0), DT_ERR_NOMEM);
	cr_assert_null(dt_index_first(&ix, 0));
	cr_assert_eq(dt_index_add(&ix, &items[0].node, 0), DT_OK);
	for (uint64_t i = 1; i < NODES; i++) {
		dt_mem_fail_nth(1);
		items[i].key = i;
		cr_assert_eq(dt_index_add(&ix, &items[i].node, i), DT_OK);
	}
	dt_mem_fail_nth(0);
	for (uint64_t i = 0; i < NODES; i++)
		cr_assert_eq(count_with_key(&ix, i), 1);
	dt_index_fini(&ix);
}

/* ---- tokens --------------------------------------------------------------------------------- */

Test(tokens, a_slot_that_is_used_again_has_another_token)
{
	struct dt_tokens t;
	cr_assert_eq(dt_tokens_init(&t, 3, 1), DT_OK);
	uint64_t first = dt_token_new(&t, DT_GATE_REQUEST);
	cr_assert_eq(dt_token_worker(first), 3);
	cr_assert_eq(dt_token_new(&t, DT_GATE_REQUEST), 0, "the table is full");
	dt_token_free(&t, first);
	uint64_t second = dt_token_new(&t, DT_GATE_REQUEST);
	cr_assert_neq(second, first);
	cr_assert_eq(dt_token_slot(second), dt_token_slot(first));
	cr_assert(!dt_token_alive(&t, first) && dt_token_alive(&t, second));
	cr_assert_eq(dt_token_claim(&t, first, DTLSD_ACCEPT, 0), DT_CLAIM_GONE);
	dt_token_unclaim(&t, first);
	cr_assert_eq(dt_token_claim(&t, second, DTLSD_ACCEPT, 0), DT_CLAIM_OK);
	cr_assert_eq(dt_token_claim(&t, second, DTLSD_ACCEPT, 0), DT_CLAIM_GONE);
	dt_token_unclaim(&t, second);
	cr_assert_eq(dt_token_claim(&t, second, DTLSD_ACCEPT, 0), DT_CLAIM_OK);
	cr_assert_eq(t.waiting, 1);
	dt_tokens_fini(&t);
	dt_tokens_fini(&t);
}

Test(tokens, none_is_zero_even_when_the_generations_run_out)
{
	struct dt_tokens t;
	cr_assert_eq(dt_tokens_init(&t, 0, 1), DT_OK);
	atomic_store(&t.word[0], UINT64_C(0xffffffff) << 8);
	uint64_t last = dt_token_new(&t, DT_GATE_AUTH);
	cr_assert_eq((uint32_t)last, UINT32_MAX);
	dt_token_free(&t, last);
	cr_assert_eq(dt_token_new(&t, DT_GATE_AUTH), 1);
	dt_tokens_fini(&t);
}

/* ---- actions -------------------------------------------------------------------------------- */

static enum dt_err
add_text(struct dt_actions *a, const char *text, bool copy)
{
	struct dt_action action = {
	    .kind = DT_ACTION_SEND, .data = (const uint8_t *)text, .len = strlen(text)};
	return dt_actions_add(a, &action, copy);
}

Test(actions, come_out_in_order_with_their_bytes)
{
	struct dt_actions a = {0};
	struct dt_action out;
	char text[2000];
	memset(text, 'x', sizeof(text));
	for (uint32_t i = 0; i < 1000; i++) {
		struct dt_action action = {
		    .kind = DT_ACTION_SEND, .target = i, .data = (uint8_t *)text, .len = i};
		text[0] = (char)i;
		cr_assert_eq(dt_actions_add(&a, &action, true), DT_OK);
	}
	for (uint32_t i = 0; i < 1000; i++) {
		cr_assert(dt_actions_take(&a, &out));
		cr_assert_eq(out.target, i);
		cr_assert_eq(out.len, i);
		cr_assert(
		    i == 0 || ((char)out.data[0] == (char)i && (i == 1 || out.data[i - 1] == 'x')));
	}
	cr_assert(!dt_actions_take(&a, &out));
	dt_actions_reset(&a);
	cr_assert_leq(a.bytes, 65536, "memory of a burst is given back");
	dt_actions_fini(&a);
}

Test(actions, detach_copies_what_lies_in_the_range_and_nothing_else)
{
	struct dt_actions a = {0};
	struct dt_action out;
	char in[] = "inside", outside[] = "outside";
	cr_assert_eq(add_text(&a, in, false), DT_OK);
	cr_assert_eq(add_text(&a, in + 5, false), DT_OK);
	cr_assert_eq(add_text(&a, outside, false), DT_OK);
	cr_assert(dt_actions_detach(&a, (uint8_t *)in, 6));
	memset(in, 'x', 6);
	cr_assert(dt_actions_take(&a, &out));
	cr_assert_arr_eq(out.data, "inside", 6);
	cr_assert(dt_actions_take(&a, &out));
	cr_assert_arr_eq(out.data, "e", 1);
	cr_assert(dt_actions_take(&a, &out));
	cr_assert_eq(out.data, (uint8_t *)outside);
	dt_actions_fini(&a);
}

Test(actions, what_cannot_be_detached_is_taken_out)
{
	struct dt_actions a = {0};
	struct dt_action out;
	char in[] = "inside", outside[] = "outside";
	cr_assert_eq(add_text(&a, in, false), DT_OK);
	cr_assert_eq(add_text(&a, outside, false), DT_OK);
	dt_mem_fail_nth(1);
	cr_assert(!dt_actions_detach(&a, (uint8_t *)in, 6));
	cr_assert(dt_actions_take(&a, &out));
	cr_assert_eq(out.data, (uint8_t *)outside);
	cr_assert(!dt_actions_take(&a, &out));
	dt_actions_fini(&a);
}

Test(actions, there_is_an_end_to_what_can_be_asked_for)
{
	struct dt_actions a = {0};
	static uint8_t block[65536];
	struct dt_action action = {.kind = DT_ACTION_SEND, .data = block, .len = sizeof(block)};
	enum dt_err err = DT_OK;
	while (err == DT_OK)
		err = dt_actions_add(&a, &action, true);
	cr_assert_eq(err, DT_ERR_AGAIN);
	cr_assert_leq(a.bytes, DT_ACTIONS_BYTES_MAX);
	dt_actions_reset(&a);
	action.len = 0;
	for (err = DT_OK; err == DT_OK;)
		err = dt_actions_add(&a, &action, false);
	cr_assert_eq(err, DT_ERR_AGAIN);
	cr_assert_eq(a.count, DT_ACTIONS_MAX);
	dt_actions_fini(&a);
}

Test(actions, without_memory_nothing_is_added)
{
	struct dt_actions a = {0};
	for (uint64_t nth = 1; nth <= 2; nth++) {
		dt_mem_fail_nth(nth);
		cr_assert_eq(add_text(&a, "x", true), DT_ERR_NOMEM);
		cr_assert_eq(a.count, 0);
	}
	dt_mem_fail_nth(0);
	dt_actions_fini(&a);
}
