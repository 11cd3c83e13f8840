/* ephemeral.h - a certificate of our own making, to try things out with.
 *
 * ECDSA P-256, CN=localhost, SAN localhost, 127.0.0.1 and ::1; nobody trusts it,
 * it lives in memory only. Threads: any.
 */
#ifndef DT_PKI_EPHEMERAL_H
#define DT_PKI_EPHEMERAL_H

#include "pki/credential.h"

#define DT_EPHEMERAL_DAYS 30

/* Valid from an hour before now.wall (clients' clocks differ) for DT_EPHEMERAL_DAYS. */
enum dt_err dt_ephemeral_new(
    struct dt_now now, struct dt_credential **out, struct dt_pki_error *err) DT_MUST_USE;

#endif
