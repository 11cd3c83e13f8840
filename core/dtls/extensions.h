/* extensions.h - the hello extensions that OpenSSL does not know and our record layer does.
 *
 * heartbeat (15, RFC 6520), record_size_limit (28, RFC 8449), connection_id (54, RFC 9146), rrc (61,
 * RFC 9853). Read out of the ClientHello and answered through OpenSSL's custom extensions, inside the
 * transcript; all but record_size_limit only for suites whose records are ours.
 * Owner: the engine of a handshake. Threads: none.
 */
#ifndef DT_DTLS_EXTENSIONS_H
#define DT_DTLS_EXTENSIONS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "dtls/record.h"

/* HeartbeatMode, RFC 6520 2. */
enum dt_heartbeat_mode {
	DT_HEARTBEAT_OFF = 0, /* the extension is not negotiated */
	DT_HEARTBEAT_PEER_MAY_SEND = 1,
	DT_HEARTBEAT_PEER_MAY_NOT_SEND = 2,
};

struct dt_extensions {
	const uint8_t *cid_ours; /* DT_CID_LEN bytes to offer, borrowed; NULL = none for this client */
	uint8_t cid[255];	 /* the client's */
	uint8_t cid_len;
	bool cid_offered, cid_answered;
	uint8_t cid_written[1 + DT_CID_LEN]; /* the extension of the ServerHello */
	uint8_t heartbeat_offered; /* the client's mode, DT_HEARTBEAT_OFF = not offered */
	bool heartbeat_answered;   /* ours stands in the ServerHello                    */
	uint16_t size_limit;	   /* the client's: bytes of plaintext, 0 = not offered */
	bool size_limit_answered;
	uint8_t size_limit_written[2];
	bool rrc_offered, rrc_answered;
};

/* max_fragment_length as OpenSSL negotiated it: 512 to 4096 bytes (RFC 6066 4); 0 = not. */
uint16_t dt_extensions_fragment_max(SSL *ssl);
/* For every SSL object of the context; found through its engine. */
enum dt_err dt_extensions_install(SSL_CTX *ctx) DT_MUST_USE;

#endif
