/* worker.h - the plugin room's part of one worker.
 *
 * Knows which hook runs now, and what hooks have asked for: a send, a disconnect, a verdict takes
 * effect after the hook has returned, in the order of the calls. The conn room may not be called
 * from within its events, so the worker says when: dt_plugin_worker_flush().
 * Owner: the server's worker. Threads: that worker's own, but for new, which may come before.
 */
#ifndef DT_PLUGIN_WORKER_H
#define DT_PLUGIN_WORKER_H

#include "base/counters.h"
#include "conn/table.h"
#include "io/loop.h"
#include "io/wheel.h"
#include "plugin/plugin.h"

struct dt_plugin_worker;

struct dt_plugin_worker_config {
	struct dt_plugin *plugin; /* borrowed */
	uint32_t index;		  /* of this worker */
	struct dt_wheel *wheel;	  /* borrowed, like all below */
	struct dt_loop *loop;
	struct dt_conns *conns;
	struct dt_counters *counters; /* DATA_UNHANDLED and HOOKS_SLOW are counted here */
};

enum dt_err dt_plugin_worker_new(
    const struct dt_plugin_worker_config *config, struct dt_plugin_worker **out) DT_MUST_USE;
/* Every chain was stopped on this worker before. */
void dt_plugin_worker_free(struct dt_plugin_worker **pw);

/* A turn of the loop begins: before anything that may run a hook. The calling thread is this
 * worker from now on. */
void dt_plugin_worker_turn(struct dt_plugin_worker *pw, struct dt_now now);
/* The next dt_conns_input() gets this datagram: what a module sends back from within it is not
 * copied. The bytes stay as that call leaves them until the flush. May be left out. */
void dt_plugin_worker_datagram(struct dt_plugin_worker *pw, const uint8_t *data, size_t capacity);
/* Does what hooks have asked for: after each dt_conns_input() and dt_wheel_run(), never from
 * within an event of the conn room. What this causes, hooks included, is done before it returns. */
void dt_plugin_worker_flush(struct dt_plugin_worker *pw);
/* A hook has asked for something since the last flush: there should be another one soon. */
bool dt_plugin_worker_busy(const struct dt_plugin_worker *pw);
/* The turn ends: flushes, then looks how long the turn took. One that was longer than slow_hook
 * makes the next ones time each hook, until the slow one is named in the log. */
void dt_plugin_worker_turn_end(struct dt_plugin_worker *pw);

#endif
