/* ssh_key.h - keys in the form of SSH: a public key in one line or in RFC 4716, and the blobs.
 *
 * RSA, ECDSA (P-256, P-384, P-521), Ed25519 and Ed448; DSA is too weak for any handshake here.
 * Owner: what is given out belongs to the caller. Threads: any.
 * RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4, RFC 4716.
 */
#ifndef DT_PKI_SSH_KEY_H
#define DT_PKI_SSH_KEY_H

#include "pki/material.h"

/* Whether the text begins as one of the two. */
bool dt_ssh_seen(struct dt_span text);

/* Appends the first public key of the text. NONE, WRONG_TYPE, BAD_KEY, UNKNOWN_KEY, NOMEM. */
enum dt_pki_fault dt_ssh_read(struct dt_span text, struct dt_material *m);

/* A key out of its blobs; `priv` is what PuTTY stores of it, empty = the public key alone. NONE,
 * BAD_KEY, UNKNOWN_KEY, NOMEM. */
enum dt_pki_fault dt_ssh_key(struct dt_span pub, struct dt_span priv, EVP_PKEY **out);

#endif
