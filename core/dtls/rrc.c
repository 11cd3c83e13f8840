#include "dtls/rrc.h"

#include <string.h>

enum dt_rrc_verdict
dt_rrc_read(struct dt_span plain, struct dt_rrc_message *out)
{
	struct dt_reader r = dt_reader(plain.data, plain.len);
	uint64_t type = dt_read_uint(&r, 1);
	if (r.bad)
		return DT_RRC_BAD;
	if (type > DT_RRC_DROP)
		return DT_RRC_UNKNOWN;
	out->type = (enum dt_rrc_type)type;
	out->cookie = dt_read_bytes(&r, DT_RRC_COOKIE);
	return r.bad || r.left ? DT_RRC_BAD : DT_RRC_OK;
}

void
dt_rrc_write(enum dt_rrc_type type, const uint8_t cookie[DT_RRC_COOKIE], uint8_t out[DT_RRC_LEN])
{
	out[0] = (uint8_t)type;
	memcpy(out + 1, cookie, DT_RRC_COOKIE);
}
