/* forge.h - plaintext records of a DTLS client, written by hand, also those that lie.
 *
 * Every function writes one datagram of one record to out[FLEET_DATAGRAM] and returns its bytes.
 * RFC 6347 4.1, 4.2.
 */
#ifndef LOAD_FORGE_H
#define LOAD_FORGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct forge_bytes {
	const uint8_t *data;
	size_t len;
};

struct forge_hello {
	uint32_t random_seed;
	struct forge_bytes cookie; /* len 0 = none */
	bool second;		   /* message_seq and record number 1 */
	uint32_t claimed;	   /* length of the whole message; 0 = the truth */
};

size_t forge_hello(const struct forge_hello *hello, uint8_t *out);

enum forge_message { FORGE_CERTIFICATE = 11, FORGE_KEY_EXCHANGE = 16, FORGE_FINISHED = 20 };

/* A piece of the message behind the second hello. */
struct forge_part {
	enum forge_message type;
	uint32_t claimed, offset; /* bytes */
	size_t len;
};

size_t forge_part(const struct forge_part *part, uint8_t *out);

/* True: it is a HelloVerifyRequest; *cookie points into it. */
bool forge_read_cookie(const uint8_t *data, size_t len, struct forge_bytes *cookie);

#endif
