/* pem.h - certificates and private keys out of PEM and PKCS#12 bytes.
 *
 * Knows no files. Passwords come as bytes; nobody is ever asked on a terminal.
 * Leaves the reasons of failures on OpenSSL's error queue of this thread.
 * Owner: what is given out belongs to the caller. Threads: any.
 * RFC 7468, RFC 7292.
 */
#ifndef DT_PKI_PEM_H
#define DT_PKI_PEM_H

#include "pki/material.h"

/* Whether the bytes hold a line that begins a PEM block. */
bool dt_pem_seen(struct dt_span text);

/* Appends every certificate to `certs` that is not there yet. None at all is no fault here:
 * NONE, BAD_CERTIFICATE, NOMEM. */
enum dt_pki_fault dt_pem_certificates(struct dt_span text, STACK_OF(X509) *certs);
/* The certificates of every PKCS#7 block. None at all is no fault: NONE, BAD_CERTIFICATE, NOMEM. */
enum dt_pki_fault dt_pem_pkcs7(struct dt_span text, struct dt_material *m);
/* Every private key. None at all is no fault: NONE, BAD_KEY, NO_PASSWORD, WRONG_PASSWORD,
 * OLD_ENCRYPTION, TOO_MANY, NOMEM. */
enum dt_pki_fault dt_pem_keys(struct dt_span text, struct dtlsd_bytes password, struct dt_material *m);

/* Every certificate, and with `keys` every private key. WRONG_TYPE (it is none), BAD_KEY,
 * NO_PASSWORD, WRONG_PASSWORD, OLD_ENCRYPTION, TOO_MANY, NOMEM. */
enum dt_pki_fault dt_pkcs12_read(
    struct dt_span der, const struct dt_passwords *pw, bool keys, struct dt_material *m);

/* What a failed decryption means, from the error queue. */
enum dt_pki_fault dt_pki_decrypt_fault(struct dtlsd_bytes password);

#endif
