#include "pki/trust.h"

#include "base/assert.h"
#include "base/mem.h"
#include "pki/file.h"
#include "pki/pem.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (16u * 1024u * 1024u) /* bytes; the bundle of a whole system has 0.2 MiB */
#define PATH_TEXT 4096u		       /* bytes, with NUL: what the kernel takes as a path */

static enum dt_err
add_file(const char *path, STACK_OF(X509) *certs, struct dt_pki_error *err)
{
	struct dt_pki_file file;
	enum dt_err e = dt_pki_file_init(&file, path, FILE_MAX, err);
	if (e != DT_OK)
		return e;
	enum dt_pki_fault fault = dt_pem_certificates((struct dt_span){file.data, file.len}, certs);
	dt_pki_file_fini(&file);
	return fault == DT_PKI_NONE ? DT_OK : dt_pki_fail(err, fault, path, NULL);
}

/* A directory entry that is no regular file, or holds no certificate, is passed over. */
static enum dt_err
add_entry(const char *dir, const char *name, STACK_OF(X509) *certs, struct dt_pki_error *err)
{
	char path[PATH_TEXT];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return dt_pki_fail(err, DT_PKI_UNREADABLE, dir, "a path in it is too long");
	struct stat st;
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return DT_OK;
	return add_file(path, certs, err);
}

static enum dt_err
add_directory(const char *path, STACK_OF(X509) *certs, struct dt_pki_error *err)
{
	DIR *d = opendir(path);
	if (!d)
		return dt_pki_fail(err, DT_PKI_UNREADABLE, path, strerrordesc_np(errno));
	enum dt_err e = DT_OK;
	struct dirent *entry;
	while (e == DT_OK && (entry = readdir(d)) != NULL) {
		if (entry->d_name[0] != '.')
			e = add_entry(path, entry->d_name, certs, err);
	}
	closedir(d);
	return e;
}

static bool
is_directory(const struct dt_store_source *src)
{
	struct stat st;
	return src->type == DT_STORE_AUTO && src->path && stat(src->path, &st) == 0 &&
	       S_ISDIR(st.st_mode);
}

static enum dt_err
add_store(const struct dt_store_source *src, STACK_OF(X509) *certs, struct dt_pki_error *err)
{
	STACK_OF(X509) *found = sk_X509_new_null();
	if (!found)
		return dt_pki_fail(err, DT_PKI_NOMEM, dt_store_label(src), NULL);
	enum dt_err e = is_directory(src) ? add_directory(src->path, found, err)
					   : dt_store_certificates(src, found, err);
	if (err->fault == DT_PKI_NO_CERTIFICATE || (e == DT_OK && sk_X509_num(found) == 0))
		e = dt_pki_fail(err, DT_PKI_EMPTY, dt_store_label(src), NULL);
	if (e == DT_OK &&
	    !X509_add_certs(certs, found, X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP))
		e = dt_pki_fail(err, DT_PKI_NOMEM, dt_store_label(src), NULL);
	sk_X509_pop_free(found, X509_free);
	return e;
}

/* Read here and now: OpenSSL's own look-up would read files later, on a worker. */
static enum dt_err
add_system(STACK_OF(X509) *certs, struct dt_pki_error *err)
{
	struct dt_store_source src = {.path = X509_get_default_cert_file()};
	if (access(src.path, F_OK) != 0)
		src.path = X509_get_default_cert_dir();
	return add_store(&src, certs, err);
}

static enum dt_err
add_sources(const struct dt_trust_source *src, STACK_OF(X509) *certs, struct dt_pki_error *err)
{
	enum dt_err e = DT_OK;
	for (size_t i = 0; e == DT_OK && i < src->store_count; i++)
		e = add_store(&src->stores[i], certs, err);
	if (e == DT_OK && src->system)
		e = add_system(certs, err);
	if (e == DT_OK && sk_X509_num(certs) == 0)
		e = dt_pki_fail(err, DT_PKI_EMPTY, NULL, "no file is configured");
	return e;
}

static int
compare(const X509 *const *a, const X509 *const *b)
{
	return X509_cmp(*a, *b);
}

/* Over the certificates in an order that depends on nothing else than them. */
static bool
make_digest(struct dt_trust *t, STACK_OF(X509) *certs)
{
	sk_X509_set_cmp_func(certs, compare);
	sk_X509_sort(certs);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	for (int i = 0; good && i < sk_X509_num(certs); i++) {
		uint8_t one[EVP_MAX_MD_SIZE];
		unsigned len;
		good = X509_digest(sk_X509_value(certs, i), EVP_sha256(), one, &len) &&
		       EVP_DigestUpdate(ctx, one, len);
	}
	good = good && EVP_DigestFinal_ex(ctx, t->digest, NULL);
	EVP_MD_CTX_free(ctx);
	return good;
}

static bool
make_store(struct dt_trust *t, STACK_OF(X509) *certs)
{
	t->count = (uint32_t)sk_X509_num(certs);
	t->store = X509_STORE_new();
	for (int i = 0; t->store && i < sk_X509_num(certs); i++) {
		if (!X509_STORE_add_cert(t->store, sk_X509_value(certs, i)))
			return false;
	}
	return t->store != NULL;
}

static bool
has_name(const STACK_OF(X509_NAME) *names, const X509_NAME *name)
{
	for (int i = 0; i < sk_X509_NAME_num(names); i++) {
		if (X509_NAME_cmp(sk_X509_NAME_value(names, i), name) == 0)
			return true;
	}
	return false;
}

static bool
make_names(struct dt_trust *t, const STACK_OF(X509) *certs, bool any)
{
	t->names = sk_X509_NAME_new_null();
	size_t size = 0;
	for (int i = 0; t->names && !any && i < sk_X509_num(certs); i++) {
		const X509_NAME *name = X509_get_subject_name(sk_X509_value(certs, i));
		size_t len;
		if (has_name(t->names, name))
			continue;
		if (!X509_NAME_get0_der(name, NULL, &len))
			return false;
		size += len + 2; /* a length of two bytes stands before each */
		if (size > DT_TRUST_NAMES_MAX)
			break;
		X509_NAME *copy = X509_NAME_dup(name);
		if (!copy || !sk_X509_NAME_push(t->names, copy)) {
			X509_NAME_free(copy);
			return false;
		}
	}
	while (t->names && size > DT_TRUST_NAMES_MAX && sk_X509_NAME_num(t->names))
		X509_NAME_free(sk_X509_NAME_pop(t->names));
	return t->names != NULL;
}

enum dt_err
dt_trust_load(const struct dt_trust_source *src, struct dt_trust **out, struct dt_pki_error *err)
{
	*out = NULL;
	*err = (struct dt_pki_error){0};
	ERR_clear_error();
	struct dt_trust *t = dt_alloc(sizeof(*t));
	STACK_OF(X509) *certs = sk_X509_new_null();
	enum dt_err e;
	if (t)
		t->magic = DT_TRUST_MAGIC;
	if (!t || !certs)
		e = dt_pki_fail(err, DT_PKI_NOMEM, NULL, NULL);
	else
		e = add_sources(src, certs, err);
	if (e == DT_OK &&
	    (!make_digest(t, certs) || !make_store(t, certs) || !make_names(t, certs, src->system)))
		e = dt_pki_fail(err, DT_PKI_CRYPTO, NULL, "collecting CA certificates");
	ERR_clear_error();
	sk_X509_pop_free(certs, X509_free);
	if (e == DT_OK)
		*out = t;
	else
		dt_trust_free(&t);
	return e;
}

void
dt_trust_free(struct dt_trust **slot)
{
	struct dt_trust *t = *slot;
	*slot = NULL;
	if (!t)
		return;
	DT_CHECK_MAGIC(t, DT_TRUST_MAGIC);
	X509_STORE_free(t->store);
	sk_X509_NAME_pop_free(t->names, X509_NAME_free);
	t->magic = 0;
	dt_free(t);
}

const uint8_t *
dt_trust_digest(const struct dt_trust *t)
{
	DT_CHECK_MAGIC(t, DT_TRUST_MAGIC);
	return t->digest;
}
