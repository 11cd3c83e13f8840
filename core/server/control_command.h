/* control_command.h - what the function of a command works with: its request, and its answer.
 *
 * A function either writes rows, or sets something, on the main thread and at once; or it begins a
 * walk over the connections of the workers (control_walk.h). What it does not refuse ends with
 * {"ok":true}. One that writes rows only reads, for it is called again for those that found no
 * room in the queue of the client: it writes all of them, in the same order, each time.
 * Threads: main.
 */
#ifndef DT_SERVER_CONTROL_COMMAND_H
#define DT_SERVER_CONTROL_COMMAND_H

#include "config/request.h"
#include "server/control.h"
#include "server/control_table.h"
#include "server/lines.h"
#include "server/server.h"

struct dt_control_request;

enum dt_control_code {
	DT_CONTROL_INVALID, /* the line, the command or its arguments are not understood */
	DT_CONTROL_UNKNOWN_COMMAND,
	DT_CONTROL_NOT_FOUND, /* what the arguments name is not there */
	DT_CONTROL_REFUSED,   /* it is there, but this cannot be done */
	DT_CONTROL_DENIED,    /* this user may not */
	DT_CONTROL_BUSY,      /* not now */
};

/* What the command was given; its struct as the table has it. */
const void *dt_control_arguments(const struct dt_control_request *r);
const struct dt_control_env *dt_control_surroundings(const struct dt_control_request *r);
const struct dt_server *dt_control_server(const struct dt_control_request *r);
/* Since dt_control_serve(). */
struct dt_dur dt_control_uptime(const struct dt_control_request *r);

/* A row: members are added to what this returns. NULL: it stands in the queue already, or has no
 * room there now; then there is nothing to do for this row. */
struct dt_lines *dt_control_row(struct dt_control_request *r);
void dt_control_row_end(struct dt_control_request *r);
/* A row that is left out this time, for the next call may have it. */
void dt_control_no_row(struct dt_control_request *r);
/* Memory of the request for `cap` bytes that a walk sends, and how many of them are used. NULL:
 * refused. */
uint8_t *dt_control_data(struct dt_control_request *r, size_t cap);
void dt_control_data_is(struct dt_control_request *r, size_t len);
/* A number for the last line, such as "sent":3. `name` is static. Four at most. */
void dt_control_total(struct dt_control_request *r, const char *name, uint64_t value);
/* The answer is this instead. */
void dt_control_refuse(struct dt_control_request *r, enum dt_control_code code, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

/* The functions of control_table.def, by the order of its rows. */
typedef void dt_control_run(struct dt_control_request *r);
#define X(id, name, arguments, words, shape, changes, run, summary, example) dt_control_run run;
#include "server/control_table.def"
#undef X

#endif
