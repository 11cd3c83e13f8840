#include "plugin/events.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "conn/conn.h"
#include "plugin/conn_data.h"
#include "plugin/defer.h"
#include "plugin/gate.h"
#include "plugin/hook.h"
#include "plugin/notices.h"
#include "plugin/worker_state.h"

/* ---- gates ---------------------------------------------------------------------------------- */

static struct dt_gate_run
begin_run(struct dt_chain_worker *cw, struct dt_conn *c, const struct dt_gate_event *event)
{
	return (struct dt_gate_run){
	    .cw = cw, .conn = c, .event = event, .recommended = DTLSD_ACCEPT};
}

static enum dt_gate
on_request(void *arg, struct dt_conn *c, struct dtlsd_request *request)
{
	struct dt_gate_event event = {.kind = DT_GATE_REQUEST, .request = *request};
	struct dt_gate_run run = begin_run(arg, c, &event);
	struct dt_decision out = {.gate = DT_GATE_REJECT};
	dt_gate_ask(&run, &out);
	request->alert = out.alert;
	return out.gate;
}

static enum dt_gate
on_psk_lookup(void *arg, struct dt_conn *c, struct dtlsd_psk *psk)
{
	struct dt_gate_event event = {.kind = DT_GATE_PSK, .psk = *psk};
	struct dt_gate_run run = begin_run(arg, c, &event);
	struct dt_decision out = {.gate = DT_GATE_REJECT};
	dt_gate_ask(&run, &out);
	enum dt_gate gate = out.gate;
	if (gate == DT_GATE_ACCEPT) {
		memcpy(psk->key, out.key, out.key_len);
		psk->key_len = out.key_len;
	}
	dt_wipe(&out, sizeof(out));
	return gate;
}

static enum dt_gate
on_client_auth(void *arg, struct dt_conn *c, struct dtlsd_auth *auth)
{
	struct dt_gate_event event = {.kind = DT_GATE_AUTH, .auth = *auth};
	struct dt_gate_run run = begin_run(arg, c, &event);
	run.recommended = auth->recommended;
	struct dt_decision out = {.gate = DT_GATE_REJECT};
	dt_gate_ask(&run, &out);
	auth->alert = out.alert;
	return out.gate;
}

/* ---- life and data -------------------------------------------------------------------------- */

static void
on_connected(void *arg, struct dt_conn *c, int32_t status, const char *text)
{
	struct dt_chain_worker *cw = arg;
	uint64_t id = dt_conn_id(c);
	struct dtlsd_connected event = {.size = sizeof(event),
	    .status = status,
	    .text = text,
	    .peer = dt_conn_path(c)->peer,
	    .local = dt_conn_path(c)->local};
	for (uint32_t i = 0; i < cw->count; i++) {
		struct dt_seat *seat = cw->seats[i];
		if (!seat->instance->module->connected)
			continue;
		seat->instance->module->connected(
		    dt_hook_enter(seat, DT_HOOK_CONNECTED, id), &event);
		dt_hook_leave(seat);
	}
}

static void
on_disconnected(void *arg, struct dt_conn *c, int32_t status, const char *text)
{
	struct dt_chain_worker *cw = arg;
	uint64_t id = dt_conn_id(c);
	struct dtlsd_disconnected event = {.size = sizeof(event), .status = status, .text = text};
	for (uint32_t i = cw->count; i-- > 0;) {
		struct dt_seat *seat = cw->seats[i];
		if (!seat->instance->module->disconnected)
			continue;
		seat->instance->module->disconnected(
		    dt_hook_enter(seat, DT_HOOK_DISCONNECTED, id), &event);
		dt_hook_leave(seat);
	}
}

static void
contain_data(struct dt_seat *seat, const char *what)
{
	dt_hook_contain(seat, DT_HOOK_DATA_IN, what, "NEXT");
}

/* Returns NEXT, DONE or CLOSE, and the length for the next module. */
static uint32_t
offer_datagram(struct dt_seat *seat, uint64_t id, const struct dtlsd_datagram *event, uint32_t *len)
{
	struct dtlsd_datagram d = *event;
	char what[64];
	uint32_t verdict =
	    seat->instance->module->data_in(dt_hook_enter(seat, DT_HOOK_DATA_IN, id), &d);
	dt_hook_leave(seat);
	if (verdict == DTLSD_DONE || verdict == DTLSD_CLOSE)
		return verdict;
	if (verdict != DTLSD_NEXT) {
		snprintf(what, sizeof(what), "returned verdict %u", verdict);
		contain_data(seat, what);
	}
	if (d.len > event->capacity) {
		snprintf(
		    what, sizeof(what), "left %u bytes where %u have room", d.len, event->capacity);
		contain_data(seat, what);
		return DTLSD_NEXT;
	}
	*len = d.len;
	return DTLSD_NEXT;
}

static void
on_data_in(void *arg, struct dt_conn *c, uint8_t *data, size_t len, size_t capacity)
{
	struct dt_chain_worker *cw = arg;
	struct dt_plugin_worker *pw = cw->pw;
	uint64_t id = dt_conn_id(c);
	DT_ASSERT(len <= capacity && capacity <= UINT32_MAX);
	struct dtlsd_datagram event = {.size = sizeof(event),
	    .len = (uint32_t)len,
	    .capacity = (uint32_t)capacity,
	    .data = data};
	size_t asked = pw->actions.count;
	for (uint32_t i = 0; i < cw->count; i++) {
		struct dt_seat *seat = cw->seats[i];
		if (!seat->instance->module->data_in)
			continue;
		/* A module before this one has sent the bytes that this one may rewrite. */
		if (pw->actions.count != asked &&
		    !dt_actions_detach(&pw->actions, data, capacity)) {
			struct dt_log_context context = dt_instance_log_context(seat->instance, id);
			dt_log(pw->env.plugin->log, DT_LOG_WARNING, &context,
			    "a datagram that a module sent is lost: out of memory");
		}
		asked = pw->actions.count;
		uint32_t verdict = offer_datagram(seat, id, &event, &event.len);
		if (verdict == DTLSD_NEXT)
			continue;
		if (verdict == DTLSD_CLOSE)
			dt_plugin_worker_close_later(pw, id);
		return;
	}
	dt_count(pw->env.counters, DT_COUNT_DATA_UNHANDLED, 1);
}

static bool
agrees_to_move(struct dt_seat *seat, uint64_t id, const struct dtlsd_peer_moved *event)
{
	struct dtlsd_peer_moved copy = *event;
	char what[48];
	uint32_t verdict =
	    seat->instance->module->peer_moved(dt_hook_enter(seat, DT_HOOK_PEER_MOVED, id), &copy);
	dt_hook_leave(seat);
	if (verdict != DTLSD_NEXT && verdict != DTLSD_REJECT) {
		snprintf(what, sizeof(what), "returned verdict %u", verdict);
		dt_hook_contain(seat, DT_HOOK_PEER_MOVED, what, "REJECT");
	}
	return verdict == DTLSD_NEXT;
}

static bool
on_peer_moved(void *arg, struct dt_conn *c, const struct dt_path *to)
{
	struct dt_chain_worker *cw = arg;
	struct dtlsd_peer_moved event = {
	    .size = sizeof(event), .from = dt_conn_path(c)->peer, .to = to->peer};
	for (uint32_t i = 0; i < cw->count; i++) {
		struct dt_seat *seat = cw->seats[i];
		if (seat->instance->module->peer_moved &&
		    !agrees_to_move(seat, dt_conn_id(c), &event))
			return false;
	}
	return true;
}

static void
on_released(void *arg, struct dt_conn *c)
{
	struct dt_conn_data *data = dt_conn_data_get(c);
	if (data && data->deferral)
		dt_defer_free(data->deferral);
	dt_conn_data_free(c, arg);
}

void
dt_events_fill(struct dt_conn_events *events, struct dt_chain_worker *cw)
{
	*events = (struct dt_conn_events){.arg = cw,
	    .request = on_request,
	    .psk_lookup = on_psk_lookup,
	    .client_auth = on_client_auth,
	    .connected = on_connected,
	    .data_in = on_data_in,
	    .peer_moved = on_peer_moved,
	    .disconnected = on_disconnected,
	    .released = on_released};
	dt_notices_fill(events, cw);
}
