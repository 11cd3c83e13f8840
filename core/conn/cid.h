/* cid.h - the connection ids that we give out, and the way back from one to its connection.
 *
 * DT_CID_LEN bytes: the worker (in the clear, so that the kernel can steer by it), the slot of the
 * connection under a keyed mask, and 32 random bits, from which the mask follows. Two ids of one
 * client have nothing to see in common but the worker; whoever guesses one still has no key.
 * Threads: the worker's own. RFC 9146 3, 8, 9.
 */
#ifndef DT_CONN_CID_H
#define DT_CONN_CID_H

#include "conn/conn_state.h"

/* Gives the connection an id. */
void dt_cid_make(struct dt_conn *c);
/* NULL: unknown, or of another worker. */
struct dt_conn *dt_cid_find(struct dt_conns *conns, const uint8_t cid[DT_CID_LEN]);

#endif
