/* probe.h - modules that are part of the test program: one that echoes, counts its calls and fails
 * when it is told to; names as "use" has them.
 *
 *	probe	echoes; see struct probe
 *	keys	as probe, and knows pre-shared keys
 *	picky	its check() complains about every option that is set
 *
 * Threads: the counts are atomic; the wishes are set before the server starts.
 */
#ifndef TEST_SERVER_PROBE_H
#define TEST_SERVER_PROBE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "config/config.h"

#define PROBE_WORKERS 8

struct probe {
	/* what happened */
	atomic_int opens, closes, starts, stops, connected, disconnected;
	atomic_int on_worker[PROBE_WORKERS]; /* connected */
	atomic_int posts_run;
	/* what is wished */
	int refuse_open;    /* the nth open() fails; 0 = none */
	int refuse_worker;  /* worker_start() fails on this worker, unless -1 */
	bool posts;	    /* worker_stop() and close() post to every worker */
	void (*on_stop)(void); /* called in worker_stop() */
};

extern struct probe probe; /* begins as {.refuse_worker = -1} */
extern const struct dt_config_modules probe_modules;

#endif
