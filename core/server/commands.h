/* commands.h - what the program can be asked to do; each returns its exit code.
 *
 * 0 good, 1 the configuration or the start failed (said on standard error), 2 wrong usage.
 * Threads: main.
 */
#ifndef DT_SERVER_COMMANDS_H
#define DT_SERVER_COMMANDS_H

#include "server/options.h"

int dt_command_main(const struct dt_options *options);

#endif
