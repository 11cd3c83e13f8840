/* hearing.h - log lines on their way to the log hooks.
 *
 * A hook is not called where a line is said, which may be in the middle of anything: the line
 * waits for the flush of the worker that said it; what other threads say travels to worker 0.
 * Bounded: when a module is too slow for its log, lines are lost to it, not to the log.
 * A line said while lines are told waits for the next flush, so that a module that causes lines by
 * reading lines cannot hold its worker. What is logged within a log hook is dropped.
 * Internal to the room.
 */
#ifndef DT_PLUGIN_HEARING_H
#define DT_PLUGIN_HEARING_H

#include "base/log.h"

#define DT_HEARING_MAX 256u /* that wait: on each worker, and of all other threads together */

struct dt_plugin;
struct dt_plugin_worker;
struct dt_heard_line;

/* Of a worker; all zero is an empty one. */
struct dt_hearing {
	struct dt_heard_line *first; /* owned, oldest first */
	struct dt_heard_line **last;
	unsigned count;
};

/* Lines of the plugin's log come here from now on. Threads: main, while no other logs; `end` too. */
void dt_hearing_begin(struct dt_plugin *plugin);
void dt_hearing_end(struct dt_plugin *plugin);
/* Tells those that wait. Threads: the worker's own, like all below. */
void dt_hearing_tell(struct dt_plugin_worker *pw);
void dt_hearing_drop(struct dt_plugin_worker *pw);

#endif
