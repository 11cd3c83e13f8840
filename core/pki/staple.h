/* staple.h - what a CA says about our own certificate, to be handed on in a handshake.
 *
 * Checked when it is read: it is an answer, about this certificate, that it is good, and within its
 * dates. Its signature is for the client to check.
 * Owner: the caller's storage. Threads: any. RFC 6960 4.2.1, RFC 6066 8.
 */
#ifndef DT_PKI_STAPLE_H
#define DT_PKI_STAPLE_H

#include "pki/credential.h"

struct dt_staple {
	uint8_t *der; /* owned */
	size_t len;
	int64_t until; /* seconds since 1970; INT64_MAX when it does not say */
	size_t about;  /* index of the credential */
};

/* A DER file about one of the credentials. On error `out` is empty. */
enum dt_err dt_staple_init(struct dt_staple *out, const char *path,
    struct dt_credential *const *credentials, size_t count, struct dt_now now,
    struct dt_pki_error *err) DT_MUST_USE;
void dt_staple_fini(struct dt_staple *s);

#endif
