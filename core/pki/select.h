/* select.h - which certificate of a store is meant: by its subject or by its thumbprint.
 *
 * Subject: "*" is any; "Thumbprint=HEX" is a thumbprint; else the whole subject in either order or
 * one "CN=…" of it, and if no certificate has that, a part of a subject. Letters of either case,
 * blanks behind commas, quotes and backslashes make no difference; "E" is emailAddress, "S" is ST.
 * Threads: any.
 */
#ifndef DT_PKI_SELECT_H
#define DT_PKI_SELECT_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "pki/fault.h"

/* Whether it is MD5, SHA-1 or SHA-256 in hex, with colons or blanks between or without. */
bool dt_select_is_thumbprint(const char *text);

/* The certificates that both (NULL = all) select, in their order; *out is owned by the caller. NONE,
 * NOT_FOUND, THUMBPRINT, NOMEM. */
enum dt_pki_fault dt_select(const STACK_OF(X509) *certs, const char *subject,
    const char *thumbprint, STACK_OF(X509) **out);

#endif
