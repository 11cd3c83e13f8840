/* ctl.h - dtlsctl: one command for the control socket, from the words of a command line to an
 * answer that people or programs can read.
 *
 *	words -> request (words.c) -> socket (talk.c) -> lines -> table, records, tabs or JSON
 *(show.c)
 *
 * What commands there are and what they take is told by the same table that the server has
 * (control_table.h). Threads: none.
 */
#ifndef DT_SERVER_CTL_CTL_H
#define DT_SERVER_CTL_CTL_H

#include <jansson.h>
#include <stdbool.h>

#include "server/control_table.h"

enum dt_ctl_exit { DT_CTL_OK, DT_CTL_REFUSED, DT_CTL_USAGE, DT_CTL_UNREACHABLE };

/* ---- words.c ---- */

struct dt_ctl_words {
	const char *socket,
	    *config; /* -s, -c; NULL = not given; borrowed from argv, like all texts */
	bool json;
	bool help, version;
	const struct dt_control_command *command; /* NULL = none of the server's */
	const char *own;			  /* "help" or "completion", else NULL */
	const char *about[2];			  /* the words behind that */
	json_t *arguments;			  /* owned */
};

/* False: it was told on standard error what is wrong. */
bool dt_ctl_words_read(struct dt_ctl_words *w, char **argv);
/* The command whose name the first words are; *used gets how many. NULL = none. */
const struct dt_control_command *dt_ctl_words_command(const char *const *words, int *used);
void __attribute__((format(printf, 1, 2))) dt_ctl_complain(const char *format, ...);

/* ---- talk.c ---- */

/* Sends the request and shows what comes. */
enum dt_ctl_exit dt_ctl_talk(const struct dt_ctl_words *w);

/* ---- show.c ---- */

struct dt_ctl_table;

struct dt_ctl_show {
	enum dt_control_shape shape;
	bool json;     /* JSON lines */
	bool terminal; /* for people; else tabs */
	size_t rows;
	struct dt_ctl_table *table; /* owned: rows that wait until their widths are known */
};

/* Takes a row: a flat object. */
void dt_ctl_show_row(struct dt_ctl_show *s, const json_t *row);
/* The last line of an answer: numbers that it holds are shown when there was no row. */
void dt_ctl_show_end(struct dt_ctl_show *s, const json_t *last);

/* ---- help.c ---- */

void dt_ctl_help(FILE *to);
void dt_ctl_help_command(const struct dt_control_command *c);
/* False: not a shell that is known. */
bool dt_ctl_completion(const char *shell);

#endif
