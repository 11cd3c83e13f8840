/* logger.h - where log lines go: standard error or a file, as text or as JSON lines.
 *
 * One write() for each line, so that lines of different threads do not mix. A file is opened for
 * appending and made with mode 0640; it is reopened on request (USR1), as whatever user we are
 * then, and never chowned.
 * Owner: struct dt_server. Threads: log from any; open and reopen on the main thread.
 */
#ifndef DT_SERVER_LOGGER_H
#define DT_SERVER_LOGGER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"

struct dt_logger {
	struct dt_log log; /* what everybody is handed */
	_Atomic int fd;	   /* owned unless it is standard error */
	char *path;	   /* owned; NULL = standard error */
	bool json;
};

/* Lines go to standard error as text, from level info on, until dt_logger_open(). */
void dt_logger_init(struct dt_logger *l);
void dt_logger_fini(struct dt_logger *l);
/* `target`: "stderr" or a path. DT_ERR_SYSTEM (errno), and nothing has changed. */
enum dt_err dt_logger_open(
    struct dt_logger *l, const char *target, bool json, enum dt_log_level level) DT_MUST_USE;
/* 0, or the errno of opening `path` later: looks at the file, or at the directory it would be made
 * in, and leaves nothing behind. */
int dt_logger_probe(const char *path);
/* The old file stays in use when that fails. */
enum dt_err dt_logger_reopen(struct dt_logger *l) DT_MUST_USE;

#endif
