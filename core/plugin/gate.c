#include "plugin/gate.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "conn/conn.h"
#include "plugin/defer.h"
#include "plugin/hook.h"
#include "plugin/worker_state.h"

#define BIT(verdict) (1u << (verdict))

static const struct gate_rules {
	enum dt_hook hook;
	uint32_t allowed; /* verdicts, as bits */
} rules[] = {
    [DT_GATE_REQUEST] = {DT_HOOK_CONNECTION_REQUEST,
	BIT(DTLSD_NEXT) | BIT(DTLSD_ACCEPT) | BIT(DTLSD_REJECT) | BIT(DTLSD_DEFER)},
    [DT_GATE_PSK] = {DT_HOOK_PSK_LOOKUP,
	BIT(DTLSD_NEXT) | BIT(DTLSD_FOUND) | BIT(DTLSD_REJECT) | BIT(DTLSD_DEFER)},
    [DT_GATE_AUTH] = {DT_HOOK_CLIENT_AUTH,
	BIT(DTLSD_NEXT) | BIT(DTLSD_ACCEPT) | BIT(DTLSD_REJECT) | BIT(DTLSD_DEFER)},
};

bool
dt_gate_allows(enum dt_gate_kind kind, uint32_t verdict)
{
	return verdict < 32 && rules[kind].allowed & BIT(verdict);
}

enum dt_hook
dt_gate_hook(enum dt_gate_kind kind)
{
	return rules[kind].hook;
}

bool
dt_gate_has_hook(const struct dtlsd_module *module, enum dt_gate_kind kind)
{
	switch (kind) {
	case DT_GATE_REQUEST:
		return module->connection_request != NULL;
	case DT_GATE_PSK:
		return module->psk_lookup != NULL;
	case DT_GATE_AUTH:
		return module->client_auth != NULL;
	}
	return false;
}

static uint8_t
read_alert(uint32_t alert)
{
	return alert <= UINT8_MAX ? (uint8_t)alert : 0;
}

static void
ask_psk(const struct dtlsd_module *m, const struct dtlsd_ctx *ctx, const struct dtlsd_psk *event,
    struct dt_answer *answer)
{
	struct dtlsd_psk psk = *event;
	answer->verdict = m->psk_lookup(ctx, &psk);
	if (answer->verdict == DTLSD_FOUND) {
		answer->key_len = psk.key_len;
		memcpy(answer->key, psk.key, sizeof(answer->key));
	}
	dt_wipe(&psk, sizeof(psk));
}

static void
call_hook(struct dt_gate_run *run, struct dt_seat *seat, struct dt_answer *answer)
{
	const struct dtlsd_module *m = seat->instance->module;
	struct dt_plugin_worker *pw = seat->pw;
	const struct dtlsd_ctx *ctx =
	    dt_hook_enter(seat, rules[run->event->kind].hook, dt_conn_id(run->conn));
	pw->gate = run;
	switch (run->event->kind) {
	case DT_GATE_REQUEST: {
		struct dtlsd_request request = run->event->request;
		answer->verdict = m->connection_request(ctx, &request);
		answer->alert = read_alert(request.alert);
		break;
	}
	case DT_GATE_PSK:
		ask_psk(m, ctx, &run->event->psk, answer);
		break;
	case DT_GATE_AUTH: {
		struct dtlsd_auth auth = run->event->auth;
		auth.recommended = run->recommended;
		answer->verdict = m->client_auth(ctx, &auth);
		answer->alert = read_alert(auth.alert);
		break;
	}
	}
	pw->gate = NULL;
	dt_hook_leave(seat);
}

static void
contain(struct dt_seat *seat, enum dt_gate_kind kind, struct dt_answer *answer, const char *what)
{
	dt_hook_contain(seat, rules[kind].hook, what, "REJECT");
	answer->verdict = DTLSD_REJECT;
	answer->alert = 0;
}

/* Whatever the module said, it is a verdict of this gate after that. */
static void
check_answer(struct dt_gate_run *run, struct dt_seat *seat, struct dt_answer *answer)
{
	enum dt_gate_kind kind = run->event->kind;
	char what[48];
	if (!dt_gate_allows(kind, answer->verdict)) {
		snprintf(what, sizeof(what), "returned verdict %u", answer->verdict);
		contain(seat, kind, answer, what);
	} else if (answer->verdict == DTLSD_FOUND &&
		   (answer->key_len == 0 || answer->key_len > sizeof(answer->key))) {
		snprintf(what, sizeof(what), "gave a key of %u bytes", answer->key_len);
		contain(seat, kind, answer, what);
	} else if (answer->verdict == DTLSD_DEFER && !run->deferral && !run->defer_refused) {
		contain(seat, kind, answer, "returned DEFER without a token");
	}
}

/* True: the run ends here, and *out says how. */
static bool
take_answer(struct dt_gate_run *run, const struct dt_answer *answer, struct dt_decision *out)
{
	out->alert = 0;
	switch (answer->verdict) {
	case DTLSD_NEXT:
		return false;
	case DTLSD_ACCEPT:
		run->recommended = DTLSD_ACCEPT;
		return false;
	case DTLSD_FOUND:
		out->gate = DT_GATE_ACCEPT;
		out->key_len = answer->key_len;
		memcpy(out->key, answer->key, sizeof(out->key));
		return true;
	case DTLSD_DEFER:
		out->gate = DT_GATE_WAIT;
		return true;
	default:
		out->gate = DT_GATE_REJECT;
		out->alert = answer->alert;
		return true;
	}
}

static bool
ask_one(struct dt_gate_run *run, struct dt_decision *out)
{
	struct dt_seat *seat = run->cw->seats[run->index];
	struct dt_answer answer = {.verdict = DTLSD_NEXT};
	run->deferral = NULL;
	run->defer_refused = false;
	call_hook(run, seat, &answer);
	check_answer(run, seat, &answer);
	if (answer.verdict == DTLSD_DEFER)
		dt_defer_begin(run, &answer);
	else if (run->deferral)
		dt_defer_free(run->deferral);
	bool over = take_answer(run, &answer, out);
	dt_wipe(&answer, sizeof(answer));
	return over;
}

void
dt_gate_ask(struct dt_gate_run *run, struct dt_decision *out)
{
	enum dt_gate_kind kind = run->event->kind;
	for (; run->index < run->cw->count; run->index++) {
		if (!dt_gate_has_hook(run->cw->seats[run->index]->instance->module, kind))
			continue;
		if (ask_one(run, out))
			return;
	}
	/* The end of the chain: a request is good, an identity without a key is left to the file of
	 * identities, and a certificate gets what is recommended. */
	bool accept = kind != DT_GATE_AUTH || run->recommended == DTLSD_ACCEPT;
	out->gate = accept ? DT_GATE_ACCEPT : DT_GATE_REJECT;
	out->alert = 0;
	out->key_len = 0;
}

void
dt_gate_go_on(struct dt_gate_run *run, const struct dt_answer *answer, struct dt_decision *out)
{
	if (take_answer(run, answer, out))
		return;
	run->index++;
	dt_gate_ask(run, out);
}
