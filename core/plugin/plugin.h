/* plugin.h - what all chains and all workers share: the mailboxes, the log, the tokens.
 *
 * A module's own thread reaches a worker through here, so this outlives every chain and every
 * worker. It also keeps the small handle of each instance until the end, so that a module that
 * still calls after close() is answered GONE instead of reading freed memory.
 * Owner: one in the server. Threads: new and free on the main thread; the rest says so.
 */
#ifndef DT_PLUGIN_PLUGIN_H
#define DT_PLUGIN_PLUGIN_H

#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "io/mailbox.h"

struct dt_plugin;

struct dt_plugin_config {
	uint32_t worker_count;		     /* 1 to DT_CONN_WORKERS_MAX */
	struct dt_mailbox *const *mailboxes; /* borrowed, one for each worker: outlive the plugin */
	struct dt_log *log;		     /* borrowed */
	uint32_t defer_limit;		     /* verdicts that may wait on one worker; below 2^24 */
};

enum dt_err dt_plugin_new(
    const struct dt_plugin_config *config, struct dt_plugin **out) DT_MUST_USE;
/* Every chain and worker was freed, and every mailbox closed before. */
void dt_plugin_free(struct dt_plugin **plugin);

/* Verdicts that wait now, on all workers. Threads: any. */
uint32_t dt_plugin_deferred(const struct dt_plugin *plugin);

#endif
