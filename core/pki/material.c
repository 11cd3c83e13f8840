#include "pki/material.h"

enum dt_pki_fault
dt_material_init(struct dt_material *m)
{
	*m = (struct dt_material){.certs = sk_X509_new_null()};
	return m->certs ? DT_PKI_NONE : DT_PKI_NOMEM;
}

void
dt_material_fini(struct dt_material *m)
{
	sk_X509_pop_free(m->certs, X509_free);
	for (size_t i = 0; i < m->key_count; i++)
		EVP_PKEY_free(m->keys[i].key);
	*m = (struct dt_material){0};
}

enum dt_pki_fault
dt_material_add_certificate(struct dt_material *m, X509 *x)
{
	bool added = X509_add_cert(m->certs, x, X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP);
	X509_free(x);
	return added ? DT_PKI_NONE : DT_PKI_NOMEM;
}

enum dt_pki_fault
dt_material_add_key(struct dt_material *m, EVP_PKEY *key, bool is_private)
{
	if (m->key_count == DT_MATERIAL_KEYS) {
		EVP_PKEY_free(key);
		return DT_PKI_TOO_MANY;
	}
	m->keys[m->key_count++] = (struct dt_material_key){key, is_private};
	return DT_PKI_NONE;
}

bool
dt_material_has_private_key(const struct dt_material *m)
{
	for (size_t i = 0; i < m->key_count; i++)
		if (m->keys[i].is_private)
			return true;
	return false;
}
