/* material.h - the certificates and keys that a store gave, in its order.
 *
 * Owner: the caller's storage; it holds counted references of OpenSSL's objects.
 * Threads: none.
 */
#ifndef DT_PKI_MATERIAL_H
#define DT_PKI_MATERIAL_H

#include <dtlsd/module.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "pki/fault.h"

#define DT_MATERIAL_KEYS 32u

struct dt_material_key {
	EVP_PKEY *key;	 /* owned */
	bool is_private; /* false: a public key alone */
};

struct dt_material {
	STACK_OF(X509) *certs; /* owned: each once */
	struct dt_material_key keys[DT_MATERIAL_KEYS];
	size_t key_count;
};

/* What opens a store and what opens the keys in it; borrowed, data NULL = none. */
struct dt_passwords {
	struct dtlsd_bytes store, key;
};

/* NONE or NOMEM. */
enum dt_pki_fault dt_material_init(struct dt_material *m);
void dt_material_fini(struct dt_material *m);

/* Both take the object over, also when they fail. NONE, NOMEM, TOO_MANY. */
enum dt_pki_fault dt_material_add_certificate(struct dt_material *m, X509 *x);
enum dt_pki_fault dt_material_add_key(struct dt_material *m, EVP_PKEY *key, bool is_private);
bool dt_material_has_private_key(const struct dt_material *m);

#endif
