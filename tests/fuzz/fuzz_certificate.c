/* A certificate as a client sends it: refused, or every field that modules read is there. */
#include "fuzz.h"

#include "base/assert.h"
#include "pki/fields.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dt_cert_fields *f = NULL;
	if (dt_cert_fields_new(data, len, &f) != DT_CERT_OK) {
		DT_ASSERT(!f);
		return 0;
	}
	const struct dtlsd_certificate *c = &f->cert;
	DT_ASSERT(c->der.len == len && memcmp(c->der.data, data, len) == 0);
	DT_ASSERT(c->subject && c->issuer && c->serial && strlen(c->fingerprint_sha256) == 64);
	DT_ASSERT(c->subject_part_count <= DT_CERT_PARTS_MAX && c->san_count <= DT_CERT_SANS_MAX);
	dt_cert_fields_free(&f);
	DT_ASSERT(!f);
	return 0;
}
