#include "dtls/heartbeat.h"

#include "base/assert.h"

#include <openssl/rand.h>
#include <string.h>

bool
dt_heartbeat_read(struct dt_span plain, struct dt_heartbeat_message *out)
{
	struct dt_reader r = dt_reader(plain.data, plain.len);
	out->type = (uint8_t)dt_read_uint(&r, 1);
	out->payload = dt_read_vector(&r, 2);
	if (r.bad || r.left < DT_HEARTBEAT_PADDING)
		return false;
	return out->type == DT_HEARTBEAT_REQUEST || out->type == DT_HEARTBEAT_RESPONSE;
}

size_t
dt_heartbeat_write(uint8_t type, struct dt_span payload, uint8_t *out)
{
	DT_ASSERT(payload.len <= UINT16_MAX);
	memmove(out + 3, payload.data, payload.len);
	out[0] = type;
	dt_write_uint(out + 1, payload.len, 2);
	if (RAND_bytes(out + 3 + payload.len, DT_HEARTBEAT_PADDING) != 1)
		return 0;
	return payload.len + DT_HEARTBEAT_OVERHEAD;
}
