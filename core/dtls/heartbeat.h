/* heartbeat.h - the messages of RFC 6520: read with every length checked, written with padding.
 *
 * Knows neither time nor keys. payload_length + 3 + 16 <= record length, or the message does not
 * exist (CVE-2014-0160). Threads: any.
 */
#ifndef DT_DTLS_HEARTBEAT_H
#define DT_DTLS_HEARTBEAT_H

#include <stdbool.h>

#include "base/span.h"

#define DT_HEARTBEAT_REQUEST 1u
#define DT_HEARTBEAT_RESPONSE 2u
#define DT_HEARTBEAT_PADDING 16u /* bytes, at least */
#define DT_HEARTBEAT_OVERHEAD (3u + DT_HEARTBEAT_PADDING)

struct dt_heartbeat_message {
	uint8_t type;
	struct dt_span payload; /* borrowed */
};

/* `plain`: the plaintext of one record. False: to be discarded in silence (RFC 6520 4). */
bool dt_heartbeat_read(struct dt_span plain, struct dt_heartbeat_message *out);

/* Writes type, length, payload and 16 bytes of fresh padding to out[payload.len + OVERHEAD];
 * returns the bytes, 0 when there is no randomness. The payload may already stand at out + 3.
 * Requires: payload.len <= 0xffff. */
size_t dt_heartbeat_write(uint8_t type, struct dt_span payload, uint8_t *out);

#endif
