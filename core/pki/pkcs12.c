#include "base/mem.h"
#include "pki/pem.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <string.h>

static enum dt_pki_fault
append(STACK_OF(X509) *certs, X509 *leaf, STACK_OF(X509) *more)
{
	const int flags = X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP;
	if (leaf && !X509_add_cert(certs, leaf, flags))
		return DT_PKI_NOMEM;
	if (more && !X509_add_certs(certs, more, flags))
		return DT_PKI_NOMEM;
	return DT_PKI_NONE;
}

static enum dt_pki_fault
decrypt(PKCS12 *p12, struct dtlsd_bytes password, const char *text, STACK_OF(X509) *certs,
    EVP_PKEY **key)
{
	X509 *leaf = NULL;
	STACK_OF(X509) *more = NULL;
	if (!PKCS12_parse(p12, text, key, &leaf, &more))
		return dt_pki_decrypt_fault(password);
	enum dt_pki_fault fault = append(certs, leaf, more);
	X509_free(leaf);
	sk_X509_pop_free(more, X509_free);
	return fault;
}

enum dt_pki_fault
dt_pkcs12_read(
    struct dt_span der, struct dtlsd_bytes password, STACK_OF(X509) *certs, EVP_PKEY **key)
{
	*key = NULL;
	if (der.len > LONG_MAX)
		return DT_PKI_FORMAT;
	/* PKCS12_parse() takes a C string: a NUL inside would cut the password. */
	if (password.len && memchr(password.data, 0, password.len))
		return DT_PKI_WRONG_PASSWORD;

	const uint8_t *at = der.data;
	PKCS12 *p12 = d2i_PKCS12(NULL, &at, (long)der.len);
	if (!p12)
		return DT_PKI_FORMAT;
	char *text = password.data ? dt_copy(password.data, password.len) : NULL;
	enum dt_pki_fault fault = DT_PKI_NOMEM;
	if (text || !password.data)
		fault = decrypt(p12, password, text, certs, key);
	dt_free_secret(text, password.len);
	PKCS12_free(p12);
	if (fault != DT_PKI_NONE) {
		EVP_PKEY_free(*key);
		*key = NULL;
	}
	return fault;
}
