/* privileges.h - what the process is allowed to: descriptors, core dumps, its user.
 *
 * Threads: main, before the workers start.
 */
#ifndef DT_SERVER_PRIVILEGES_H
#define DT_SERVER_PRIVILEGES_H

#include "base/err.h"

/* The soft limit of descriptors becomes the hard one; no core dump is written, for it would hold
 * every key. */
void dt_privileges_limits(void);

/* DT_ERR_GONE: no such user. DT_ERR_SYSTEM: errno. */
enum dt_err dt_privileges_known(const char *user) DT_MUST_USE;
/* Becomes `user` with its groups, for good. As above, and DT_ERR_REFUSED: it could become root
 * again, and has: the process must end. */
enum dt_err dt_privileges_drop(const char *user) DT_MUST_USE;

#endif
