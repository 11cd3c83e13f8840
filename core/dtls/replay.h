/* replay.h - refuses a record number that was accepted before.
 *
 * Knows 48-bit numbers only: no keys, no sockets, no clock.
 * Owner: one window for each read epoch, inside struct dt_record_state.
 * Threads: none; a connection never leaves its worker. RFC 6347 4.1.2.6.
 */
#ifndef DT_DTLS_REPLAY_H
#define DT_DTLS_REPLAY_H

#include <stdint.h>

#define DT_REPLAY_BITS 64u /* records */

struct dt_replay {
	uint64_t next; /* highest accepted + 1; 0 before the first */
	uint64_t seen; /* bit i: record next - 1 - i was accepted  */
};

enum dt_replay_verdict { DT_REPLAY_FRESH, DT_REPLAY_SEEN, DT_REPLAY_TOO_OLD };

/* Requires: seq <= DT_SEQ_MAX. */
enum dt_replay_verdict dt_replay_check(const struct dt_replay *w, uint64_t seq);

/* Marks `seq` as accepted. Only after its tag has verified: a forged number must not move the
 * window. Requires: dt_replay_check(w, seq) == DT_REPLAY_FRESH. */
void dt_replay_commit(struct dt_replay *w, uint64_t seq);

#endif
