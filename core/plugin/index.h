/* index.h - finds objects by a 64-bit key; the node lives in its object.
 *
 * Keys come from us or from a module (handles, descriptors, addresses), never from a peer, so the
 * hash has no secret. Several nodes may have one key. Threads: none.
 */
#ifndef DT_PLUGIN_INDEX_H
#define DT_PLUGIN_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct dt_index_node {
	struct dt_index_node *next; /* borrowed: of the same bucket */
	uint64_t key;
};

/* All zero is an empty one. */
struct dt_index {
	struct dt_index_node **buckets; /* owned */
	size_t bucket_count;		/* 0, or a power of two */
	size_t count;
};

/* DT_ERR_NOMEM only for the first node: later a table that cannot grow gets slower. */
enum dt_err dt_index_add(struct dt_index *ix, struct dt_index_node *node, uint64_t key) DT_MUST_USE;
/* Requires: the node is in it. */
void dt_index_remove(struct dt_index *ix, struct dt_index_node *node);
/* The first node with this key, NULL = none; then the next one after `node`. */
struct dt_index_node *dt_index_first(const struct dt_index *ix, uint64_t key);
struct dt_index_node *dt_index_next(const struct dt_index_node *node);
/* Forgets its nodes. */
void dt_index_fini(struct dt_index *ix);

#endif
