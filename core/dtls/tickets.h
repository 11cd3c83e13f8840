/* tickets.h - session tickets with keys that rotate and that nobody has to share.
 *
 * The keys of a generation (half a lifetime) follow from the server's ticket secret and the number of the
 * generation: all workers, and a process that takes over with the same secret, agree without
 * shared state. A ticket of the last three generations is opened, and never one that is older than the
 * lifetime, counted from the full handshake. A resumption looks at the client's certificate again.
 * RFC 5077. Threads: any.
 */
#ifndef DT_DTLS_TICKETS_H
#define DT_DTLS_TICKETS_H

#include <openssl/ssl.h>

#include "base/err.h"
#include "base/time.h"

/* The rest is found through the engine of each SSL object. */
enum dt_err dt_tickets_install(SSL_CTX *ctx, struct dt_dur lifetime) DT_MUST_USE;

#endif
