/* handshake.h - the server's side of one handshake: OpenSSL thinks, we speak.
 *
 * OpenSSL reads and writes handshake messages through memory; records, their numbers, fragments,
 * datagrams and timers are ours in both epochs and directions. Bytes and `now` in; datagrams
 * (struct dt_wire), a step and a deadline out.
 *
 * The gates: DT_HS_PSK asks for the key of an identity, DT_HS_AUTH whether this client may come
 * in. While one is open, records are absorbed and nothing of the client reaches OpenSSL.
 * On a full handshake the gate for the certificate opens when the client has proven its key and
 * its Finished has opened under the new keys; on a resumption before our own flight leaves.
 *
 * Owner: the connection. Threads: none. RFC 6347 4.2, RFC 5246 7.
 */
#ifndef DT_DTLS_HANDSHAKE_H
#define DT_DTLS_HANDSHAKE_H

#include <dtlsd/module.h>

#include "base/counters.h"
#include "dtls/flight.h"
#include "dtls/hello.h"
#include "dtls/reassembly.h"
#include "dtls/session.h"
#include "dtls/state.h"
#include "dtls/tls.h"
#include "dtls/wire.h"

struct dt_handshake;

enum dt_hs_step {
	DT_HS_GOES_ON,
	DT_HS_PSK,    /* answer with dt_hs_give_psk()  */
	DT_HS_AUTH,   /* answer with dt_hs_give_auth() */
	DT_HS_DONE,   /* take it apart with dt_hs_take() */
	DT_HS_FAILED, /* see dt_hs_failure(); the alert has been sent */
};

enum dt_hs_failure {
	DT_HS_FAILED_PROTOCOL, /* OpenSSL, or we, refused what came       */
	DT_HS_FAILED_AUTH,     /* the gate refused                        */
	DT_HS_FAILED_PSK,      /* unknown identity, wrong key             */
	DT_HS_FAILED_ALERT,    /* an authentic fatal alert of the client  */
	DT_HS_FAILED_MEMORY,
};

/* How far it has come, for whoever wants to know. */
enum dt_hs_note {
	DT_HS_NOTE_RESUMED,
	DT_HS_NOTE_FLIGHT, /* was sent */
	DT_HS_NOTE_FLIGHT_AGAIN,
	DT_HS_NOTE_CERTIFICATE,
	DT_HS_NOTE_KEY_EXCHANGE,
	DT_HS_NOTE_FINISHED,
	DT_HS_NOTE_ALERT_SENT,	   /* with its description; -1 = OpenSSL has sealed it */
	DT_HS_NOTE_ALERT_RECEIVED, /* with its description; fatal ones only */
};

/* What a worker lends to its handshakes. */
struct dt_hs_worker {
	struct dt_aead_pool *pool;
	struct dt_budget *budget;
	struct dt_counters *counters;
	const uint64_t *datagram; /* number of the one that is being read: its records are from one hand */
};

/* `message`: the whole ClientHello with its 12-byte header, message_seq 1; `hello`: the same,
 * read; `record_seq`: of the record that brought it; `owner`: never reused, its top bit 0; `cid`:
 * DT_CID_LEN bytes for a client that asks for a connection id, borrowed for the life of the
 * handshake, NULL = none is given. Nothing is sent yet. */
enum dt_err dt_hs_new(struct dt_tls *tls, const struct dt_hs_worker *worker, uint64_t owner,
    struct dt_span message, const struct dt_hello *hello, uint64_t record_seq, const uint8_t *cid,
    struct dt_handshake **out) DT_MUST_USE;
void dt_hs_free(struct dt_handshake **hs);

/* `tell` is called while the handshake works, and may ask it nothing but what is const. Requires:
 * dt_hs_start() was not called. */
void dt_hs_watch(struct dt_handshake *hs, void (*tell)(void *arg, enum dt_hs_note note, int alert), void *arg);

/* Answers the hello. */
enum dt_hs_step dt_hs_start(struct dt_handshake *hs, struct dt_now now, const struct dt_wire *wire);

/* One record of the client; its body may be overwritten. *used: it was of use. `retried`: it was
 * dropped once already, and is not counted again. */
enum dt_hs_step dt_hs_record(struct dt_handshake *hs, const struct dt_record *rec, bool retried,
    struct dt_now now, const struct dt_wire *wire, bool *used);

/* DT_NEVER while a gate is open. */
struct dt_mono dt_hs_deadline(const struct dt_handshake *hs);
/* Repeats the flight when its deadline was reached. */
enum dt_hs_step dt_hs_timer(struct dt_handshake *hs, struct dt_now now, const struct dt_wire *wire);

/* The system refused a datagram of ours of `len` bytes: the flights get smaller ones. False: they were
 * already. */
bool dt_hs_too_long(struct dt_handshake *hs, size_t len);

/* Of an open DT_HS_PSK. {NULL, 0}: one that no key may be given for (a NUL byte in it, or longer
 * than OpenSSL takes); answer it with an empty key. */
struct dt_span dt_hs_psk_identity(const struct dt_handshake *hs);
/* An empty key: unknown. The handshake then goes the way of a wrong key. */
enum dt_hs_step dt_hs_give_psk(struct dt_handshake *hs, struct dt_span key, struct dt_now now,
    const struct dt_wire *wire);

/* Of an open DT_HS_AUTH. */
struct dt_hs_peer {
	bool has_certificate, resumed;
	int verify_code; /* X509_V_…; -1 = no certificate */
};
void dt_hs_peer(const struct dt_handshake *hs, struct dt_hs_peer *out);
/* Its certificates as DER, leaf first; after a resumption the leaf alone. Borrowed until the
 * handshake is freed. *count 0: none, or no memory to show them. */
#define DT_HS_CERTIFICATES_MAX 32u
const struct dtlsd_bytes *dt_hs_certificates(struct dt_handshake *hs, uint32_t *count);
/* `alert`: what a refused client is told. */
enum dt_hs_step dt_hs_give_auth(struct dt_handshake *hs, bool accept, uint8_t alert, struct dt_now now,
    const struct dt_wire *wire);

/* Sends a fatal alert under the current keys; the handshake has failed then. */
void dt_hs_abort(struct dt_handshake *hs, uint8_t alert, const struct dt_wire *wire);

/* After DT_HS_FAILED: why, the alert that was sent or received (name it with dt_alert_text(); -1 =
 * none), and the reason that OpenSSL gave ("" = none). */
enum dt_hs_failure dt_hs_failure(const struct dt_handshake *hs, int *alert, const char **reason);
/* The first unauthenticated fatal alert that came, -1 = none: named when the handshake stalls. */
int dt_hs_plain_alert(const struct dt_handshake *hs);

void dt_hs_negotiated(const struct dt_handshake *hs, struct dt_negotiated *out);
/* Bytes of the client's connection id in our records; 0 = they carry none. */
uint8_t dt_hs_cid_len(const struct dt_handshake *hs);
const char *dt_hs_suite_name(const struct dt_handshake *hs); /* IANA name, NULL = not known yet */

/* After DT_HS_DONE: the session (owned by the caller from now on), and the last flight, which may
 * have to be sent again (empty after a resumption). The SSL object is gone for suites of ours. */
void dt_hs_take(struct dt_handshake *hs, struct dt_session *session, struct dt_flight *last);
/* Records of epoch 1 that came before the end of the handshake, in order of arrival; give each to
 * the session. Calls `each` with a record whose body is writable; `opened`: it is the plaintext of
 * application data already (the form with a connection id hides the type until it is opened). */
void dt_hs_each_held(struct dt_handshake *hs,
    void (*each)(void *arg, const struct dt_record *rec, bool opened), void *arg);

#endif
