/* gate.h - asks the modules of a chain, one after the other, whether something may go on.
 *
 * The rules of a decision stand in chain.h. Each module gets a copy of the event, so that none can
 * change what a later one decides on.
 * Threads: the worker's own, but for dt_gate_allows(). Internal to the room.
 */
#ifndef DT_PLUGIN_GATE_H
#define DT_PLUGIN_GATE_H

#include "base/span.h"
#include "plugin/instance.h"

struct dt_deferral;

struct dt_gate_event {
	enum dt_gate_kind kind;
	union {
		struct dtlsd_request request;
		struct dtlsd_psk psk;
		struct dtlsd_auth auth;
	};
};

/* What a module said. */
struct dt_answer {
	uint32_t verdict;
	uint8_t alert;	  /* with REJECT */
	uint32_t key_len; /* with FOUND  */
	uint8_t key[sizeof(((struct dtlsd_psk *)0)->key)];
};

/* What became of it all. */
struct dt_decision {
	enum dt_gate gate;
	uint8_t alert;
	uint32_t key_len;
	uint8_t key[sizeof(((struct dtlsd_psk *)0)->key)];
};

/* A run over the chain, from module `index` on. */
struct dt_gate_run {
	struct dt_chain_worker *cw;
	struct dt_conn *conn;
	const struct dt_gate_event *event; /* as the conn room made it; not changed          */
	uint32_t index;			   /* of the module that is asked                    */
	uint32_t recommended;		   /* ACCEPT or REJECT, for client_auth              */
	struct dt_deferral *deferral;	   /* of this module, when it called defer(); or NULL */
	bool defer_refused;		   /* it called defer(), but too many wait           */
};

/* Asks all that are left. With DT_GATE_WAIT the deferral has taken over. Wipe *out after use. */
void dt_gate_ask(struct dt_gate_run *run, struct dt_decision *out);
/* Goes on with the answer of module `index`, as if it had just returned it. */
void dt_gate_go_on(
    struct dt_gate_run *run, const struct dt_answer *answer, struct dt_decision *out);

bool dt_gate_allows(enum dt_gate_kind kind, uint32_t verdict);
/* The module's hook for this gate is not NULL. */
bool dt_gate_has_hook(const struct dtlsd_module *module, enum dt_gate_kind kind);
enum dt_hook dt_gate_hook(enum dt_gate_kind kind);

#endif
