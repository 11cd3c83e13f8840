#include <criterion/criterion.h>
#include <openssl/hmac.h>
#include <string.h>

#include "dtls/etm.h"
#include "seeded.h"

/* RFC 7366 3, written down a second time. */
static size_t
seal(const struct dt_etm *e, uint8_t type, uint64_t seq, size_t inner, uint8_t *out)
{
	uint8_t covered[13 + 512];
	memset(out + 13, 0x33, inner);
	dt_write_uint(covered, UINT64_C(1) << 48 | seq, 8);
	covered[8] = type;
	covered[9] = 0xfe;
	covered[10] = 0xfd;
	dt_write_uint(covered + 11, inner, 2);
	memcpy(covered + 13, out + 13, inner);
	HMAC(e->hash, e->key, (int)e->len, covered, 13 + inner, out + 13 + inner, NULL);
	dt_record_write_header(out, type, DT_VERSION_12, 1, seq, inner + e->len);
	return 13 + inner + e->len;
}

static bool
check(const struct dt_etm *e, uint8_t *bytes, size_t len)
{
	struct dt_record rec;
	size_t at = 0;
	return dt_record_next(bytes, len, &at, &rec) == DT_RECORD_OK && dt_etm_verify(e, &rec);
}

Test(etm, accepts_what_the_client_wrote_and_nothing_else)
{
	struct seeded r = seeded_begin("etm");
	struct dt_secrets secrets;
	seeded_fill(&r, &secrets, sizeof(secrets));
	static const struct {
		const char *prf, *hash;
		size_t len;
	} table[] = {{"SHA256", "SHA1", 20}, {"SHA256", "SHA256", 32}, {"SHA384", "SHA384", 48}};
	for (size_t i = 0; i < 3; i++) {
		struct dt_etm e;
		cr_assert(dt_etm_derive(table[i].prf, EVP_get_digestbyname(table[i].hash), &secrets, &e) == DT_OK);
		cr_assert(e.len == table[i].len);
		for (size_t inner = 0; inner < 100; inner += 1 + inner / 3) {
			uint8_t bytes[256];
			size_t len = seal(&e, DT_APPLICATION_DATA, 77, inner, bytes);
			cr_assert(check(&e, bytes, len));
			for (size_t at = 0; at < len; at++) {
				if (at >= 11 && at < 13)
					continue; /* the length: not one record any more */
				bytes[at] ^= 0x10;
				cr_assert(!check(&e, bytes, len), "byte %zu", at);
				bytes[at] ^= 0x10;
			}
		}
	}
}

Test(etm, a_record_shorter_than_its_mac_is_forged)
{
	struct dt_secrets secrets = {.master = {1}};
	struct dt_etm e;
	cr_assert(dt_etm_derive("SHA256", EVP_sha256(), &secrets, &e) == DT_OK);
	uint8_t bytes[64];
	for (size_t len = 0; len < 32; len++) {
		memset(bytes, 0, sizeof(bytes));
		dt_record_write_header(bytes, DT_ALERT, DT_VERSION_12, 1, 0, len);
		cr_assert(!check(&e, bytes, 13 + len));
	}
}
