/* tell.h - what the owner of the events is told beside the life of a connection.
 *
 * Costs nothing when nobody listens. Threads: none.
 */
#ifndef DT_CONN_TELL_H
#define DT_CONN_TELL_H

#include <stdint.h>

struct dt_conn;

/* `code`: an errno. */
void dt_tell_error(struct dt_conn *c, int32_t code, const char *text);

#endif
