/* pkcs11.h - a certificate and its key on a token, by a pkcs11: URI (RFC 7512).
 *
 * Through the engine "pkcs11" of OpenSSL; the key stays on the token. `module-path` in the URI names
 * the token's library, else the engine takes its own default; a process uses one library. Never asks
 * for a PIN on a terminal.
 * Owner: what is given out belongs to the caller. Threads: main, before the workers run.
 */
#ifndef DT_PKI_PKCS11_H
#define DT_PKI_PKCS11_H

#include "pki/material.h"

bool dt_pkcs11_seen(const char *uri);

/* Adds what the token has of it; neither is no fault. NONE, PKCS11_URI, PKCS11_ENGINE,
 * PKCS11_MODULE, PIN_MISSING, PIN_WRONG, PIN_IN_URI, TOO_MANY, NOMEM. */
enum dt_pki_fault dt_pkcs11_read(
    const char *uri, struct dtlsd_bytes pin, bool key, struct dt_material *m);

#endif
