/* ppk.h - private keys as PuTTY writes them (PPK 2 and 3).
 *
 * The MAC stands over all of the file's meaning, and is compared in constant time before a key is
 * made. PPK 3 makes its keys of a password with Argon2, which OpenSSL 3.0 does not have: encrypted
 * it is refused, plain it is read.
 * Owner: what is given out belongs to the caller. Threads: any.
 * PuTTY's manual, appendix C.
 */
#ifndef DT_PKI_PPK_H
#define DT_PKI_PPK_H

#include "pki/material.h"

bool dt_ppk_seen(struct dt_span text);

/* NONE, WRONG_TYPE, BAD_KEY, UNKNOWN_KEY, CHANGED (plain, and the MAC is wrong), NO_PASSWORD,
 * WRONG_PASSWORD, ARGON2, NOMEM. */
enum dt_pki_fault dt_ppk_read(struct dt_span text, struct dtlsd_bytes password, struct dt_material *m);

#endif
