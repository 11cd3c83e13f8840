/* spent.h - hellos that have done their work: they became a connection, were refused, or were followed
 * by a newer one from their path.
 *
 * Their cookie stays good for a minute or two. No client sends such a hello again; whoever does,
 * replays it, and is to get nothing for it. A table of constant size: a newer one may take the
 * place of an older one. Keyed hashes only, so that nobody can aim at a place.
 * Owner: struct dt_conns. Threads: none. RFC 6347 4.2.1.
 */
#ifndef DT_CONN_SPENT_H
#define DT_CONN_SPENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define DT_SPENT_SLOTS 4096u

struct dt_spent_hello {
	uint64_t hash; /* keyed, of path and random */
	struct dt_mono until;
};

/* All zero is an empty one. */
struct dt_spent_hellos {
	struct dt_spent_hello items[DT_SPENT_SLOTS];
};

void dt_spent_add(struct dt_spent_hellos *s, uint64_t hash, struct dt_mono now);
bool dt_spent_has(const struct dt_spent_hellos *s, uint64_t hash, struct dt_mono now);

#endif
