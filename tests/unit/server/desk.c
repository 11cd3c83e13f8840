#include "desk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/clock.h"

#define ANSWER_BYTES (4u << 20)

struct desk desk;

static void
note_shut_down(void *arg)
{
	(void)arg;
	desk.shut_down = true;
}

void
desk_configure(const char *control, unsigned workers)
{
	char config[512];
	snprintf(config, sizeof(config),
	    "{'workers':%u,'control':{%s},'servers':[{'name':'s','listen':'127.0.0.1:0','chain':["
	    "'probe']},{'name':'t','listen':'127.0.0.1:0','chain':['probe']}]}",
	    workers, control);
	world_open(&desk.w, config);
}

enum dt_err
desk_open(void)
{
	struct dt_control_env env = {
	    desk.w.config, &desk.w.logger, &desk.loop, note_shut_down, NULL};
	return dt_control_open(&env, &desk.control, &desk.w.report);
}

void
desk_begin(unsigned workers)
{
	char member[256];
	desk.descriptors = world_descriptors();
	desk.path = world_path("control.sock");
	snprintf(member, sizeof(member), "'socket':'%s'", desk.path);
	desk_configure(member, workers);
	cr_assert_eq(dt_loop_init(&desk.loop), DT_OK);
	cr_assert_eq(desk_open(), DT_OK, "%s", world_report(&desk.w));
	cr_assert_eq(
	    dt_server_start(desk.w.config, true, &desk.w.logger, &desk.server, &desk.w.report),
	    DT_OK, "%s", world_report(&desk.w));
	cr_assert_eq(dt_control_serve(desk.control, desk.server), DT_OK);
}

void
desk_end(void)
{
	dt_control_close(desk.control);
	dt_server_stop(&desk.server);
	dt_control_free(&desk.control);
	dt_loop_fini(&desk.loop);
	cr_assert_eq(access(desk.path, F_OK), -1, "the socket is removed");
	cr_assert_eq(world_descriptors(), desk.descriptors);
	world_close(&desk.w);
}

/* ---- a client ---- */

int
desk_reach(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	cr_assert(fd >= 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0, "%s", strerror(errno));
	return fd;
}

void
desk_turn(void)
{
	struct dt_mono now = dt_clock_now().mono;
	dt_loop_turn(&desk.loop, dt_mono_add(now, DT_MILLISECONDS(20)), now);
}

void
desk_say_bytes(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
		cr_assert(n > 0 || errno == EAGAIN, "%s", strerror(errno));
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		} else {
			desk_turn();
		}
	}
}

/* ' stands for ". */
void
desk_say(int fd, const char *text)
{
	char bytes[1024];
	size_t len = strlen(text);
	cr_assert(len < sizeof(bytes));
	for (size_t i = 0; i < len; i++)
		bytes[i] = text[i] == '\'' ? '"' : text[i];
	desk_say_bytes(fd, bytes, len);
}

size_t
desk_count(const char *text, const char *part)
{
	size_t n = 0;
	for (const char *p = text; (p = strstr(p, part)) != NULL; p += strlen(part))
		n++;
	return n;
}

/* What comes until `answers` last lines were in it, or the end of the connection. */
const char *
desk_hear(int fd, size_t answers)
{
	static char text[ANSWER_BYTES];
	struct dt_mono until = dt_mono_add(dt_clock_now().mono, DT_MILLISECONDS(PATIENCE));
	size_t len = 0;
	text[0] = '\0';
	while (desk_count(text, "\"ok\":true") + desk_count(text, "\"error\":{") < answers) {
		ssize_t n = recv(fd, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT);
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
		text[len] = '\0';
		cr_assert_not(dt_mono_reached(until, dt_clock_now().mono), "after %s", text);
		if (n < 0)
			desk_turn();
	}
	return text;
}

bool
desk_is_over(int fd)
{
	char byte;
	for (int i = 0; i < 100; i++) {
		ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return true;
		desk_turn();
	}
	return false;
}

const char *
desk_ask(int fd, const char *request)
{
	desk_say(fd, request);
	return desk_hear(fd, 1);
}
