#include "pki/proof.h"

#include <openssl/err.h>

#define SIGNATURE_MAX 4096u /* bytes */

bool
dt_proof_signs_for(EVP_PKEY *key, EVP_PKEY *pub)
{
	static const uint8_t text[] = "a key signs for its certificate";
	uint8_t signature[SIGNATURE_MAX];
	size_t len = sizeof(signature);
	char name[64] = "";
	EVP_MD_CTX *ctx = EVP_MD_CTX_new(), *other = EVP_MD_CTX_new();
	/* Edwards curves have a digest of their own: "UNDEF" is no other. */
	bool own = EVP_PKEY_get_default_digest_name(pub, name, sizeof(name)) == 2;
	const char *digest = own ? NULL : "SHA256";
	bool good = ctx && other && EVP_PKEY_get_size(pub) <= (int)sizeof(signature) &&
		    EVP_DigestSignInit_ex(ctx, NULL, digest, NULL, NULL, key, NULL) == 1 &&
		    EVP_DigestSign(ctx, signature, &len, text, sizeof(text)) == 1 &&
		    EVP_DigestVerifyInit_ex(other, NULL, digest, NULL, NULL, pub, NULL) == 1 &&
		    EVP_DigestVerify(other, signature, len, text, sizeof(text)) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_MD_CTX_free(other);
	return good;
}
