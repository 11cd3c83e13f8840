/* run.h - the life of the daemon: start, signals, end. Threads: main. */
#ifndef DT_SERVER_RUN_H
#define DT_SERVER_RUN_H

#include "config/config.h"
#include "server/logger.h"

/* All is borrowed. */
struct dt_run_config {
	const struct dt_config *config;
	bool dev;
	/* Reads the configuration again, for a reload; the caller frees *out. */
	enum dt_err (*read)(void *arg, struct dt_config **out, struct dt_config_report *report);
	void *read_arg;
};

/* Runs until TERM or INT; HUP reloads, USR1 opens the log anew. What is wrong with the first
 * configuration goes to the report, with a later one into the log. */
enum dt_err dt_run(const struct dt_run_config *what, struct dt_logger *logger,
    struct dt_config_report *report) DT_MUST_USE;

#endif
