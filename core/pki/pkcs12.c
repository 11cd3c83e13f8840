#include "base/mem.h"
#include "pki/pem.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <string.h>

#define DEPTH_MAX 4u /* bags within bags */

/* What the walk through the bags carries along. */
struct walk {
	const struct dt_passwords *pw; /* borrowed */
	bool keys;
	struct dt_material *m; /* borrowed */
};

/* A password as the functions of OpenSSL take it. */
static int
length_of(struct dtlsd_bytes password)
{
	return password.data ? (int)password.len : 0;
}

static enum dt_pki_fault
take_key(struct walk *w, const PKCS8_PRIV_KEY_INFO *p8)
{
	EVP_PKEY *key = p8 ? EVP_PKCS82PKEY(p8) : NULL;
	return key ? dt_material_add_key(w->m, key, true) : DT_PKI_BAD_KEY;
}

static enum dt_pki_fault
decrypt_key(struct walk *w, const PKCS12_SAFEBAG *bag)
{
	struct dtlsd_bytes password = w->pw->key;
	PKCS8_PRIV_KEY_INFO *p8 =
	    PKCS12_decrypt_skey(bag, (const char *)password.data, length_of(password));
	enum dt_pki_fault fault = p8 ? take_key(w, p8) : dt_pki_decrypt_fault(password);
	PKCS8_PRIV_KEY_INFO_free(p8);
	return fault;
}

static enum dt_pki_fault
take_certificate(struct walk *w, const PKCS12_SAFEBAG *bag)
{
	if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate)
		return DT_PKI_NONE;
	X509 *x = PKCS12_SAFEBAG_get1_cert(bag);
	return x ? dt_material_add_certificate(w->m, x) : DT_PKI_BAD_CERTIFICATE;
}

static enum dt_pki_fault
take_bags(struct walk *w, const STACK_OF(PKCS12_SAFEBAG) *bags, unsigned depth)
{
	enum dt_pki_fault fault = DT_PKI_NONE;
	for (int i = 0; fault == DT_PKI_NONE && i < sk_PKCS12_SAFEBAG_num(bags); i++) {
		const PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);
		int nid = PKCS12_SAFEBAG_get_nid(bag);
		if (nid == NID_certBag)
			fault = take_certificate(w, bag);
		else if (nid == NID_keyBag && w->keys)
			fault = take_key(w, PKCS12_SAFEBAG_get0_p8inf(bag));
		else if (nid == NID_pkcs8ShroudedKeyBag && w->keys)
			fault = decrypt_key(w, bag);
		else if (nid == NID_safeContentsBag && depth < DEPTH_MAX)
			fault = take_bags(w, PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
	}
	return fault;
}

static enum dt_pki_fault
take_safe(struct walk *w, PKCS7 *safe, struct dtlsd_bytes password)
{
	STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
	int nid = OBJ_obj2nid(safe->type);
	if (nid == NID_pkcs7_data)
		bags = PKCS12_unpack_p7data(safe);
	else if (nid == NID_pkcs7_encrypted)
		bags = PKCS12_unpack_p7encdata(
		    safe, (const char *)password.data, length_of(password));
	else
		return DT_PKI_NONE;
	if (!bags)
		return nid == NID_pkcs7_data ? DT_PKI_BAD_CERTIFICATE : dt_pki_decrypt_fault(w->pw->store);
	enum dt_pki_fault fault = take_bags(w, bags, 0);
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	return fault;
}

/* No password can be written as none or as an empty one; *password becomes what it was. */
static bool
is_authentic(PKCS12 *p12, struct dtlsd_bytes *password)
{
	static const uint8_t nothing[1];
	if (!PKCS12_mac_present(p12))
		return true;
	if (password->len)
		return PKCS12_verify_mac(p12, (const char *)password->data, (int)password->len);
	password->data = NULL;
	if (PKCS12_verify_mac(p12, NULL, 0))
		return true;
	password->data = nothing;
	return PKCS12_verify_mac(p12, (const char *)nothing, 0);
}

static enum dt_pki_fault
take_all(struct walk *w, PKCS12 *p12)
{
	struct dtlsd_bytes password = w->pw->store;
	if (!is_authentic(p12, &password))
		return dt_pki_decrypt_fault(w->pw->store);
	struct dt_passwords pw = {password, w->pw->key.len ? w->pw->key : password};
	STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);
	if (!safes)
		return DT_PKI_BAD_CERTIFICATE;
	struct walk inner = {&pw, w->keys, w->m};
	enum dt_pki_fault fault = DT_PKI_NONE;
	for (int i = 0; fault == DT_PKI_NONE && i < sk_PKCS7_num(safes); i++)
		fault = take_safe(&inner, sk_PKCS7_value(safes, i), password);
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return fault;
}

/* A NUL inside: what wrote the file would have cut the password there. */
static bool
is_usable(struct dtlsd_bytes password)
{
	return !password.data ||
	       (password.len <= INT_MAX && !memchr(password.data, 0, password.len));
}

enum dt_pki_fault
dt_pkcs12_read(
    struct dt_span der, const struct dt_passwords *pw, bool keys, struct dt_material *m)
{
	if (der.len > LONG_MAX)
		return DT_PKI_WRONG_TYPE;
	const uint8_t *at = der.data;
	PKCS12 *p12 = d2i_PKCS12(NULL, &at, (long)der.len);
	if (!p12)
		return DT_PKI_WRONG_TYPE;
	struct walk w = {pw, keys, m};
	bool usable = is_usable(pw->store) && is_usable(pw->key);
	ERR_clear_error();
	enum dt_pki_fault fault = usable ? take_all(&w, p12) : DT_PKI_WRONG_PASSWORD;
	PKCS12_free(p12);
	return fault;
}
