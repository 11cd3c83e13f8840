/* session.h - an established association: opens and seals the records of its application data.
 *
 * Two kinds behind one door: ours (suites in suite.h: a plain struct, no SSL object) and
 * OpenSSL's (CBC and others, session_ssl.c), which keeps its SSL object for life.
 * Owner: the connection. Threads: none. RFC 6347 4.1, RFC 5246 7.2.
 */
#ifndef DT_DTLS_SESSION_H
#define DT_DTLS_SESSION_H

#include <openssl/ssl.h>

#include "base/counters.h"
#include "dtls/flight.h"
#include "dtls/negotiated.h"
#include "dtls/rrc.h"
#include "dtls/state.h"
#include "dtls/wire.h"

struct dt_tls;
struct dt_engine;

struct dt_session {
	struct dt_record_state state;
	struct dt_engine *engine; /* owned; NULL: the records are ours */
	struct dt_negotiated negotiated;
	uint16_t suite;		    /* IANA number */
	uint16_t repeats;	    /* of the last flight */
};

enum dt_session_kind {
	DT_SESSION_DROPPED,	   /* `drop` says why                                    */
	DT_SESSION_DATA,	   /* data[len]; an empty record has len 0               */
	DT_SESSION_CLOSE_NOTIFY,
	DT_SESSION_FATAL_ALERT,	   /* `alert` */
	DT_SESSION_WARNING,	   /* `alert`; nothing to do                             */
	DT_SESSION_HEARTBEAT_REQUEST, /* data[len] is its payload                        */
	DT_SESSION_HEARTBEAT_RESPONSE,
	DT_SESSION_PATH_CHALLENGE, /* RFC 9853; data[len] is its cookie, as in the next two */
	DT_SESSION_PATH_RESPONSE,
	DT_SESSION_PATH_DROP,
	DT_SESSION_PATH_UNKNOWN,   /* a message of a type that we do not know: nothing to do */
	DT_SESSION_FINISHED_AGAIN, /* the client misses our last flight                  */
	DT_SESSION_RENEGOTIATION,  /* refused: answer no_renegotiation (RFC 5746 3.6)    */
};

struct dt_session_event {
	enum dt_session_kind kind;
	enum dt_drop drop;
	uint8_t alert;
	uint8_t *data; /* borrowed until the next call, writable */
	size_t len;
};

/* Of a record with epoch > 0, whose body may be overwritten. `wire` is used by OpenSSL's kind only,
 * which answers a repeated flight by itself. */
struct dt_session_event dt_session_open(struct dt_session *s, struct dt_aead_pool *pool, uint64_t owner,
    const struct dt_record *rec, const struct dt_wire *wire);

/* IANA name. */
const char *dt_session_suite_name(const struct dt_session *s);

/* Bytes of application data that fit into one record of this session. */
size_t dt_session_max(const struct dt_session *s);
/* The system refused a datagram of ours of `len` bytes: heartbeats, flights and data are shorter from
 * now on. False: they were already. */
bool dt_session_too_long(struct dt_session *s, size_t len);
/* Bytes that a record is longer than its data, at most. */
size_t dt_session_overhead(const struct dt_session *s);

/* Of both kinds; OpenSSL's has no bounds but those that were set. */
enum dt_key_use dt_session_key_use(const struct dt_session *s);

/* One record of application data to out[len + overhead]; its bytes, 0 = failed or used up.
 * Requires: len <= DT_PLAIN_MAX; len > 0 where OpenSSL has the records. */
size_t dt_session_seal(struct dt_session *s, struct dt_aead_pool *pool, uint64_t owner,
    const uint8_t *data, size_t len, uint8_t *out);
void dt_session_send_alert(struct dt_session *s, struct dt_aead_pool *pool, uint64_t owner,
    uint8_t level, uint8_t description, const struct dt_wire *wire);

/* Whether HeartbeatRequests may be sent: the extension was negotiated, and the client said so. */
bool dt_session_may_ask(const struct dt_session *s);
/* A heartbeat message of either type. False: left out, being too long for a record of this session
 * or a datagram to this peer (RFC 6520 3), or for want of space on the wire. */
bool dt_session_send_heartbeat(struct dt_session *s, struct dt_aead_pool *pool, uint64_t owner,
    uint8_t type, struct dt_span payload, const struct dt_wire *wire);

/* Whether return routability checks were negotiated. */
bool dt_session_checks_paths(const struct dt_session *s);
/* Bytes of a record with one message of such a check. Requires: dt_session_checks_paths(). */
size_t dt_session_path_size(const struct dt_session *s);
/* False: left out for want of space on the wire. Requires: dt_session_checks_paths(). */
bool dt_session_send_path(struct dt_session *s, struct dt_aead_pool *pool, uint64_t owner,
    enum dt_rrc_type type, const uint8_t cookie[DT_RRC_COOKIE], const struct dt_wire *wire);

/* Sends the last flight again, under fresh numbers and from the second time on in smaller datagrams.
 * Only for records of ours. */
enum dt_err dt_session_repeat(struct dt_session *s, struct dt_aead_pool *pool, uint64_t owner,
    const struct dt_flight *last, const struct dt_wire *wire) DT_MUST_USE;

/* Wipes the keys. */
void dt_session_fini(struct dt_session *s, struct dt_aead_pool *pool, uint64_t owner);

#endif
