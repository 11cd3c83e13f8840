/* tell.h - what the owner of the events is told beside the life of a connection: steps of the
 * handshake, records, errors.
 *
 * Costs nothing when nobody listens. Never with a key or a byte of what was sealed.
 * Threads: none.
 */
#ifndef DT_CONN_TELL_H
#define DT_CONN_TELL_H

#include <stddef.h>
#include <stdint.h>

struct dt_conn;
struct dt_record;

/* `code`: an errno, or 400 to 405. */
void dt_tell_error(struct dt_conn *c, int32_t code, const char *text);

/* `step`: DTLSD_TLS_…, but no alert and no record. `text` NULL: what the step is called. */
void dt_tell_step(struct dt_conn *c, uint32_t step, const char *text);
void dt_tell_failed(struct dt_conn *c, int32_t status, const char *text);
/* `step`: DTLSD_TLS_ALERT_…; `alert` -1 = not known. */
void dt_tell_alert(struct dt_conn *c, uint32_t step, int alert);
/* Follows a handshake from now on. Requires: it has not started. */
void dt_tell_handshake(struct dt_conn *c);

/* A record of the client; with log.tls_records of its service. */
void dt_tell_record(struct dt_conn *c, const struct dt_record *rec);
/* Every record of a datagram of ours. */
void dt_tell_sent(struct dt_conn *c, const uint8_t *datagram, size_t len);

#endif
