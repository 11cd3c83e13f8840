/* path.h - who a datagram came from and which of our addresses it came to.
 *
 * A socket bound to the wildcard has many local addresses; an answer has to leave from the one
 * that was asked. No padding: may be hashed and compared as memory. Threads: any.
 */
#ifndef DT_BASE_PATH_H
#define DT_BASE_PATH_H

#include <dtlsd/module.h>
#include <stdbool.h>
#include <string.h>

struct dt_path {
	struct dtlsd_address peer;
	struct dtlsd_address local; /* `scope` is set for a link-local address only */
};

_Static_assert(sizeof(struct dt_path) == 48, "a path is hashed as memory: no padding");

static inline bool
dt_path_equal(const struct dt_path *a, const struct dt_path *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

#endif
