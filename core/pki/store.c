#include "pki/store.h"

#include "base/mem.h"
#include "pki/der.h"
#include "pki/file.h"
#include "pki/jwk.h"
#include "pki/pem.h"
#include "pki/pkcs11.h"
#include "pki/ppk.h"
#include "pki/select.h"
#include "pki/ssh_key.h"
#include "pki/xml_key.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define KEY_FILE_MAX (1024u * 1024u)	     /* bytes; a chain of hundreds fits */
#define PUBLIC_FILE_MAX (16u * 1024u * 1024u) /* bytes; the bundle of a whole system has 0.2 MiB */
#define PATH_TEXT 4096u			     /* bytes, with NUL: what the kernel takes as a path */

/* What a reader is asked. */
struct request {
	struct dt_span bytes;
	struct dt_passwords pw;
	unsigned wanted;
};

typedef enum dt_pki_fault read_fn(const struct request *r, struct dt_material *m);

static enum dt_pki_fault
read_pem(const struct request *r, struct dt_material *m)
{
	enum dt_pki_fault fault = dt_pem_seen(r->bytes) ? DT_PKI_NONE : DT_PKI_WRONG_TYPE;
	if (fault == DT_PKI_NONE && (r->wanted & DT_STORE_CERTIFICATES))
		fault = dt_pem_certificates(r->bytes, m->certs);
	if (fault == DT_PKI_NONE && (r->wanted & DT_STORE_CERTIFICATES))
		fault = dt_pem_pkcs7(r->bytes, m);
	if (fault == DT_PKI_NONE && (r->wanted & DT_STORE_KEYS))
		fault = dt_pem_keys(r->bytes, r->pw.key, m);
	return fault;
}

/* One reader after the other until one knows the bytes, as they are or behind their Base64. */
static enum dt_pki_fault
read_der(const struct request *r, struct dt_material *m, read_fn *const *readers, size_t count)
{
	uint8_t *copy;
	size_t size;
	struct request inner = *r;
	enum dt_pki_fault fault = dt_der_find(r->bytes, &inner.bytes, &copy, &size);
	if (fault != DT_PKI_NONE)
		return fault;
	fault = DT_PKI_WRONG_TYPE;
	for (size_t i = 0; fault == DT_PKI_WRONG_TYPE && i < count; i++)
		fault = readers[i](&inner, m);
	dt_free_secret(copy, size);
	return fault;
}

static enum dt_pki_fault
read_der_pfx(const struct request *r, struct dt_material *m)
{
	return dt_pkcs12_read(r->bytes, &r->pw, r->wanted & DT_STORE_KEYS, m);
}

static enum dt_pki_fault
read_der_certificate(const struct request *r, struct dt_material *m)
{
	return dt_der_certificate(r->bytes, m);
}

static enum dt_pki_fault
read_der_p7b(const struct request *r, struct dt_material *m)
{
	return dt_der_pkcs7(r->bytes, m);
}

static enum dt_pki_fault
read_der_key(const struct request *r, struct dt_material *m)
{
	return dt_der_key(r->bytes, r->pw.key, m);
}

static enum dt_pki_fault
read_pfx(const struct request *r, struct dt_material *m)
{
	static read_fn *const readers[] = {read_der_pfx};
	return read_der(r, m, readers, 1);
}

static enum dt_pki_fault
read_certificate(const struct request *r, struct dt_material *m)
{
	static read_fn *const readers[] = {read_der_certificate};
	if (dt_pem_seen(r->bytes))
		return dt_pem_certificates(r->bytes, m->certs);
	return read_der(r, m, readers, 1);
}

static enum dt_pki_fault
read_p7b(const struct request *r, struct dt_material *m)
{
	static read_fn *const readers[] = {read_der_p7b};
	if (dt_pem_seen(r->bytes))
		return dt_pem_pkcs7(r->bytes, m);
	return read_der(r, m, readers, 1);
}

static enum dt_pki_fault
read_ssh(const struct request *r, struct dt_material *m)
{
	return dt_ssh_read(r->bytes, m);
}

static enum dt_pki_fault
read_ppk(const struct request *r, struct dt_material *m)
{
	return dt_ppk_read(r->bytes, r->pw.key, m);
}

static enum dt_pki_fault
read_xml(const struct request *r, struct dt_material *m)
{
	return dt_xml_read(r->bytes, m);
}

static enum dt_pki_fault
read_jwk(const struct request *r, struct dt_material *m)
{
	return dt_jwk_read(r->bytes, m);
}

static enum dt_pki_fault
read_any(const struct request *r, struct dt_material *m)
{
	static read_fn *const readers[] = {
	    read_der_pfx, read_der_certificate, read_der_p7b, read_der_key};
	static const struct {
		bool (*seen)(struct dt_span bytes);
		read_fn *read;
	} texts[] = {{dt_ppk_seen, read_ppk}, {dt_pem_seen, read_pem}, {dt_ssh_seen, read_ssh},
	    {dt_jwk_seen, read_jwk}, {dt_xml_seen, read_xml}};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].seen(r->bytes))
			return texts[i].read(r, m);
	enum dt_pki_fault fault = read_der(r, m, readers, sizeof(readers) / sizeof(readers[0]));
	return fault == DT_PKI_WRONG_TYPE ? DT_PKI_FORMAT : fault;
}

static enum dt_pki_fault
read_bytes(enum dt_store_type type, const struct request *r, struct dt_material *m)
{
	static read_fn *const readers[DT_STORE_FORMATS] = {
	    [DT_STORE_AS_ANY] = read_any,
	    [DT_STORE_AS_PFX] = read_pfx,
	    [DT_STORE_AS_PEM] = read_pem,
	    [DT_STORE_AS_CERTIFICATE] = read_certificate,
	    [DT_STORE_AS_P7B] = read_p7b,
	    [DT_STORE_AS_SSH] = read_ssh,
	    [DT_STORE_AS_PPK] = read_ppk,
	    [DT_STORE_AS_XML] = read_xml,
	    [DT_STORE_AS_JWK] = read_jwk,
	};
	read_fn *read = readers[dt_store_type_info(type)->format];
	return read ? read(r, m) : DT_PKI_WRONG_TYPE;
}

const char *
dt_store_label(const struct dt_store_source *src)
{
	if (src->path)
		return src->path;
	return src->blob.data ? dt_store_type_info(src->type)->name : "encoded";
}

static enum dt_err
fail(const struct dt_store_source *src, const char *label, enum dt_pki_fault fault,
    struct dt_pki_error *err)
{
	const char *name = dt_store_type_info(src->type)->name;
	return dt_pki_fail(err, fault, label, fault == DT_PKI_WRONG_TYPE ? name : NULL);
}

static struct request
make_request(const struct dt_store_source *src, unsigned wanted)
{
	struct dtlsd_bytes key = src->key_password.data ? src->key_password : src->password;
	return (struct request){.pw = {src->password, key}, .wanted = wanted};
}

static enum dt_err
open_file(const struct dt_store_source *src, const char *path, unsigned wanted,
    struct dt_material *m, struct dt_pki_error *err)
{
	struct dt_pki_file file;
	struct request r = make_request(src, wanted);
	size_t max = wanted & DT_STORE_KEYS ? KEY_FILE_MAX : PUBLIC_FILE_MAX;
	enum dt_err e = dt_pki_file_init(&file, path, max, err);
	if (e != DT_OK)
		return e;
	r.bytes = (struct dt_span){file.data, file.len};
	enum dt_pki_fault fault = read_bytes(src->type, &r, m);
	dt_pki_file_fini(&file);
	return fault == DT_PKI_NONE ? DT_OK : fail(src, path, fault, err);
}

/* A directory as certbot lays it out. */
static enum dt_err
open_directory(const struct dt_store_source *src, unsigned wanted, struct dt_material *m,
    struct dt_pki_error *err)
{
	static const struct {
		const char *name;
		unsigned has;
	} files[] = {{"fullchain.pem", DT_STORE_CERTIFICATES}, {"privkey.pem", DT_STORE_KEYS}};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[PATH_TEXT];
		if (!(wanted & files[i].has))
			continue;
		int n = snprintf(path, sizeof(path), "%s/%s", src->path, files[i].name);
		if (n < 0 || (size_t)n >= sizeof(path))
			return dt_pki_fail(err, DT_PKI_MISSING, src->path, NULL);
		enum dt_err e = open_file(src, path, files[i].has, m, err);
		if (e != DT_OK)
			return e;
	}
	return DT_OK;
}

static bool
is_directory(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

enum dt_err
dt_store_open(const struct dt_store_source *src, unsigned wanted, struct dt_material *m,
    struct dt_pki_error *err)
{
	bool any = src->type == DT_STORE_AUTO;
	struct request r = make_request(src, wanted);
	enum dt_pki_fault fault = DT_PKI_NONE;
	if (src->blob.data) {
		r.bytes = (struct dt_span){src->blob.data, src->blob.len};
		fault = read_bytes(src->type, &r, m);
	} else if (!src->path) {
		return DT_OK;
	} else if (src->type == DT_STORE_PKCS11 || (any && dt_pkcs11_seen(src->path))) {
		fault = dt_pkcs11_read(src->path, src->password, wanted & DT_STORE_KEYS, m);
	} else if (any && is_directory(src->path)) {
		return open_directory(src, wanted, m, err);
	} else {
		return open_file(src, src->path, wanted, m, err);
	}
	return fault == DT_PKI_NONE ? DT_OK : fail(src, dt_store_label(src), fault, err);
}

enum dt_err
dt_store_encoded(
    const struct dt_store_source *src, struct dt_material *m, struct dt_pki_error *err)
{
	struct request r = {.bytes = {(const uint8_t *)src->encoded, strlen(src->encoded)}};
	enum dt_pki_fault fault = read_certificate(&r, m);
	if (fault == DT_PKI_WRONG_TYPE || (fault == DT_PKI_NONE && sk_X509_num(m->certs) == 0))
		fault = DT_PKI_BAD_CERTIFICATE;
	return fault == DT_PKI_NONE ? DT_OK : dt_pki_fail(err, fault, "encoded", NULL);
}

static enum dt_err
take_selected(const struct dt_store_source *src, const struct dt_material *m,
    STACK_OF(X509) *certs, struct dt_pki_error *err)
{
	STACK_OF(X509) *found = NULL;
	enum dt_pki_fault fault = DT_PKI_NO_CERTIFICATE;
	if (sk_X509_num(m->certs))
		fault = dt_select(m->certs, src->subject, src->thumbprint, &found);
	if (fault == DT_PKI_NONE &&
	    !X509_add_certs(certs, found, X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP))
		fault = DT_PKI_NOMEM;
	sk_X509_pop_free(found, X509_free);
	return fault == DT_PKI_NONE ? DT_OK : fail(src, dt_store_label(src), fault, err);
}

enum dt_err
dt_store_certificates(
    const struct dt_store_source *src, STACK_OF(X509) *certs, struct dt_pki_error *err)
{
	struct dt_material m;
	enum dt_err e;
	if (dt_material_init(&m) != DT_PKI_NONE)
		e = dt_pki_fail(err, DT_PKI_NOMEM, NULL, NULL);
	else if (src->encoded)
		e = dt_store_encoded(src, &m, err);
	else
		e = dt_store_open(src, DT_STORE_CERTIFICATES, &m, err);
	if (e == DT_OK)
		e = take_selected(src, &m, certs, err);
	dt_material_fini(&m);
	return e;
}
