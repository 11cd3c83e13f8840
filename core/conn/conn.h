/* conn.h - one client: from its accepted request to its last record.
 *
 * A connection is born when a complete hello with a valid cookie has come (state REQUESTED), and
 * dies by dt_conn_close() or a verdict. It owns its handshake while there is one, its session
 * from then on, its timer, and the bytes of its last flight.
 * Owner: struct dt_conns (table.h). Named from outside by its id: worker (8 bits), slot (24),
 * generation of the slot (32); an id is never used again. Threads: the worker's own.
 */
#ifndef DT_CONN_CONN_H
#define DT_CONN_CONN_H

#include "base/err.h"
#include "base/path.h"
#include "base/span.h"
#include "base/time.h"
#include "conn/close.h"
#include "conn/events.h"
#include "dtls/negotiated.h"

struct dt_conns;
struct dt_service;
struct dt_verify_result;

enum dt_conn_state { DT_CONN_REQUESTED, DT_CONN_HANDSHAKE, DT_CONN_ESTABLISHED, DT_CONN_CLOSED };

/* Application data only. */
struct dt_conn_traffic {
	uint64_t datagrams_in, datagrams_out, bytes_in, bytes_out;
};

uint64_t dt_conn_id(const struct dt_conn *c);
enum dt_conn_state dt_conn_state(const struct dt_conn *c);
const struct dt_path *dt_conn_path(const struct dt_conn *c);
const struct dt_service *dt_conn_service(const struct dt_conn *c);
const struct dt_conn_traffic *dt_conn_traffic(const struct dt_conn *c);
/* When the connection was born; when application data last went either way. */
struct dt_mono dt_conn_born(const struct dt_conn *c);
struct dt_mono dt_conn_active(const struct dt_conn *c);
const char *dt_conn_suite(const struct dt_conn *c);	   /* IANA name, NULL before it is known */
const char *dt_conn_server_name(const struct dt_conn *c);  /* SNI, or NULL                        */
const char *dt_conn_psk_identity(const struct dt_conn *c); /* escaped for logs, or NULL           */
/* The client's leaf certificate as DER; {NULL, 0} when it sent none. */
struct dt_span dt_conn_certificate(const struct dt_conn *c);
/* Bytes that dt_conn_send() takes at most. */
size_t dt_conn_max_datagram(const struct dt_conn *c);

/* What the handshake agreed on, as far as it has come. */
void dt_conn_negotiated(const struct dt_conn *c, struct dt_negotiated *out);
bool dt_conn_has_cid(const struct dt_conn *c);
/* Keying material, see exporter.h. DT_ERR_UNSUPPORTED: the client lacks the extended master secret, or its
 * secrets are gone: they stay until `connected` has returned, or with tls.exporter until the end. */
enum dt_err dt_conn_export(const struct dt_conn *c, const char *label, struct dt_span context, uint8_t *out,
    size_t len) DT_MUST_USE;

/* One pointer for the chain: its per-connection module data. */
void *dt_conn_user(const struct dt_conn *c);
void dt_conn_set_user(struct dt_conn *c, void *user);

/* Seals and sends one datagram. DT_ERR_GONE before or after it is established, DT_ERR_TOO_LONG. */
enum dt_err dt_conn_send(struct dt_conn *c, const uint8_t *data, size_t len, struct dt_now now) DT_MUST_USE;

/* Application data waits from now on (pause.h), in any state. */
void dt_conn_pause(struct dt_conn *c);
/* A dt_conn_pause() will follow: data that comes before that waits as well. */
void dt_conn_pause_ahead(struct dt_conn *c);
/* Delivers what waits, in order, and goes on; until the callee of an event pauses it again. */
void dt_conn_process(struct dt_conn *c);
bool dt_conn_paused(const struct dt_conn *c);

/* close_notify (or what fits the state), events, then the connection is gone: `c` is dangling. */
void dt_conn_close(struct dt_conn *c, enum dt_close why, struct dt_now now);

/* Whether the gates of `service` would let an established connection in today: asks for a
 * connection, its PSK identity and its certificate, as with a resumption (only the leaf is known). A
 * module that wants to defer is not waited for: its defer_default holds. */
bool dt_conn_may_stay(struct dt_conn *c, const struct dt_service *service, struct dt_now now);

/* The verdict that a gate answered WAIT for. `alert` as in the event; `key` for an accepted PSK
 * ({NULL, 0}: the file of identities decides), else {NULL, 0}. The connection may be gone when this returns.
 * Requires: dt_conn_waiting(c, kind). */
void dt_conn_verdict(struct dt_conn *c, enum dt_gate_kind kind, bool accept, uint8_t alert,
    struct dt_span key, struct dt_now now);
bool dt_conn_waiting(const struct dt_conn *c, enum dt_gate_kind kind);

#endif
