#include "config/request.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/config.h"

static struct dt_request request;

static enum dt_err
read_line(const char *line)
{
	char text[512];
	size_t len = strlen(line);
	cr_assert(len < sizeof(text));
	for (size_t i = 0; i < len; i++)
		text[i] = line[i] == '\'' ? '"' : line[i];
	return dt_request_read(&request, text, len);
}

static void
end(void)
{
	dt_request_fini(&request);
	dt_request_fini(&request);
}

TestSuite(request, .fini = end);

Test(request, has_an_id_a_command_and_arguments)
{
	cr_assert_eq(read_line(" {'id': 7, 'command': 'show', 'arguments': {}}\r"), DT_OK);
	cr_assert_str_eq(request.id, "7");
	cr_assert_str_eq(request.command, "show");
}

Test(request, the_id_may_be_left_out_or_be_a_text)
{
	cr_assert_eq(read_line("{'command':'x'}"), DT_OK);
	cr_assert_str_eq(request.id, "null");
	dt_request_fini(&request);
	cr_assert_eq(read_line("{'id':'a\\u0009b','command':'x'}"), DT_OK);
	cr_assert_str_eq(request.id, "\"a\\tb\"");
}

static const char deep[] = "{'command':'x','arguments':[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[";

Test(request, what_is_none_is_refused_with_a_reason)
{
	static const struct {
		const char *line, *id, *why;
	} rows[] = {
	    {"", "null", "character 1: "},
	    {"hello", "null", "character 1: an object is wanted here"},
	    {"[]", "null", "an object is wanted here"},
	    {"{'id':1,", "null", "character "},
	    {"{} {}", "null", "character 4: "},
	    {deep, "null", "more than 32 levels of objects and lists"},
	    {"{'id':1.5,'command':'x'}", "null", "a whole number or a text is wanted here (/id)"},
	    {"{'id':99999999999999999999,'command':'x'}", "null", "this number is too large"},
	    {"{'id':1}", "1", "a text is wanted here (/command)"},
	    {"{'id':1,'command':2}", "1", "a text is wanted here (/command)"},
	    {"{'id':1,'command':'x','arguments':[]}", "1", "an object is wanted here (/arguments)"},
	    {"{'id':1,'comand':'x'}", "1", "unknown key \"comand\""},
	    {"{'id':1,'command':'x','command':'y'}", "1", "/command"},
	    {"{'command':'\xff'}", "null", "this is not UTF-8"},
	    {"{'command':'a\\u0000b'}", "null", "character "},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect_eq(read_line(rows[i].line), DT_ERR_INVALID, "%s", rows[i].line);
		cr_expect_str_eq(request.id, rows[i].id, "%s: %s", rows[i].line, request.id);
		cr_expect(
		    strstr(request.error, rows[i].why), "%s: %s", rows[i].line, request.error);
		dt_request_fini(&request);
	}
	char id[128] = "{'id':'";
	memset(id + 7, 'x', 100);
	strcpy(id + 107, "','command':'x'}");
	cr_assert_eq(read_line(id), DT_ERR_INVALID);
	cr_assert(
	    strstr(request.error, "at most 79 bytes can stand here (/id)"), "%s", request.error);
}

Test(request, a_line_has_64_kib_at_most)
{
	static char line[DT_REQUEST_MAX + 1];
	memset(line, ' ', sizeof(line));
	memcpy(line, "{\"command\":\"x\"}", 15);
	cr_assert_eq(dt_request_read(&request, line, DT_REQUEST_MAX), DT_OK);
	dt_request_fini(&request);
	cr_assert_eq(dt_request_read(&request, line, DT_REQUEST_MAX + 1), DT_ERR_INVALID);
	cr_assert_str_eq(request.error, "a request has at most 65536 bytes");
}

struct arguments {
	const char *id;
	int64_t count;
	struct dtlsd_list peers;
	struct dtlsd_address to;
};

static const struct dtlsd_option items[] = {
    {.name = "id",
	.type = DTLSD_OPT_TEXT,
	.flags = DTLSD_OPT_REQUIRED,
	.offset = offsetof(struct arguments, id)},
    {.name = "count",
	.type = DTLSD_OPT_INTEGER,
	.offset = offsetof(struct arguments, count),
	.def = "3",
	.min = 1,
	.max = 9},
    {.name = "peers",
	.type = DTLSD_OPT_CIDR,
	.flags = DTLSD_OPT_LIST,
	.offset = offsetof(struct arguments, peers)},
    {.name = "to", .type = DTLSD_OPT_ADDRESS, .offset = offsetof(struct arguments, to)},
};
static const struct dtlsd_options table = DTLSD_OPTIONS(items, struct arguments);

static enum dt_err
read_arguments(const char *text, struct arguments *out)
{
	char line[512];
	memset(out, 0, sizeof(*out));
	snprintf(line, sizeof(line), "{'id':1,'command':'x'%s%s}", text ? ",'arguments':" : "",
	    text ? text : "");
	cr_assert_eq(read_line(line), DT_OK, "%s: %s", line, request.error);
	return dt_request_arguments(&request, &table, out);
}

Test(request, arguments_are_read_by_their_table)
{
	struct arguments a;
	cr_assert_eq(read_arguments("{'id':'abc','peers':['10.0.0.0/8','::1']}", &a), DT_OK);
	cr_assert_str_eq(a.id, "abc");
	cr_assert_eq(a.count, 3);
	cr_assert_eq(a.peers.count, 2);
}

Test(request, wrong_arguments_are_refused_with_the_first_fault)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	    {NULL, "\"id\" is missing: a text"},
	    {"{}", "\"id\" is missing: a text (/arguments)"},
	    {"{'id':1}", "a text is wanted here, not a number (/arguments/id)"},
	    {"{'id':'a','cuont':1}",
		"unknown key \"cuont\" (/arguments/cuont); did you mean \"count\"?"},
	    {"{'id':'a','count':10}", "10 is out of range: from 1 to 9 (/arguments/count)"},
	    {"{'id':'a','peers':'10.0.0.1/8'}", "/arguments/peers"},
	    {"{'id':'a','to':'localhost:1'}", "(/arguments/to)"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arguments a;
		cr_expect_eq(read_arguments(rows[i].text, &a), DT_ERR_INVALID, "%s", rows[i].why);
		cr_expect(
		    strstr(request.error, rows[i].why), "%s: %s", rows[i].text, request.error);
		dt_request_fini(&request);
	}
}

Test(request, every_failed_allocation_is_noticed)
{
	for (uint64_t nth = 1;; nth++) {
		struct arguments a = {0};
		dt_mem_fail_nth(nth);
		enum dt_err err = read_line("{'id':'x','command':'y','arguments':{'id':'z','peers':"
					    "['::1','::2/128'],'count':2}}");
		if (err == DT_OK)
			err = dt_request_arguments(&request, &table, &a);
		dt_mem_fail_nth(0);
		dt_request_fini(&request);
		if (err == DT_OK)
			break;
		cr_assert_eq(err, DT_ERR_NOMEM, "%llu: %s", (unsigned long long)nth, request.error);
	}
}

/* ---- who looks for the socket ---- */

static enum dt_err
find(const char *text, char **socket, struct dt_config_report *report)
{
	char path[] = "/tmp/dtlsd-request-XXXXXX";
	int fd = mkstemp(path);
	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	dt_config_report_init(report);
	enum dt_err err = dt_config_find_control(path, socket, report);
	unlink(path);
	return err;
}

Test(request, a_configuration_tells_its_control_socket_whatever_else_is_in_it)
{
	static const struct {
		const char *text;
		enum dt_err err;
		const char *socket;
	} rows[] = {
	    {"{ /* x */ \"control\": { \"socket\": \"/run/x\", \"group\": \"g\" }, \"nonsense\": 1 "
	     "}",
		DT_OK, "/run/x"},
	    {"{ \"control\": { \"socket\": \"x.sock\" } }", DT_OK, "/tmp/x.sock"},
	    {"{ \"servers\": [] }", DT_OK, NULL},
	    {"{ \"control\": {} }", DT_ERR_CONFIG, NULL},
	    {"{ \"control\": 1 }", DT_ERR_CONFIG, NULL},
	    {"{ \"control\"", DT_ERR_CONFIG, NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_config_report report;
		char *socket;
		cr_expect_eq(find(rows[i].text, &socket, &report), rows[i].err, "%s", rows[i].text);
		if (rows[i].socket)
			cr_expect_str_eq(socket, rows[i].socket);
		else
			cr_expect_null(socket);
		cr_expect_eq(report.errors > 0, rows[i].err == DT_ERR_CONFIG);
		dt_config_report_fini(&report);
		dt_free(socket);
	}
	struct dt_config_report report;
	char *socket;
	dt_config_report_init(&report);
	cr_assert_eq(dt_config_find_control("/nowhere/x.json", &socket, &report), DT_ERR_SYSTEM);
	dt_config_report_fini(&report);
}
