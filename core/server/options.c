#include "server/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_CONFIG "/etc/dtlsd/dtlsd.json"
#define DEFAULT_PORT 4433u

static const char help[] =
    "dtlsd - DTLS server with loadable modules\n"
    "\n"
    "  dtlsd [-c FILE]             run in the foreground (default: " DEFAULT_CONFIG ")\n"
    "  dtlsd -t [-c FILE]          check the configuration, modules included, and exit\n"
    "  dtlsd -T [-c FILE]          print the effective configuration, secrets masked\n"
    "  dtlsd --dev [MODULE]        try a module (default: echo) on 127.0.0.1 with a throw-away\n"
    "                              certificate; --port N (default: 4433, 0 = any)\n"
    "  dtlsd schema [--markdown]   JSON Schema of the configuration, or its manual\n"
    "  dtlsd --version             what was built, and of what\n"
    "\n"
    "Signals: TERM and INT close every connection and end; USR1 reopens the log file.\n";

const char *
dt_options_help(void)
{
	return help;
}

enum { OPTION_DEV = 256, OPTION_PORT, OPTION_MARKDOWN, OPTION_VERSION };

static const struct option long_options[] = {
    {"dev", no_argument, NULL, OPTION_DEV},
    {"port", required_argument, NULL, OPTION_PORT},
    {"markdown", no_argument, NULL, OPTION_MARKDOWN},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool
parse_port(const char *text, uint16_t *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || n > UINT16_MAX)
		return false;
	*out = (uint16_t)n;
	return true;
}

static void
wrong(struct dt_options *o, const char *what, const char *word)
{
	fprintf(stderr, "dtlsd: %s%s\nTry \"dtlsd --help\".\n", what, word);
	o->command = DT_COMMAND_WRONG;
}

/* Options that say nothing without another one, or against it. */
struct given {
	bool config, port, markdown;
};

static void
check_given(struct dt_options *o, const struct given *g)
{
	if (g->port && !o->dev)
		wrong(o, "--port goes with --dev; else the configuration names the addresses", "");
	else if (g->config && o->dev)
		wrong(o, "--dev takes no configuration file", "");
}

/* The words that are no options: `schema`, or the module of --dev. */
static void
take_words(struct dt_options *o, char **words, bool markdown)
{
	if (words[0] && !o->dev && strcmp(words[0], "schema") == 0) {
		o->command = markdown ? DT_COMMAND_MANUAL : DT_COMMAND_SCHEMA;
		words++;
	} else if (words[0] && o->dev && !markdown) {
		o->dev_module = *words++;
	} else if (markdown) {
		wrong(o, "--markdown goes with schema", "");
		return;
	}
	if (words[0])
		wrong(o, "unknown word: ", words[0]);
}

struct dt_options
dt_options_parse(int argc, char **argv)
{
	struct dt_options o = {DT_COMMAND_RUN, DEFAULT_CONFIG, false, "echo", DEFAULT_PORT};
	struct given given = {false, false, false};
	int c;
	while (o.command != DT_COMMAND_WRONG &&
	       (c = getopt_long(argc, argv, "c:tTh", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o.config = optarg;
			given.config = true;
			break;
		case 't':
			o.command = DT_COMMAND_CHECK;
			break;
		case 'T':
			o.command = DT_COMMAND_DUMP;
			break;
		case 'h':
			o.command = DT_COMMAND_HELP;
			return o;
		case OPTION_VERSION:
			o.command = DT_COMMAND_VERSION;
			return o;
		case OPTION_DEV:
			o.dev = true;
			break;
		case OPTION_PORT:
			given.port = true;
			if (!parse_port(optarg, &o.port))
				wrong(&o, "not a port: ", optarg);
			break;
		case OPTION_MARKDOWN:
			given.markdown = true;
			break;
		default: /* getopt has said what is wrong */
			fprintf(stderr, "Try \"dtlsd --help\".\n");
			o.command = DT_COMMAND_WRONG;
		}
	}
	if (o.command != DT_COMMAND_WRONG)
		check_given(&o, &given);
	if (o.command != DT_COMMAND_WRONG)
		take_words(&o, argv + optind, given.markdown);
	return o;
}
