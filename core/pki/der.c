#include "pki/der.h"

#include "base/base64.h"
#include "base/mem.h"
#include "pki/pem.h"

#include <limits.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#define SEQUENCE 0x30u

static bool
begins_as_der(struct dt_span s)
{
	return s.len > 1 && s.len <= LONG_MAX && s.data[0] == SEQUENCE;
}

enum dt_pki_fault
dt_der_find(struct dt_span bytes, struct dt_span *der, uint8_t **copy, size_t *size)
{
	*der = bytes;
	*copy = NULL;
	*size = 0;
	/* "0" begins no Base64 of a sequence: that is "M". */
	if (begins_as_der(bytes))
		return DT_PKI_NONE;
	size_t len, room = DT_BASE64_ROOM(bytes.len);
	uint8_t *out = dt_alloc(room);
	if (!out)
		return DT_PKI_NOMEM;
	if (dt_base64_decode(bytes, out, &len) && begins_as_der((struct dt_span){out, len})) {
		*der = (struct dt_span){out, len};
		*copy = out;
		*size = room;
		return DT_PKI_NONE;
	}
	dt_free_secret(out, room);
	return DT_PKI_WRONG_TYPE;
}

enum dt_pki_fault
dt_der_certificate(struct dt_span der, struct dt_material *m)
{
	const uint8_t *at = der.data;
	X509 *x = d2i_X509(NULL, &at, (long)der.len);
	if (x && at == der.data + der.len)
		return dt_material_add_certificate(m, x);
	X509_free(x);
	return DT_PKI_WRONG_TYPE;
}

static enum dt_pki_fault
take_pkcs7(const PKCS7 *p, struct dt_material *m)
{
	const STACK_OF(X509) *certs = NULL;
	if (PKCS7_type_is_signed(p) && p->d.sign)
		certs = p->d.sign->cert;
	else if (PKCS7_type_is_signedAndEnveloped(p) && p->d.signed_and_enveloped)
		certs = p->d.signed_and_enveloped->cert;
	else
		return DT_PKI_WRONG_TYPE;
	enum dt_pki_fault fault = DT_PKI_NONE;
	for (int i = 0; fault == DT_PKI_NONE && i < sk_X509_num(certs); i++) {
		X509 *x = sk_X509_value(certs, i);
		X509_up_ref(x);
		fault = dt_material_add_certificate(m, x);
	}
	return fault;
}

enum dt_pki_fault
dt_der_pkcs7(struct dt_span der, struct dt_material *m)
{
	const uint8_t *at = der.data;
	PKCS7 *p = d2i_PKCS7(NULL, &at, (long)der.len);
	enum dt_pki_fault fault = p ? take_pkcs7(p, m) : DT_PKI_WRONG_TYPE;
	PKCS7_free(p);
	return fault;
}

static enum dt_pki_fault
decrypt(X509_SIG *sig, struct dtlsd_bytes password, EVP_PKEY **out)
{
	if (!password.data || password.len > INT_MAX)
		return DT_PKI_NO_PASSWORD;
	PKCS8_PRIV_KEY_INFO *p8 =
	    PKCS8_decrypt(sig, (const char *)password.data, (int)password.len);
	if (!p8)
		return dt_pki_decrypt_fault(password);
	*out = EVP_PKCS82PKEY(p8);
	PKCS8_PRIV_KEY_INFO_free(p8);
	return *out ? DT_PKI_NONE : DT_PKI_BAD_KEY;
}

enum dt_pki_fault
dt_der_key(struct dt_span der, struct dtlsd_bytes password, struct dt_material *m)
{
	const uint8_t *at = der.data;
	EVP_PKEY *key = NULL;
	enum dt_pki_fault fault = DT_PKI_NONE;
	X509_SIG *sig = d2i_X509_SIG(NULL, &at, (long)der.len);
	if (sig && at == der.data + der.len) {
		fault = decrypt(sig, password, &key);
	} else {
		at = der.data;
		key = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
		fault = key ? DT_PKI_NONE : DT_PKI_WRONG_TYPE;
	}
	X509_SIG_free(sig);
	return fault == DT_PKI_NONE ? dt_material_add_key(m, key, true) : fault;
}
