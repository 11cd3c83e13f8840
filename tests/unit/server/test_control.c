/* test_control.c - the protocol of the control socket: its lines, its commands, its bounds. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "config/request.h"
#include "desk.h"

static void
begin(void)
{
	desk_begin(2);
}

TestSuite(control, .init = begin, .fini = desk_end);

/* ---- lines ---- */

Test(control, requests_are_answered_in_their_order)
{
	int fd = desk_reach(desk.path);
	desk_say(fd, "{'id':1,'command':'log "
		     "level'}\n\n{'id':'two','command':'status'}\r\n{'id':3,'command':"
		     "'log level','arguments':{'level':'debug'}}\n");
	const char *said = desk_hear(fd, 3);
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
	int fd = desk_reach(desk.path);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char code[64];
		snprintf(
		    code, sizeof(code), "\"error\":{\"code\":\"%s\",\"text\":\"", rows[i].code);
		desk_say(fd, rows[i].line);
		const char *said = desk_hear(fd, 1);
		SAYS(said, code);
		SAYS(said, rows[i].text);
	}
	desk_say(fd, "{'id':2,'command':'log level'}\n");
	SAYS(desk_hear(fd, 1), "{\"id\":2,\"ok\":true}");
	close(fd);
}

Test(control, a_line_may_come_in_any_pieces)
{
	const char *line = "{\"id\":1,\"command\":\"log level\"}\n";
	int fd = desk_reach(desk.path);
	for (const char *p = line; *p; p++) {
		desk_say_bytes(fd, p, 1);
		desk_turn();
	}
	SAYS(desk_hear(fd, 1), "{\"id\":1,\"ok\":true}");
	close(fd);
}

Test(control, the_longest_line_fits_and_a_longer_one_ends_the_connection)
{
	static char line[DT_REQUEST_MAX + 1];
	memset(line, ' ', sizeof(line));
	memcpy(line, "{\"id\":1,\"command\":\"log level\"}", 30);
	line[DT_REQUEST_MAX - 1] = '\n';
	int fd = desk_reach(desk.path);
	desk_say_bytes(fd, line, DT_REQUEST_MAX);
	SAYS(desk_hear(fd, 1), "{\"id\":1,\"ok\":true}");
	line[DT_REQUEST_MAX - 1] = ' ';
	line[DT_REQUEST_MAX] = '\n';
	desk_say_bytes(fd, line, DT_REQUEST_MAX);
	SAYS(desk_hear(fd, 1), "a request is one line of less than 64 KiB");
	cr_assert(desk_is_over(fd));
	close(fd);
}

Test(control, who_says_nothing_more_still_gets_the_answer)
{
	int fd = desk_reach(desk.path);
	desk_say(fd, "{'id':1,'command':'status'}\n{'id':2,'command':'connections'}\n{'half");
	shutdown(fd, SHUT_WR);
	const char *said = desk_hear(fd, 3);
	SAYS(said, "{\"id\":1,\"ok\":true}");
	SAYS(said, "{\"id\":2,\"ok\":true,\"connections\":0}");
	cr_assert(desk_is_over(fd));
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
		int fd = desk_reach(desk.path);
		desk_say_bytes(fd, bytes, sizeof(bytes));
		desk_turn();
		close(fd);
		desk_turn();
	}
	int fd = desk_reach(desk.path);
	desk_say(fd, "{'id':2,'command':'log level'}\n");
	SAYS(desk_hear(fd, 1), "{\"id\":2,\"ok\":true}");
	close(fd);
}

/* ---- who does not read ---- */

Test(control, a_client_that_does_not_read_holds_up_nobody_and_gets_all_in_the_end)
{
	enum { HELPS = 500 };
	char requests[25 * 32] = "";
	int silent = desk_reach(desk.path), other = desk_reach(desk.path);
	for (int i = 0; i < 25; i++)
		strcat(requests, "{'id':1,'command':'help'}\n");
	for (int i = 0; i < HELPS / 25; i++) {
		desk_say(silent, requests);
		desk_turn();
		desk_say(other, "{'id':2,'command':'log level'}\n");
		SAYS(desk_hear(other, 1), "{\"id\":2,\"ok\":true}");
	}
	const char *said = desk_hear(silent, HELPS);
	cr_assert_eq(desk_count(said, "{\"id\":1,\"ok\":true}\n"), HELPS);
	cr_assert_eq(desk_count(said, "{\"id\":1,\"row\":{\"command\":\"status\""), HELPS);
	cr_assert_eq(desk_count(said, "{\"id\":1,\"row\":{\"command\":\"help\""), HELPS);
	close(silent);
	close(other);
}

Test(control, the_client_over_the_limit_is_turned_away)
{
	int fds[130];
	for (size_t i = 0; i < 130; i++) {
		fds[i] = desk_reach(desk.path);
		desk_turn();
	}
	SAYS(desk_hear(fds[128], 1), "too many clients");
	cr_assert(desk_is_over(fds[129]));
	close(fds[0]);
	desk_turn();
	int fd = desk_reach(desk.path);
	desk_say(fd, "{'id':1,'command':'log level'}\n");
	SAYS(desk_hear(fd, 1), "{\"id\":1,\"ok\":true}");
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

Test(control, connections_of_all_workers_are_listed_shown_and_closed)
{
	struct client clients[20];
	connect_clients(clients, 20);
	int fd = desk_reach(desk.path);
	const char *said =
	    desk_ask(fd, "{'id':1,'command':'connections','arguments':{'state':'established'}}\n");
	cr_assert_eq(desk_count(said, "\"server\":\"s\",\"peer\":\"127.0.0.1:"), 20, "%s", said);
	SAYS(said, "{\"id\":1,\"ok\":true,\"connections\":20}");
	char id[17] = "", request[128];
	sscanf(strstr(said, "\"row\":{\"id\":\"") + 13, "%16[0-9a-f]", id);
	static const char *const none[] = {
	    "'server':'t'", "'peer':'10.0.0.0/8'", "'state':'handshake'", "'identity':'x'"};
	for (size_t i = 0; i < 4; i++) {
		snprintf(request, sizeof(request),
		    "{'id':1,'command':'connections','arguments':{%s}}\n", none[i]);
		SAYS(desk_ask(fd, request), "{\"id\":1,\"ok\":true,\"connections\":0}");
	}
	said =
	    desk_ask(fd, "{'id':1,'command':'connections','arguments':{'columns':['worker','id'],'"
			 "peer':'127.0.0.1'}}\n");
	cr_assert_eq(desk_count(said, "\"row\":{\"id\":\""), 20);
	cr_assert_eq(desk_count(said, "\"worker\":0}}") + desk_count(said, "\"worker\":1}}"), 20);
	snprintf(
	    request, sizeof(request), "{'id':1,'command':'show','arguments':{'id':'%s'}}\n", id);
	said = desk_ask(fd, request);
	SAYS(said, id);
	SAYS(said, "\"strength_bits\":128,\"max_datagram\":16384");
	snprintf(request, sizeof(request),
	    "{'id':1,'command':'disconnect','arguments':{'id':'%s'}}\n", id);
	SAYS(desk_ask(fd, request), "{\"id\":1,\"ok\":true,\"closed\":1}");
	SAYS(desk_ask(fd, request), "\"not_found\"");
	SAYS(desk_ask(fd, "{'id':1,'command':'disconnect','arguments':{'server':'t'}}\n"),
	    "\"closed\":0}");
	SAYS(desk_ask(fd, "{'id':1,'command':'disconnect','arguments':{'all':true}}\n"),
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
	int fd = desk_reach(desk.path);
	static const struct {
		const char *form, *bytes;
	} rows[] = {{"'text':'h\\u00e4'", "h\xc3\xa4"}, {"'hex':'00fFa0'", "\0\xff\xa0"},
	    {"'base64':'aGVsbG8='", "hello"}, {"'base64':'aGVsbA=='", "hell"}};
	static const size_t lengths[] = {3, 3, 5, 4};
	for (size_t i = 0; i < 4; i++) {
		snprintf(request, sizeof(request),
		    "{'id':1,'command':'broadcast','arguments':{%s}}\n", rows[i].form);
		SAYS(desk_ask(fd, request), "{\"id\":1,\"ok\":true,\"sent\":3,\"failed\":0}");
		for (size_t k = 0; k < 3; k++) {
			cr_assert_eq(
			    client_read(&clients[k], PATIENCE, got, sizeof(got)), (int)lengths[i]);
			cr_assert_eq(memcmp(got, rows[i].bytes, lengths[i]), 0);
		}
	}
	const char *said =
	    desk_ask(fd, "{'id':1,'command':'connections','arguments':{'columns':'id'}}\n");
	sscanf(strstr(said, "\"row\":{\"id\":\"") + 13, "%16[0-9a-f]", id);
	snprintf(request, sizeof(request),
	    "{'id':1,'command':'send','arguments':{'id':'%s','text':'you'}}\n", id);
	SAYS(desk_ask(fd, request), "{\"id\":1,\"ok\":true,\"sent\":1}");
	static char line[40000];
	int n = snprintf(line, sizeof(line),
	    "{\"id\":1,\"command\":\"send\",\"arguments\":{\"id\":\"%s\",\"text\":\"", id);
	memset(line + n, 'x', 16385);
	strcpy(line + n + 16385, "\"}}\n");
	desk_say_bytes(fd, line, strlen(line));
	SAYS(desk_hear(fd, 1), "\"code\":\"refused\",\"text\":\"not sent: too long\"");
	end_clients(clients, 3);
	close(fd);
}

Test(control, the_server_may_stop_while_workers_have_pieces_of_an_answer)
{
	struct client clients[4];
	int fds[50];
	connect_clients(clients, 4);
	for (size_t i = 0; i < 50; i++) {
		fds[i] = desk_reach(desk.path);
		desk_say(
		    fds[i], "{'id':1,'command':'connections'}\n{'id':2,'command':'connections'}\n");
	}
	for (int i = 0; i < 5; i++)
		desk_turn();
	for (size_t i = 0; i < 25; i++)
		close(fds[i]);
	desk_turn();
	dt_control_close(desk.control); /* desk_end() stops the server */
	for (size_t i = 25; i < 50; i++) {
		desk_hear(fds[i], 2);
		close(fds[i]);
	}
	end_clients(clients, 4);
}

Test(control, counters_of_server_and_modules_are_told)
{
	struct client clients[2];
	connect_clients(clients, 2);
	cr_assert(client_echo(&clients[0], 10));
	int fd = desk_reach(desk.path);
	const char *said = desk_ask(fd, "{'id':1,'command':'stats'}\n");
	SAYS(said, "{\"server\":null,\"module\":null,\"kind\":\"counter\",\"name\":\"handshakes_"
		   "done\",\"value\":2,");
	SAYS(said, "\"kind\":\"dropped_datagram\",\"name\":\"no_cookie\",\"value\":2,");
	SAYS(said, "{\"server\":\"s\",\"module\":\"probe\",\"kind\":\"counter\",\"name\":"
		   "\"echoed\",\"value\":1,");
	cr_assert_not(strstr(said, "\"value\":0,"));
	said = desk_ask(fd, "{'id':1,'command':'stats','arguments':{'all':true,'server':'t'}}\n");
	SAYS(said, "{\"server\":\"t\",\"module\":\"probe\",\"kind\":\"counter\",\"name\":"
		   "\"echoed\",\"value\":0,");
	cr_assert_not(strstr(said, "\"server\":\"s\""));
	cr_assert_not(strstr(said, "\"server\":null"));
	end_clients(clients, 2);
	close(fd);
}

Test(control, shutdown_is_answered_and_told)
{
	int fd = desk_reach(desk.path);
	SAYS(desk_ask(fd, "{'id':1,'command':'shutdown'}\n"), "{\"id\":1,\"ok\":true}");
	cr_assert(desk.shut_down);
	close(fd);
}
