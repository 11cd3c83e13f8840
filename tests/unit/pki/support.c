#include "support.h"

#include <criterion/criterion.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* Reachable to the end, so that the leak checker speaks of the room only. */
struct kept {
	struct kept *older;
	char text[];
};

static char *
keep_text(const char *dir, const char *name)
{
	static _Atomic(struct kept *) kept;
	size_t size = strlen(dir) + strlen(name) + 2;
	struct kept *k = malloc(sizeof(*k) + size);
	cr_assert(k);
	snprintf(k->text, size, "%s/%s", dir, name);
	k->older = atomic_exchange(&kept, k);
	return k->text;
}

const char *
cert_path(const char *name)
{
	return name ? keep_text(CERTS, name) : NULL;
}

const char *
temp_file(const void *data, size_t len)
{
	char *path = keep_text("/tmp", "dtlsd-pki-XXXXXX");
	int fd = mkstemp(path);
	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, data, len), (ssize_t)len);
	close(fd);
	return path;
}

const char *
temp_directory(void)
{
	char *path = keep_text("/tmp", "dtlsd-pki-XXXXXX");
	cr_assert(mkdtemp(path));
	return path;
}

uint8_t *
read_bytes(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	cr_assert(f, "%s", path);
	uint8_t *data = dt_alloc(65536);
	*len = fread(data, 1, 65536, f);
	fclose(f);
	return data;
}

X509 *
read_certificate(const char *name)
{
	FILE *f = fopen(cert_path(name), "r");
	cr_assert(f, "%s", name);
	X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	cr_assert(x, "%s", name);
	return x;
}

static EVP_PKEY *
test_key(void)
{
	static EVP_PKEY *key;
	if (!key)
		key = EVP_EC_gen("P-256");
	return key;
}

X509 *
new_certificate(const char *common_name)
{
	X509 *x = X509_new();
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
	    (const unsigned char *)common_name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	ASN1_TIME_set_string(X509_getm_notBefore(x), "200101000000Z");
	ASN1_TIME_set_string(X509_getm_notAfter(x), "491231235959Z");
	X509_set_pubkey(x, test_key());
	return x;
}

void
add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	cr_assert(e, "%s", value);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

uint8_t *
sign_der(X509 *x, size_t *len)
{
	cr_assert(X509_sign(x, test_key(), EVP_sha256()) > 0);
	uint8_t *der = NULL;
	int n = i2d_X509(x, &der);
	cr_assert(n > 0);
	*len = (size_t)n;
	return der;
}

void
sign_to_file(X509 *x, const char *path)
{
	cr_assert(X509_sign(x, test_key(), EVP_sha256()) > 0);
	FILE *f = fopen(path, "a");
	cr_assert(f);
	cr_assert(PEM_write_X509(f, x));
	fclose(f);
}
