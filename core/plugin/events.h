/* events.h - the table that the conn room calls, filled with a chain. Internal to the room. */
#ifndef DT_PLUGIN_EVENTS_H
#define DT_PLUGIN_EVENTS_H

#include "plugin/instance.h"

void dt_events_fill(struct dt_conn_events *events, struct dt_chain_worker *cw);

#endif
