/* rrc.h - the messages of a return routability check: a type and a cookie of 8 bytes.
 *
 * Knows neither paths nor time nor keys. Threads: any. RFC 9853 4.
 */
#ifndef DT_DTLS_RRC_H
#define DT_DTLS_RRC_H

#include "base/span.h"

#define DT_RRC_COOKIE 8u /* bytes */
#define DT_RRC_LEN (1u + DT_RRC_COOKIE)

enum dt_rrc_type { DT_RRC_CHALLENGE, DT_RRC_RESPONSE, DT_RRC_DROP };

enum dt_rrc_verdict {
	DT_RRC_OK,
	DT_RRC_UNKNOWN, /* of a later version: ignored, whatever its length */
	DT_RRC_BAD,	/* empty, or not as long as its type is             */
};

struct dt_rrc_message {
	enum dt_rrc_type type;
	struct dt_span cookie; /* borrowed, DT_RRC_COOKIE bytes */
};

/* `plain`: the plaintext of one record. */
enum dt_rrc_verdict dt_rrc_read(struct dt_span plain, struct dt_rrc_message *out);

void dt_rrc_write(enum dt_rrc_type type, const uint8_t cookie[DT_RRC_COOKIE], uint8_t out[DT_RRC_LEN]);

#endif
