/* notices.h - the hooks that look on: tls_status, error, data_out.
 *
 * A hook that no module of the chain has is left out of the table, so that the conn room does
 * nothing for it. Threads: the worker's own. Internal to the room.
 */
#ifndef DT_PLUGIN_NOTICES_H
#define DT_PLUGIN_NOTICES_H

#include "plugin/instance.h"

/* Requires: cw->chain and cw->pw are set. */
void dt_notices_fill(struct dt_conn_events *events, struct dt_chain_worker *cw);

/* Tells one instance alone: what it has asked for came to nothing. */
void dt_notice_error(struct dt_plugin_worker *pw, const struct dtlsd_instance *to, uint64_t conn,
    int32_t code, const char *text);

#endif
