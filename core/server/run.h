/* run.h - the life of the daemon: start, signals, end. Threads: main. */
#ifndef DT_SERVER_RUN_H
#define DT_SERVER_RUN_H

#include "config/config.h"
#include "server/logger.h"

/* Runs until TERM or INT. What is wrong with the configuration goes to the report. */
enum dt_err dt_run(const struct dt_config *config, bool dev, struct dt_logger *logger,
    struct dt_config_report *report) DT_MUST_USE;

#endif
