/* restart.h - a client that is in, and the one that starts again on its path.
 *
 * Both speak from the address of the first. What the server sends goes to the second when it begins in the clear, and
 * once that is connected; else to the first. The first may be gone, as after a crash, or alive, as where
 * somebody else speaks in its name. Owner: the test. Threads: none.
 */
#ifndef DT_TESTS_SIM_RESTART_H
#define DT_TESTS_SIM_RESTART_H

#include "forge.h"
#include "sim.h"

#define RESTART_KEY "a key of both"
#define RESTART_HELLOS 8u

struct restart_kind {
	const char *name;
	const char *before, *after; /* suites of the first and of the second client; NULL = the default */
	bool psk, tickets;
	unsigned connection_limit;  /* 0 = as usual */
};

struct restart_hello {
	size_t len;
	uint8_t bytes[600];
};

struct restart {
	struct sim *sim;	       /* owned */
	const struct restart_kind *kind;
	SSL_CTX *ctx, *new_ctx;	       /* owned */
	SSL_SESSION *session;	       /* owned; NULL = nothing to resume */
	uint32_t path;		       /* number of the first client */
	struct sim_client *old, *new;  /* of sim; NULL = not there */
	struct sim_diary *before;      /* of the first connection */
	struct sim_diary *seen;	       /* the newest when the second one began */
	struct restart_hello hellos[RESTART_HELLOS]; /* those with a cookie, in their order */
	size_t hello_count;
};

/* The first client is connected and has echoed. `o` NULL: sim_defaults(). */
void restart_init(struct restart *r, const struct restart_kind *kind, const struct sim_options *o);
void restart_fini(struct restart *r);

/* The first client vanishes without a word. */
void restart_crash(struct restart *r);
/* The next one speaks its first hello. One that was there before is gone. */
void restart_begin(struct restart *r);
/* The same, and long enough for its second hello to have come. */
void restart_begin_shadow(struct restart *r);
/* The second one's connection; NULL = there is none yet. */
struct sim_diary *restart_after(struct restart *r);
/* The second one is in: after the first one's end, under another id, alone, in the one place; echoes. */
void restart_check_replaced(struct restart *r);
/* The first one has noticed nothing and echoes. */
void restart_check_untouched(struct restart *r);

/* A hello with a cookie from the path, as often as it is wanted. */
void restart_replay(struct restart *r, size_t hello);
/* The server, as the first client sees it: a datagram from the path. */
void restart_inject(struct restart *r, const uint8_t *bytes, size_t len);
/* The verdict the newest connection waits for. */
void restart_verdict(struct restart *r, enum dt_gate_kind kind, bool accept, uint8_t alert);

#endif
