/* Files of keys: refused, or the keys can be used. */
#include "fuzz.h"

#include "base/assert.h"
#include "pki/jwk.h"
#include "pki/ppk.h"
#include "pki/ssh_key.h"
#include "pki/xml_key.h"

#include <openssl/err.h>

static enum dt_pki_fault
read_ppk(struct dt_span text, struct dt_material *m)
{
	return dt_ppk_read(text, (struct dtlsd_bytes){(const uint8_t *)"secret", 6}, m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static enum dt_pki_fault (*const readers[])(struct dt_span text, struct dt_material *m) = {
	    read_ppk, dt_ssh_read, dt_jwk_read, dt_xml_read};
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		struct dt_material m;
		DT_ASSERT(dt_material_init(&m) == DT_PKI_NONE);
		enum dt_pki_fault fault = readers[i]((struct dt_span){data, len}, &m);
		DT_ASSERT(fault < DT_PKI_FAULTS && m.key_count <= DT_MATERIAL_KEYS);
		for (size_t k = 0; k < m.key_count; k++)
			DT_ASSERT(m.keys[k].key && EVP_PKEY_get_bits(m.keys[k].key) > 0);
		dt_material_fini(&m);
	}
	ERR_clear_error();
	return 0;
}
