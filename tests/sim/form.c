#include "form.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <string.h>

/* additional_data = seq_num_placeholder + tls12_cid + cid_length + tls12_cid + version + epoch +
 *                   sequence_number + cid + length_of_DTLSInnerPlaintext */
static size_t
write_aad(const struct sim_form *f, size_t len, uint8_t out[300])
{
	static const uint8_t version[] = {0xfe, 0xfd};
	size_t n = 0;
	if (!f->id) {
		memcpy(out, f->number, 8);
		out[8] = f->type;
		memcpy(out + 9, version, 2);
		n = 11;
	} else {
		memset(out, 0xff, 8);
		out[8] = SIM_TLS12_CID;
		out[9] = (uint8_t)f->id_len;
		out[10] = SIM_TLS12_CID;
		memcpy(out + 11, version, 2);
		memcpy(out + 13, f->number, 8);
		memcpy(out + 21, f->id, f->id_len);
		n = 21 + f->id_len;
	}
	out[n] = (uint8_t)(len >> 8);
	out[n + 1] = (uint8_t)len;
	return n + 2;
}

/* One AEAD call. `tag` is written when sealing, compared when opening: false = a forgery. */
static bool
crypt(const struct dt_suite *suite, const struct dt_key *key, bool seal, const uint8_t explicit_part[8],
    const struct sim_form *f, const uint8_t *in, size_t len, uint8_t *out, uint8_t *tag)
{
	uint8_t nonce[12] = {0}, aad[300], rest[16];
	size_t aad_len = write_aad(f, len, aad);
	memcpy(nonce + 4, suite->explicit_len ? explicit_part : f->number, 8);
	for (size_t i = 0; i < suite->iv_len; i++)
		nonce[i] ^= key->iv[i];
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, suite->cipher, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	cr_assert(cipher && ctx);
	int n = 0, ccm = suite->is_ccm;
	bool ok = EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, seal, NULL) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL) > 0 &&
	    ((seal && !ccm) ||
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, suite->tag_len, seal ? NULL : tag) > 0) &&
	    EVP_CipherInit_ex2(ctx, NULL, key->key, nonce, seal, NULL) == 1 &&
	    (!ccm || EVP_CipherUpdate(ctx, NULL, &n, NULL, (int)len) == 1) &&
	    EVP_CipherUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1;
	cr_assert(ok, "the test's own AEAD does not start");
	ok = EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 && (size_t)n == len;
	ok = ok && EVP_CipherFinal_ex(ctx, rest, &n) == 1;
	if (seal)
		ok = ok && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, suite->tag_len, tag) > 0;
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return ok;
}

size_t
sim_form_seal(const struct dt_suite *suite, const struct dt_key *key, const struct sim_form *f,
    const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t *at = out;
	size_t inside = (size_t)suite->explicit_len + len + suite->tag_len;
	*at++ = f->type;
	*at++ = 0xfe;
	*at++ = 0xfd;
	memcpy(at, f->number, 8);
	at += 8;
	if (f->id) {
		memcpy(at, f->id, f->id_len);
		at += f->id_len;
	}
	*at++ = (uint8_t)(inside >> 8);
	*at++ = (uint8_t)inside;
	memcpy(at, f->number, suite->explicit_len);
	at += suite->explicit_len;
	cr_assert(crypt(suite, key, true, f->number, f, in, len, at, at + len));
	return (size_t)(at - out) + len + suite->tag_len;
}

bool
sim_form_open(const struct dt_suite *suite, const struct dt_key *key, const struct sim_form *f,
    const uint8_t *body, size_t body_len, uint8_t *out, size_t *len)
{
	uint8_t tag[DT_TAG_MAX];
	if (body_len < (size_t)suite->explicit_len + suite->tag_len)
		return false;
	*len = body_len - suite->explicit_len - suite->tag_len;
	memcpy(tag, body + suite->explicit_len + *len, suite->tag_len);
	return crypt(suite, key, false, body, f, body + suite->explicit_len, *len, out, tag);
}
