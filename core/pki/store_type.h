/* store_type.h - the types that a certificate store can have, by name and by the reference's number.
 *
 * Threads: any, the table is constant.
 */
#ifndef DT_PKI_STORE_TYPE_H
#define DT_PKI_STORE_TYPE_H

#include <stdbool.h>

enum dt_store_type {
#define X(number, code, name, place, format, refused) DT_STORE_##code,
#include "pki/store.def"
#undef X
	DT_STORE_TYPES
};

enum dt_store_place {
	DT_STORE_AT_FILE,
	DT_STORE_AT_BLOB,    /* in the configuration itself */
	DT_STORE_AT_TOKEN,   /* behind a pkcs11: URI        */
	DT_STORE_AT_NOWHERE, /* refused                     */
};

enum dt_store_format {
	DT_STORE_AS_ANY,
	DT_STORE_AS_PFX,
	DT_STORE_AS_PEM,
	DT_STORE_AS_CERTIFICATE, /* PEM or DER, no key */
	DT_STORE_AS_P7B,
	DT_STORE_AS_SSH,
	DT_STORE_AS_PPK,
	DT_STORE_AS_XML,
	DT_STORE_AS_JWK,
	DT_STORE_AS_TOKEN,
	DT_STORE_FORMATS
};

struct dt_store_type_info {
	int number;
	const char *name;
	enum dt_store_place place;
	enum dt_store_format format;
	const char *refused; /* NULL, or what such a store is */
};

/* Requires: type < DT_STORE_TYPES. */
const struct dt_store_type_info *dt_store_type_info(enum dt_store_type type);
/* The type with this number; DT_STORE_TYPES when there is none. */
enum dt_store_type dt_store_type_numbered(long long number);
/* In the order of the enum, NULL at the end. */
extern const char *const dt_store_type_names[];

/* Whether a password has something to open in it. */
bool dt_store_type_encrypts(enum dt_store_type type);

#endif
