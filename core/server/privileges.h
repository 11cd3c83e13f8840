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

/* Becomes `user` with its groups, for good. DT_ERR_GONE: no such user. DT_ERR_SYSTEM: errno. */
enum dt_err dt_privileges_drop(const char *user) DT_MUST_USE;

#endif
