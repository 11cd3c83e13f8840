/* last_flight.h - our last flight of a full handshake, kept for a client that missed it.
 *
 * 2 MSL (240 s), within a byte budget of the worker, oldest out first; sent again, under fresh
 * numbers, when the client's Finished comes again, at most once a second.
 * Owner: the connection; the order of age is kept in struct dt_conns. Threads: none.
 * RFC 6347 4.2.4.
 */
#ifndef DT_CONN_LAST_FLIGHT_H
#define DT_CONN_LAST_FLIGHT_H

#include "conn/conn_state.h"

/* Takes over the items of *last. */
void dt_last_flight_keep(struct dt_conn *c, struct dt_flight *last, struct dt_now now);
void dt_last_flight_drop(struct dt_conn *c);
void dt_last_flight_repeat(struct dt_conn *c, struct dt_now now);
/* Drops those whose time is over. Called in every turn that had input; cheap. */
void dt_last_flights_expire(struct dt_conns *conns, struct dt_mono now);

#endif
