#include "plugin/defer.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "conn/conn.h"
#include "plugin/conn_data.h"
#include "plugin/event_copy.h"
#include "plugin/hook.h"
#include "plugin/worker_state.h"

/* When a verdict was claimed in time but is still in the mailbox at the timeout. */
#define LOOK_AGAIN DT_MILLISECONDS(10)

struct dt_deferral {
	uint64_t token;
	struct dt_chain_worker *cw; /* borrowed                             */
	struct dt_conn *conn;	    /* borrowed: its `released` frees this  */
	enum dt_gate_kind kind;
	uint32_t index;		    /* of the module that deferred          */
	uint32_t recommended;
	uint8_t alert;		    /* that it has set for a REJECT         */
	bool waiting;		    /* its hook has returned                */
	bool early;		    /* `answer` came before that            */
	struct dt_answer answer;
	struct dt_timer timer;
	struct dt_event_copy *copy; /* owned; NULL: no module behind asks   */
};

static struct dt_seat *
seat_of(const struct dt_deferral *d)
{
	return d->cw->seats[d->index];
}

static bool
is_last(const struct dt_gate_run *run)
{
	for (uint32_t i = run->index + 1; i < run->cw->count; i++)
		if (dt_gate_has_hook(run->cw->seats[i]->instance->module, run->event->kind))
			return false;
	return true;
}

static uint32_t
default_verdict(const struct dtlsd_instance *inst)
{
	/* "accept" is to do without this module: what the others and the verification say holds. It
	 * makes up no key, and forgives no certificate. */
	return inst->defer_accept ? DTLSD_NEXT : DTLSD_REJECT;
}

static void
time_out(struct dt_timer *timer, struct dt_now now)
{
	struct dt_deferral *d = DT_CONTAINER(timer, struct dt_deferral, timer);
	struct dt_seat *seat = seat_of(d);
	struct dt_plugin_worker *pw = seat->pw;
	const struct dtlsd_instance *inst = seat->instance;
	if (dt_token_claim(dt_plugin_worker_tokens(pw), d->token, DTLSD_REJECT, 0) != DT_CLAIM_OK) {
		dt_timer_arm(pw->env.wheel, &d->timer, dt_mono_add(now.mono, LOOK_AGAIN));
		return;
	}
	struct dt_log_context context = dt_instance_log_context(inst, dt_conn_id(d->conn));
	dt_log(inst->plugin->log, DT_LOG_WARNING, &context,
	    "no verdict for %s within %" PRId64 " ms: defer_default decides (%s)",
	    dt_hook_name(dt_gate_hook(d->kind)), inst->defer_timeout.ns / 1000000,
	    inst->defer_accept ? "accept" : "reject");
	dt_instance_count_own(seat->instance, seat->ctx.worker, DT_OWN_DEFER_DEFAULTS);
	d->alert = 0;
	dt_defer_settle(pw, d->token, default_verdict(inst), (struct dt_span){NULL, 0});
	dt_plugin_worker_flush(pw);
}

static enum dt_err
copy_event(struct dt_gate_run *run, struct dt_deferral *d)
{
	struct dt_plugin_worker *pw = run->cw->pw;
	if (is_last(run))
		return DT_OK;
	enum dt_err err =
	    dt_event_copy_new(run->event, DT_DEFER_BYTES_MAX - pw->deferral_bytes, &d->copy);
	if (err == DT_OK)
		pw->deferral_bytes += d->copy->size;
	return err;
}

uint64_t
dt_defer_new(struct dt_gate_run *run)
{
	struct dt_plugin_worker *pw = run->cw->pw;
	if (run->deferral)
		return run->deferral->token;

	run->defer_refused = true;
	if (dt_conn_state(run->conn) == DT_CONN_ESTABLISHED)
		return 0; /* asked once more, and nothing waits for the answer */
	struct dt_conn_data *data = dt_conn_data_need(run->conn, run->cw->count);
	struct dt_deferral *d = data ? dt_alloc(sizeof(*d)) : NULL;
	if (!d)
		return 0;
	DT_ASSERT(!data->deferral);
	d->cw = run->cw;
	d->conn = run->conn;
	d->kind = run->event->kind;
	d->index = run->index;
	dt_timer_init(&d->timer, time_out);
	if (copy_event(run, d) == DT_OK)
		d->token = dt_token_new(dt_plugin_worker_tokens(pw), d->kind);
	if (!d->token) {
		dt_defer_free(d);
		return 0;
	}
	pw->deferrals[dt_token_slot(d->token)] = d;
	data->deferral = d;
	run->deferral = d;
	run->defer_refused = false;
	return d->token;
}

void
dt_defer_free(struct dt_deferral *d)
{
	struct dt_plugin_worker *pw = d->cw->pw;
	if (d->token) {
		dt_conn_data_get(d->conn)->deferral = NULL;
		pw->deferrals[dt_token_slot(d->token)] = NULL;
		dt_token_free(dt_plugin_worker_tokens(pw), d->token);
	}
	if (d->copy)
		pw->deferral_bytes -= d->copy->size;
	dt_event_copy_free(&d->copy);
	dt_timer_cancel(&d->timer);
	dt_free_secret(d, sizeof(*d));
}

/* Too many wait, so the module got no token and returned DEFER nevertheless. */
static void
decide_by_default(struct dt_gate_run *run, struct dt_answer *answer)
{
	struct dt_seat *seat = run->cw->seats[run->index];
	struct dtlsd_instance *inst = seat->instance;
	dt_instance_count_own(inst, seat->ctx.worker, DT_OWN_DEFER_DEFAULTS);
	*answer = (struct dt_answer){.verdict = default_verdict(inst)};
}

void
dt_defer_begin(struct dt_gate_run *run, struct dt_answer *answer)
{
	struct dt_deferral *d = run->deferral;
	struct dt_plugin_worker *pw = run->cw->pw;
	if (!d) {
		decide_by_default(run, answer);
		return;
	}
	if (d->early) {
		uint8_t alert = answer->alert;
		*answer = d->answer;
		answer->alert = alert;
		dt_defer_free(d);
		run->deferral = NULL;
		return;
	}
	d->waiting = true;
	d->alert = answer->alert;
	d->recommended = run->recommended;
	dt_timer_arm(pw->env.wheel, &d->timer,
	    dt_mono_add(pw->now.mono, seat_of(d)->instance->defer_timeout));
}

static void
write_answer(struct dt_answer *to, uint32_t verdict, struct dt_span key)
{
	*to = (struct dt_answer){.verdict = verdict, .key_len = (uint32_t)key.len};
	DT_ASSERT(key.len <= sizeof(to->key));
	if (key.len)
		memcpy(to->key, key.data, key.len);
}

/* NULL when the token is gone. */
static struct dt_deferral *
find(struct dt_plugin_worker *pw, uint64_t token)
{
	if (!dt_token_alive(dt_plugin_worker_tokens(pw), token))
		return NULL;
	return pw->deferrals[dt_token_slot(token)];
}

bool
dt_defer_keep_early(
    struct dt_plugin_worker *pw, uint64_t token, uint32_t verdict, struct dt_span key)
{
	struct dt_deferral *d = find(pw, token);
	if (!d || d->waiting)
		return false;
	d->early = true;
	write_answer(&d->answer, verdict, key);
	return true;
}

void
dt_defer_settle(struct dt_plugin_worker *pw, uint64_t token, uint32_t verdict, struct dt_span key)
{
	struct dt_deferral *d = find(pw, token);
	if (!d)
		return;
	DT_ASSERT(d->waiting);
	struct dt_conn *c = d->conn;
	if (!dt_conn_waiting(c, d->kind)) {
		dt_defer_free(d); /* it is closing */
		return;
	}

	struct dt_answer answer;
	write_answer(&answer, verdict, key);
	answer.alert = d->alert;
	struct dt_event_copy *copy = d->copy;
	struct dt_gate_event nobody = {.kind = d->kind};
	struct dt_gate_run run = {.cw = d->cw,
	    .conn = c,
	    .event = copy ? &copy->event : &nobody,
	    .index = d->index,
	    .recommended = d->recommended};
	if (copy)
		pw->deferral_bytes -= copy->size;
	d->copy = NULL;
	enum dt_gate_kind kind = d->kind;
	dt_defer_free(d);

	struct dt_decision out = {.gate = DT_GATE_REJECT};
	dt_gate_go_on(&run, &answer, &out);
	dt_event_copy_free(&copy);
	if (out.gate != DT_GATE_WAIT)
		dt_conn_verdict(c, kind, out.gate == DT_GATE_ACCEPT, out.alert,
		    (struct dt_span){out.key_len ? out.key : NULL, out.key_len}, pw->now);
	dt_wipe(&answer, sizeof(answer));
	dt_wipe(&out, sizeof(out));
}
