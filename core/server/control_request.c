/* control_request.c - from a line to the function of its command, and from there to the answer. */
#include "server/control_state.h"

#include "base/assert.h"
#include "base/mem.h"
#include "io/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const codes[] = {
    [DT_CONTROL_INVALID] = "invalid",
    [DT_CONTROL_UNKNOWN_COMMAND] = "unknown_command",
    [DT_CONTROL_NOT_FOUND] = "not_found",
    [DT_CONTROL_REFUSED] = "refused",
    [DT_CONTROL_DENIED] = "denied",
    [DT_CONTROL_BUSY] = "busy",
};

void
dt_control_say_error(
    struct dt_control_client *client, const char *id, enum dt_control_code code, const char *text)
{
	struct dt_lines *l = &client->lines;
	l->cap = DT_CONTROL_QUEUE;
	dt_lines_begin(l, id);
	dt_lines_open(l, "error");
	dt_lines_text(l, "code", codes[code]);
	dt_lines_text(l, "text", text);
	dt_lines_close(l);
	if (!dt_lines_end(l))
		client->closing = true; /* it cannot be told, and must not wait for it */
}

/* ---- what a command works with ---- */

const void *
dt_control_arguments(const struct dt_control_request *r)
{
	return r->arguments;
}

const struct dt_control_env *
dt_control_surroundings(const struct dt_control_request *r)
{
	return &r->control->env;
}

const struct dt_server *
dt_control_server(const struct dt_control_request *r)
{
	return r->control->server;
}

struct dt_dur
dt_control_uptime(const struct dt_control_request *r)
{
	return dt_mono_diff(r->control->serving_since, dt_clock_now().mono);
}

struct dt_lines *
dt_control_row(struct dt_control_request *r)
{
	struct dt_lines *l = &r->client->lines;
	if (r->more || r->rows++ < r->rows_written)
		return NULL;
	l->cap = DT_CONTROL_QUEUE - DT_CONTROL_LAST;
	dt_lines_begin(l, r->asked.id);
	dt_lines_open(l, "row");
	return l;
}

void
dt_control_row_end(struct dt_control_request *r)
{
	struct dt_lines *l = &r->client->lines;
	dt_lines_close(l);
	if (dt_lines_end(l))
		r->rows_written++;
	else
		r->more = true;
}

void
dt_control_no_row(struct dt_control_request *r)
{
	if (!r->more && r->rows++ >= r->rows_written)
		r->rows_written++;
}

uint8_t *
dt_control_data(struct dt_control_request *r, size_t cap)
{
	DT_ASSERT(!r->data);
	r->data = dt_alloc(cap + 1);
	r->data_cap = cap + 1;
	if (!r->data)
		dt_control_refuse(r, DT_CONTROL_BUSY, "%s", dt_err_text(DT_ERR_NOMEM));
	return r->data;
}

void
dt_control_data_is(struct dt_control_request *r, size_t len)
{
	DT_ASSERT(len < r->data_cap);
	r->data_len = len;
}

void
dt_control_total(struct dt_control_request *r, const char *name, uint64_t value)
{
	DT_ASSERT(r->total_count < DT_CONTROL_TOTALS);
	r->totals[r->total_count].name = name;
	r->totals[r->total_count++].value = value;
}

void
dt_control_refuse(struct dt_control_request *r, enum dt_control_code code, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	dt_control_say_error(r->client, r->asked.id, code, text);
	r->refused = true;
}

/* ---- its life ---- */

void
dt_control_request_free(struct dt_control_request *r)
{
	if (r->arguments)
		dt_free_secret(r->arguments, r->command->arguments->struct_size);
	dt_request_fini(&r->asked);
	dt_free_secret(r->data, r->data_cap);
	dt_free(r->walk);
	dt_free(r);
}

void
dt_control_request_leave(struct dt_control_request *r)
{
	r->client = NULL;
	if (!r->walk || !r->walk->away)
		dt_control_request_free(r);
}

static void
finish(struct dt_control_request *r)
{
	struct dt_control_client *client = r->client;
	struct dt_lines *l = &client->lines;
	if (!r->refused) {
		l->cap = DT_CONTROL_QUEUE;
		dt_lines_begin(l, r->asked.id);
		dt_lines_bool(l, "ok", true);
		for (size_t i = 0; i < r->total_count; i++)
			dt_lines_number(l, r->totals[i].name, r->totals[i].value);
		DT_ASSERT(dt_lines_end(l));
	}
	client->request = NULL;
	dt_control_request_free(r);
}

bool
dt_control_request_step(struct dt_control_request *r)
{
	static dt_control_run *const run[DT_CONTROL_COMMANDS] = {
#define X(id, name, arguments, words, shape, changes, function, summary, example)                  \
	[DT_CONTROL_##id] = function,
#include "server/control_table.def"
#undef X
	};
	if (r->walk && !dt_control_walk_step(r))
		return false;
	if (!r->walk) {
		r->rows = 0;
		r->more = false;
		run[r->command - dt_control_commands](r);
	}
	bool walks = r->walk && r->walk->visit;
	if (r->refused || (!r->more && !walks))
		finish(r);
	return true;
}

/* ---- its begin ---- */

static void
log_it(const struct dt_control_request *r)
{
	const struct dt_control_peer *peer = &r->client->peer;
	dt_log(&r->control->env.logger->log, DT_LOG_INFO, NULL, "control: user %u, process %d: %s",
	    (unsigned)peer->uid, (int)peer->pid, r->command->name);
}

/* False: it is answered. */
static bool
find_command(struct dt_control_request *r)
{
	char text[160];
	const char *near = NULL;
	r->command = dt_control_find(r->asked.command, &near);
	if (r->command)
		return true;
	snprintf(text, sizeof(text), "there is no command \"%.64s\"%s%s%s", r->asked.command,
	    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	dt_control_say_error(r->client, r->asked.id, DT_CONTROL_UNKNOWN_COMMAND, text);
	return false;
}

static enum dt_err
read_arguments(struct dt_control_request *r)
{
	size_t size = r->command->arguments->struct_size;
	r->arguments = size ? dt_alloc(size) : NULL;
	if (size && !r->arguments)
		return DT_ERR_NOMEM;
	return dt_request_arguments(&r->asked, r->command->arguments, r->arguments);
}

void
dt_control_request_begin(struct dt_control_client *client, const char *line, size_t len)
{
	struct dt_control_request *r = dt_alloc(sizeof(*r));
	enum dt_err err = DT_ERR_NOMEM;
	if (r) {
		r->control = client->control;
		r->client = client;
		err = dt_request_read(&r->asked, line, len);
		if (err == DT_OK && !find_command(r)) {
			dt_control_request_free(r);
			return;
		}
		if (err == DT_OK)
			err = read_arguments(r);
	}
	if (err != DT_OK) {
		dt_control_say_error(client, r ? r->asked.id : "null",
		    err == DT_ERR_INVALID ? DT_CONTROL_INVALID : DT_CONTROL_BUSY,
		    err == DT_ERR_INVALID ? r->asked.error : dt_err_text(err));
		if (r)
			dt_control_request_free(r);
		return;
	}
	if (r->command->changes)
		log_it(r);
	client->request = r;
}
