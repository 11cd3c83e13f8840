/* SipHash-1-3 against vectors made with OpenSSL's SIPHASH (c-rounds 1, d-rounds 3), which agree
 * with CPython's siphash13 under a zero key, and against a slow version written from the paper. */
#include "base/siphash.h"

#include "seeded.h"

#include <criterion/criterion.h>
#include <string.h>

#define LONGEST 200

static uint64_t
rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static void
slow_rounds(uint64_t v[4], int n)
{
	while (n--) {
		v[0] += v[1], v[2] += v[3];
		v[1] = rotate(v[1], 13), v[3] = rotate(v[3], 16);
		v[1] ^= v[0], v[3] ^= v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1], v[0] += v[3];
		v[1] = rotate(v[1], 17), v[3] = rotate(v[3], 21);
		v[1] ^= v[2], v[3] ^= v[0];
		v[2] = rotate(v[2], 32);
	}
}

/* Section 2 of the paper as it stands: pad to words, then absorb word by word. */
static uint64_t
slow_siphash(const struct dt_siphash_key *key, const uint8_t *data, size_t len)
{
	uint64_t v[4] = {key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
	    key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u};
	uint8_t padded[LONGEST + 8] = {0};
	size_t words = len / 8 + 1;
	memcpy(padded, data, len);
	padded[words * 8 - 1] = (uint8_t)len;
	for (size_t w = 0; w < words; w++) {
		uint64_t m = 0;
		for (size_t i = 8; i-- > 0;)
			m = m << 8 | padded[w * 8 + i];
		v[3] ^= m;
		slow_rounds(v, 1);
		v[0] ^= m;
	}
	v[2] ^= 0xff;
	slow_rounds(v, 3);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

Test(siphash, gives_the_published_values)
{
	static const uint64_t expected[] = {
	    0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
	    0xcf75576088d38328, 0xdef9d52f49533b67, 0xc50d2b50c59f22a7, 0xd3927d989bb11140,
	    0x369095118d299a8e, 0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
	    0x78a384b157b4d9a2, 0x306f760c1229ffa7, 0x605aa111c0f95d34, 0xd320d86d2a519956,
	    0xcc4fdd1a7d908b66, 0x9cf2689063dbd80c, 0x8ffc389cb473e63e, 0xf21f9de58d297d1c,
	    0xc0dc2f46a6cce040, 0xb992abfe2b45f844, 0x7ffe7b9ba320872e, 0x525a0e7fdae6c123,
	    0xf464aeb267349c8c, 0x45cd5928705b0979, 0x3a3e35e3ca9913a5, 0xa91dc74e4ade3b35,
	    0xfb0bed02ef6cd00d, 0x88d93cb44ab1e1f4, 0x540f11d643c5e663, 0x2370dd1f8c21d1bc,
	    0x81157b6c16a7b60d, 0x4d54b9e57a8ff9bf, 0x759f12781f2a753e, 0xcea1a3bebf186b91,
	    0x2cf508d3ada26206, 0xb6101c2da3c33057, 0xb3f47496ae3a36a1, 0x626b57547b108392,
	    0xc1d2363299e41531, 0x667cc1923f1ad944, 0x65704ffec8138825, 0x24f280d1c28949a6,
	    0xc2ca1cedfaf8876b, 0xc2164bfc9f042196, 0xa16e9c9368b1d623, 0x49fb169c8b5114fd,
	    0x9f3143f8df074c46, 0xc6fdaf2412cc86b3, 0x7eaf49d10a52098f, 0x1cf313559d292f9a,
	    0xc44a30dda2f41f12, 0x36fae98943a71ed0, 0x318fb34c73f0bce6, 0xa27abf3670a7e980,
	    0xb4bcc0db243c6d75, 0x23f8d852fdb71513, 0x8f035f4da67d8a08, 0xd89cd0e5b7e8f148,
	    0xf6f4e6bcf7a644ee, 0xaec59ad80f1837f2, 0xc3b2f6154b6694e0, 0x9d199062b7bbb3a8,
	};
	/* The key is 00 01 … 0f and input n is the bytes 00 … n - 1, as in the reference code. */
	const struct dt_siphash_key key = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
	uint8_t input[64];
	for (size_t n = 0; n < 64; n++) {
		cr_assert(dt_siphash(&key, input, n) == expected[n], "length %zu", n);
		input[n] = (uint8_t)n;
	}
}

Test(siphash, agrees_with_the_paper_for_any_key_length_and_alignment)
{
	struct seeded r = seeded_begin("siphash");
	for (int i = 0; i < 20000; i++) {
		uint8_t data[LONGEST + 8];
		struct dt_siphash_key key = {seeded_next(&r), seeded_next(&r)};
		size_t at = seeded_below(&r, 8), len = seeded_below(&r, LONGEST + 1);
		seeded_fill(&r, data, sizeof(data));
		cr_assert(dt_siphash(&key, data + at, len) == slow_siphash(&key, data + at, len));
	}
}

Test(siphash, each_half_of_the_key_changes_the_hash)
{
	const struct dt_siphash_key keys[] = {{1, 2}, {1, 3}, {0, 2}, {2, 1}};
	for (size_t i = 0; i < 4; i++)
		for (size_t j = i + 1; j < 4; j++)
			cr_assert(dt_siphash(&keys[i], "peer", 4) != dt_siphash(&keys[j], "peer", 4));
}
