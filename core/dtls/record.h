/* record.h - takes a datagram apart into records, and writes record headers.
 *
 * Knows lengths and header fields, no keys and no state. A bad length ends the datagram (nothing
 * behind it can be found); a record with a wrong version or an unknown type is skipped.
 * RFC 6347 4.1, RFC 5246 6.2. Threads: any.
 */
#ifndef DT_DTLS_RECORD_H
#define DT_DTLS_RECORD_H

#include <stdbool.h>

#include "base/span.h"

#define DT_RECORD_HEADER 13u	 /* bytes */
#define DT_CID_LEN 8u		 /* bytes of every connection id that we give out (RFC 9146 3) */
#define DT_PLAIN_MAX 16384u	 /* bytes of plaintext in a record, RFC 5246 6.2.1 */
#define DT_CID_INNER_MAX (16384u + 256u) /* content, type and some padding (RFC 9146 4) */
#define DT_CIPHER_MAX (16384u + 2048u)
#define DT_SEQ_MAX ((UINT64_C(1) << 48) - 1)
#define DT_VERSION_10 0xfeffu
#define DT_VERSION_12 0xfefdu

enum dt_content {
	DT_CHANGE_CIPHER_SPEC = 20,
	DT_ALERT = 21,
	DT_HANDSHAKE = 22,
	DT_APPLICATION_DATA = 23,
	DT_HEARTBEAT = 24,
	DT_TLS12_CID = 25,
	DT_RETURN_ROUTABILITY_CHECK = 27, /* RFC 9853; from a client within tls12_cid only */
};

struct dt_record {
	uint8_t type;	  /* enum dt_content                    */
	uint16_t version;
	uint16_t epoch;
	uint64_t seq;	  /* 48 bits                            */
	uint8_t *body;	  /* borrowed from the datagram, mutable */
	size_t len;	  /* bytes of body                      */
	const uint8_t *cid; /* tls12_cid: our DT_CID_LEN bytes, borrowed; NULL in the plain form */
};

enum dt_record_verdict {
	DT_RECORD_OK,
	DT_RECORD_SKIP, /* well framed, but wrong version, unknown type or too long: count, go on */
	DT_RECORD_BAD,	/* the length is wrong: drop the rest of the datagram                     */
	DT_RECORD_END,	/* no more                                                                */
};

/* The next record at *at (of the datagram data[len]); moves *at behind it. A tls12_cid
 * record carries a connection id of ours, which has one length. A body of 0 bytes is OK: who reads the content decides. */
enum dt_record_verdict dt_record_next(uint8_t *data, size_t len, size_t *at, struct dt_record *out);

/* Whether the datagram can be DTLS at all: type 20 to 25, major version 0xfe, 13 bytes. */
bool dt_record_looks_like_dtls(const uint8_t *data, size_t len);

/* Writes 13 bytes. Requires: seq <= DT_SEQ_MAX, len <= DT_CIPHER_MAX. */
void dt_record_write_header(uint8_t *out, uint8_t type, uint16_t version, uint16_t epoch, uint64_t seq,
    size_t len);

#endif
