#include "dtls/suite.h"

#include "dtls/record.h"

/* Records under one key, and records that fail under it: RFC 9147 4.5.3 and B, which RFC 9325 4.4
 * points to. 2^24.5, 2^23, 2^36, 2^23.5; ChaCha20-Poly1305 ends with the record numbers. The bound
 * of CCM_8, 2^7 forgeries, would let anybody end a connection with 128 datagrams: 0. */
#define GCM_LIMITS 23726566, UINT64_C(1) << 36
#define CCM_LIMITS 8388608, 11863283
#define CCM_8_LIMITS 8388608, 0
#define CHACHA_LIMITS DT_SEQ_MAX, UINT64_C(1) << 36

/* cipher, key_len, iv_len, explicit_len, tag_len, is_ccm, limits */
#define AES_128_GCM "AES-128-GCM", 16, 4, 8, 16, 0, GCM_LIMITS
#define AES_256_GCM "AES-256-GCM", 32, 4, 8, 16, 0, GCM_LIMITS
#define AES_128_CCM "AES-128-CCM", 16, 4, 8, 16, 1, CCM_LIMITS
#define AES_256_CCM "AES-256-CCM", 32, 4, 8, 16, 1, CCM_LIMITS
#define AES_128_CCM_8 "AES-128-CCM", 16, 4, 8, 8, 1, CCM_8_LIMITS
#define AES_256_CCM_8 "AES-256-CCM", 32, 4, 8, 8, 1, CCM_8_LIMITS
#define CHACHA "ChaCha20-Poly1305", 32, 12, 0, 16, 0, CHACHA_LIMITS

static const struct dt_suite suites[] = {
#define X(id, name, openssl, kind) {id, name, openssl, kind},
#include "dtls/suite.def"
#undef X
};

const struct dt_suite *
dt_suite_find(uint16_t id)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (suites[i].id == id)
			return &suites[i];
	return NULL;
}

const struct dt_suite *
dt_suite_at(size_t index)
{
	return index < sizeof(suites) / sizeof(suites[0]) ? &suites[index] : NULL;
}
