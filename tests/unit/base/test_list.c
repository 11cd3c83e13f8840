/* The ring against an array that does the same slowly. */
#include "base/list.h"

#include "seeded.h"

#include <criterion/criterion.h>
#include <string.h>

#define ITEMS 16

struct item {
	int payload;
	struct dt_list node;
};

Test(list, a_fresh_list_is_empty)
{
	struct dt_list l;
	dt_list_init(&l);
	cr_assert(dt_list_empty(&l));
	DT_LIST_EACH(node, following, &l)
		cr_assert_fail();
}

Test(list, the_container_of_a_node_is_its_item)
{
	struct item i = {.payload = 7};
	cr_assert(DT_CONTAINER(&i.node, struct item, node) == &i);
}

Test(list, a_node_may_be_removed_twice)
{
	struct dt_list l;
	struct item i;
	dt_list_init(&l);
	dt_list_append(&l, &i.node);
	dt_list_remove(&i.node);
	dt_list_remove(&i.node);
	cr_assert(dt_list_empty(&l) && dt_list_empty(&i.node));
}

Test(list, the_body_of_a_walk_may_remove_its_node)
{
	struct dt_list l;
	struct item items[ITEMS];
	int seen = 0;
	dt_list_init(&l);
	for (int i = 0; i < ITEMS; i++)
		dt_list_append(&l, &items[i].node);
	DT_LIST_EACH(node, following, &l)
	{
		dt_list_remove(node);
		seen++;
	}
	cr_assert(seen == ITEMS && dt_list_empty(&l));
}

static void
check_order(const struct dt_list *l, const int *order, int count)
{
	const struct dt_list *forth = l, *back = l;
	for (int i = 0; i < count; i++) {
		forth = forth->next;
		back = back->prev;
		cr_assert(DT_CONTAINER(forth, struct item, node)->payload == order[i]);
		cr_assert(DT_CONTAINER(back, struct item, node)->payload == order[count - 1 - i]);
	}
	cr_assert(forth->next == l && back->prev == l);
}

static int
forget(int *order, int count, int payload)
{
	int kept = 0;
	for (int i = 0; i < count; i++)
		if (order[i] != payload)
			order[kept++] = order[i];
	return kept;
}

Test(list, agrees_with_an_array_through_random_work)
{
	struct seeded r = seeded_begin("list");
	struct dt_list l;
	struct item items[ITEMS];
	int order[ITEMS], count = 0;
	dt_list_init(&l);
	for (int i = 0; i < ITEMS; i++) {
		items[i].payload = i;
		dt_list_init(&items[i].node);
	}
	for (int i = 0; i < 20000; i++) {
		struct item *it = &items[seeded_below(&r, ITEMS)];
		bool listed = !dt_list_empty(&it->node);
		if (listed) {
			dt_list_remove(&it->node);
			count = forget(order, count, it->payload);
		} else {
			dt_list_append(&l, &it->node);
			order[count++] = it->payload;
		}
		check_order(&l, order, count);
	}
}
