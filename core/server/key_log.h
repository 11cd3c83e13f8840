/* key_log.h - the secrets of every connection, in the NSS key log format, for debugging.
 *
 * Appended, mode 0600, one write() for each line. Not opened anew while the server runs.
 * Owner: an endpoint. Threads: write from any; open on the main thread.
 */
#ifndef DT_SERVER_KEY_LOG_H
#define DT_SERVER_KEY_LOG_H

#include "base/err.h"

struct dt_key_log {
	int fd; /* owned; -1 = closed */
};

/* DT_ERR_SYSTEM, errno. DT_ERR_REFUSED: what is there is no regular file of ours with this one
 * name; its other owner could read it. */
enum dt_err dt_key_log_open(struct dt_key_log *k, const char *path) DT_MUST_USE;
void dt_key_log_close(struct dt_key_log *k);
/* As dt_tls_settings.key_log; `arg` is the struct dt_key_log. */
void dt_key_log_write(void *arg, const char *line);

#endif
