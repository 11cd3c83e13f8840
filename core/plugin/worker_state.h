/* worker_state.h - the inside of struct dt_plugin_worker. Internal to the room. */
#ifndef DT_PLUGIN_WORKER_STATE_H
#define DT_PLUGIN_WORKER_STATE_H

#include "base/list.h"
#include "plugin/actions.h"
#include "plugin/instance.h"
#include "plugin/hearing.h"
#include "plugin/worker.h"

#define DT_PLUGIN_WORKER_MAGIC 0x64747077u

struct dt_deferral;
struct dt_gate_run;
struct dt_seen_certificate;

struct dt_plugin_worker {
	uint32_t magic;
	struct dt_plugin_worker_config env;
	struct dt_now now; /* of this turn */

	struct dt_seat *running;		  /* whose hook runs now, NULL = none */
	enum dt_hook hook;			  /* which one                        */
	struct dt_gate_run *gate;		  /* the gate it stands in, or NULL   */
	struct dt_seen_certificate *certificates; /* owned: decoded for the hook that runs */

	struct dt_actions actions;
	bool flushing;
	const struct dtlsd_instance *sender; /* whose hook sent what is being sent; NULL = none */
	struct dt_hearing lines;
	uint64_t lines_told;
	const uint8_t *datagram; /* borrowed: stays as it is until the flush; NULL = none */
	size_t datagram_len;	 /* bytes */

	struct dt_deferral **deferrals; /* owned: by slot of the token */
	size_t deferral_bytes;		/* of copied events            */

	struct dt_list chains;	   /* borrowed: struct dt_chain_worker    */
	uint64_t next_timer;	   /* handle of the next timer of modules */
	struct dt_dur slow_turn;   /* the smallest slow_hook; 0 = none    */
	uint32_t timed_turns;	   /* turns in which each hook is timed   */
	struct dt_mono hook_began; /* while it is                         */
};

/* close_notify after the hook; a verdict of CLOSE. */
void dt_plugin_worker_close_later(struct dt_plugin_worker *pw, uint64_t conn);
/* The worker that the calling thread is; NULL off the workers. */
struct dt_plugin_worker *dt_plugin_worker_here(void);

static inline struct dt_tokens *
dt_plugin_worker_tokens(const struct dt_plugin_worker *pw)
{
	return &pw->env.plugin->shared[pw->env.index].tokens;
}

#endif
