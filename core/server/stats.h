/* stats.h - the counters of all workers, as lines of the log.
 *
 * Threads: any, while the workers exist.
 */
#ifndef DT_SERVER_STATS_H
#define DT_SERVER_STATS_H

#include "base/counters.h"
#include "base/log.h"
#include "server/endpoint.h"

/* Every counter and every drop reason that is not 0, as "name=value …"; more lines than two when
 * they do not fit. */
void dt_stats_log(struct dt_log *log, const struct dt_counters *sum);
/* One line with what a server has open right now, of all workers together. */
void dt_stats_log_open(struct dt_log *log, const struct dt_endpoint *endpoint);
/* A line, or more, for each instance of the chain that counted something. */
void dt_stats_log_chain(struct dt_log *log, const char *server, const struct dt_chain *chain);

#endif
