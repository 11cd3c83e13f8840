#include "server/logger.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seeded.h"
#include "world.h"

static const char *
read_file(const char *path)
{
	static char text[1048576];
	FILE *f = fopen(path, "r");
	cr_assert(f, "%s", path);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

/* What one message becomes in a new file. */
static const char *
line_of(bool json, const struct dt_log_context *context, const char *text)
{
	static unsigned count;
	struct dt_logger l;
	char name[32];
	snprintf(name, sizeof(name), "log%u", count++);
	const char *path = world_path(name);
	dt_logger_init(&l);
	cr_assert_eq(dt_logger_open(&l, path, json, DT_LOG_DEBUG), DT_OK);
	/* Past dt_log(), whose cut at 1 KiB is not what is tested. */
	static const struct dt_log_context nothing;
	struct dt_log_line line = {DT_LOG_INFO, context ? context : &nothing, text};
	l.log.sink(l.log.arg, &line);
	dt_logger_fini(&l);
	const char *read = read_file(path);
	unlink(path);
	return read;
}

static const struct dt_log_context full = {"server1", "echo", "192.0.2.1:5684", 0x0100000000000002};

Test(logger, a_line_of_text_has_its_parts_in_order)
{
	const char *line = line_of(false, &full, "hello");
	int year, used = 0;
	sscanf(line, "%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ %n", &year, &used);
	cr_assert_gt(used, 0, "%s", line);
	cr_assert_geq(year, 2024);
	cr_assert_str_eq(line + used, "info server1 [echo] #0100000000000002 192.0.2.1:5684: hello\n");
	line = line_of(false, NULL, "hello");
	cr_assert_str_eq(line + used, "info: hello\n");
}

Test(logger, a_line_of_json_is_an_object)
{
	json_t *o = json_loads(line_of(true, &full, "hello"), 0, NULL);
	static const char *const members[][2] = {{"level", "info"}, {"server", "server1"}, {"module", "echo"},
	    {"peer", "192.0.2.1:5684"}, {"connection", "0100000000000002"}, {"message", "hello"}};
	cr_assert(o);
	cr_assert_eq(json_object_size(o), 7);
	cr_assert(json_object_get(o, "time"));
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		cr_assert_str_eq(json_string_value(json_object_get(o, members[i][0])), members[i][1]);
	json_decref(o);
	o = json_loads(line_of(true, NULL, "hello"), 0, NULL);
	cr_assert_eq(json_object_size(o), 3);
	json_decref(o);
}

Test(logger, what_is_not_printable_is_escaped_in_both_forms)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
	    {"plain ~", "plain ~"},
	    {"a\nb", "a\\x0ab"},
	    {"a\r\n2026-01-01 error: forged", "a\\x0d\\x0a2026-01-01 error: forged"},
	    {"\x1b[31mred", "\\x1b[31mred"},
	    {"\t\x7f\x01", "\\x09\\x7f\\x01"},
	    {"\"quoted\" \\ back", "\"quoted\" \\ back"},
	    {"grün Σ 漢 🙂", "grün Σ 漢 🙂"},
	    {"\xc2\x9b" "31m", "\\xc2\\x9b31m"},	/* U+009B begins a control sequence, too */
	    {"\xc2\xa0", "\xc2\xa0"},
	    {"\xc0\xaf", "\\xc0\\xaf"},			/* overlong */
	    {"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf"},	/* overlong */
	    {"\xed\xa0\x80", "\\xed\\xa0\\x80"},	/* surrogate */
	    {"\xed\x9f\xbf", "\xed\x9f\xbf"},
	    {"\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf"}, /* overlong */
	    {"\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd"},
	    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond U+10FFFF */
	    {"\xff\xfe", "\\xff\\xfe"},
	    {"\x80", "\\x80"},
	    {"cut \xc3", "cut \\xc3"},
	    {"cut \xe6\xbc", "cut \\xe6\\xbc"},
	    {"cut \xf0\x9f\x99", "cut \\xf0\\x9f\\x99"},
	    {"\xe6" "a\xbc", "\\xe6" "a\\xbc"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *line = line_of(false, NULL, rows[i].text);
		const char *at = strstr(line, ": ");
		cr_assert(at);
		size_t len = strlen(rows[i].shown);
		cr_expect(strlen(at) == len + 3 && memcmp(at + 2, rows[i].shown, len) == 0, "row %zu: %s", i, at);

		json_error_t error;
		json_t *o = json_loads(line_of(true, NULL, rows[i].text), 0, &error);
		cr_assert(o, "row %zu: %s", i, error.text);
		cr_expect_str_eq(json_string_value(json_object_get(o, "message")), rows[i].shown, "row %zu", i);
		json_decref(o);
	}
}

/* The same of names: modules and servers are named by operators, who may be in a playful mood. */
Test(logger, names_are_escaped_and_cut)
{
	static char long_name[2000];
	memset(long_name, '"', sizeof(long_name) - 1);
	struct dt_log_context odd = {"a\nb", "m\x1b]", long_name, 1};
	json_t *o = json_loads(line_of(true, &odd, "still here"), 0, NULL);
	cr_assert(o);
	cr_assert_str_eq(json_string_value(json_object_get(o, "server")), "a\\x0ab");
	cr_assert_str_eq(json_string_value(json_object_get(o, "message")), "still here");
	json_decref(o);
	const char *line = line_of(false, &odd, "still here");
	cr_assert(strstr(line, " a\\x0ab [m\\x1b]] #0000000000000001 \"\"\""), "%s", line);
	cr_assert(strstr(line, "\"...: still here\n"), "%s", line);
}

Test(logger, a_message_too_long_for_a_pipe_is_cut_between_characters)
{
	static const char *const fills[] = {"x", "\n", "\"", "\\", "ü", "漢", "🙂", "\xff", "ab\"ü"};
	static char text[3 * PIPE_BUF];
	struct dt_log_context long_context = {"s", "m", "p", 1};
	for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
		size_t len = 0, unit = strlen(fills[i]);
		/* Each length near the edge, so that it falls on every byte of the unit. */
		for (size_t pad = 0; pad < 8; pad++) {
			len = pad;
			memset(text, '-', pad);
			while (len + unit < sizeof(text)) {
				memcpy(text + len, fills[i], unit);
				len += unit;
			}
			text[len] = '\0';
			const char *line = line_of(true, &long_context, text);
			cr_assert_leq(strlen(line), (size_t)PIPE_BUF);
			json_t *o = json_loads(line, 0, NULL);
			cr_assert(o, "fill %zu pad %zu: %s", i, pad, line + strlen(line) - 40);
			const char *message = json_string_value(json_object_get(o, "message"));
			cr_assert_str_eq(message + strlen(message) - 3, "...");
			json_decref(o);
			line = line_of(false, &long_context, text);
			cr_assert_leq(strlen(line), (size_t)PIPE_BUF);
			cr_assert_str_eq(line + strlen(line) - 4, "...\n");
		}
	}
}

/* A message of dt_log() at its longest stays whole in text, and in JSON unless it is strange. */
Test(logger, a_kibibyte_fits)
{
	static char text[1024];
	memset(text, '"', 1023);
	json_t *o = json_loads(line_of(true, &full, text), 0, NULL);
	cr_assert_str_eq(json_string_value(json_object_get(o, "message")), text);
	json_decref(o);
}

Test(logger, random_bytes_are_one_line_and_one_object)
{
	struct seeded r = seeded_begin("random log lines");
	static char text[2048];
	for (int round = 0; round < 300; round++) {
		size_t len = seeded_below(&r, sizeof(text) - 1);
		for (size_t i = 0; i < len; i++) /* no NUL; half of them from the interesting part */
			text[i] = (char)(seeded_below(&r, 2) ? 0x80 + seeded_below(&r, 128)
							     : 1 + seeded_below(&r, 127));
		text[len] = '\0';
		const char *line = line_of(true, &full, text);
		cr_assert_eq(strchr(line, '\n'), line + strlen(line) - 1);
		json_t *o = json_loads(line, 0, NULL);
		cr_assert(o, "%s", line);
		json_decref(o);
		line = line_of(false, &full, text);
		cr_assert_eq(strchr(line, '\n'), line + strlen(line) - 1);
		for (const char *p = line; p < line + strlen(line) - 1; p++)
			cr_assert((unsigned char)*p >= 0x20 && *p != 0x7f);
	}
}

Test(logger, writes_what_the_level_lets_through)
{
	struct dt_logger l;
	const char *path = world_path("levels");
	for (enum dt_log_level level = DT_LOG_NONE; level <= DT_LOG_DEBUG; level++) {
		dt_logger_init(&l);
		cr_assert_eq(dt_logger_open(&l, path, false, level), DT_OK);
		for (enum dt_log_level of = DT_LOG_ERROR; of <= DT_LOG_DEBUG; of++)
			dt_log(&l.log, of, NULL, "a line");
		dt_logger_fini(&l);
		size_t lines = 0;
		for (const char *p = read_file(path); (p = strchr(p, '\n')) != NULL; p++)
			lines++;
		cr_expect_eq(lines, (size_t)level);
		unlink(path);
	}
}

Test(logger, a_file_is_made_for_owner_and_group_and_appended_to)
{
	struct dt_logger l;
	struct stat st;
	const char *path = world_path("log");
	umask(0);
	for (int i = 0; i < 2; i++) {
		dt_logger_init(&l);
		cr_assert_eq(dt_logger_open(&l, path, false, DT_LOG_INFO), DT_OK);
		dt_log(&l.log, DT_LOG_INFO, NULL, "line %d", i);
		dt_logger_fini(&l);
	}
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0640);
	const char *text = read_file(path);
	cr_assert(strstr(text, "line 0\n") && strstr(text, "line 1\n"));
}

Test(logger, reopened_it_writes_to_the_new_file)
{
	struct dt_logger l;
	const char *path = world_path("log"), *moved = world_path("log.1");
	dt_logger_init(&l);
	cr_assert_eq(dt_logger_open(&l, path, false, DT_LOG_INFO), DT_OK);
	size_t before = world_descriptors();
	dt_log(&l.log, DT_LOG_INFO, NULL, "first");
	cr_assert_eq(rename(path, moved), 0);
	dt_log(&l.log, DT_LOG_INFO, NULL, "second");
	cr_assert_eq(dt_logger_reopen(&l), DT_OK);
	dt_log(&l.log, DT_LOG_INFO, NULL, "third");
	cr_assert_eq(world_descriptors(), before);
	cr_assert(fcntl(l.fd, F_GETFD) & FD_CLOEXEC);
	dt_logger_fini(&l);
	const char *old = read_file(moved);
	cr_assert(strstr(old, "first\n") && strstr(old, "second\n") && !strstr(old, "third"));
	cr_assert(strstr(read_file(path), "third\n"));
}

Test(logger, what_cannot_be_reopened_stays_open)
{
	struct dt_logger l;
	const char *path = world_path("dir/log"), *dir = world_path("dir"), *moved = world_path("moved");
	cr_assert_eq(mkdir(dir, 0700), 0);
	dt_logger_init(&l);
	cr_assert_eq(dt_logger_open(&l, path, false, DT_LOG_INFO), DT_OK);
	size_t before = world_descriptors();
	cr_assert_eq(rename(dir, moved), 0);
	cr_assert_eq(dt_logger_reopen(&l), DT_ERR_SYSTEM);
	cr_assert_eq(errno, ENOENT);
	dt_log(&l.log, DT_LOG_INFO, NULL, "still here");
	cr_assert_eq(world_descriptors(), before);
	dt_logger_fini(&l);
	cr_assert(strstr(read_file(world_path("moved/log")), "still here\n"));
}

Test(logger, a_target_that_cannot_be_opened_changes_nothing)
{
	struct dt_logger l;
	dt_logger_init(&l);
	cr_assert_eq(dt_logger_open(&l, world_path("missing/log"), true, DT_LOG_DEBUG), DT_ERR_SYSTEM);
	cr_assert_eq(errno, ENOENT);
	cr_assert_eq(dt_logger_open(&l, "/tmp", true, DT_LOG_DEBUG), DT_ERR_SYSTEM);
	cr_assert_eq(errno, EISDIR);
	const char *fifo = world_path("fifo");
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	cr_assert_eq(dt_logger_open(&l, fifo, true, DT_LOG_DEBUG), DT_ERR_SYSTEM, "waits for nobody");
	cr_assert_eq(errno, ENXIO);
	cr_assert(l.fd == STDERR_FILENO && !l.path && !l.json && l.log.level == DT_LOG_INFO);
	cr_assert_eq(dt_logger_reopen(&l), DT_OK, "standard error needs no opening");
	dt_logger_fini(&l);
	dt_logger_fini(&l);
}

Test(logger, standard_error_is_never_closed)
{
	struct dt_logger l;
	dt_logger_init(&l);
	cr_assert_eq(dt_logger_open(&l, world_path("log"), false, DT_LOG_INFO), DT_OK);
	cr_assert_eq(dt_logger_open(&l, "stderr", false, DT_LOG_INFO), DT_OK);
	cr_assert_eq(l.fd, STDERR_FILENO);
	dt_logger_fini(&l);
	cr_assert_geq(fcntl(STDERR_FILENO, F_GETFD), 0);
}

#define THREADS 4
#define LINES 1000

struct writer {
	struct dt_logger *l;
	size_t number;
};

static void *
write_lines(void *arg)
{
	const struct writer *w = arg;
	static const char filler[] = "abcdefghijklmnopqrstuvwxyz";
	for (int i = 0; i < LINES; i++)
		dt_log(&w->l->log, DT_LOG_INFO, NULL, "%zu %d %s.", w->number, i, filler + i % 26);
	return NULL;
}

/* The last line of each thread counts the lines before it. */
static void
check_lines(const char *text, size_t seen[THREADS])
{
	for (const char *p = text; *p;) {
		const char *end = strchr(p, '\n');
		cr_assert(end, "the last line is not whole");
		const char *message = strstr(p, ": ");
		size_t number;
		int i, used = 0;
		cr_assert(message && sscanf(message, ": %zu %d %*[a-z].%n", &number, &i, &used) == 2);
		cr_assert(used > 0 && message + used == end, "mixed: %.80s", p);
		cr_assert_lt(number, THREADS);
		cr_assert_eq(seen[number]++, (size_t)i, "thread %zu", number);
		p = end + 1;
	}
}

Test(logger, lines_of_threads_do_not_mix_nor_get_lost_while_the_file_is_changed)
{
	struct dt_logger l;
	pthread_t threads[THREADS];
	struct writer writers[THREADS];
	static char all[1048576];
	const char *path = world_path("log");
	size_t seen[THREADS] = {0};
	char name[32];
	dt_logger_init(&l);
	cr_assert_eq(dt_logger_open(&l, path, false, DT_LOG_INFO), DT_OK);
	for (size_t i = 0; i < THREADS; i++) {
		writers[i] = (struct writer){&l, i};
		cr_assert_eq(pthread_create(&threads[i], NULL, write_lines, &writers[i]), 0);
	}
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "log.%d", i);
		cr_assert_eq(rename(path, world_path(name)), 0);
		cr_assert_eq(dt_logger_reopen(&l), DT_OK);
	}
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	dt_logger_fini(&l);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "log.%d", i);
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s", read_file(world_path(name)));
	}
	snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s", read_file(path));
	check_lines(all, seen);
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(seen[i], LINES);
}
