#include "dtls/record.h"

#include "base/assert.h"

static bool
is_known_type(uint8_t type)
{
	return type >= DT_CHANGE_CIPHER_SPEC && type <= DT_TLS12_CID;
}

static bool
is_dtls_version(uint16_t version)
{
	return version >> 8 == 0xfe;
}

enum dt_record_verdict
dt_record_next(uint8_t *data, size_t len, size_t *at, struct dt_record *out)
{
	DT_ASSERT(*at <= len);
	if (*at == len)
		return DT_RECORD_END;

	uint8_t *start = data + *at;
	struct dt_reader r = dt_reader(start, len - *at);
	out->type = (uint8_t)dt_read_uint(&r, 1);
	out->version = (uint16_t)dt_read_uint(&r, 2);
	out->epoch = (uint16_t)dt_read_uint(&r, 2);
	out->seq = dt_read_uint(&r, 6);
	out->cid = out->type == DT_TLS12_CID ? dt_read_bytes(&r, DT_CID_LEN).data : NULL;
	out->len = dt_read_vector(&r, 2).len;
	if (r.bad) {
		*at = len;
		return DT_RECORD_BAD;
	}
	out->body = start + DT_RECORD_HEADER + (out->cid ? DT_CID_LEN : 0);
	*at = (size_t)(out->body - data) + out->len;
	if (!is_known_type(out->type) || !is_dtls_version(out->version) || out->len > DT_CIPHER_MAX)
		return DT_RECORD_SKIP;
	return DT_RECORD_OK;
}

bool
dt_record_looks_like_dtls(const uint8_t *data, size_t len)
{
	if (len < DT_RECORD_HEADER)
		return false;
	return is_known_type(data[0]) && data[1] == 0xfe;
}

void
dt_record_write_header(
    uint8_t *out, uint8_t type, uint16_t version, uint16_t epoch, uint64_t seq, size_t len)
{
	DT_ASSERT(seq <= DT_SEQ_MAX && len <= DT_CIPHER_MAX);
	out[0] = type;
	dt_write_uint(out + 1, version, 2);
	dt_write_uint(out + 3, epoch, 2);
	dt_write_uint(out + 5, seq, 6);
	dt_write_uint(out + 11, len, 2);
}
