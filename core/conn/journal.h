/* journal.h - what a connection leaves behind for people: a line of log when it is made, one when it
 * ends, and what is to be known about its keys; the same and its data for who looks on.
 *
 * Level verbose: a busy server, or one under attack, does not fill its disk by default. The keys are
 * a warning, and the caller sees to it that these are few.
 * Threads: the worker's own.
 */
#ifndef DT_CONN_JOURNAL_H
#define DT_CONN_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "conn/table.h"

void dt_journal_connected(const struct dt_conn *c, bool resumed);
void dt_journal_failed(const struct dt_conn *c, enum dt_close why, const char *text);
void dt_journal_closed(const struct dt_conn *c, const char *why);
/* Of a datagram: DT_SIGHT_DATA_IN or _OUT. */
void dt_journal_data(const struct dt_conn *c, enum dt_conn_sight what, size_t len);
void dt_journal_too_long(const struct dt_conn *c, size_t len);
/* Level info: who sets log.tls_records wants to see them. */
void dt_journal_record(const struct dt_conn *c, const char *text);
void dt_journal_keys(const struct dt_conn *c);

#endif
