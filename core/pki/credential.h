/* credential.h - what we prove ourselves with: certificate, chain and private key.
 *
 * Knows PEM, PKCS#12 and the directories that certbot writes. Never asks on a
 * terminal, never keeps a password. The chain is put in the order that
 * RFC 5246 7.4.2 wants; certificates that certify none before them are left out.
 * Owner: whoever loaded it; OpenSSL objects taken from it are counted references.
 * Threads: read-only once loaded, any thread may use it.
 */
#ifndef DT_PKI_CREDENTIAL_H
#define DT_PKI_CREDENTIAL_H

#include <dtlsd/module.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "pki/fault.h"

#define DT_CREDENTIAL_MAGIC 0x64746372u

enum dt_credential_kind {
	DT_CREDENTIAL_AUTO, /* a directory: certbot; else PEM, else PKCS#12 */
	DT_CREDENTIAL_PEM,
	DT_CREDENTIAL_PKCS12,
	DT_CREDENTIAL_CERTBOT, /* a directory with fullchain.pem and privkey.pem */
};

/* Everything is borrowed until dt_credential_load() returns. */
struct dt_credential_source {
	enum dt_credential_kind kind;	 /* of path; key_path is always AUTO                 */
	const char *path;		 /* certificate, its chain, and the key if no key_path */
	const char *key_path;		 /* NULL: the key is in path                         */
	struct dtlsd_bytes password;	 /* of path; data NULL = none                        */
	struct dtlsd_bytes key_password; /* of key_path or a PEM key; data NULL = password   */
	const char *const *chain_paths;	 /* PEM files with more of the chain                 */
	size_t chain_count;
};

struct dt_credential {
	uint32_t magic;		/* DT_CREDENTIAL_MAGIC                                   */
	uint32_t left_out;	/* certificates of the files that belong to no place in the chain */
	X509 *leaf;		/* owned                                                 */
	STACK_OF(X509) *chain;	/* owned: issuer of the leaf first; may be empty         */
	EVP_PKEY *key;		/* owned: belongs to the leaf                            */
};

/* A leaf that is outside of its dates at now.wall is an error (EXPIRED, NOT_YET_VALID).
 * On error *out is NULL and `err` says what and where. */
enum dt_err dt_credential_load(const struct dt_credential_source *src, struct dt_now now,
    struct dt_credential **out, struct dt_pki_error *err) DT_MUST_USE;

/* Accepts NULL and a half-built object; the slot becomes NULL. */
void dt_credential_free(struct dt_credential **slot);

#endif
