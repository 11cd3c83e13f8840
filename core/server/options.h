/* options.h - the command line. Threads: main. */
#ifndef DT_SERVER_OPTIONS_H
#define DT_SERVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum dt_command {
	DT_COMMAND_RUN,
	DT_COMMAND_CHECK,  /* -t */
	DT_COMMAND_DUMP,   /* -T */
	DT_COMMAND_SCHEMA, /* schema */
	DT_COMMAND_MANUAL, /* schema --markdown */
	DT_COMMAND_VERSION,
	DT_COMMAND_HELP,
	DT_COMMAND_WRONG, /* it was told why on standard error */
};

struct dt_options {
	enum dt_command command;
	const char *config; /* -c; borrowed from argv, like all texts here */
	bool dev;
	const char *dev_module; /* "echo" unless given */
	uint16_t port;		/* of --dev */
};

struct dt_options dt_options_parse(int argc, char **argv);
const char *dt_options_help(void);

#endif
