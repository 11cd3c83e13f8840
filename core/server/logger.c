#include "server/logger.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 6144 /* a message of 1 KiB, every byte of it escaped, and its context */

/* Writes `text` as the inside of a JSON string; what is no printable ASCII is escaped. */
static size_t
json_text(char *out, size_t cap, const char *text)
{
	size_t used = 0;
	for (const unsigned char *p = (const unsigned char *)text; *p && used + 7 < cap; p++) {
		if (*p == '"' || *p == '\\')
			used += (size_t)snprintf(out + used, cap - used, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			used += (size_t)snprintf(out + used, cap - used, "\\u%04x", *p);
		else
			out[used++] = (char)*p;
	}
	out[used] = '\0';
	return used;
}

struct line {
	char bytes[LINE_BYTES];
	size_t used;
};

static void __attribute__((format(printf, 2, 3)))
add(struct line *l, const char *format, ...)
{
	size_t room = sizeof(l->bytes) - l->used;
	va_list args;
	va_start(args, format);
	int n = vsnprintf(l->bytes + l->used, room, format, args);
	va_end(args);
	if (n > 0)
		l->used += (size_t)n < room ? (size_t)n : room - 1;
}

static void
add_json_member(struct line *l, const char *name, const char *text)
{
	add(l, ",\"%s\":\"", name);
	l->used += json_text(l->bytes + l->used, sizeof(l->bytes) - l->used, text);
	add(l, "\"");
}

static void
format_json(struct line *l, const struct dt_log_line *line, const char *time)
{
	const struct dt_log_context *c = line->context;
	add(l, "{\"time\":\"%s\",\"level\":\"%s\"", time, dt_log_level_name(line->level));
	if (c->server)
		add_json_member(l, "server", c->server);
	if (c->module)
		add_json_member(l, "module", c->module);
	if (c->peer)
		add_json_member(l, "peer", c->peer);
	if (c->conn)
		add(l, ",\"connection\":\"%016llx\"", (unsigned long long)c->conn);
	add_json_member(l, "message", line->text);
	add(l, "}\n");
}

static void
format_text(struct line *l, const struct dt_log_line *line, const char *time)
{
	const struct dt_log_context *c = line->context;
	add(l, "%s %s", time, dt_log_level_name(line->level));
	if (c->server)
		add(l, " %s", c->server);
	if (c->module)
		add(l, " [%s]", c->module);
	if (c->conn)
		add(l, " #%016llx", (unsigned long long)c->conn);
	if (c->peer)
		add(l, " %s", c->peer);
	add(l, ": ");
	/* One line is one line: what modules say may hold anything. */
	for (const char *p = line->text; *p && l->used + 2 < sizeof(l->bytes); p++)
		l->bytes[l->used++] = (unsigned char)*p < 0x20 ? ' ' : *p;
	l->bytes[l->used++] = '\n';
}

static void
write_line(void *arg, const struct dt_log_line *line)
{
	struct dt_logger *logger = arg;
	char time_text[40];
	struct timespec ts;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	size_t n = strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(time_text + n, sizeof(time_text) - n, ".%03ldZ", ts.tv_nsec / 1000000);

	struct line l = {.used = 0};
	(logger->json ? format_json : format_text)(&l, line, time_text);
	/* A log that cannot be written has nowhere to complain. */
	ssize_t written = write(atomic_load(&logger->fd), l.bytes, l.used);
	(void)written;
}

void
dt_logger_init(struct dt_logger *l)
{
	memset(l, 0, sizeof(*l));
	l->fd = STDERR_FILENO;
	l->log.sink = write_line;
	l->log.arg = l;
	l->log.level = DT_LOG_INFO;
}

void
dt_logger_fini(struct dt_logger *l)
{
	if (l->path)
		close(l->fd);
	dt_free(l->path);
	l->path = NULL;
	l->fd = STDERR_FILENO;
}

static int
open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

enum dt_err
dt_logger_open(struct dt_logger *l, const char *target, bool json, enum dt_log_level level)
{
	char *path = NULL;
	int fd = STDERR_FILENO;
	if (strcmp(target, "stderr") != 0) {
		fd = open_file(target);
		if (fd < 0)
			return DT_ERR_SYSTEM;
		path = dt_copy_text(target);
		if (!path) {
			close(fd);
			return DT_ERR_NOMEM;
		}
	}
	dt_logger_fini(l);
	l->path = path;
	l->fd = fd;
	l->json = json;
	l->log.level = (int)level;
	return DT_OK;
}

/* dup3() puts the new file under the old number: a thread that writes at this moment writes to one
 * of the two, never to nothing. */
enum dt_err
dt_logger_reopen(struct dt_logger *l)
{
	if (!l->path)
		return DT_OK;
	int fd = open_file(l->path);
	if (fd < 0)
		return DT_ERR_SYSTEM;
	int moved = dup3(fd, l->fd, O_CLOEXEC);
	close(fd);
	return moved < 0 ? DT_ERR_SYSTEM : DT_OK;
}
