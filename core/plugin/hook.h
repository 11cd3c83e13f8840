/* hook.h - into the code of a module, and out of it again.
 *
 * Between the two the host functions marked WORKER answer to the ctx of that seat and to no other.
 * Hooks are not re-entrant: nothing that a module can call leads into another hook.
 * Threads: the worker's own. Internal to the room.
 */
#ifndef DT_PLUGIN_HOOK_H
#define DT_PLUGIN_HOOK_H

#include "plugin/instance.h"

/* Returns the ctx to call with; `conn` = 0: about no connection. */
const struct dtlsd_ctx *dt_hook_enter(struct dt_seat *seat, enum dt_hook hook, uint64_t conn);
/* What was borrowed for the hook dies. */
void dt_hook_leave(struct dt_seat *seat);

/* The hook broke its promise: counted, and the first of the instance is logged.
 * `what`: "returned verdict 77", `taken_as`: "REJECT". */
void dt_hook_contain(
    struct dt_seat *seat, enum dt_hook hook, const char *what, const char *taken_as);

const char *dt_hook_name(enum dt_hook hook);

#endif
