/* exporter.h - keying material for the application, from the master secret of a connection.
 *
 * Only with the extended master secret: without it two connections could share the secret, and
 * what is bound to one would hold for the other (RFC 7627 5.4).
 * Owner: the connection, which wipes it. Threads: none. RFC 5705.
 */
#ifndef DT_DTLS_EXPORTER_H
#define DT_DTLS_EXPORTER_H

#include <stdbool.h>

#include "dtls/kdf.h"

struct dt_handshake;

struct dt_exporter {
	const char *digest; /* of the PRF, static */
	struct dt_secrets secrets;
};

/* After DT_HS_DONE and before dt_hs_take(). False: the client lacks the extended master secret. */
bool dt_exporter_read(const struct dt_handshake *hs, struct dt_exporter *out);
/* `context`.data NULL: none, which is not the same as an empty one. DT_ERR_INVALID: the label is one of TLS
 * itself or empty, or the context is longer than 65,535 bytes. DT_ERR_NOMEM, DT_ERR_CRYPTO. */
enum dt_err dt_export(const struct dt_exporter *e, const char *label, struct dt_span context, uint8_t *out,
    size_t len) DT_MUST_USE;

#endif
