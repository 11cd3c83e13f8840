/* instance.h - one place in one chain, and the same place on one worker (its seat).
 *
 * The instance is read-only after open(); what changes is atomic, or belongs to one worker.
 * Instances stay until dt_plugin_free(): a few hundred bytes each, for a module whose thread calls
 * us after close() must find CLOSED, not freed memory.
 * Internal to the room.
 */
#ifndef DT_PLUGIN_INSTANCE_H
#define DT_PLUGIN_INSTANCE_H

#include <dtlsd/module.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/log.h"
#include "base/time.h"
#include "conn/events.h"
#include "plugin/index.h"
#include "plugin/plugin.h"
#include "plugin/tokens.h"

#define DT_INSTANCE_MAGIC 0x6474696eu

struct dt_config;
struct dt_plugin_worker;
struct dt_chain_worker;
struct dt_seat;
struct dt_post;

enum dt_hook {
#define X(name, text) DT_HOOK_##name,
#include "plugin/hook.def"
#undef X
	DT_HOOKS
};

/* Counters of ours about an instance; they stand behind the module's own. */
enum dt_own_counter {
#define X(name, text, doc) DT_OWN_##name,
#include "plugin/own_counters.def"
#undef X
	DT_OWN_COUNTERS
};

/* An instance as one worker sees it; only that worker touches it. */
struct dt_place {
	struct dt_seat *seat;  /* owned; NULL when worker_start was not called yet, or
				  worker_stop was                                     */
	bool ended;	       /* worker_stop was called, or worker_start failed      */
	struct dt_post *early; /* owned: posted before worker_start, oldest first     */
	struct dt_post **early_end;
	uint32_t early_count;
};

struct dtlsd_instance {
	uint32_t magic;
	struct dtlsd_instance *next;	   /* owned: of all that the plugin keeps      */
	struct dt_plugin *plugin;	   /* borrowed                                 */
	const struct dtlsd_module *module; /* `table`                                  */
	const struct dtlsd_module *origin; /* borrowed: never unloaded                 */
	struct dtlsd_module table;	   /* a copy; what its version lacks is 0      */
	char *name, *server;		   /* owned                                    */
	struct dt_config *config;	   /* held: what ctx.config lies in; or NULL   */
	uint64_t fingerprint;		   /* of its entry; 0 = like no other          */
	uint32_t chains;		   /* that it stands in; main thread           */
	struct dt_dur slow_hook, defer_timeout;
	bool defer_accept;
	atomic_bool closed;	    /* close() was called, or open() failed             */
	atomic_bool verdict_named;  /* its first bad verdict is in the log              */
	atomic_bool misuse_named;   /* … its first call of a host function from outside */
	struct dtlsd_ctx ctx;	    /* of open() and close()                            */
	_Atomic uint64_t *counters; /* owned until dt_chain_free(): worker by worker   */
	struct dt_place places[];   /* one per worker                                   */
};

/* An instance on one worker. */
struct dt_seat {
	struct dtlsd_ctx ctx; /* what hooks are given */
	struct dtlsd_instance *instance;
	struct dt_plugin_worker *pw;
	uint32_t chains; /* that it stands in on this worker */
	struct dt_list timers, watches; /* owned: struct module_timer, struct module_watch */
	struct dt_index timers_by_call, timers_by_handle, watches_by_fd;
	struct dt_mono slow_named_at; /* when its slowness was last logged */
	uint64_t line_heard;	      /* number of the last log line that it was told */
};

/* A chain on one worker. */
struct dt_chain_worker {
	struct dt_list node; /* in dt_plugin_worker.chains */
	struct dt_chain *chain;
	struct dt_plugin_worker *pw;
	struct dt_conn_events events;
	uint32_t count;	  /* of the chain                                          */
	uint32_t started; /* seats that are taken: the first ones                  */
	struct dt_seat *seats[];
};

/* What one worker shares with foreign threads; as old as the plugin. */
struct dt_shared {
	struct dt_mailbox *mailbox;	 /* borrowed */
	struct dt_plugin_worker *worker; /* borrowed; the worker's own thread only, NULL = none */
	struct dt_tokens tokens;
};

struct dt_plugin {
	uint32_t magic;
	uint32_t worker_count;
	struct dt_log *log;		  /* borrowed */
	struct dtlsd_instance *instances; /* owned: all there ever were */
	struct dt_list chains;		  /* borrowed: struct dt_chain, those that live */
	_Atomic uint32_t log_hooks;	  /* chains on workers that have one             */
	_Atomic uint32_t lines_far;	  /* log lines of other threads, on their way    */
	struct dt_shared shared[];
};

/* *out is in the plugin's list and stays there. Counters and names are its own. */
enum dt_err dt_instance_new(struct dt_plugin *plugin, const struct dtlsd_module *module,
    const char *server, const char *name, struct dtlsd_instance **out) DT_MUST_USE;
/* Frees what only a running instance needs. */
void dt_instance_retire(struct dtlsd_instance *inst);
/* For dt_plugin_free(); it is no longer in the list. */
void dt_instance_free(struct dtlsd_instance *inst);

/* The name of counter `i`: the module's own, then ours. */
uint32_t dt_instance_counter_count(const struct dtlsd_instance *inst);
const struct dtlsd_counter *dt_instance_counter(const struct dtlsd_instance *inst, uint32_t i);
uint64_t dt_instance_counter_sum(const struct dtlsd_instance *inst, uint32_t i);
/* Threads: the worker's own. */
void dt_instance_count(struct dtlsd_instance *inst, uint32_t worker, uint32_t i, uint64_t n);

void dt_instance_set(struct dtlsd_instance *inst, uint32_t worker, uint32_t i, uint64_t value);

static inline void
dt_instance_count_own(struct dtlsd_instance *inst, uint32_t worker, enum dt_own_counter which)
{
	dt_instance_count(inst, worker, inst->module->counter_count + (uint32_t)which, 1);
}

static inline struct dt_log_context
dt_instance_log_context(const struct dtlsd_instance *inst, uint64_t conn)
{
	return (struct dt_log_context){.server = inst->server, .module = inst->name, .conn = conn};
}

#endif
