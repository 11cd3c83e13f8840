/* budget.h - how many hellos one network may send: constant memory for the whole internet.
 *
 * Hellos are counted by /24 (IPv4) or /56 (IPv6) in a table of fixed size; networks that share a
 * slot share its budget. Over budget a hello is dropped before the cookie is looked at.
 * Owner: struct dt_conns. Threads: none.
 */
#ifndef DT_CONN_BUDGET_H
#define DT_CONN_BUDGET_H

#include <stdbool.h>

#include "base/siphash.h"
#include "base/time.h"

#include <dtlsd/module.h>

struct dt_prefix_budget; /* a block of memory; free with dt_free() */

struct dt_prefix_budget *dt_prefix_budget_new(void); /* NULL: no memory */

/* Takes one of `limit` in each `window_ns`; true when there was one. limit 0: always. */
bool dt_prefix_budget_take(struct dt_prefix_budget *b, const struct dt_siphash_key *key,
    const struct dtlsd_address *peer, uint64_t limit, uint64_t window_ns, struct dt_mono now);

#endif
