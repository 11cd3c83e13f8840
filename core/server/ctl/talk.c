/* talk.c - finds the socket, asks, and takes the lines of the answer. */
#include "server/ctl/ctl.h"

#include "base/mem.h"
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/dtlsd/dtlsd.json"
#define DEFAULT_SOCKET "/run/dtlsd/control.sock"
#define LINE_BYTES 262144u /* no line of the server is longer */

/* ---- where ---- */

/* NULL: it was told why. The caller owns it. */
static char *
find_socket(const struct dt_ctl_words *w)
{
	const char *config = w->config ? w->config : DEFAULT_CONFIG;
	struct dt_config_report report;
	char *socket = NULL;
	if (w->socket)
		return dt_copy_text(w->socket);
	dt_config_report_init(&report);
	enum dt_err err = dt_config_find_control(config, &socket, &report);
	if (err == DT_ERR_CONFIG)
		dt_config_report_print(&report, stderr);
	else if (err != DT_OK && w->config)
		dt_ctl_complain(
		    "%s: %s", config, err == DT_ERR_SYSTEM ? strerror(errno) : dt_err_text(err));
	else if (err == DT_OK && !socket)
		dt_ctl_complain("%s sets no control.socket", config);
	else if (err != DT_OK)
		socket = dt_copy_text(
		    DEFAULT_SOCKET); /* nobody named a file, and there is none to read */
	dt_config_report_fini(&report);
	return socket;
}

static int
reach(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	if (len >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, len);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	int error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

/* ---- the request ---- */

static bool
ask(const struct dt_ctl_words *w, int fd)
{
	json_t *request = json_pack(
	    "{s:i, s:s, s:O}", "id", 1, "command", w->command->name, "arguments", w->arguments);
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0, sent = 0;
	if (text)
		text[len++] = '\n'; /* in place of the NUL */
	while (sent < len) {
		ssize_t n = send(fd, text + sent, len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			break;
		sent += n > 0 ? (size_t)n : 0;
	}
	dt_free(text);
	json_decref(request);
	return len > 0 && sent == len;
}

/* ---- the answer ---- */

static enum dt_ctl_exit
end(struct dt_ctl_show *show, const json_t *last)
{
	const json_t *error = json_object_get(last, "error");
	const char *text = json_string_value(json_object_get(error, "text"));
	dt_ctl_show_end(show, error ? NULL : last);
	if (!error)
		return DT_CTL_OK;
	dt_ctl_complain("%s", text ? text : "the server refused, and gave no reason");
	return DT_CTL_REFUSED;
}

/* True: it was the last one. */
static bool
take_line(struct dt_ctl_show *show, const char *line, size_t len, enum dt_ctl_exit *code)
{
	json_t *parsed = json_loadb(line, len, 0, NULL);
	const json_t *row = json_object_get(parsed, "row");
	bool last = !row;
	if (row)
		dt_ctl_show_row(show, row);
	else if (json_is_object(parsed))
		*code = end(show, parsed);
	else
		dt_ctl_complain("the server gave a line that is no JSON");
	json_decref(parsed);
	return last;
}

static enum dt_ctl_exit
listen_to(struct dt_ctl_show *show, int fd)
{
	enum dt_ctl_exit code = DT_CTL_UNREACHABLE;
	char *buf = dt_alloc(LINE_BYTES);
	size_t len = 0;
	bool last = false;
	while (buf && !last && len < LINE_BYTES) {
		ssize_t n = read(fd, buf + len, LINE_BYTES - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		char *at = buf, *newline;
		while (!last && (newline = memchr(at, '\n', len - (size_t)(at - buf))) != NULL) {
			last = take_line(show, at, (size_t)(newline - at), &code);
			at = newline + 1;
		}
		len -= (size_t)(at - buf);
		memmove(buf, at, len);
	}
	dt_free(buf);
	if (!last) {
		dt_ctl_show_end(show, NULL);
		dt_ctl_complain("the server hung up");
	}
	return code;
}

enum dt_ctl_exit
dt_ctl_talk(const struct dt_ctl_words *w)
{
	struct dt_ctl_show show = {
	    .shape = w->command->shape, .json = w->json, .terminal = isatty(STDOUT_FILENO)};
	enum dt_ctl_exit code = DT_CTL_UNREACHABLE;
	char *socket = find_socket(w);
	if (!socket)
		return code;
	int fd = reach(socket);
	if (fd < 0)
		dt_ctl_complain("cannot reach the server: %s: %s", socket, strerror(errno));
	else if (!ask(w, fd))
		dt_ctl_complain("cannot ask the server: %s", strerror(errno));
	else
		code = listen_to(&show, fd);
	if (fd >= 0)
		close(fd);
	dt_free(socket);
	return code;
}
