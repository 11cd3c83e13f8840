/* world.h - a plugin room with workers, a clock that the test moves, and modules made of scripts.
 *
 * All workers live on the thread of the test, one turn at a time. What happens is written into one
 * text, the trace: "name.hook " for each call of a hook, and what the test's own callbacks add.
 */
#ifndef WORLD_H
#define WORLD_H

#include <criterion/criterion.h>

#include "fake_conn.h"
#include "plugin/chain.h"

#define WORLD_WORKERS 2u
#define WORLD_DEFER_LIMIT 4u
#define ROOM 64u /* bytes of a datagram's buffer */

/* What a scripted module does; the config of its instance. Verdicts are what hooks return. */
struct script {
	const char *name;
	uint32_t request, psk, auth, data, moved;
	uint32_t alert;	  /* set in the event                                  */
	const char *key;  /* set in psk_lookup                                 */
	uint32_t key_len; /* 0 = its length                                    */
	bool defers;	  /* asks for a token in each gate                     */
	int32_t open_code, start_code;
	uint64_t token;	      /* of its last defer()                               */
	uint32_t recommended; /* what client_auth saw                             */
	void (*each)(const struct dtlsd_ctx *c, const char *hook); /* called in every hook */
	void (*on_request)(const struct dtlsd_ctx *c, struct dtlsd_request *request);
	void (*on_auth)(const struct dtlsd_ctx *c, struct dtlsd_auth *auth);
	void (*on_data)(const struct dtlsd_ctx *c, struct dtlsd_datagram *datagram);
	void (*on_moved)(const struct dtlsd_ctx *c, const struct dtlsd_peer_moved *event);
	const struct dtlsd_ctx *open_ctx; /* of open()                            */
};

extern const struct dtlsd_module scripted; /* has every hook, and counters "first", "second" */

struct world {
	struct dt_mailbox mailbox[WORLD_WORKERS];
	struct dt_mailbox *mailboxes[WORLD_WORKERS];
	struct dt_wheel wheel[WORLD_WORKERS];
	struct dt_loop loop[WORLD_WORKERS];
	struct dt_counters counters[WORLD_WORKERS];
	struct dt_conns *conns[WORLD_WORKERS];
	struct dt_plugin_worker *pw[WORLD_WORKERS];
	struct dt_service service[WORLD_WORKERS];
	struct dt_plugin *plugin;
	struct dt_chain *chain;
	struct dt_log log;
	struct dt_now now;
};

extern char world_trace[8192];	  /* see above                          */
extern char world_log[8192];	  /* "level module: text\n" of each line */
extern struct dt_now world_clock; /* what dt_clock_now() tells        */

/* A world whose chain is these scripts, started on every worker. slow_hook 20 ms, defer_timeout
 * 1 s, defer_default reject. */
void world_open(struct world *w, struct script *const *scripts, size_t count);
/* The same, chosen by the test. */
void world_open_entries(struct world *w, const struct dt_chain_entry *entries, size_t count);
void world_begin(struct world *w);	 /* without a chain  */
void world_start_chain(struct world *w); /* on every worker  */
/* Closes every connection that is left and takes everything apart; nothing may leak. */
void world_close(struct world *w);
struct dt_chain_entry world_entry(struct script *s);

/* A connection of worker `i`: new, or established. */
struct dt_conn *world_conn(struct world *w, uint32_t i);
struct dt_conn *world_established(struct world *w, uint32_t i);
/* One datagram through the chain, then the flush; `data` may be longer for room to grow. */
void world_data(struct world *w, struct dt_conn *c, const char *text);
/* Runs the mailbox of worker i, or of all. Returns the number of rounds that had mail. */
void world_drain(struct world *w);
/* Moves time, runs the timers due on every worker. */
void world_advance(struct world *w, int64_t ms);
/* "instance.counter" */
uint64_t world_counter(const struct world *w, const char *name);

void world_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void world_forget_trace(void);

#define TRACE_IS(text) cr_assert_str_eq(world_trace, text, "trace is \"%s\"", world_trace)
#define LOGGED(part) cr_assert(strstr(world_log, part), "not in the log: %s\n%s", part, world_log)

#endif
