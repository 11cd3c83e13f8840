#include "plugin/index.h"

#include <stdbool.h>

#include "base/assert.h"
#include "base/mem.h"

#define FIRST_BUCKETS 16u

/* The finaliser of SplitMix64: neighbouring keys fall into buckets far apart. */
static size_t
spread_key(uint64_t key)
{
	key = (key ^ key >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	key = (key ^ key >> 27) * UINT64_C(0x94d049bb133111eb);
	return (size_t)(key ^ key >> 31);
}

static struct dt_index_node **
bucket_of(const struct dt_index *ix, uint64_t key)
{
	return &ix->buckets[spread_key(key) & (ix->bucket_count - 1)];
}

static bool
grow(struct dt_index *ix)
{
	size_t wanted = ix->bucket_count ? 2 * ix->bucket_count : FIRST_BUCKETS;
	struct dt_index bigger = {
	    dt_alloc_array(wanted, sizeof(ix->buckets[0])), wanted, ix->count};
	if (!bigger.buckets)
		return false;
	for (size_t i = 0; i < ix->bucket_count; i++) {
		for (struct dt_index_node *n = ix->buckets[i], *next; n; n = next) {
			next = n->next;
			struct dt_index_node **to = bucket_of(&bigger, n->key);
			n->next = *to;
			*to = n;
		}
	}
	dt_free(ix->buckets);
	*ix = bigger;
	return true;
}

enum dt_err
dt_index_add(struct dt_index *ix, struct dt_index_node *node, uint64_t key)
{
	if (ix->count >= ix->bucket_count && !grow(ix) && !ix->buckets)
		return DT_ERR_NOMEM;
	struct dt_index_node **to = bucket_of(ix, key);
	node->key = key;
	node->next = *to;
	*to = node;
	ix->count++;
	return DT_OK;
}

void
dt_index_remove(struct dt_index *ix, struct dt_index_node *node)
{
	DT_ASSERT(ix->count > 0);
	struct dt_index_node **at = bucket_of(ix, node->key);
	while (*at && *at != node)
		at = &(*at)->next;
	DT_ASSERT(*at == node);
	*at = node->next;
	node->next = NULL;
	ix->count--;
}

static struct dt_index_node *
with_key(struct dt_index_node *n, uint64_t key)
{
	while (n && n->key != key)
		n = n->next;
	return n;
}

struct dt_index_node *
dt_index_first(const struct dt_index *ix, uint64_t key)
{
	return ix->buckets ? with_key(*bucket_of(ix, key), key) : NULL;
}

struct dt_index_node *
dt_index_next(const struct dt_index_node *node)
{
	return with_key(node->next, node->key);
}

void
dt_index_fini(struct dt_index *ix)
{
	dt_free(ix->buckets);
	*ix = (struct dt_index){NULL, 0, 0};
}
