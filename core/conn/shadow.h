/* shadow.h - a client that starts again on the path of a live connection.
 *
 * Its hello with a cookie begins a shadow: a second connection that shakes hands beside the
 * established one. The path still leads to the live one, and the shadow has no place of its own
 * among the connections; they know each other (struct dt_conn.beside). Once the shadow is done, the
 * live one ends, and path and place are the shadow's. If the shadow ends before, the live one
 * notices nothing; if the live one ends before, the shadow goes on as the connection of the path.
 * A connection with a connection id has no shadow: it lives on by its id.
 * Owner: struct dt_conns has both. Threads: none. RFC 6347 4.2.8.
 */
#ifndef DT_CONN_SHADOW_H
#define DT_CONN_SHADOW_H

#include "conn/conn_state.h"

/* The shadow of a live connection; NULL = none. */
static inline struct dt_conn *
dt_shadow_of(const struct dt_conn *live)
{
	return live->linked ? live->beside : NULL;
}

/* A connection ends and leaves the other one. True: nobody takes over its place. */
bool dt_shadow_part(struct dt_conn *c);
/* Of a connection that is about to be established: if it is a shadow, the live one ends. */
void dt_shadow_succeed(struct dt_conn *c, struct dt_now now);
/* A record of epoch 1 that may be of either. True: of use. */
bool dt_shadow_record(struct dt_conn *live, const struct dt_record *rec, const struct dt_arrival *from,
    struct dt_now now);

#endif
