/* kdf.h - the TLS 1.2 PRF and what is derived by it.
 *
 * RFC 5246 5 and 6.3, RFC 5705. `digest` is the PRF hash of the suite ("SHA256", "SHA384").
 * Threads: any.
 */
#ifndef DT_DTLS_KDF_H
#define DT_DTLS_KDF_H

#include "base/err.h"
#include "base/span.h"
#include "dtls/protect.h"

#define DT_MASTER_LEN 48u
#define DT_RANDOM_LEN 32u

struct dt_secrets {
	uint8_t master[DT_MASTER_LEN];
	uint8_t client_random[DT_RANDOM_LEN];
	uint8_t server_random[DT_RANDOM_LEN];
};

enum dt_err dt_prf(const char *digest, struct dt_span secret, const char *label, struct dt_span seed,
    uint8_t *out, size_t len) DT_MUST_USE;

/* The key block: client key, server key, client iv, server iv (AEAD suites have no MAC keys). */
enum dt_err dt_derive_keys(const char *digest, const struct dt_suite *suite,
    const struct dt_secrets *secrets, struct dt_key *client, struct dt_key *server) DT_MUST_USE;

#endif
