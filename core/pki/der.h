/* der.h - one certificate, PKCS#7 or key out of DER bytes, as they are or as Base64 text.
 *
 * Leaves the reasons of failures on OpenSSL's error queue of this thread.
 * Owner: what is given out belongs to the caller. Threads: any. RFC 5280, RFC 2315, RFC 5958.
 */
#ifndef DT_PKI_DER_H
#define DT_PKI_DER_H

#include "pki/material.h"

/* The bytes behind `bytes`: themselves if they begin as DER does, else what their Base64 says; *copy
 * is then owned by the caller, who gives it to dt_free_secret() with *size. NONE, WRONG_TYPE (it is
 * neither), NOMEM. */
enum dt_pki_fault dt_der_find(
    struct dt_span bytes, struct dt_span *der, uint8_t **copy, size_t *size);

/* What is not exactly one such thing is WRONG_TYPE. */
enum dt_pki_fault dt_der_certificate(struct dt_span der, struct dt_material *m);
/* Every certificate of a PKCS#7 that holds some. */
enum dt_pki_fault dt_der_pkcs7(struct dt_span der, struct dt_material *m);
/* A private key: PKCS#8, encrypted or not, or the older forms. Also NO_PASSWORD, WRONG_PASSWORD,
 * OLD_ENCRYPTION. */
enum dt_pki_fault dt_der_key(struct dt_span der, struct dtlsd_bytes password, struct dt_material *m);

#endif
