/* negotiated.h - what a handshake has agreed on, in words and numbers for people.
 *
 * All texts are static. Threads: any.
 */
#ifndef DT_DTLS_NEGOTIATED_H
#define DT_DTLS_NEGOTIATED_H

#include <stdbool.h>
#include <stdint.h>

struct dt_negotiated {
	const char *cipher;	  /* "AES-128-GCM"; NULL before it is known, like all here */
	const char *key_exchange; /* "ECDHE" */
	uint16_t cipher_bits;
	uint16_t key_exchange_bits; /* of our ephemeral key, or of our RSA key; 0 = of none */
	bool resumed;
};

struct ssl_st; /* OpenSSL's SSL */
/* Of our ephemeral key, while OpenSSL has it: until the client's has come. 0 = none. */
uint16_t dt_negotiated_ephemeral_bits(struct ssl_st *ssl);
void dt_negotiated_read(struct ssl_st *ssl, uint16_t ephemeral_bits, struct dt_negotiated *out);

#endif
