/* chain.h - the modules of one server, in their order.
 *
 * Each place is an instance with its own configuration, counters and data. Decisions: NEXT hands
 * on to the next module, ACCEPT changes the recommendation that later ones see, REJECT ends the
 * run, so that no gate can be bypassed by one before it. A verdict that a hook may not give is
 * taken as REJECT in a gate and as NEXT in data_in, logged once and counted.
 * Owner: the server, one for each server of a generation. Threads: each function says so.
 */
#ifndef DT_PLUGIN_CHAIN_H
#define DT_PLUGIN_CHAIN_H

#include <dtlsd/module.h>
#include <stdbool.h>

#include "base/time.h"
#include "conn/events.h"
#include "plugin/worker.h"

#define DT_CHAIN_WHY 256u /* bytes of a message, with NUL */

struct dt_chain;

struct dt_chain_entry {
	const struct dtlsd_module *module; /* borrowed: from dt_loader_get(), never unloaded  */
	const char *name;		   /* of the instance; copied                         */
	const void *config;		   /* borrowed: the filled configuration struct;
					      NULL when it takes none                         */
	const struct dt_config *owner;	   /* held as long as the instance lives; NULL: `config`
					      outlives the chain                              */
	uint64_t fingerprint;		   /* the same for what is configured alike, name
					      included; 0 = like nothing else                 */
	struct dt_dur slow_hook;	   /* 0 = not watched                                 */
	struct dt_dur defer_timeout;
	bool defer_accept; /* at the end of defer_timeout: NEXT in its name, else REJECT */
};

/* What check() says about the value at `pointer` ("" = the whole entry). Texts are borrowed. */
typedef void dt_chain_complain(void *arg, bool error, const char *pointer, const char *text);

/* The configuration test of one entry, without side effects. Returns the number of errors.
 * Threads: main. */
size_t dt_chain_check(const struct dtlsd_module *module, const void *config,
    int64_t connection_limit, dt_chain_complain *complain, void *arg);

/* Which entry failed, and why; about none of them: `count`. */
struct dt_chain_failure {
	size_t entry;
	char why[DT_CHAIN_WHY];
};

/* A chain that lives for this server, with the same entries in the same order, is given once more.
 * Else a new one: an entry that one of the server's living chains has as well keeps its instance,
 * others are opened, in order. When one refuses, those opened before it are closed, last first:
 * DT_ERR_REFUSED, and `failure` names it. Threads: main. */
enum dt_err dt_chain_new(struct dt_plugin *plugin, const char *server,
    const struct dt_chain_entry *entries, size_t count, struct dt_chain **out,
    struct dt_chain_failure *failure) DT_MUST_USE;
/* With the last holder: closes the instances that stand in no other chain, last first. Requires:
 * stopped on every worker then. Threads: main. */
void dt_chain_free(struct dt_chain **chain);

/* worker_start of every instance that has not started here, in order; when one fails, those before it
 * are stopped again: DT_ERR_REFUSED, logged. Threads: the worker's own. */
enum dt_err dt_chain_worker_start(struct dt_chain *chain, struct dt_plugin_worker *pw) DT_MUST_USE;
/* worker_stop of every instance that stands in no other chain here, last first; its timers and
 * watches end. Every connection of the chain on this worker is gone before. Also for one that was
 * not started. An instance does not start again where it was stopped. */
void dt_chain_worker_stop(struct dt_chain *chain, struct dt_plugin_worker *pw);
/* What the conn room calls; valid from worker_start to worker_stop. */
const struct dt_conn_events *dt_chain_events(
    struct dt_chain *chain, const struct dt_plugin_worker *pw);

struct dt_chain_counter {
	const char *instance; /* borrowed from the chain, like all texts here */
	const char *name;
	const char *doc;
	uint64_t value; /* of all workers */
};

/* Counters of every instance: the module's own, then what the server counts about it.
 * Threads: any, between new and free. */
void dt_chain_counters(const struct dt_chain *chain,
    void (*each)(void *arg, const struct dt_chain_counter *counter), void *arg);

#endif
