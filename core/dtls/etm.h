/* etm.h - the MAC of an encrypt-then-mac record, checked before OpenSSL gets the record.
 *
 * OpenSSL 3.0 takes a wrong MAC (and a record shorter than its MAC) on such a suite for a fatal
 * error: anybody who can write a client's address into a datagram could end its connection. With
 * the MAC checked here a forgery is dropped in silence, as RFC 6347 4.1.2.7 asks.
 * CBC suites are served with encrypt_then_mac only (tls.h), so the MAC stands at the end, over the
 * bytes as they are: RFC 7366 3. Owner: the engine. Threads: none.
 */
#ifndef DT_DTLS_ETM_H
#define DT_DTLS_ETM_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "base/err.h"
#include "dtls/kdf.h"
#include "dtls/record.h"

#define DT_ETM_KEY_MAX 48u /* bytes: SHA-384 */

struct dt_etm {
	const EVP_MD *hash; /* static */
	size_t len;	    /* bytes of key and MAC */
	uint8_t key[DT_ETM_KEY_MAX];
};

/* The key of the client's records. `digest`: of the PRF. Requires: the hash has at most 48 bytes. */
enum dt_err dt_etm_derive(const char *digest, const EVP_MD *hash, const struct dt_secrets *secrets,
    struct dt_etm *out) DT_MUST_USE;

/* Whether the client wrote this record of epoch 1. */
bool dt_etm_verify(const struct dt_etm *etm, const struct dt_record *rec);

#endif
