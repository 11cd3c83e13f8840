/* privileges.h - what the process is allowed to: descriptors, core dumps, its user.
 *
 * Threads: main, before the workers start.
 */
#ifndef DT_SERVER_PRIVILEGES_H
#define DT_SERVER_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Standard input, output and error are open from here on, be it to nowhere: else the first socket
 * or file would get the number that messages are written to. */
void dt_privileges_standard_files(void);

/* The soft limit of descriptors becomes the hard one. Unless `dumpable` no core dump is written,
 * for it would hold every key, and no debugger of an ordinary user can attach. */
void dt_privileges_limits(bool dumpable);

/* DT_ERR_GONE: no such user. DT_ERR_SYSTEM: errno. `uid` may be NULL. */
enum dt_err dt_privileges_find(const char *user, uid_t *uid) DT_MUST_USE;
/* Becomes `user` with its groups, for good. As above, and DT_ERR_REFUSED: it could become root
 * again, and has: the process must end. */
enum dt_err dt_privileges_drop(const char *user) DT_MUST_USE;

#endif
