/* openssl_memory.h - what OpenSSL gives back to the heap is wiped.
 *
 * It wipes keys by itself, but not everything that holds one: the plaintext of a session ticket,
 * with the master secret in it, is left in freed memory (3.0).
 * Threads: before any other use of OpenSSL. For a program, not for a library.
 */
#ifndef DT_DTLS_OPENSSL_MEMORY_H
#define DT_DTLS_OPENSSL_MEMORY_H

#include <stdbool.h>

/* False: OpenSSL was used before, and goes on as it did. */
bool dt_openssl_memory_wiped(void);

#endif
