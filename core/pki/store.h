/* store.h - a certificate store of any type: opened, and what is in it.
 *
 * The type decides the reader; "auto" looks at the bytes. Never asks on a terminal, never keeps a
 * password. Owner: the caller, of all that is given out. Threads: main (PKCS#11), else any.
 */
#ifndef DT_PKI_STORE_H
#define DT_PKI_STORE_H

#include "pki/material.h"
#include "pki/store_type.h"

/* Everything is borrowed until the call returns. */
struct dt_store_source {
	enum dt_store_type type;
	const char *path;		 /* a file, a directory or a URI; NULL = none */
	struct dtlsd_bytes blob;	 /* the store itself; data NULL = none        */
	struct dtlsd_bytes password;	 /* of the store; data NULL = none            */
	struct dtlsd_bytes key_password; /* of the keys in it; data NULL = password   */
	const char *subject;		 /* selects a certificate (select.h); NULL    */
	const char *thumbprint;		 /* the same                                  */
	const char *encoded;		 /* the certificate itself, PEM or Base64     */
};

enum dt_store_wanted { DT_STORE_CERTIFICATES = 1, DT_STORE_KEYS = 2 };

/* Appends what the store holds; less than wanted is no error. Without path and blob it is empty. */
enum dt_err dt_store_open(const struct dt_store_source *src, unsigned wanted, struct dt_material *m,
    struct dt_pki_error *err) DT_MUST_USE;

/* Appends the certificates of `src` that its subject or thumbprint selects, all if it has none, and
 * those in `encoded`; an error if there are none. */
enum dt_err dt_store_certificates(const struct dt_store_source *src, STACK_OF(X509) *certs,
    struct dt_pki_error *err) DT_MUST_USE;
/* Those in `encoded`, the first of which it is about. */
enum dt_err dt_store_encoded(const struct dt_store_source *src, struct dt_material *m,
    struct dt_pki_error *err) DT_MUST_USE;

/* What a message calls it: the path, the name of its type, or "encoded". */
const char *dt_store_label(const struct dt_store_source *src);

#endif
