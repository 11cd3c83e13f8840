#include "plugin/notices.h"

#include <stdio.h>

#include "base/assert.h"
#include "conn/conn.h"
#include "plugin/chain_state.h"
#include "plugin/hook.h"
#include "plugin/worker_state.h"

static void
on_tls_status(void *arg, struct dt_conn *c, const struct dtlsd_tls_status *event)
{
	struct dt_chain_worker *cw = arg;
	uint64_t id = dt_conn_id(c);
	for (uint32_t i = 0; i < cw->count; i++) {
		struct dt_seat *seat = cw->seats[i];
		if (!seat->instance->module->tls_status)
			continue;
		struct dtlsd_tls_status copy = *event;
		seat->instance->module->tls_status(dt_hook_enter(seat, DT_HOOK_TLS_STATUS, id), &copy);
		dt_hook_leave(seat);
	}
}

static void
tell_error(struct dt_seat *seat, uint64_t conn, int32_t code, const char *text)
{
	const struct dtlsd_error event = {.size = sizeof(event), .code = code, .text = text};
	if (!seat->instance->module->error)
		return;
	seat->instance->module->error(dt_hook_enter(seat, DT_HOOK_ERROR, conn), &event);
	dt_hook_leave(seat);
}

static void
on_error(void *arg, struct dt_conn *c, int32_t code, const char *text)
{
	struct dt_chain_worker *cw = arg;
	uint64_t id = dt_conn_id(c);
	for (uint32_t i = 0; i < cw->count; i++)
		tell_error(cw->seats[i], id, code, text);
}

void
dt_notice_error(struct dt_plugin_worker *pw, const struct dtlsd_instance *to, uint64_t conn, int32_t code,
    const char *text)
{
	struct dt_seat *seat = to ? to->places[pw->env.index].seat : NULL;
	if (seat)
		tell_error(seat, conn, code, text);
}

/* ---- data on its way out -------------------------------------------------------------------- */

/* The modules before the sender; all of them when no hook of this chain has sent it. */
static uint32_t
modules_before(const struct dt_chain_worker *cw, const struct dtlsd_instance *sender)
{
	for (uint32_t i = 0; sender && i < cw->count; i++)
		if (cw->seats[i]->instance == sender)
			return i;
	return cw->count;
}

/* Returns false when it is not to be sent. */
static bool
show_datagram(struct dt_seat *seat, uint64_t id, const struct dtlsd_datagram *event, uint32_t *len)
{
	struct dtlsd_datagram d = *event;
	char what[64];
	uint32_t verdict =
	    seat->instance->module->data_out(dt_hook_enter(seat, DT_HOOK_DATA_OUT, id), &d);
	dt_hook_leave(seat);
	if (verdict == DTLSD_DROP)
		return false;
	if (verdict != DTLSD_NEXT) {
		snprintf(what, sizeof(what), "returned verdict %u", verdict);
		dt_hook_contain(seat, DT_HOOK_DATA_OUT, what, "NEXT");
	}
	if (d.len > event->capacity) {
		snprintf(
		    what, sizeof(what), "left %u bytes where %u have room", d.len, event->capacity);
		dt_hook_contain(seat, DT_HOOK_DATA_OUT, what, "NEXT");
		return true;
	}
	*len = d.len;
	return true;
}

static bool
on_data_out(void *arg, struct dt_conn *c, uint8_t *data, size_t *len, size_t capacity)
{
	struct dt_chain_worker *cw = arg;
	uint64_t id = dt_conn_id(c);
	DT_ASSERT(*len <= capacity && capacity <= UINT32_MAX);
	struct dtlsd_datagram event = {.size = sizeof(event),
	    .len = (uint32_t)*len,
	    .capacity = (uint32_t)capacity,
	    .data = data};
	for (uint32_t i = modules_before(cw, cw->pw->sender); i-- > 0;) {
		struct dt_seat *seat = cw->seats[i];
		if (!seat->instance->module->data_out)
			continue;
		if (!show_datagram(seat, id, &event, &event.len))
			return false;
	}
	*len = event.len;
	return true;
}

/* ---- the table ------------------------------------------------------------------------------ */

void
dt_notices_fill(struct dt_conn_events *events, struct dt_chain_worker *cw)
{
	for (uint32_t i = 0; i < cw->count; i++) {
		const struct dtlsd_module *m = cw->chain->instances[i]->module;
		if (m->tls_status)
			events->tls_status = on_tls_status;
		if (m->error)
			events->error = on_error;
		if (m->data_out)
			events->data_out = on_data_out;
	}
}
