/* move.h - a client with a connection id that comes from another address.
 *
 * The path moves with an authentic record that is newer than all before, when the modules agree.
 * Until the new address is proven at most three times the authenticated bytes that came from it go
 * there. It is proven by a heartbeat with a random payload where that was negotiated; a client that
 * does not answer it is answered at its old address again. Without heartbeats the limit stays, or,
 * as configured, the address is trusted.
 * Owner: the connection, for as long as the new path is not proven. Threads: none.
 * RFC 9146 6.
 */
#ifndef DT_CONN_MOVE_H
#define DT_CONN_MOVE_H

#include <stdbool.h>

#include "base/path.h"
#include "base/time.h"

struct dt_conn;
struct dt_listener;
struct dt_session_event;

enum dt_move_policy { DT_MOVE_LIMITED, DT_MOVE_TRUST };

/* An authentic record of `bytes`, header included, came along `path`; `newest`: no later one came before. */
void dt_move_record(struct dt_conn *c, struct dt_listener *listener, const struct dt_path *path,
    size_t bytes, bool newest, struct dt_now now);
/* Whether a datagram of `bytes` may go to the peer now. */
bool dt_move_allows(const struct dt_conn *c, size_t bytes);
void dt_move_sent(struct dt_conn *c, size_t bytes);
/* A HeartbeatResponse: it may be the proof. */
void dt_move_answer(struct dt_conn *c, const struct dt_session_event *e);
/* Whether a request of its own waits for an answer. */
bool dt_move_asks(const struct dt_conn *c);
struct dt_mono dt_move_deadline(const struct dt_conn *c);
void dt_move_tick(struct dt_conn *c, struct dt_now now);
void dt_move_free(struct dt_conn *c);

#endif
