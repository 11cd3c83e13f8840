/* actions.h - what hooks have asked for, until it is done.
 *
 * A queue in the order of the calls. Bytes are copied into memory of the queue, but for those that
 * are known to live until the queue has run.
 * Owner: struct dt_plugin_worker. Threads: none.
 */
#ifndef DT_PLUGIN_ACTIONS_H
#define DT_PLUGIN_ACTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A hook that asks for more between two runs is told to try again later. */
#define DT_ACTIONS_MAX 262144u
#define DT_ACTIONS_BYTES_MAX (64u << 20)

enum dt_action_kind {
	DT_ACTION_SEND,
	DT_ACTION_CLOSE,
	DT_ACTION_VERDICT,
	DT_ACTION_PAUSE,
	DT_ACTION_PROCESS,
};

struct dtlsd_instance;

struct dt_action {
	enum dt_action_kind kind;
	uint32_t verdict;    /* VERDICT */
	uint64_t target;     /* a connection; VERDICT: a token */
	const uint8_t *data; /* SEND: the datagram, VERDICT: the key; of the queue, or borrowed */
	size_t len;	     /* bytes */
	const struct dtlsd_instance *asker; /* borrowed, as old as the plugin; NULL = the host itself */
	bool from_hook;			    /* of the asker, not from a thread of its own */
	bool posted;			    /* came from another thread or worker */
};

struct dt_action_block;

/* All zero is an empty one. */
struct dt_actions {
	struct dt_action *items; /* owned */
	size_t count, cap;
	size_t next;			/* items before it were taken */
	size_t bytes;			/* of all blocks              */
	struct dt_action_block *blocks; /* owned: copied bytes, newest first */
	bool secret;			/* a block holds a key */
};

/* `copy`: data is copied, else it stays valid and unchanged until the action was taken and done.
 * DT_ERR_AGAIN (a limit), DT_ERR_NOMEM. */
enum dt_err dt_actions_add(
    struct dt_actions *a, const struct dt_action *action, bool copy) DT_MUST_USE;
/* Copies what waiting actions borrow from `from` (`len` bytes), for somebody is about to write
 * there. False: no memory, and these actions were taken out. */
bool dt_actions_detach(struct dt_actions *a, const uint8_t *from, size_t len);
/* The next one; its bytes live until dt_actions_reset(). False: none. */
bool dt_actions_take(struct dt_actions *a, struct dt_action *out);
/* Empties it; keys are wiped. */
void dt_actions_reset(struct dt_actions *a);
void dt_actions_fini(struct dt_actions *a);

#endif
