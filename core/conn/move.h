/* move.h - a client with a connection id that comes from another address.
 *
 * The path moves with an authentic record that is newer than all before, when the modules agree.
 * Until the new address is proven at most three times the authentic bytes that came from it go
 * there. It is proven by a return routability check where that was negotiated, else by a heartbeat
 * with a random payload where that was; a client that does not answer is answered at its old address
 * again. Where neither was negotiated the limit stays, or, as configured, the address is trusted.
 * Before that, as configured, a client that knows return routability checks is asked at its old
 * address, where it is answered all the while: one who forwards its records faster than the network
 * does cannot answer for it there. No message of such a check moves the path by itself.
 * Owner: the connection, for as long as the new path is not proven. Threads: none.
 * RFC 9146 6, RFC 9853 5.
 */
#ifndef DT_CONN_MOVE_H
#define DT_CONN_MOVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"

struct dt_arrival;
struct dt_conn;
struct dt_session_event;

enum dt_move_policy {
	DT_MOVE_LIMITED,
	DT_MOVE_TRUST,	 /* of a client that cannot prove its address */
	DT_MOVE_ASK_OLD, /* the enhanced check, RFC 9853 5.2          */
};

/* `e` came in an authentic record of `bytes`, header included; `newest`: no later one came before. */
void dt_move_record(struct dt_conn *c, const struct dt_arrival *from, const struct dt_session_event *e,
    size_t bytes, bool newest, struct dt_now now);
/* Whether a datagram of `bytes` may go to the peer now. */
bool dt_move_allows(const struct dt_conn *c, size_t bytes);
void dt_move_sent(struct dt_conn *c, size_t bytes);
/* A HeartbeatResponse, a path_response or a path_drop: it may be what was asked for. */
void dt_move_answer(struct dt_conn *c, const struct dt_arrival *from, const struct dt_session_event *e,
    struct dt_now now);
/* A path_challenge in a record of `bytes`: answered at once, where it came from. */
void dt_move_challenged(struct dt_conn *c, const struct dt_arrival *from, const struct dt_session_event *e,
    size_t bytes);
/* Whether a HeartbeatRequest of its own waits for an answer. */
bool dt_move_asks(const struct dt_conn *c);
struct dt_mono dt_move_deadline(const struct dt_conn *c);
void dt_move_tick(struct dt_conn *c, struct dt_now now);
void dt_move_free(struct dt_conn *c);

#endif
