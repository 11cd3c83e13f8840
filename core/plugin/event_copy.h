/* event_copy.h - an event that outlives the call it came with, for a verdict that comes later.
 *
 * Owner: the deferral. Threads: none. Internal to the room.
 */
#ifndef DT_PLUGIN_EVENT_COPY_H
#define DT_PLUGIN_EVENT_COPY_H

#include "plugin/gate.h"

struct dt_event_copy {
	struct dt_gate_event event;
	struct dt_cert_fields *certificate; /* owned: event.auth.certificate; NULL = none */
	size_t size;			    /* bytes of this block */
	max_align_t bytes[];		    /* what the event points to */
};

/* DT_ERR_AGAIN: it takes more than `limit` bytes. DT_ERR_NOMEM. */
enum dt_err dt_event_copy_new(
    const struct dt_gate_event *event, size_t limit, struct dt_event_copy **out) DT_MUST_USE;
void dt_event_copy_free(struct dt_event_copy **copy);

#endif
