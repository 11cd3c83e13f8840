/* defer.h - verdicts that come later: each with a token, a timer and a copy of its event.
 *
 * From defer() in a hook until the verdict, the timeout or the end of the connection, whichever is
 * first. Capped by tokens and by the bytes of copied events.
 * Owner: the worker, by slot of the token; the connection's data points to it.
 * Threads: the worker's own. Internal to the room.
 */
#ifndef DT_PLUGIN_DEFER_H
#define DT_PLUGIN_DEFER_H

#include "base/span.h"
#include "plugin/gate.h"

#define DT_DEFER_BYTES_MAX (16u << 20) /* of copied events, per worker */

/* The token for the module that is asked now; the same one when it asks again. 0 = it has to
 * decide now. */
uint64_t dt_defer_new(struct dt_gate_run *run);

/* The module has returned DEFER. *answer is left alone when the wait begins; it becomes the
 * verdict when that was given already, or when defer_default has to decide. */
void dt_defer_begin(struct dt_gate_run *run, struct dt_answer *answer);
/* Void: the token is gone. */
void dt_defer_free(struct dt_deferral *d);

/* Keeps the verdict for a token whose hook has not returned yet. False: it has returned. */
bool dt_defer_keep_early(
    struct dt_plugin_worker *pw, uint64_t token, uint32_t verdict, struct dt_span key);
/* A claimed token gets its verdict; one that is gone is ignored. Not from within a hook. */
void dt_defer_settle(
    struct dt_plugin_worker *pw, uint64_t token, uint32_t verdict, struct dt_span key);

#endif
