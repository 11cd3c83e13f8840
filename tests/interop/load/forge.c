#include "forge.h"

#include <string.h>

#define RECORD_HEADER 13u
#define MESSAGE_HEADER 12u
#define RANDOM_BYTES 32u

enum { HANDSHAKE = 22, CLIENT_HELLO = 1, HELLO_VERIFY_REQUEST = 3 };

/* Suites for ECDSA and RSA, no compression; groups, point formats, signature algorithms, extended
 * master secret. */
static const uint8_t hello_tail[] = {
    0, 8, 0xc0, 0x2b, 0xc0, 0x2f, 0xcc, 0xa9, 0, 0xff,
    1, 0,
    0, 32,
    0, 10, 0, 6, 0, 4, 0, 0x1d, 0, 0x17,
    0, 11, 0, 2, 1, 0,
    0, 13, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1,
    0, 23, 0, 0,
};

static uint8_t *
put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
	return at + bytes;
}

static size_t
put_headers(uint8_t *out, uint8_t type, uint16_t seq, uint32_t claimed, uint32_t offset, size_t len)
{
	uint8_t *at = put(out, HANDSHAKE, 1);
	at = put(at, 0xfeff, 2);
	at = put(at, seq, 8); /* epoch 0 */
	at = put(at, MESSAGE_HEADER + len, 2);
	at = put(at, type, 1);
	at = put(at, claimed, 3);
	at = put(at, seq, 2);
	at = put(at, offset, 3);
	put(at, len, 3);
	return RECORD_HEADER + MESSAGE_HEADER + len;
}

size_t
forge_hello(const struct forge_hello *hello, uint8_t *out)
{
	uint8_t *body = out + RECORD_HEADER + MESSAGE_HEADER, *at = put(body, 0xfefd, 2);
	for (uint32_t i = 0; i < RANDOM_BYTES; i++)
		*at++ = (uint8_t)(hello->random_seed * 2654435761u >> i % 24);
	at = put(at, 0, 1);
	at = put(at, hello->cookie.len, 1);
	memcpy(at, hello->cookie.data ? hello->cookie.data : out, hello->cookie.len);
	at += hello->cookie.len;
	memcpy(at, hello_tail, sizeof(hello_tail));
	size_t len = (size_t)(at - body) + sizeof(hello_tail);
	return put_headers(out, CLIENT_HELLO, hello->second ? 1 : 0,
	    hello->claimed ? hello->claimed : (uint32_t)len, 0, len);
}

size_t
forge_part(const struct forge_part *part, uint8_t *out)
{
	memset(out + RECORD_HEADER + MESSAGE_HEADER, 0x5a, part->len);
	return put_headers(out, (uint8_t)part->type, 2, part->claimed, part->offset, part->len);
}

bool
forge_read_cookie(const uint8_t *data, size_t len, struct forge_bytes *cookie)
{
	size_t at = RECORD_HEADER + MESSAGE_HEADER + 2;
	if (len < at + 1 || data[0] != HANDSHAKE || data[RECORD_HEADER] != HELLO_VERIFY_REQUEST)
		return false;
	*cookie = (struct forge_bytes){data + at + 1, data[at]};
	return len == at + 1 + cookie->len;
}
