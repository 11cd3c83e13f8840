/* post.h - calls that travel to a worker through its mailbox.
 *
 * A send or a disconnect for a connection of another worker, a verdict from another thread, a call
 * that a module posted. What arrives before the instance has started on that worker waits at its
 * place; what arrives after it has stopped is dropped.
 * Threads: the post functions any, the rest the worker's own. Internal to the room.
 */
#ifndef DT_PLUGIN_POST_H
#define DT_PLUGIN_POST_H

#include "plugin/actions.h"
#include "plugin/instance.h"

#define DT_POST_MAX 65536u /* bytes that a module may post */

/* The action is done on the worker that its target names. Copies what it points to.
 * As dt_mailbox_post(). */
enum dt_err dt_post_action(
    struct dt_plugin *plugin, uint32_t worker, const struct dt_action *action) DT_MUST_USE;

/* Runs call(ctx, copy of data) on `count` workers from the first one on: on all of them or, unless
 * DT_OK, on none. As dt_mailbox_post(). */
enum dt_err dt_post_call(struct dtlsd_instance *inst, uint32_t first, uint32_t count,
    void (*call)(const struct dtlsd_ctx *c, void *data, size_t len), const void *data,
    size_t len) DT_MUST_USE;

/* The instance has started on its worker: runs what came before. */
void dt_post_run_early(struct dt_seat *seat);
void dt_post_drop_early(struct dt_place *place);

#endif
