/* server_name.h - which certificate a client gets: the one whose name it asks for, with the stapled
 * answer of its CA about it.
 *
 * A certificate answers to its DNS names (its common name if it has none), a wildcard to one label.
 * Of those that answer the first of each type of key is offered; if none does, or no name is asked
 * for, the first of each type of all.
 * Threads: workers read what was installed. RFC 6066 3 and 8, RFC 6125 6.4.
 */
#ifndef DT_DTLS_SERVER_NAME_H
#define DT_DTLS_SERVER_NAME_H

#include "dtls/tls.h"

/* Keeps references and copies in `tls`, and gives its context the first of each type. */
enum dt_err dt_server_name_install(
    struct dt_tls *tls, const struct dt_tls_certificate *list, size_t count) DT_MUST_USE;
void dt_server_name_remove(struct dt_tls *tls);

#endif
