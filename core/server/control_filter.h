/* control_filter.h - which connections a command is about, and by which name a client goes.
 *
 * Threads: check on the main thread, the rest on the worker of the connection.
 */
#ifndef DT_SERVER_CONTROL_FILTER_H
#define DT_SERVER_CONTROL_FILTER_H

#include "conn/conn.h"
#include "server/control_command.h"

#define DT_CONTROL_IDENTITY 256u /* bytes, with NUL */

/* False: the request is refused, for there is no such server. */
bool dt_control_filter_check(const struct dt_control_filter *f, struct dt_control_request *r);
bool dt_control_filter_allows(const struct dt_control_filter *f, const struct dt_conn *c);

/* The identity of the pre-shared key, or the subject of the certificate; NULL when there is
 * neither. Cut where it does not fit. Returns out, or what it would hold. */
const char *dt_control_identity(const struct dt_conn *c, char out[DT_CONTROL_IDENTITY]);
/* A copy of `text` that is cut, at the end of a character, when it has more than cap - 1 bytes. */
char *dt_control_clip(const char *text, char *out, size_t cap);

#endif
