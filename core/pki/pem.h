/* pem.h - certificates and a private key out of PEM and PKCS#12 bytes.
 *
 * Knows no files. Passwords come as bytes; nobody is ever asked on a terminal.
 * Leaves the reasons of failures on OpenSSL's error queue of this thread.
 * Owner: what is given out belongs to the caller. Threads: any.
 * RFC 7468, RFC 7292.
 */
#ifndef DT_PKI_PEM_H
#define DT_PKI_PEM_H

#include <dtlsd/module.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "base/span.h"
#include "pki/fault.h"

/* Whether the bytes hold a line that begins a PEM block. */
bool dt_pem_seen(struct dt_span text);

/* Appends every certificate to `certs` that is not there yet. None at all is no fault here:
 * NONE, BAD_CERTIFICATE, NOMEM. */
enum dt_pki_fault dt_pem_certificates(struct dt_span text, STACK_OF(X509) *certs);

/* The first private key: NONE, NO_KEY, BAD_KEY, NO_PASSWORD, WRONG_PASSWORD, OLD_ENCRYPTION,
 * NOMEM. */
enum dt_pki_fault dt_pem_key(struct dt_span text, struct dtlsd_bytes password, EVP_PKEY **out);

/* Appends the certificates; *key stays NULL if there is none. NONE, FORMAT, NO_PASSWORD,
 * WRONG_PASSWORD, OLD_ENCRYPTION, NOMEM. */
enum dt_pki_fault dt_pkcs12_read(
    struct dt_span der, struct dtlsd_bytes password, STACK_OF(X509) *certs, EVP_PKEY **key);

/* For the two above: what a failed decryption means, from the error queue. */
enum dt_pki_fault dt_pki_decrypt_fault(struct dtlsd_bytes password);

#endif
