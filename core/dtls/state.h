/* state.h - everything the records of one association need, in one plain struct.
 *
 * No pointers: it can be written out and read in again. It is the only place where record
 * numbers are given out: each number of each epoch once, for ever; that a (key, nonce) pair is
 * never used twice rests on this file alone.
 * Owner: the handshake, then the session. Threads: none. RFC 6347 4.1.
 */
#ifndef DT_DTLS_STATE_H
#define DT_DTLS_STATE_H

#include "base/counters.h"
#include "dtls/flight.h"
#include "dtls/protect.h"
#include "dtls/replay.h"
#include "dtls/wire.h"

struct dt_record_state {
	uint16_t suite;		  /* IANA number; 0 before it is known                   */
	uint16_t fragment_max;	  /* bytes of payload in a record that we may send        */
	uint16_t sealed_max;	  /* of content in a sealed one, at most fragment_max     */
	uint16_t read_max;	  /* of plaintext in a sealed one to us; 0 = as always    */
	uint16_t mtu;		  /* bytes of a datagram towards this peer                */
	uint16_t keyed;		  /* 1: read and write hold the keys of epoch 1           */
	uint8_t heartbeat_ours;	  /* enum dt_heartbeat_mode that we said; 0 = not negotiated */
	uint8_t heartbeat_peers;  /* that the client said                                 */
	uint64_t next_plain;	  /* number of our next record in epoch 0                 */
	uint64_t next_sealed;	  /* number of our next record in epoch 1                 */
	uint64_t seal_limit;	  /* no record of epoch 1 gets this number or a higher one */
	uint64_t forgeries;	  /* records of epoch 1 that did not open                 */
	uint64_t forgery_limit;	  /* 0 = they are only counted                            */
	uint64_t forgery_warning; /* so many are worth a word                             */
	uint8_t cid_ours;	  /* 1: the client's records carry a connection id of ours */
	uint8_t cid_len;	  /* bytes of the client's own, which ours carry; 0 = none */
	uint8_t cid[255];
	uint8_t rrc;		  /* 1: return routability checks were negotiated, RFC 9853 */
	struct dt_replay replay;  /* of epoch 1                                           */
	struct dt_key read, write;
};

/* Sets the bounds of what the keys are used for: the suite's own (RFC 9325 4.4; NULL = a suite that is
 * not ours, which has none), or `records` and `forgeries` where these are lower; 0 = as the suite. */
void dt_state_set_limits(struct dt_record_state *s, const struct dt_suite *suite, uint64_t records,
    uint64_t forgeries);

enum dt_key_use { DT_KEY_GOOD, DT_KEY_HALF_USED, DT_KEY_USED_UP };
/* USED_UP: only an alert, to say good-bye, can still be sealed; or too many records were forged. */
enum dt_key_use dt_state_key_use(const struct dt_record_state *s);

/* Bytes that a record of this epoch is longer than its payload, header included. */
size_t dt_state_overhead(const struct dt_record_state *s, uint16_t epoch);

/* Writes the next record of an epoch (0 or 1) to out[len + overhead]. Returns its bytes; 0 when
 * the numbers or the use of the key came to an end (the last number is an alert's), or the crypto
 * library failed.
 * Requires: len <= DT_PLAIN_MAX; epoch 1 only when keyed. */
size_t dt_state_write(struct dt_record_state *s, struct dt_aead_pool *pool, uint64_t owner,
    uint16_t epoch, uint8_t type, const uint8_t *payload, size_t len, uint8_t *out);

/* dt_state_write() of two bytes, sent along the wire by itself. */
void dt_state_send_alert(struct dt_record_state *s, struct dt_aead_pool *pool, uint64_t owner,
    uint16_t epoch, uint8_t level, uint8_t description, const struct dt_wire *wire);

/* dt_flight_send() with the next records of this state, in datagrams of at most `mtu` bytes. */
enum dt_err dt_state_send_flight(struct dt_record_state *s, struct dt_aead_pool *pool, uint64_t owner,
    const struct dt_flight *flight, size_t mtu, const struct dt_wire *wire) DT_MUST_USE;

/* So many losses of a flight in turn, and it goes on in smaller datagrams (RFC 6347 4.1.1.1). */
#define DT_LOSSES_BEFORE_SMALLER 2u
/* Half the mtu, to the least that is served. */
void dt_state_halve_mtu(struct dt_record_state *s);
/* The system refused a datagram of `len` bytes: the mtu is at most the next usual size below that,
 * which is returned. */
uint16_t dt_state_lower_mtu(struct dt_record_state *s, size_t len);

enum dt_state_verdict {
	DT_STATE_OPENED,
	DT_STATE_SEEN,
	DT_STATE_TOO_OLD,
	DT_STATE_FORGED,
	DT_STATE_MALFORMED,
};
/* What such a record is counted as. Requires: v != DT_STATE_OPENED. */
enum dt_drop dt_state_drop(enum dt_state_verdict v);

/* Replay check, opening, replay commit, in this order, of a record of epoch 1. *type is the real one
 * of a tls12_cid record. One in the wrong form, with or without connection id, is malformed
 * (RFC 9146 3). */
enum dt_state_verdict dt_state_open(struct dt_record_state *s, struct dt_aead_pool *pool, uint64_t owner,
    const struct dt_record *rec, uint8_t *type, uint8_t **plain, size_t *len);

#endif
