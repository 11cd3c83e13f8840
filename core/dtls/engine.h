/* engine.h - OpenSSL on a lead: whole handshake messages go in, a stream of its records comes out.
 *
 * OpenSSL sees plain records that we make of whole messages, in order, each once; what it writes
 * is collected and cut into records by the caller. It has no socket, no MTU that matters and a
 * timer that fires only where it has to repeat a flight itself (dt_engine_repeat()).
 * Owner: the handshake; with a suite that is not ours, the session from then on. Threads: none.
 */
#ifndef DT_DTLS_ENGINE_H
#define DT_DTLS_ENGINE_H

#include <openssl/ssl.h>

#include "base/err.h"
#include "base/span.h"
#include "base/time.h"
#include "dtls/etm.h"
#include "dtls/extensions.h"
#include "dtls/record.h"
#include "dtls/tls.h"

#define DT_PSK_MAX 256u /* bytes of a key */

struct dt_engine {
	struct dt_tls *tls;	/* borrowed */
	SSL *ssl;		/* owned    */
	struct dt_span in;	/* the one datagram that OpenSSL may read next; borrowed  */
	uint8_t *out;		/* owned: what OpenSSL wrote and nobody took yet           */
	size_t out_len, out_cap;
	bool out_failed;	/* something that it wrote was lost: no memory            */
	uint64_t fed;		/* number of the next plain record that we make for it    */
	struct dt_now now;	/* of this call; tickets and verification read it         */
	struct dt_extensions extensions; /* what both hellos said */
	int verify_code;	/* X509_V_… of the client's chain; -1 = it sent none       */
	uint8_t psk[DT_PSK_MAX];
	size_t psk_len;
	struct dt_etm etm; /* hash NULL: not derived yet */
};

/* Counted in tls->ssl_objects. `without_cbc`: the client cannot do encrypt_then_mac; DT_ERR_REFUSED
 * when that leaves no suite. */
enum dt_err dt_engine_new(struct dt_tls *tls, bool without_cbc, struct dt_engine **out) DT_MUST_USE;
void dt_engine_free(struct dt_engine **e);

/* The verified ClientHello, message_seq 1. False when OpenSSL refuses it. */
bool dt_engine_hello(struct dt_engine *e, struct dt_span message);
enum dt_engine_result { DT_ENGINE_WANTS_MORE, DT_ENGINE_DONE, DT_ENGINE_FAILED };
/* Lets it work on what it has. */
enum dt_engine_result dt_engine_run(struct dt_engine *e);
/* A whole handshake message of epoch 0. */
enum dt_engine_result dt_engine_message(struct dt_engine *e, struct dt_span message);
enum dt_engine_result dt_engine_change_cipher_spec(struct dt_engine *e);
/* A record as it is, while the handshake lasts. */
enum dt_engine_result dt_engine_record(struct dt_engine *e, struct dt_span record);

/* The flight once more, with a Finished that OpenSSL has sealed again: for a resumption in a suite that
 * is not ours. Under its old number the client would drop it as seen, and not say again what got lost.
 * Writes nothing when OpenSSL thinks that it is too early, or for any other flight. */
enum dt_engine_result dt_engine_repeat(struct dt_engine *e);

/* Master secret and randoms. False: not yet. */
bool dt_engine_secrets(const struct dt_engine *e, struct dt_secrets *out);
/* Hash of the PRF; NULL = no suite yet. */
const char *dt_engine_prf_digest(const struct dt_engine *e);
/* Whether OpenSSL may be given a record of epoch 1, of a suite that is not ours: false for one that
 * is forged, which it would not survive (etm.h). */
bool dt_engine_authentic(struct dt_engine *e, const struct dt_record *rec);

/* The next whole record of what OpenSSL wrote, at *at; false: no more. */
bool dt_engine_next_out(struct dt_engine *e, size_t *at, struct dt_record *out, struct dt_span *raw);
/* Forgets what was taken. */
void dt_engine_clear_out(struct dt_engine *e, size_t taken);

/* Our BIO: reads give one datagram, writes are collected. Owned by the caller. */
BIO_METHOD *dt_engine_bio_method(void);

#endif
