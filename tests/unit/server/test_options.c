#include "server/options.h"

#include <criterion/criterion.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 8

/* Parses "dtlsd WORDS"; what it says on standard error goes to `said`. */
static struct dt_options
parse(const char *line, char said[512])
{
	static char copy[256]; /* options point into it */
	char *argv[WORDS_MAX + 2] = {(char[]){"dtlsd"}}, *text = NULL;
	int argc = 1;
	size_t len;
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word && argc <= WORDS_MAX; word = strtok(NULL, " "))
		argv[argc++] = word;
	optind = 0; /* getopt(3): begin anew */
	FILE *standard = stderr;
	stderr = open_memstream(&text, &len);
	cr_assert(stderr);
	struct dt_options o = dt_options_parse(argc, argv);
	fclose(stderr);
	stderr = standard;
	snprintf(said, 512, "%s", text);
	free(text);
	return o;
}

#define FILE_BY_DEFAULT "/etc/dtlsd/dtlsd.json"

Test(options, each_command_line_is_what_it_says)
{
	static const struct {
		const char *line;
		enum dt_command command;
		const char *config;
		const char *dev_module; /* NULL: not --dev */
		uint16_t port;
	} rows[] = {
	    {"", DT_COMMAND_RUN, FILE_BY_DEFAULT, NULL, 0},
	    {"-c a.json", DT_COMMAND_RUN, "a.json", NULL, 0},
	    {"-ca.json", DT_COMMAND_RUN, "a.json", NULL, 0},
	    {"-c a.json -c b.json", DT_COMMAND_RUN, "b.json", NULL, 0},
	    {"-t", DT_COMMAND_CHECK, FILE_BY_DEFAULT, NULL, 0},
	    {"-t -c a.json", DT_COMMAND_CHECK, "a.json", NULL, 0},
	    {"-tc a.json", DT_COMMAND_CHECK, "a.json", NULL, 0},
	    {"-T -c a.json", DT_COMMAND_DUMP, "a.json", NULL, 0},
	    {"--dev", DT_COMMAND_RUN, FILE_BY_DEFAULT, "echo", 4433},
	    {"--dev relay", DT_COMMAND_RUN, FILE_BY_DEFAULT, "relay", 4433},
	    {"--dev ./my.so --port 5000", DT_COMMAND_RUN, FILE_BY_DEFAULT, "./my.so", 5000},
	    {"--dev --port 0", DT_COMMAND_RUN, FILE_BY_DEFAULT, "echo", 0},
	    {"--dev --port 65535", DT_COMMAND_RUN, FILE_BY_DEFAULT, "echo", 65535},
	    {"--port=1 --dev", DT_COMMAND_RUN, FILE_BY_DEFAULT, "echo", 1},
	    {"--dev schema", DT_COMMAND_RUN, FILE_BY_DEFAULT, "schema", 4433},
	    {"--dev -t", DT_COMMAND_CHECK, FILE_BY_DEFAULT, "echo", 4433},
	    {"-T --dev echo", DT_COMMAND_DUMP, FILE_BY_DEFAULT, "echo", 4433},
	    {"schema", DT_COMMAND_SCHEMA, FILE_BY_DEFAULT, NULL, 0},
	    {"schema --markdown", DT_COMMAND_MANUAL, FILE_BY_DEFAULT, NULL, 0},
	    {"--markdown schema", DT_COMMAND_MANUAL, FILE_BY_DEFAULT, NULL, 0},
	    {"--version", DT_COMMAND_VERSION, FILE_BY_DEFAULT, NULL, 0},
	    {"--help", DT_COMMAND_HELP, FILE_BY_DEFAULT, NULL, 0},
	    {"-h", DT_COMMAND_HELP, FILE_BY_DEFAULT, NULL, 0},
	    {"--help --nonsense", DT_COMMAND_HELP, FILE_BY_DEFAULT, NULL, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char said[512];
		struct dt_options o = parse(rows[i].line, said);
		cr_expect_str_eq(said, "", "\"%s\" says: %s", rows[i].line, said);
		cr_expect_eq(o.command, rows[i].command, "\"%s\"", rows[i].line);
		cr_expect_str_eq(o.config, rows[i].config, "\"%s\"", rows[i].line);
		cr_expect_eq(o.dev, rows[i].dev_module != NULL, "\"%s\"", rows[i].line);
		if (o.dev) {
			cr_expect_str_eq(o.dev_module, rows[i].dev_module, "\"%s\"", rows[i].line);
			cr_expect_eq(o.port, rows[i].port, "\"%s\"", rows[i].line);
		}
	}
}

Test(options, what_makes_no_sense_is_refused_with_a_word)
{
	static const struct {
		const char *line, *said;
	} rows[] = {
	    {"-x", "invalid option"},
	    {"--nonsense", "unrecognized option"},
	    {"-c", "requires an argument"},
	    {"--port", "requires an argument"},
	    {"start", "unknown word: start"},
	    {"schema twice", "unknown word: twice"},
	    {"--dev echo twice", "unknown word: twice"},
	    {"--markdown", "--markdown goes with schema"},
	    {"--dev --markdown echo", "--markdown goes with schema"},
	    {"--dev --port 65536", "not a port: 65536"},
	    {"--dev --port 99999999999999999999", "not a port: 99999999999999999999"},
	    {"--dev --port -1", "not a port: -1"},
	    {"--dev --port +1", "not a port: +1"},
	    {"--dev --port 1x", "not a port: 1x"},
	    {"--dev --port x", "not a port: x"},
	    {"--port 5000", "--port goes with --dev"},
	    {"-c a.json --port 5000", "--port goes with --dev"},
	    {"--dev -c a.json", "--dev takes no configuration file"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char said[512];
		struct dt_options o = parse(rows[i].line, said);
		cr_expect_eq(o.command, DT_COMMAND_WRONG, "\"%s\"", rows[i].line);
		cr_expect(strstr(said, rows[i].said), "\"%s\" says: %s", rows[i].line, said);
		cr_expect(strstr(said, "dtlsd --help"), "\"%s\" says: %s", rows[i].line, said);
	}
}

Test(options, an_empty_port_is_none)
{
	char *argv[] = {(char[]){"dtlsd"}, (char[]){"--dev"}, (char[]){"--port"}, (char[]){""}, NULL};
	optind = 0;
	cr_assert_eq(dt_options_parse(4, argv).command, DT_COMMAND_WRONG);
}

Test(options, the_help_names_every_option)
{
	static const char *const words[] = {"-c", "-t", "-T", "--dev", "--port", "schema", "--markdown",
	    "--version", FILE_BY_DEFAULT, "4433", "TERM", "USR1"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		cr_expect(strstr(dt_options_help(), words[i]), "%s", words[i]);
}
