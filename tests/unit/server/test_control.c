/* test_control.c - the protocol of the control socket: the real one, on a loop that the test turns.
 */
#include "server/control.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"
#include "config/request.h"
#include "io/clock.h"
#include "world.h"

#define PATIENCE 20000 /* ms */
#define ANSWER_BYTES (4u << 20)

static struct desk {
	struct world w;
	struct dt_server *server;
	struct dt_loop loop;
	struct dt_control *control;
	const char *path;
	bool shut_down;
	size_t descriptors;
} desk;

static void
note_shut_down(void *arg)
{
	(void)arg;
	desk.shut_down = true;
}

static void
open_world(const char *control, unsigned workers)
{
	char config[512];
	snprintf(config, sizeof(config),
	    "{'workers':%u,'control':{%s},'servers':[{'name':'s','listen':'127.0.0.1:0','chain':["
	    "'probe']},{'name':'t','listen':'127.0.0.1:0','chain':['probe']}]}",
	    workers, control);
	world_open(&desk.w, config);
}

static enum dt_err
open_control(void)
{
	struct dt_control_env env = {
	    desk.w.config, &desk.w.logger, &desk.loop, note_shut_down, NULL};
	return dt_control_open(&env, &desk.control, &desk.w.report);
}

static void
begin_with(unsigned workers)
{
	char member[256];
	desk.descriptors = world_descriptors();
	desk.path = world_path("control.sock");
	snprintf(member, sizeof(member), "'socket':'%s'", desk.path);
	open_world(member, workers);
	cr_assert_eq(dt_loop_init(&desk.loop), DT_OK);
	cr_assert_eq(open_control(), DT_OK, "%s", world_report(&desk.w));
	cr_assert_eq(
	    dt_server_start(desk.w.config, true, &desk.w.logger, &desk.server, &desk.w.report),
	    DT_OK, "%s", world_report(&desk.w));
	cr_assert_eq(dt_control_serve(desk.control, desk.server), DT_OK);
}

static void
begin(void)
{
	begin_with(2);
}

static void
end(void)
{
	dt_control_close(desk.control);
	dt_server_stop(&desk.server);
	dt_control_free(&desk.control);
	dt_loop_fini(&desk.loop);
	cr_assert_eq(access(desk.path, F_OK), -1, "the socket is removed");
	cr_assert_eq(world_descriptors(), desk.descriptors);
	world_close(&desk.w);
}

TestSuite(control, .init = begin, .fini = end);

/* ---- a client ---- */

static int
reach(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	cr_assert(fd >= 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0, "%s", strerror(errno));
	return fd;
}

static void
turn(void)
{
	struct dt_mono now = dt_clock_now().mono;
	dt_loop_turn(&desk.loop, dt_mono_add(now, DT_MILLISECONDS(20)), now);
}

static void
say_bytes(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
		cr_assert(n > 0 || errno == EAGAIN, "%s", strerror(errno));
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		} else {
			turn();
		}
	}
}

/* ' stands for ". */
static void
say(int fd, const char *text)
{
	char bytes[1024];
	size_t len = strlen(text);
	cr_assert(len < sizeof(bytes));
	for (size_t i = 0; i < len; i++)
		bytes[i] = text[i] == '\'' ? '"' : text[i];
	say_bytes(fd, bytes, len);
}

static size_t
count(const char *text, const char *part)
{
	size_t n = 0;
	for (const char *p = text; (p = strstr(p, part)) != NULL; p += strlen(part))
		n++;
	return n;
}

/* What comes until `answers` last lines were in it, or the end of the connection. */
static const char *
hear(int fd, size_t answers)
{
	static char text[ANSWER_BYTES];
	struct dt_mono until = dt_mono_add(dt_clock_now().mono, DT_MILLISECONDS(PATIENCE));
	size_t len = 0;
	text[0] = '\0';
	while (count(text, "\"ok\":true") + count(text, "\"error\":{") < answers) {
		ssize_t n = recv(fd, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT);
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
		text[len] = '\0';
		cr_assert_not(dt_mono_reached(until, dt_clock_now().mono), "after %s", text);
		if (n < 0)
			turn();
	}
	return text;
}

static bool
is_over(int fd)
{
	char byte;
	for (int i = 0; i < 100; i++) {
		ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return true;
		turn();
	}
	return false;
}

#define SAYS(text, part) cr_assert(strstr(text, part), "wanted %s in %s", part, text)

/* ---- lines ---- */

Test(control, requests_are_answered_in_their_order)
{
	int fd = reach(desk.path);
	say(fd, "{'id':1,'command':'log "
		"level'}\n\n{'id':'two','command':'status'}\r\n{'id':3,'command':"
		"'log level','arguments':{'level':'debug'}}\n");
	const char *said = hear(fd, 3);
	SAYS(said, "{\"id\":1,\"row\":{\"level\":\"info\"}}\n{\"id\":1,\"ok\":true}\n{\"id\":"
		   "\"two\",\"row\":");
	SAYS(said, "\"workers\":2,\"connections\":0,\"handshakes\":0}}\n");
	SAYS(said, "{\"id\":\"two\",\"ok\":true}\n{\"id\":3,\"row\":{\"level\":\"debug\"}}\n{"
		   "\"id\":3,\"ok\":true}\n");
	close(fd);
}

Test(control, what_is_not_understood_is_answered_and_the_next_line_is_read)
{
	static const struct {
		const char *line, *code, *text;
	} rows[] = {
	    {"hello\n", "invalid", "character 1: "},
	    {"{'id':1,'command':'sttaus'}\n", "unknown_command", "did you mean \\\"status\\\"?"},
	    {"{'id':1,'command':'nothing like it'}\n", "unknown_command", "there is no command"},
	    {"{'id':1,'command':'stats','arguments':{'al':true}}\n", "invalid",
		"did you mean \\\"all\\\"?"},
	    {"{'id':1,'command':'stats','arguments':{'server':'u'}}\n", "not_found",
		"no server \\\"u\\\""},
	    {"{'id':1,'command':'show'}\n", "invalid", "\\\"id\\\" is missing"},
	    {"{'id':1,'command':'show','arguments':{'id':'1'}}\n", "not_found",
		"no connection \\\"1\\\""},
	    {"{'id':1,'command':'show','arguments':{'id':'0000000000000001'}}\n", "not_found",
		"no conn"},
	    {"{'id':1,'command':'show','arguments':{'id':'7f00000000000001'}}\n", "not_found",
		"no conn"},
	    {"{'id':1,'command':'disconnect'}\n", "invalid", "One of id, all, or a filter"},
	    {"{'id':1,'command':'disconnect','arguments':{'all':true,'server':'s'}}\n", "invalid",
		"One of"},
	    {"{'id':1,'command':'broadcast'}\n", "invalid", "one of text, hex and base64"},
	    {"{'id':1,'command':'broadcast','arguments':{'text':'a','hex':'00'}}\n", "invalid",
		"one of"},
	    {"{'id':1,'command':'broadcast','arguments':{'hex':'0'}}\n", "invalid",
		"this is not hex"},
	    {"{'id':1,'command':'broadcast','arguments':{'hex':'0x'}}\n", "invalid",
		"this is not hex"},
	    {"{'id':1,'command':'broadcast','arguments':{'base64':'!'}}\n", "invalid",
		"not base64"},
	    {"{'id':1,'command':'connections','arguments':{'server':'u'}}\n", "not_found",
		"no server"},
	    {"{'id':1,'command':'connections','arguments':{'columns':['ip']}}\n", "invalid",
		"columns"},
	};
	int fd = reach(desk.path);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char code[64];
		snprintf(
		    code, sizeof(code), "\"error\":{\"code\":\"%s\",\"text\":\"", rows[i].code);
		say(fd, rows[i].line);
		const char *said = hear(fd, 1);
		SAYS(said, code);
		SAYS(said, rows[i].text);
	}
	say(fd, "{'id':2,'command':'log level'}\n");
	SAYS(hear(fd, 1), "{\"id\":2,\"ok\":true}");
	close(fd);
}

Test(control, a_line_may_come_in_any_pieces)
{
	const char *line = "{\"id\":1,\"command\":\"log level\"}\n";
	int fd = reach(desk.path);
	for (const char *p = line; *p; p++) {
		say_bytes(fd, p, 1);
		turn();
	}
	SAYS(hear(fd, 1), "{\"id\":1,\"ok\":true}");
	close(fd);
}

Test(control, the_longest_line_fits_and_a_longer_one_ends_the_connection)
{
	static char line[DT_REQUEST_MAX + 1];
	memset(line, ' ', sizeof(line));
	memcpy(line, "{\"id\":1,\"command\":\"log level\"}", 30);
	line[DT_REQUEST_MAX - 1] = '\n';
	int fd = reach(desk.path);
	say_bytes(fd, line, DT_REQUEST_MAX);
	SAYS(hear(fd, 1), "{\"id\":1,\"ok\":true}");
	line[DT_REQUEST_MAX - 1] = ' ';
	line[DT_REQUEST_MAX] = '\n';
	say_bytes(fd, line, DT_REQUEST_MAX);
	SAYS(hear(fd, 1), "a request is one line of less than 64 KiB");
	cr_assert(is_over(fd));
	close(fd);
}

Test(control, who_says_nothing_more_still_gets_the_answer)
{
	int fd = reach(desk.path);
	say(fd, "{'id':1,'command':'status'}\n{'id':2,'command':'connections'}\n{'half");
	shutdown(fd, SHUT_WR);
	const char *said = hear(fd, 3);
	SAYS(said, "{\"id\":1,\"ok\":true}");
	SAYS(said, "{\"id\":2,\"ok\":true,\"connections\":0}");
	cr_assert(is_over(fd));
	close(fd);
}

Test(control, random_bytes_are_answered_or_end_the_connection)
{
	uint64_t seed = 0x2545f4914f6cdd1d;
	for (int round = 0; round < 50; round++) {
		char bytes[300];
		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[i] = "{}[]\":,\\ai1e-. \n\t\xc3\xff"[(seed >> 33) % 20];
		}
		int fd = reach(desk.path);
		say_bytes(fd, bytes, sizeof(bytes));
		turn();
		close(fd);
		turn();
	}
	int fd = reach(desk.path);
	say(fd, "{'id':2,'command':'log level'}\n");
	SAYS(hear(fd, 1), "{\"id\":2,\"ok\":true}");
	close(fd);
}

/* ---- who does not read ---- */

Test(control, a_client_that_does_not_read_holds_up_nobody_and_gets_all_in_the_end)
{
	enum { HELPS = 500 };
	char requests[25 * 32] = "";
	int silent = reach(desk.path), other = reach(desk.path);
	for (int i = 0; i < 25; i++)
		strcat(requests, "{'id':1,'command':'help'}\n");
	for (int i = 0; i < HELPS / 25; i++) {
		say(silent, requests);
		turn();
		say(other, "{'id':2,'command':'log level'}\n");
		SAYS(hear(other, 1), "{\"id\":2,\"ok\":true}");
	}
	const char *said = hear(silent, HELPS);
	cr_assert_eq(count(said, "{\"id\":1,\"ok\":true}\n"), HELPS);
	cr_assert_eq(count(said, "{\"id\":1,\"row\":{\"command\":\"status\""), HELPS);
	cr_assert_eq(count(said, "{\"id\":1,\"row\":{\"command\":\"help\""), HELPS);
	close(silent);
	close(other);
}

Test(control, the_client_over_the_limit_is_turned_away)
{
	int fds[130];
	for (size_t i = 0; i < 130; i++) {
		fds[i] = reach(desk.path);
		turn();
	}
	SAYS(hear(fds[128], 1), "too many clients");
	cr_assert(is_over(fds[129]));
	close(fds[0]);
	turn();
	int fd = reach(desk.path);
	say(fd, "{'id':1,'command':'log level'}\n");
	SAYS(hear(fd, 1), "{\"id\":1,\"ok\":true}");
	close(fd);
	for (size_t i = 1; i < 130; i++)
		close(fds[i]);
}

/* ---- connections ---- */

/* Clients of both servers, on whatever worker the kernel chooses. */
static void
connect_clients(struct client *clients, size_t n)
{
	struct dtlsd_address a = world_address(desk.server);
	for (size_t i = 0; i < n; i++) {
		client_init(&clients[i], &a, NULL);
		cr_assert(client_connect(&clients[i], PATIENCE));
	}
}

static void
end_clients(struct client *clients, size_t n)
{
	for (size_t i = 0; i < n; i++)
		client_fini(&clients[i]);
}

static const char *
ask(int fd, const char *request)
{
	say(fd, request);
	return hear(fd, 1);
}

Test(control, connections_of_all_workers_are_listed_shown_and_closed)
{
	struct client clients[20];
	connect_clients(clients, 20);
	int fd = reach(desk.path);
	const char *said =
	    ask(fd, "{'id':1,'command':'connections','arguments':{'state':'established'}}\n");
	cr_assert_eq(count(said, "\"server\":\"s\",\"peer\":\"127.0.0.1:"), 20, "%s", said);
	SAYS(said, "{\"id\":1,\"ok\":true,\"connections\":20}");
	char id[17] = "", request[128];
	sscanf(strstr(said, "\"row\":{\"id\":\"") + 13, "%16[0-9a-f]", id);
	static const char *const none[] = {
	    "'server':'t'", "'peer':'10.0.0.0/8'", "'state':'handshake'", "'identity':'x'"};
	for (size_t i = 0; i < 4; i++) {
		snprintf(request, sizeof(request),
		    "{'id':1,'command':'connections','arguments':{%s}}\n", none[i]);
		SAYS(ask(fd, request), "{\"id\":1,\"ok\":true,\"connections\":0}");
	}
	said = ask(fd, "{'id':1,'command':'connections','arguments':{'columns':['worker','id'],'"
		       "peer':'127.0.0.1'}}\n");
	cr_assert_eq(count(said, "\"row\":{\"id\":\""), 20);
	cr_assert_eq(count(said, "\"worker\":0}}") + count(said, "\"worker\":1}}"), 20);
	snprintf(
	    request, sizeof(request), "{'id':1,'command':'show','arguments':{'id':'%s'}}\n", id);
	said = ask(fd, request);
	SAYS(said, id);
	SAYS(said, "\"strength_bits\":128,\"max_datagram\":16384");
	snprintf(request, sizeof(request),
	    "{'id':1,'command':'disconnect','arguments':{'id':'%s'}}\n", id);
	SAYS(ask(fd, request), "{\"id\":1,\"ok\":true,\"closed\":1}");
	SAYS(ask(fd, request), "\"not_found\"");
	SAYS(ask(fd, "{'id':1,'command':'disconnect','arguments':{'server':'t'}}\n"),
	    "\"closed\":0}");
	SAYS(ask(fd, "{'id':1,'command':'disconnect','arguments':{'all':true}}\n"),
	    "\"closed\":19}");
	for (size_t i = 0; i < 20; i++)
		cr_assert_eq(client_wait(&clients[i], PATIENCE), CLIENT_CLOSED);
	LOGGED(&desk.w, "control: user ");
	end_clients(clients, 20);
	close(fd);
}

Test(control, what_is_sent_arrives)
{
	struct client clients[3];
	char request[256], id[17] = "", got[64];
	connect_clients(clients, 3);
	int fd = reach(desk.path);
	static const struct {
		const char *form, *bytes;
	} rows[] = {{"'text':'h\\u00e4'", "h\xc3\xa4"}, {"'hex':'00fFa0'", "\0\xff\xa0"},
	    {"'base64':'aGVsbG8='", "hello"}, {"'base64':'aGVsbA=='", "hell"}};
	static const size_t lengths[] = {3, 3, 5, 4};
	for (size_t i = 0; i < 4; i++) {
		snprintf(request, sizeof(request),
		    "{'id':1,'command':'broadcast','arguments':{%s}}\n", rows[i].form);
		SAYS(ask(fd, request), "{\"id\":1,\"ok\":true,\"sent\":3,\"failed\":0}");
		for (size_t k = 0; k < 3; k++) {
			cr_assert_eq(
			    client_read(&clients[k], PATIENCE, got, sizeof(got)), (int)lengths[i]);
			cr_assert_eq(memcmp(got, rows[i].bytes, lengths[i]), 0);
		}
	}
	const char *said =
	    ask(fd, "{'id':1,'command':'connections','arguments':{'columns':'id'}}\n");
	sscanf(strstr(said, "\"row\":{\"id\":\"") + 13, "%16[0-9a-f]", id);
	snprintf(request, sizeof(request),
	    "{'id':1,'command':'send','arguments':{'id':'%s','text':'you'}}\n", id);
	SAYS(ask(fd, request), "{\"id\":1,\"ok\":true,\"sent\":1}");
	static char line[40000];
	int n = snprintf(line, sizeof(line),
	    "{\"id\":1,\"command\":\"send\",\"arguments\":{\"id\":\"%s\",\"text\":\"", id);
	memset(line + n, 'x', 16385);
	strcpy(line + n + 16385, "\"}}\n");
	say_bytes(fd, line, strlen(line));
	SAYS(hear(fd, 1), "\"code\":\"refused\",\"text\":\"not sent: too long\"");
	end_clients(clients, 3);
	close(fd);
}

Test(control, the_server_may_stop_while_workers_have_pieces_of_an_answer)
{
	struct client clients[4];
	int fds[50];
	connect_clients(clients, 4);
	for (size_t i = 0; i < 50; i++) {
		fds[i] = reach(desk.path);
		say(fds[i], "{'id':1,'command':'connections'}\n{'id':2,'command':'connections'}\n");
	}
	for (int i = 0; i < 5; i++)
		turn();
	for (size_t i = 0; i < 25; i++)
		close(fds[i]);
	turn();
	dt_control_close(desk.control); /* end() stops the server */
	for (size_t i = 25; i < 50; i++) {
		hear(fds[i], 2);
		close(fds[i]);
	}
	end_clients(clients, 4);
}

Test(control, counters_of_server_and_modules_are_told)
{
	struct client clients[2];
	connect_clients(clients, 2);
	cr_assert(client_echo(&clients[0], 10));
	int fd = reach(desk.path);
	const char *said = ask(fd, "{'id':1,'command':'stats'}\n");
	SAYS(said, "{\"server\":null,\"module\":null,\"kind\":\"counter\",\"name\":\"handshakes_"
		   "done\",\"value\":2,");
	SAYS(said, "\"kind\":\"dropped_datagram\",\"name\":\"no_cookie\",\"value\":2,");
	SAYS(said, "{\"server\":\"s\",\"module\":\"probe\",\"kind\":\"counter\",\"name\":"
		   "\"echoed\",\"value\":1,");
	cr_assert_not(strstr(said, "\"value\":0,"));
	said = ask(fd, "{'id':1,'command':'stats','arguments':{'all':true,'server':'t'}}\n");
	SAYS(said, "{\"server\":\"t\",\"module\":\"probe\",\"kind\":\"counter\",\"name\":"
		   "\"echoed\",\"value\":0,");
	cr_assert_not(strstr(said, "\"server\":\"s\""));
	cr_assert_not(strstr(said, "\"server\":null"));
	end_clients(clients, 2);
	close(fd);
}

Test(control, shutdown_is_answered_and_told)
{
	int fd = reach(desk.path);
	SAYS(ask(fd, "{'id':1,'command':'shutdown'}\n"), "{\"id\":1,\"ok\":true}");
	cr_assert(desk.shut_down);
	close(fd);
}

/* ---- the file ---- */

static mode_t
mode_of(const char *path)
{
	struct stat st;
	cr_assert_eq(lstat(path, &st), 0);
	cr_assert(S_ISSOCK(st.st_mode));
	return st.st_mode & 07777;
}

Test(control, the_socket_is_for_its_owner_only)
{
	cr_assert_eq(mode_of(desk.path), 0600);
}

Test(control, a_second_server_does_not_take_the_socket_of_a_live_one)
{
	struct dt_control *first = desk.control;
	cr_assert_eq(open_control(), DT_ERR_CONFIG);
	REPORTED(&desk.w, "another server answers there");
	REPORTED(&desk.w, "(/control/socket)");
	cr_assert_null(desk.control);
	desk.control = first;
	int fd = reach(desk.path);
	say(fd, "{'id':1,'command':'log level'}\n");
	SAYS(hear(fd, 1), "{\"id\":1,\"ok\":true}");
	close(fd);
}

/* ---- without a server ---- */

static void
open_alone(const char *members)
{
	open_world(members, 1);
	cr_assert_eq(dt_loop_init(&desk.loop), DT_OK);
}

static void
end_alone(void)
{
	dt_control_close(desk.control);
	dt_control_free(&desk.control);
	dt_loop_fini(&desk.loop);
	world_close(&desk.w);
}

static const char *
socket_member(const char *path, const char *more)
{
	static char text[512];
	snprintf(text, sizeof(text), "'socket':'%s'%s", path, more);
	return text;
}

Test(control_file, one_that_a_dead_server_left_is_replaced)
{
	const char *path = world_path("stale.sock");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	open_alone(socket_member(path, ""));
	cr_assert_eq(dt_control_check(desk.w.config, &desk.w.report), DT_OK);
	cr_assert_eq(open_control(), DT_OK, "%s", world_report(&desk.w));
	cr_assert_eq(mode_of(path), 0600);
	end_alone();
	cr_assert_eq(access(path, F_OK), -1);
}

Test(control_file, one_that_is_another_servers_by_now_is_left_alone)
{
	const char *path = world_path("moved.sock");
	open_alone(socket_member(path, ""));
	cr_assert_eq(open_control(), DT_OK);
	cr_assert_eq(unlink(path), 0);
	FILE *f = fopen(path, "w");
	fclose(f);
	end_alone();
	cr_assert_eq(access(path, F_OK), 0);
}

Test(control_file, what_is_in_the_way_is_named)
{
	const char *file = world_path("a-file");
	char far[256];
	FILE *f = fopen(file, "w");
	fclose(f);
	snprintf(far, sizeof(far), "/tmp/%0120d", 0);
	const struct {
		const char *path, *why;
	} rows[] = {
	    {file, "there is something that is no socket"},
	    {"/nowhere/at/all", "No such file or directory"},
	    {far, "the path has 125 bytes, and a socket takes 107 at most"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_alone(socket_member(rows[i].path, ""));
		cr_assert_eq(dt_control_check(desk.w.config, &desk.w.report), DT_ERR_CONFIG);
		REPORTED(&desk.w, rows[i].why);
		REPORTED(&desk.w, "(/control/socket)");
		cr_assert_eq(open_control(), DT_ERR_CONFIG);
		cr_assert_eq(desk.w.report.errors, 2);
		end_alone();
	}
	cr_assert_eq(access(file, F_OK), 0, "it is still there");
}

Test(control_file, a_group_may_use_it_and_one_that_is_not_there_is_an_error)
{
	const char *path = world_path("group.sock");
	const struct group *mine = getgrgid(getegid());
	char more[128];
	cr_assert(mine);
	snprintf(more, sizeof(more), ",'group':'%s'", mine->gr_name);
	open_alone(socket_member(path, more));
	cr_assert_eq(open_control(), DT_OK, "%s", world_report(&desk.w));
	cr_assert_eq(mode_of(path), 0660);
	end_alone();
	open_alone(socket_member(path, ",'group':'no-such-group'"));
	cr_assert_eq(dt_control_check(desk.w.config, &desk.w.report), DT_ERR_CONFIG);
	REPORTED(&desk.w, "there is no group \"no-such-group\" (/control/group)");
	cr_assert_eq(open_control(), DT_ERR_CONFIG);
	end_alone();
}

Test(control_file, there_is_none_unless_it_is_asked_for)
{
	world_open(&desk.w, "{'servers':[{'listen':'127.0.0.1:0','chain':['probe']}]}");
	cr_assert_eq(dt_control_check(desk.w.config, &desk.w.report), DT_OK);
	cr_assert_eq(open_control(), DT_OK);
	cr_assert_null(desk.control);
	dt_control_close(NULL);
	dt_control_free(&desk.control);
	world_close(&desk.w);
}
