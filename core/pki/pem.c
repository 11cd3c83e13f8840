#include "pki/pem.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

static bool
contains(struct dt_span text, const char *what)
{
	return memmem(text.data, text.len, what, strlen(what)) != NULL;
}

bool
dt_pem_seen(struct dt_span text)
{
	return contains(text, "-----BEGIN ");
}

static BIO *
open_text(struct dt_span text)
{
	return text.len > INT_MAX ? NULL : BIO_new_mem_buf(text.data, (int)text.len);
}

enum dt_pki_fault
dt_pem_certificates(struct dt_span text, STACK_OF(X509) *certs)
{
	if (!dt_pem_seen(text))
		return DT_PKI_NONE;
	BIO *bio = open_text(text);
	if (!bio)
		return DT_PKI_NOMEM;

	enum dt_pki_fault fault = DT_PKI_NONE;
	X509 *x;
	while (fault == DT_PKI_NONE && (x = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
		if (!X509_add_cert(certs, x, X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP))
			fault = DT_PKI_NOMEM;
		X509_free(x);
	}
	/* Behind the last block OpenSSL finds no further first line. All else is a broken block. */
	unsigned long why = ERR_peek_last_error();
	bool at_end = ERR_GET_LIB(why) == ERR_LIB_PEM && ERR_GET_REASON(why) == PEM_R_NO_START_LINE;
	if (fault == DT_PKI_NONE && !at_end)
		fault = DT_PKI_BAD_CERTIFICATE;
	BIO_free(bio);
	return fault;
}

struct request {
	struct dtlsd_bytes password; /* borrowed */
	bool asked;
};

static int
give_password(char *buf, int size, int writing, void *arg)
{
	(void)writing;
	struct request *r = arg;
	r->asked = true;
	/* OpenSSL takes it on as a C string in places: a NUL inside would cut the password. */
	if (!r->password.data || r->password.len > (size_t)size ||
	    memchr(r->password.data, 0, r->password.len))
		return -1;
	memcpy(buf, r->password.data, r->password.len);
	return (int)r->password.len;
}

enum dt_pki_fault
dt_pki_decrypt_fault(struct dtlsd_bytes password)
{
	unsigned long e;
	while ((e = ERR_get_error()) != 0) {
		int reason = ERR_GET_REASON(e);
		if (ERR_GET_LIB(e) == ERR_LIB_EVP &&
		    (reason == ERR_R_UNSUPPORTED || reason == EVP_R_UNKNOWN_PBE_ALGORITHM))
			return DT_PKI_OLD_ENCRYPTION;
	}
	return password.data ? DT_PKI_WRONG_PASSWORD : DT_PKI_NO_PASSWORD;
}

enum dt_pki_fault
dt_pem_key(struct dt_span text, struct dtlsd_bytes password, EVP_PKEY **out)
{
	*out = NULL;
	if (!contains(text, "PRIVATE KEY-----"))
		return DT_PKI_NO_KEY;
	BIO *bio = open_text(text);
	if (!bio)
		return DT_PKI_NOMEM;

	struct request r = {.password = password};
	*out = PEM_read_bio_PrivateKey(bio, NULL, give_password, &r);
	BIO_free(bio);
	if (*out)
		return DT_PKI_NONE;
	return r.asked ? dt_pki_decrypt_fault(password) : DT_PKI_BAD_KEY;
}
