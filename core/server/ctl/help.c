/* help.c - what there is, and what a shell may complete: all of it from the table of commands. */
#include "server/ctl/ctl.h"

#include <stdio.h>
#include <string.h>

void
dt_ctl_help(FILE *to)
{
	fputs("dtlsctl - asks and orders a running dtlsd\n\n"
	      "  dtlsctl [-s SOCKET] [-c CONFIG] [--json] COMMAND ...\n\n",
	    to);
	for (size_t i = 0; i < DT_CONTROL_COMMANDS; i++)
		fprintf(to, "  %-12s  %s\n", dt_control_commands[i].name,
		    dt_control_commands[i].summary);
	fputs("  completion    bash, zsh or fish: a script for the shell\n\n"
	      "The socket is that of -s, or control.socket of CONFIG (default:\n"
	      "/etc/dtlsd/dtlsd.json). A terminal gets tables, a pipe lines with tabs, and --json\n"
	      "JSON lines. Exit codes: 0 done, 1 the server refused, 2 wrong usage, 3 the server\n"
	      "cannot be reached. \"dtlsctl help COMMAND\" says more.\n",
	    to);
}

static bool
may_come_from_file(const struct dtlsd_option *o)
{
	return strcmp(o->name, DT_CONTROL_FROM_FILE) == 0;
}

static const char *
value_word(const struct dtlsd_option *o)
{
	static const char *const words[] = {
	    [DTLSD_OPT_INTEGER] = "N", [DTLSD_OPT_ENUM] = "WORD", [DTLSD_OPT_CIDR] = "PREFIX"};
	size_t known = sizeof(words) / sizeof(words[0]);
	return o->type < known && words[o->type] ? words[o->type] : "TEXT";
}

static void
print_words(const struct dtlsd_option *o)
{
	printf("%*s", 22, "");
	for (size_t i = 0; o->names[i]; i++)
		printf("%s%s", i ? ", " : "", o->names[i]);
	printf("\n");
}

static void
print_argument(const struct dtlsd_option *o)
{
	char left[64];
	bool flag = o->type == DTLSD_OPT_BOOLEAN;
	snprintf(left, sizeof(left), "--%s%s%s%s", o->name, flag ? "" : " ",
	    flag ? "" : value_word(o), o->flags & DTLSD_OPT_LIST ? ",..." : "");
	printf("  %-18s  %s\n", left, o->doc);
	if (o->type == DTLSD_OPT_ENUM)
		print_words(o);
	if (may_come_from_file(o))
		printf("  %-18s  The bytes of a file.\n", "--file PATH");
}

void
dt_ctl_help_command(const struct dt_control_command *c)
{
	printf("dtlsctl %s", c->name);
	for (uint32_t i = 0; i < c->words; i++) {
		bool must = c->arguments->items[i].flags & DTLSD_OPT_REQUIRED;
		printf(must ? " %s" : " [%s]", c->arguments->items[i].name);
	}
	printf("%s\n\n%s\n\n", c->arguments->count > c->words ? " [options]" : "", c->summary);
	for (uint32_t i = 0; i < c->arguments->count; i++)
		print_argument(&c->arguments->items[i]);
	printf("%sExample:\n  %s\n", c->arguments->count ? "\n" : "", c->example);
}

/* ---- completion ---- */

/* The options of a command, each behind `before`. */
static void
print_options(const struct dt_control_command *c, const char *before)
{
	for (uint32_t i = 0; i < c->arguments->count; i++) {
		printf("%s%s", before, c->arguments->items[i].name);
		if (may_come_from_file(&c->arguments->items[i]))
			printf("%sfile", before);
	}
}

static void
print_first_words(void)
{
	for (size_t i = 0; i < DT_CONTROL_COMMANDS; i++)
		printf(" %.*s", (int)strcspn(dt_control_commands[i].name, " "),
		    dt_control_commands[i].name);
	printf(" completion");
}

static void
complete_bash(void)
{
	printf(
	    "_dtlsctl() {\n"
	    "\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= i\n"
	    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	    "\t\tcase ${COMP_WORDS[i]} in\n"
	    "\t\t-s|-c) ((i++)) ;;\n"
	    "\t\t-*) ;;\n"
	    "\t\t*) command+=\"${COMP_WORDS[i]} \" ;;\n"
	    "\t\tesac\n"
	    "\tdone\n"
	    "\tcase $before in\n"
	    "\t-s|-c|--file) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n");
	for (size_t i = 0; i < DT_CONTROL_COMMANDS; i++) {
		const struct dtlsd_options *t = dt_control_commands[i].arguments;
		for (uint32_t k = 0; k < t->count; k++) {
			if (t->items[k].type != DTLSD_OPT_ENUM)
				continue;
			printf("\t--%s) COMPREPLY=($(compgen -W \"", t->items[k].name);
			for (size_t n = 0; t->items[k].names[n]; n++)
				printf("%s ", t->items[k].names[n]);
			printf("\" -- \"$word\")); return ;;\n");
		}
	}
	printf("\tesac\n\tcase $command in\n");
	for (size_t i = 0; i < DT_CONTROL_COMMANDS; i++) {
		const char *name = dt_control_commands[i].name, *blank = strchr(name, ' ');
		if (blank)
			printf("\t\"%.*s \") COMPREPLY=($(compgen -W \"%s\" -- \"$word\")) ;;\n",
			    (int)(blank - name), name, blank + 1);
		printf("\t\"%s \"*) COMPREPLY=($(compgen -W \"--json", name);
		print_options(&dt_control_commands[i], " --");
		printf("\" -- \"$word\")) ;;\n");
	}
	printf("\t\"completion \") COMPREPLY=($(compgen -W \"bash zsh fish\" -- \"$word\")) ;;\n"
	       "\t*) COMPREPLY=($(compgen -W \"");
	print_first_words();
	printf("\" -- \"$word\")) ;;\n\tesac\n}\ncomplete -F _dtlsctl dtlsctl\n");
}

/* zsh understands what is written for bash. */
static void
complete_zsh(void)
{
	printf("autoload -Uz +X bashcompinit && bashcompinit\n");
	complete_bash();
}

static void
complete_fish(void)
{
	printf(
	    "complete -c dtlsctl -f\n"
	    "complete -c dtlsctl -s s -r -F -d 'the control socket'\n"
	    "complete -c dtlsctl -s c -r -F -d 'the configuration'\n"
	    "complete -c dtlsctl -l json -d 'JSON lines'\n"
	    "complete -c dtlsctl -n __fish_use_subcommand -a completion -d 'a script for the "
	    "shell'\n"
	    "complete -c dtlsctl -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n");
	for (size_t i = 0; i < DT_CONTROL_COMMANDS; i++) {
		const struct dt_control_command *c = &dt_control_commands[i];
		int first = (int)strcspn(c->name, " ");
		printf("complete -c dtlsctl -n __fish_use_subcommand -a '%.*s' -d '%s'\n", first,
		    c->name, c->summary);
		if (c->name[first])
			printf(
			    "complete -c dtlsctl -n '__fish_seen_subcommand_from %.*s' -a '%s'\n",
			    first, c->name, c->name + first + 1);
		for (uint32_t k = 0; k < c->arguments->count; k++)
			printf("complete -c dtlsctl -n '__fish_seen_subcommand_from %.*s' -l %s%s "
			       "-d '%s'\n",
			    first, c->name, c->arguments->items[k].name,
			    c->arguments->items[k].type == DTLSD_OPT_BOOLEAN ? "" : " -r",
			    c->arguments->items[k].doc);
	}
}

bool
dt_ctl_completion(const char *shell)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} shells[] = {{"bash", complete_bash}, {"zsh", complete_zsh}, {"fish", complete_fish}};
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(shell, shells[i].shell) != 0)
			continue;
		shells[i].print();
		return true;
	}
	return false;
}
