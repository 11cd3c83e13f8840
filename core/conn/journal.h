/* journal.h - the lines of log that a connection leaves: one when it is made, one when it ends.
 *
 * Level verbose: a busy server, or one under attack, does not fill its disk by default.
 * Threads: the worker's own.
 */
#ifndef DT_CONN_JOURNAL_H
#define DT_CONN_JOURNAL_H

#include <stdbool.h>

struct dt_conn;

void dt_journal_connected(const struct dt_conn *c, bool resumed);
void dt_journal_failed(const struct dt_conn *c, const char *why);
void dt_journal_closed(const struct dt_conn *c, const char *why);

#endif
