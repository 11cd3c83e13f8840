/* cookie.h - proves that a client receives at its address, without keeping anything of it.
 *
 * cookie = generation byte || HMAC-SHA256(key of that generation, addresses, version, random,
 * session id), cut to 20 bytes in all. Keys follow from one secret and the number of the
 * generation (60 s of wall time), so every worker, and a process that takes over, agrees without
 * sharing state; the generation before the current one is still good. Nothing else of the hello
 * is covered: some clients change other fields between their hellos. Compared in constant time.
 * RFC 6347 4.2.1. Threads: none; a jar per worker.
 */
#ifndef DT_DTLS_COOKIE_H
#define DT_DTLS_COOKIE_H

#include "base/err.h"
#include "base/path.h"
#include "base/time.h"
#include "dtls/hello.h"

#define DT_COOKIE_LEN 20u
#define DT_COOKIE_SECRET_LEN 32u
#define DT_HVR_LEN (13u + 12u + 3u + DT_COOKIE_LEN) /* a HelloVerifyRequest datagram, bytes */

struct dt_cookie_jar; /* owned by a worker; keeps the keyed HMAC contexts of two generations */

enum dt_err dt_cookie_jar_new(const uint8_t secret[DT_COOKIE_SECRET_LEN],
    struct dt_cookie_jar **out) DT_MUST_USE;
void dt_cookie_jar_free(struct dt_cookie_jar **jar);

enum dt_err dt_cookie_make(struct dt_cookie_jar *jar, struct dt_wall now, const struct dt_path *path,
    const struct dt_hello_head *head, uint8_t out[DT_COOKIE_LEN]) DT_MUST_USE;
/* False for an absent, expired or foreign cookie, and when the crypto library fails. */
bool dt_cookie_verify(struct dt_cookie_jar *jar, struct dt_wall now, const struct dt_path *path,
    const struct dt_hello_head *head);

/* Writes the HelloVerifyRequest that answers a hello: its record number is mirrored, version 1.0
 * (RFC 6347 4.2.1), message_seq 0. Returns DT_HVR_LEN. */
size_t dt_hvr_write(uint64_t record_seq, const uint8_t cookie[DT_COOKIE_LEN], uint8_t out[DT_HVR_LEN]);

#endif
