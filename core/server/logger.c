#include "server/logger.h"

#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What a pipe takes as one piece (pipe(7)); a message of 1 KiB fits unless most of it is escaped.
 */
#define LINE_BYTES PIPE_BUF
#define NAME_BYTES 256 /* of a line, for a name in the context of a message */
#define END_BYTES 16   /* of a line, for what stands behind a text that was cut */

struct line {
	bool json;
	size_t used;
	char bytes[LINE_BYTES];
};

/* Bytes of the printable character at `p`, 0 when there is none: no control character of either
 * kind. Reads no byte behind a NUL. */
static size_t
printable_length(const unsigned char *p)
{
	bool control = *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0);
	return control ? 0 : dt_text_character(p, strnlen((const char *)p, 4));
}

static void __attribute__((format(printf, 2, 3))) add(struct line *l, const char *format, ...)
{
	size_t room = sizeof(l->bytes) - l->used;
	va_list args;
	va_start(args, format);
	int n = vsnprintf(l->bytes + l->used, room, format, args);
	va_end(args);
	if (n > 0)
		l->used += (size_t)n < room ? (size_t)n : room - 1;
}

/* One line is one line, and one JSON object, whatever modules and file names hold: what is not
 * printable is escaped, what would pass `end` is cut. */
static void
add_text(struct line *l, const char *text, size_t end)
{
	const unsigned char *p = (const unsigned char *)text;
	if (end > sizeof(l->bytes) - END_BYTES)
		end = sizeof(l->bytes) - END_BYTES;
	while (*p) {
		char escaped[8];
		size_t taken = printable_length(p), len = taken;
		if (taken > 0 && l->json && (*p == '"' || *p == '\\'))
			len = (size_t)snprintf(escaped, sizeof(escaped), "\\%c", *p);
		else if (taken > 0)
			memcpy(escaped, p, taken);
		else
			len = (size_t)snprintf(
			    escaped, sizeof(escaped), l->json ? "\\\\x%02x" : "\\x%02x", *p);
		if (l->used + len > end) {
			add(l, "...");
			return;
		}
		memcpy(l->bytes + l->used, escaped, len);
		l->used += len;
		p += taken > 0 ? taken : 1;
	}
}

static void
add_json_member(struct line *l, const char *name, const char *text, size_t cap)
{
	add(l, ",\"%s\":\"", name);
	add_text(l, text, l->used + cap);
	add(l, "\"");
}

static void
format_json(struct line *l, const struct dt_log_line *line, const char *time)
{
	const struct dt_log_context *c = line->context;
	add(l, "{\"time\":\"%s\",\"level\":\"%s\"", time, dt_log_level_name(line->level));
	if (c->server)
		add_json_member(l, "server", c->server, NAME_BYTES);
	if (c->module)
		add_json_member(l, "module", c->module, NAME_BYTES);
	if (c->peer)
		add_json_member(l, "peer", c->peer, NAME_BYTES);
	if (c->conn)
		add(l, ",\"connection\":\"%016llx\"", (unsigned long long)c->conn);
	add_json_member(l, "message", line->text, LINE_BYTES);
	add(l, "}\n");
}

static void
add_name(struct line *l, const char *before, const char *name, const char *behind)
{
	if (!name)
		return;
	add(l, "%s", before);
	add_text(l, name, l->used + NAME_BYTES);
	add(l, "%s", behind);
}

static void
format_text(struct line *l, const struct dt_log_line *line, const char *time)
{
	const struct dt_log_context *c = line->context;
	add(l, "%s %s", time, dt_log_level_name(line->level));
	add_name(l, " ", c->server, "");
	add_name(l, " [", c->module, "]");
	if (c->conn)
		add(l, " #%016llx", (unsigned long long)c->conn);
	add_name(l, " ", c->peer, "");
	add(l, ": ");
	add_text(l, line->text, LINE_BYTES);
	add(l, "\n");
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

	struct line l;
	l.json = logger->json;
	l.used = 0;
	(l.json ? format_json : format_text)(&l, line, time_text);
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

/* O_NONBLOCK: a FIFO without a reader is an error, and one whose reader is slow holds up nobody. */
static int
open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
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
			errno = ENOMEM;
			return DT_ERR_SYSTEM;
		}
	}
	dt_logger_fini(l);
	l->path = path;
	l->fd = fd;
	l->json = json;
	l->log.level = (int)level;
	return DT_OK;
}

int
dt_logger_probe(const char *path)
{
	char *dir = NULL;
	struct stat st;
	int error = 0;
	if (stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? EISDIR : access(path, W_OK) ? errno : 0;
	if (errno != ENOENT)
		return errno;
	dir = dt_copy_text(path);
	if (!dir)
		return ENOMEM;
	*strrchr(dir, '/') = '\0';
	if (access(dir[0] ? dir : "/", W_OK | X_OK))
		error = errno;
	dt_free(dir);
	return error;
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
	int moved = dup3(fd, l->fd, O_CLOEXEC), error = errno;
	close(fd);
	errno = error;
	return moved < 0 ? DT_ERR_SYSTEM : DT_OK;
}
