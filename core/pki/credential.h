/* credential.h - what we prove ourselves with: certificate, chain and private key.
 *
 * Knows stores of every type (store.h). Never asks on a terminal, never keeps a password. The chain
 * is put in the order that RFC 5246 7.4.2 wants; certificates that certify none before them are left
 * out.
 * Owner: whoever loaded it; OpenSSL objects taken from it are counted references.
 * Threads: read-only once loaded, any thread may use it.
 */
#ifndef DT_PKI_CREDENTIAL_H
#define DT_PKI_CREDENTIAL_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "pki/fault.h"
#include "pki/store.h"

#define DT_CREDENTIAL_MAGIC 0x64746372u

/* Everything is borrowed until dt_credential_load() returns. */
struct dt_credential_source {
	struct dt_store_source cert;	   /* certificate, its chain, and the key if there is no `key` */
	const struct dt_store_source *key; /* NULL: the key is in cert */
	const struct dt_store_source *chain; /* stores with more of the chain */
	size_t chain_count;
};

struct dt_credential {
	uint32_t magic;		/* DT_CREDENTIAL_MAGIC                                   */
	uint32_t left_out;	/* certificates of the files that belong to no place in the chain */
	X509 *leaf;		/* owned                                                 */
	STACK_OF(X509) *chain;	/* owned: issuer of the leaf first; may be empty         */
	EVP_PKEY *key;		/* owned: belongs to the leaf                            */
};

/* The certificate is the one in `encoded`; else the first, of those that subject and thumbprint select,
 * that a private key belongs to. One that is outside of its dates at now.wall is an error (EXPIRED, NOT_YET_VALID).
 * On error *out is NULL and `err` says what and where. */
enum dt_err dt_credential_load(const struct dt_credential_source *src, struct dt_now now,
    struct dt_credential **out, struct dt_pki_error *err) DT_MUST_USE;

/* Accepts NULL and a half-built object; the slot becomes NULL. */
void dt_credential_free(struct dt_credential **slot);

#endif
