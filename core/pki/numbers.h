/* numbers.h - keys made of the numbers that JWK, PPK, XML and SSH files hold.
 *
 * A private key is tried once: what cannot sign for its own public half is refused here, and not
 * in the first handshake. Numbers are unsigned and big-endian, without a limit for leading zeros.
 * Owner: the key belongs to the caller, the numbers stay his. Threads: any.
 */
#ifndef DT_PKI_NUMBERS_H
#define DT_PKI_NUMBERS_H

#include <openssl/evp.h>

#include "base/span.h"
#include "pki/fault.h"

#define DT_RSA_BYTES_MAX 2048u /* of a modulus: 16,384 bits, as much as OpenSSL takes */

struct dt_rsa_numbers {
	struct dt_span n, e;
	struct dt_span d;    /* empty: a public key                                */
	struct dt_span p, q; /* empty: none; the exponents of the CRT are made anew */
};

struct dt_point {
	struct dt_span name; /* "P-256" and the like; "Ed25519", "Ed448" */
	struct dt_span pub;  /* an uncompressed point (SEC 1 2.3.3), or the raw key */
	struct dt_span priv; /* empty: a public key */
};

/* All: NONE, BAD_KEY, UNKNOWN_KEY (a curve that we do not take), NOMEM. */
enum dt_pki_fault dt_numbers_rsa(const struct dt_rsa_numbers *n, EVP_PKEY **out);
enum dt_pki_fault dt_numbers_ec(const struct dt_point *p, EVP_PKEY **out);
enum dt_pki_fault dt_numbers_edwards(const struct dt_point *p, EVP_PKEY **out);

#endif
