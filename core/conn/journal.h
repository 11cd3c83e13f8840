/* journal.h - the lines of log that a connection leaves: one when it is made, one when it ends, and
 * what is to be known about its keys.
 *
 * Level verbose: a busy server, or one under attack, does not fill its disk by default. The keys are
 * a warning, and the caller sees to it that these are few.
 * Threads: the worker's own.
 */
#ifndef DT_CONN_JOURNAL_H
#define DT_CONN_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

struct dt_conn;

void dt_journal_connected(const struct dt_conn *c, bool resumed);
void dt_journal_failed(const struct dt_conn *c, const char *why);
void dt_journal_closed(const struct dt_conn *c, const char *why);
void dt_journal_too_long(const struct dt_conn *c, size_t len);
/* Level info: who sets log.tls_records wants to see them. */
void dt_journal_record(const struct dt_conn *c, const char *text);
void dt_journal_keys(const struct dt_conn *c);

#endif
