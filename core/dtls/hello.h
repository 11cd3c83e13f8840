/* hello.h - reads a ClientHello before any state of its sender exists.
 *
 * Two readings: the head (version, random, session id, cookie), which must stand whole in the
 * first fragment, is all that the cookie needs; the whole hello, once the cookie was right, gives
 * what a module may want to decide on. Everything is borrowed from the caller's bytes.
 * RFC 5246 7.4.1.2, RFC 6347 4.2, RFC 6066 3, RFC 7301, RFC 9146 3. Threads: any.
 */
#ifndef DT_DTLS_HELLO_H
#define DT_DTLS_HELLO_H

#include <stdbool.h>

#include "base/span.h"

#define DT_HS_HEADER 12u /* bytes of a handshake message header */
#define DT_HS_CLIENT_HELLO 1u
#define DT_HS_HELLO_VERIFY_REQUEST 3u
#define DT_HELLO_SUITES_MAX 256u
#define DT_SERVER_NAME_MAX 255u

/* The header of one handshake fragment and its bytes (RFC 6347 4.2.2). */
struct dt_fragment {
	uint8_t type;
	uint32_t length; /* of the whole message, claimed */
	uint16_t message_seq;
	uint32_t offset;
	struct dt_span bytes; /* of this fragment */
};

/* Reads one fragment at *r and moves behind it; false when it does not fit or
 * offset + length of the fragment exceeds the message's length. */
bool dt_fragment_read(struct dt_reader *r, struct dt_fragment *out);

struct dt_hello_head {
	uint16_t version; /* client_version: 0xfefd, or lower numbers for later versions */
	struct dt_span random, session_id, cookie;
};

/* Reads the head out of the first fragment's bytes. False: malformed or cut off. */
bool dt_hello_read_head(struct dt_span bytes, struct dt_hello_head *out);

struct dt_hello {
	struct dt_hello_head head;
	uint16_t suites[DT_HELLO_SUITES_MAX]; /* the first 256, unknown and SCSV included */
	uint32_t suite_count;
	/* Lower case, [a-z0-9._-] only. "" = absent; a name with other characters (an address, which
	 * RFC 6066 3 forbids and some devices send) counts as absent too. */
	char server_name[DT_SERVER_NAME_MAX + 1];
	struct dt_span alpn; /* ProtocolNameList, its 2 bytes of length too; {NULL, 0} = absent */
	bool offers_connection_id, offers_heartbeat, offers_extended_master_secret, offers_ticket;
	bool offers_encrypt_then_mac;
	/* SHA-256 over version, suites, extension types (sorted), groups and signature algorithms.
	 * Left out: GREASE, and extensions that depend on the occasion (server name, padding, PSK). */
	uint8_t fingerprint[32];
};

enum dt_hello_verdict {
	DT_HELLO_OK,
	DT_HELLO_MALFORMED,
	DT_HELLO_VERSION, /* client_version is not DTLS 1.2 or later; the rest was not read */
};

/* The whole message, without its handshake header. Checks every length, also of the extensions
 * that it does not know; a duplicate extension is malformed. */
enum dt_hello_verdict dt_hello_read(struct dt_span message, struct dt_hello *out);

#endif
