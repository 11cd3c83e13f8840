/* identity.h - the certificates of a server, and whom it believes, out of the stores that its
 * configuration names.
 *
 * Owner: the caller's storage; needed until the TLS context is made. Threads: main.
 */
#ifndef DT_SERVER_IDENTITY_H
#define DT_SERVER_IDENTITY_H

#include "dtls/tls.h"
#include "pki/credential.h"
#include "pki/staple.h"
#include "pki/trust.h"
#include "server/place.h"

#define DT_IDENTITY_MAX 16u /* certificates of a server */

struct dt_identity {
	struct dt_credential *loaded[DT_IDENTITY_MAX]; /* owned */
	struct dt_staple staples[DT_IDENTITY_MAX];     /* owned */
	struct dt_tls_certificate list[DT_IDENTITY_MAX];
	size_t count;
};

/* Everything that is wrong goes to the report; false then. `ephemeral`: where no certificate is
 * given, one is made. */
bool dt_identity_init(struct dt_identity *id, bool ephemeral, const struct dt_place *p);
void dt_identity_fini(struct dt_identity *id);

/* *out stays NULL when clients are not asked for certificates. */
bool dt_identity_trust(struct dt_trust **out, const struct dt_place *p);

#endif
