/* world.h - what the tests of this room share: configurations in memory, a log that can be read.
 *
 * Failures of the surroundings end the test. Threads: world_log may be written from any, and is read
 * by world_logged() from any; all else is the test's own thread.
 */
#ifndef TEST_SERVER_WORLD_H
#define TEST_SERVER_WORLD_H

#include <pthread.h>

#include "config/config.h"
#include "probe.h"
#include "server/logger.h"
#include "server/server.h"

/* A configuration, read with the modules of probe.h, and what is said about it. */
struct world {
	struct dt_config *config;
	struct dt_config_report report;
	struct dt_logger logger; /* its lines go to world_log */
	char log[65536];	 /* "level server [module]: text\n" of each line; guarded by the lock */
	size_t log_len;
	pthread_mutex_t lock;
};

/* `text`: JSON in which ' stands for ". It must be good. */
void world_open(struct world *w, const char *text);
void world_close(struct world *w);
/* Whether a line of the log contains this. */
bool world_logged(struct world *w, const char *part);
/* Whether a message of the report contains this; messages read "file:line:column: error: …". */
bool world_reported(const struct world *w, const char *part);
/* All of them, for a failed assertion. */
const char *world_report(const struct world *w);

/* The first address that a running server serves. */
struct dtlsd_address world_address(const struct dt_server *s);
/* Open descriptors of this process. */
size_t world_descriptors(void);
/* A name in a directory of the test's own, which is removed at its end. */
const char *world_path(const char *name);

#define REPORTED(w, part)                                                                          \
	cr_assert(world_reported(w, part), "not reported: %s\n%s", part, world_report(w))
#define LOGGED(w, part) cr_assert(world_logged(w, part), "not in the log: %s\n%s", part, (w)->log)

#endif
