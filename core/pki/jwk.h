/* jwk.h - JSON Web Keys, one or a set, with the certificates in `x5c`.
 *
 * RSA, EC (P-256, P-384, P-521) and OKP (Ed25519, Ed448); symmetric keys are none for a handshake.
 * Owner: what is given out belongs to the caller. Threads: any.
 * RFC 7517, RFC 7518 6, RFC 8037 2.
 */
#ifndef DT_PKI_JWK_H
#define DT_PKI_JWK_H

#include "pki/material.h"

/* Whether the first byte that is no blank begins an object. */
bool dt_jwk_seen(struct dt_span text);

/* NONE, WRONG_TYPE (no JSON object), BAD_KEY, UNKNOWN_KEY, BAD_CERTIFICATE, TOO_MANY, NOMEM. */
enum dt_pki_fault dt_jwk_read(struct dt_span text, struct dt_material *m);

#endif
