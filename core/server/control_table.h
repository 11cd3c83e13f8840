/* control_table.h - every command of the control socket: its name, its arguments, its help.
 *
 * The one table of which the checks of the server, the help and the completion of dtlsctl are
 * made. A new command is a row of control_table.def, its arguments here and its function in a file
 * of the server by theme (control_command.h). Knows neither socket nor server.
 * Threads: any, all is constant.
 */
#ifndef DT_SERVER_CONTROL_TABLE_H
#define DT_SERVER_CONTROL_TABLE_H

#include <dtlsd/module.h>
#include <stdbool.h>
#include <stddef.h>

/* How an answer reads best: rows of a table, or each row as a list of names and values. */
enum dt_control_shape { DT_CONTROL_TABLE, DT_CONTROL_RECORD };

enum dt_control_id {
#define X(id, name, arguments, words, shape, changes, run, summary, example) DT_CONTROL_##id,
#include "server/control_table.def"
#undef X
	DT_CONTROL_COMMANDS
};

struct dt_control_command {
	const char *name; /* one word, or two with a blank between them */
	const struct dtlsd_options *arguments;
	uint32_t words; /* so many arguments, the first ones, may be given without their names */
	enum dt_control_shape shape;
	bool changes; /* it does something: such commands are logged */
	const char *summary;
	const char *example; /* the command line of dtlsctl */
};

extern const struct dt_control_command dt_control_commands[DT_CONTROL_COMMANDS];

/* NULL when there is no such command; *near is then the nearest name, or NULL. */
const struct dt_control_command *dt_control_find(const char *name, const char **near);

/* ---- arguments ---- */

/* An argument whose value dtlsctl may also take from a file (--file PATH). */
#define DT_CONTROL_FROM_FILE "base64"

/* Which connections; begins the structs of all commands that concern several. */
struct dt_control_filter {
	const char *server;	/* NULL = every */
	struct dtlsd_list peer; /* of struct dtlsd_cidr; empty = every */
	int32_t state;		/* enum dt_control_state */
	const char
	    *identity; /* PSK identity or subject of the certificate holds it; NULL = every */
};
enum dt_control_state {
	DT_CONTROL_ANY_STATE,
	DT_CONTROL_REQUESTED,
	DT_CONTROL_HANDSHAKE,
	DT_CONTROL_ESTABLISHED
};

struct dt_control_payload {
	const char *text, *hex, *base64; /* one of them */
};

/* For `columns`; bit i of the defaults is set for those that are shown unasked. */
enum dt_control_column {
#define X(id, name, shown, type, value) DT_CONTROL_COLUMN_##id,
#include "server/control_columns.def"
#undef X
	DT_CONTROL_COLUMNS
};

struct dt_control_connections_arguments {
	struct dt_control_filter filter;
	struct dtlsd_list
	    columns; /* of int32_t: enum dt_control_column; empty = those shown unasked */
};

struct dt_control_one_arguments {
	const char *id;
};

struct dt_control_disconnect_arguments {
	struct dt_control_filter filter;
	const char *id; /* NULL = by filter */
	uint8_t all;
};

struct dt_control_send_arguments {
	const char *id;
	struct dt_control_payload payload;
};

struct dt_control_broadcast_arguments {
	struct dt_control_filter filter;
	struct dt_control_payload payload;
};

struct dt_control_stats_arguments {
	const char *server;
	uint8_t all;
};

struct dt_control_log_arguments {
	int32_t level; /* enum dt_log_level; one above the last = not given */
};

#endif
