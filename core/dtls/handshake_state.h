/* handshake_state.h - the inside of a handshake, shared by handshake.c (its course),
 * handshake_in.c (what comes in) and handshake_out.c (what goes out).
 */
#ifndef DT_DTLS_HANDSHAKE_STATE_H
#define DT_DTLS_HANDSHAKE_STATE_H

#include "dtls/engine.h"
#include "dtls/handshake.h"

#define DT_HANDSHAKE_MAGIC 0x68736b65u
#define DT_IDENTITY_MAX 128u /* bytes; what OpenSSL takes */

#define DT_HS_CERTIFICATE 11u
#define DT_HS_CLIENT_KEY_EXCHANGE 16u
#define DT_HS_FINISHED 20u

/* A record of epoch 1 that came early. */
struct dt_held {
	struct dt_list node;
	struct dt_record rec; /* body and cid point behind this struct */
	bool opened;	      /* body is the plaintext of application data */
	uint64_t datagram;    /* which brought it */
	size_t size;
};

struct dt_handshake {
	uint32_t magic;
	struct dt_tls *tls;		 /* borrowed */
	struct dt_hs_worker worker;	 /* borrowed pointers */
	uint64_t owner;
	struct dt_engine *engine;	 /* owned; given to the session when the suite is not ours */
	struct dt_record_state state;
	const struct dt_suite *suite;	 /* NULL: not known yet, or not ours */
	struct dt_reassembly messages;	 /* of the client */
	struct dt_span message;		 /* the next one, whole, not yet given to OpenSSL; borrowed */
	uint8_t identity[DT_IDENTITY_MAX]; /* PSK */
	size_t identity_len;
	uint8_t *hello;			 /* owned until dt_hs_start(); hello_len bytes */
	size_t hello_len;

	void (*tell)(void *arg, enum dt_hs_note note, int alert); /* NULL = nobody wants to know */
	void *tell_arg;			 /* borrowed */
	bool resumed_told;
	uint16_t ephemeral_bits;	 /* of our key for the exchange; 0 = none yet */

	enum dt_hs_step step;		 /* what the owner was told last */
	bool suite_known;
	bool psk_answered, auth_answered;
	bool change_seen, change_fed;	 /* the client's ChangeCipherSpec */
	bool key_exchange_fed;
	uint64_t key_datagram;		 /* which brought the key exchange */
	struct dt_mono keyed_at;	 /* when OpenSSL got that */
	unsigned unopened;		 /* sealed messages of the client that no key opened */

	struct dt_flight flight;	 /* ours, sent last or about to be */
	bool flight_sent;
	bool change_sent;		 /* our ChangeCipherSpec was in one: the client reads epoch 1 */
	uint8_t *join;			 /* owned: a message of ours that OpenSSL wrote in fragments */
	size_t join_len, join_total;
	bool next_out_is_sealed;	 /* OpenSSL's ChangeCipherSpec has been taken */

	struct dt_mono deadline;	 /* of the repetition        */
	struct dt_dur interval;		 /* doubles with each        */
	struct dt_mono repeat_allowed;	 /* by a repeated client flight: not before this */
	unsigned timeouts;

	bool retried;			 /* the record at hand was dropped once, and counted then */
	struct dt_list held;		 /* owned: struct dt_held */
	size_t held_bytes;
	size_t largest_fed;		 /* bytes of the longest message that OpenSSL got */
	size_t charged;			 /* bytes of the budget, beside held records and reassembly */

	struct dtlsd_bytes certificates[DT_HS_CERTIFICATES_MAX]; /* owned: of the client */
	uint32_t certificate_count;

	enum dt_hs_failure failure;
	int alert;			 /* sent or received with the failure; -1 = none */
	int plain_alert;		 /* first unauthenticated fatal one, -1 = none   */
	char reason[96];		 /* OpenSSL's words */
};

/* Takes what OpenSSL wrote: messages into the flight, an alert (then the handshake has failed)
 * onto the wire. False when it failed. */
bool dt_hs_collect(struct dt_handshake *hs, const struct dt_wire *wire);
/* Sends the flight, and arms the timer when `await` (an answer is expected). */
void dt_hs_send_flight(struct dt_handshake *hs, bool await, const struct dt_wire *wire);
/* One record of the client. True: of use. */
bool dt_hs_take_record(struct dt_handshake *hs, const struct dt_record *rec, const struct dt_wire *wire);
/* Opens the held records that are not application data, now that there are keys. */
void dt_hs_open_held(struct dt_handshake *hs, const struct dt_wire *wire);
void dt_hs_drop_held(struct dt_handshake *hs, struct dt_held *h);
bool dt_hs_is_psk(const struct dt_handshake *hs);
/* A sealed message of this datagram did not open. True: the client has a wrong pre-shared key. */
bool dt_hs_note_unopened(struct dt_handshake *hs, uint64_t datagram);
/* The keys of epoch 1, once OpenSSL has the master secret. False: not yet, or not ours. */
bool dt_hs_derive(struct dt_handshake *hs);
/* Remembers why, sends a fatal alert unless it is negative. */
void dt_hs_fail(struct dt_handshake *hs, enum dt_hs_failure why, int alert, const struct dt_wire *wire);

static inline void
dt_hs_note(const struct dt_handshake *hs, enum dt_hs_note note, int alert)
{
	if (hs->tell)
		hs->tell(hs->tell_arg, note, alert);
}

void dt_hs_free_certificates(struct dt_handshake *hs);

/* Cipher contexts for the copies that OpenSSL gets and gives: they never reach the wire, and must
 * not meet those of the connection itself. */
static inline uint64_t
dt_hs_local_owner(const struct dt_handshake *hs)
{
	return hs->owner | UINT64_C(1) << 63;
}

#endif
