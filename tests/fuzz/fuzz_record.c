/* Records of a datagram: each within it, in order, until an end. */
#include "fuzz.h"

#include "base/assert.h"
#include "dtls/record.h"

#include <stdlib.h>
#include <string.h>

static void
walk(uint8_t *data, size_t len)
{
	struct dt_record r;
	for (size_t at = 0;;) {
		size_t before = at;
		enum dt_record_verdict v = dt_record_next(data, len, &at, &r);
		DT_ASSERT(at <= len);
		if (v == DT_RECORD_BAD || v == DT_RECORD_END)
			return;
		DT_ASSERT(at > before);
		if (v == DT_RECORD_SKIP)
			continue;
		DT_ASSERT(r.seq <= DT_SEQ_MAX && r.len <= DT_CIPHER_MAX);
		size_t header_len = DT_RECORD_HEADER + (r.cid ? DT_CID_LEN : 0);
		DT_ASSERT(r.body == data + before + header_len && r.body + r.len == data + at);
		DT_ASSERT((r.type == DT_TLS12_CID) == (r.cid != NULL));
		if (r.cid) {
			DT_ASSERT(r.cid == data + before + DT_RECORD_HEADER - 2); /* before the length */
			continue;
		}
		uint8_t header[DT_RECORD_HEADER];
		dt_record_write_header(header, r.type, r.version, r.epoch, r.seq, r.len);
		DT_ASSERT(memcmp(header, data + before, sizeof(header)) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	if (!copy)
		return 0;
	if (len)
		memcpy(copy, data, len);
	dt_record_looks_like_dtls(copy, len);
	walk(copy, len);
	free(copy);
	return 0;
}
