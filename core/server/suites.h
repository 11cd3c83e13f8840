/* suites.h - the lists of suites, groups and signature algorithms, as OpenSSL wants them.
 *
 * Owner: the caller. Threads: any.
 */
#ifndef DT_SERVER_SUITES_H
#define DT_SERVER_SUITES_H

#include <stdbool.h>

#include "config/config.h"

struct dt_suites {
	char *ciphers, *groups, *signatures; /* owned; NULL = OpenSSL's or our default */
	/* After a failure: */
	char member[48];     /* which word, as the end of a pointer           */
	char suggestion[80]; /* what may be meant, in quotes; "" = nothing is near */
};

/* False: `error` names the word that is not known. */
bool dt_suites_init(struct dt_suites *s, const struct dt_config_tls *tls, char *error, size_t cap);
void dt_suites_fini(struct dt_suites *s);

/* SHA-256 of a secret of any length. */
void dt_suites_digest(const void *data, size_t len, uint8_t out[32]);

#endif
