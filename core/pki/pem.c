#include "pki/pem.h"

#include "pki/der.h"
#include "pki/lines.h"

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

/* Behind the last block OpenSSL finds no further first line. All else is a broken block. */
static bool
is_at_end(void)
{
	unsigned long why = ERR_peek_last_error();
	return ERR_GET_LIB(why) == ERR_LIB_PEM && ERR_GET_REASON(why) == PEM_R_NO_START_LINE;
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
	if (fault == DT_PKI_NONE && !is_at_end())
		fault = DT_PKI_BAD_CERTIFICATE;
	BIO_free(bio);
	return fault;
}

static bool
names_pkcs7(const char *name)
{
	return strcmp(name, PEM_STRING_PKCS7) == 0 || strcmp(name, PEM_STRING_PKCS7_SIGNED) == 0;
}

/* Not PEM_read_bio_PKCS7(), which takes blocks of certificates as well. */
enum dt_pki_fault
dt_pem_pkcs7(struct dt_span text, struct dt_material *m)
{
	if (!contains(text, "-----BEGIN PKCS"))
		return DT_PKI_NONE;
	BIO *bio = open_text(text);
	if (!bio)
		return DT_PKI_NOMEM;
	enum dt_pki_fault fault = DT_PKI_NONE;
	char *name, *header;
	uint8_t *der;
	long len;
	while (fault == DT_PKI_NONE && PEM_read_bio(bio, &name, &header, &der, &len)) {
		if (names_pkcs7(name))
			fault = dt_der_pkcs7((struct dt_span){der, (size_t)len}, m);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)len); /* it may be a key */
	}
	if (fault == DT_PKI_WRONG_TYPE || (fault == DT_PKI_NONE && !is_at_end()))
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

/* What `bio`, opened on `text`, has not read yet. */
static struct dt_span
rest_of(BIO *bio, struct dt_span text)
{
	size_t left = BIO_ctrl_pending(bio);
	return (struct dt_span){text.data + text.len - left, left};
}

/* Whether a block of a private key, of any form, begins in it. */
static bool
holds_key(struct dt_span text)
{
	static const char begin[] = "-----BEGIN ", end[] = "PRIVATE KEY-----";
	for (;;) {
		const uint8_t *at = memmem(text.data, text.len, begin, sizeof(begin) - 1);
		if (!at)
			return false;
		text.len -= (size_t)(at + sizeof(begin) - 1 - text.data);
		text.data = at + sizeof(begin) - 1;
		struct dt_span copy = text, line;
		if (dt_line_next(&copy, &line) && contains(line, end))
			return true;
	}
}

enum dt_pki_fault
dt_pem_keys(struct dt_span text, struct dtlsd_bytes password, struct dt_material *m)
{
	BIO *bio = open_text(text);
	if (!bio)
		return DT_PKI_NOMEM;
	enum dt_pki_fault fault = DT_PKI_NONE;
	while (fault == DT_PKI_NONE && holds_key(rest_of(bio, text))) {
		struct request r = {.password = password};
		ERR_clear_error();
		EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give_password, &r);
		if (key)
			fault = dt_material_add_key(m, key, true);
		else
			fault = r.asked ? dt_pki_decrypt_fault(password) : DT_PKI_BAD_KEY;
	}
	BIO_free(bio);
	return fault;
}
