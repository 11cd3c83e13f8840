/* tombstone.h - the alert that a refused peer was sent, for the case that it got lost.
 *
 * A handshake that failed leaves its alert for some seconds; when a record of it comes again, its
 * hello included, it goes out again under the next record number, at most once a second. One array, one slot for each hash of a
 * path: a newer refusal takes the place of an older one, and memory never grows.
 * Owner: struct dt_conns. Threads: none. RFC 6347 4.2.7.
 */
#ifndef DT_CONN_TOMBSTONE_H
#define DT_CONN_TOMBSTONE_H

#include <stddef.h>

#include "base/err.h"
#include "base/path.h"
#include "base/time.h"

/* Bytes of an alert's datagram: the longest of ours has 39, and 1 more than the length of the client's
 * connection id where it has one. A longer one is not remembered. */
#define DT_TOMBSTONE_ALERT 64u

struct dt_tombstone;

struct dt_tombstones {
	struct dt_tombstone *items; /* owned */
};

enum dt_err dt_tombstones_init(struct dt_tombstones *t) DT_MUST_USE;
void dt_tombstones_fini(struct dt_tombstones *t);

/* `hash` is the keyed hash of the path, `hello` the mark of the hello that was refused.
 * Requires: len <= DT_TOMBSTONE_ALERT. */
void dt_tombstone_set(struct dt_tombstones *t, uint64_t hash, const struct dt_path *path, uint64_t hello,
    const uint8_t *alert, size_t len, struct dt_mono now);
/* Whether this very hello was refused lately. */
bool dt_tombstone_is_of(const struct dt_tombstones *t, uint64_t hash, const struct dt_path *path,
    uint64_t hello, struct dt_mono now);
/* Whether this path was refused lately. *alert: what to send now, NULL = nothing (sent a moment ago). */
bool dt_tombstone_find(struct dt_tombstones *t, uint64_t hash, const struct dt_path *path,
    struct dt_mono now, const uint8_t **alert, size_t *len);

#endif
