/* report.h - what is wrong with a configuration, each message at its place.
 *
 * A message reads `file:line:column: error: what (/json/pointer); did you mean "x"?`. Lines and
 * columns count from 1; a column counts characters, a tab is one. Line 0 is the file as a whole.
 * Owner: the caller's storage, between _init and _fini. Threads: none.
 */
#ifndef DT_CONFIG_REPORT_H
#define DT_CONFIG_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define DT_REPORT_MAX 100u /* messages kept; what is over it is only counted */

enum dt_severity { DT_SEVERITY_WARNING, DT_SEVERITY_ERROR };

/* In a report it owns its texts; given to dt_config_report_add() it borrows them. */
struct dt_config_message {
	enum dt_severity severity;
	uint32_t line, column;
	const char *pointer;	/* JSON pointer; NULL when the text has no structure yet */
	const char *text;	/* one line                                              */
	const char *suggestion; /* as it is to be written in the file; NULL = none       */
};

struct dt_config_report {
	char *file;			    /* owned: the name that messages begin with */
	struct dt_config_message *messages; /* owned: sorted by line and column         */
	size_t count;
	size_t errors, warnings; /* all, also those over the limit */
	bool nomem;		 /* a message could not be kept    */
};

void dt_config_report_init(struct dt_config_report *r);
void dt_config_report_fini(struct dt_config_report *r);
/* Keeps copies. `pointer` and `suggestion` may be NULL. */
void dt_config_report_add(struct dt_config_report *r, const struct dt_config_message *m);
/* False: a further message would only be counted, so that its place need not be found. */
bool dt_config_report_has_room(const struct dt_config_report *r);
/* Warnings and errors, a line each. */
void dt_config_report_print(const struct dt_config_report *r, FILE *out);
/* One message without its newline into buf[cap], cut where it does not fit; returns buf. */
char *dt_config_message_format(
    const struct dt_config_report *r, const struct dt_config_message *m, char *buf, size_t cap);

#endif
