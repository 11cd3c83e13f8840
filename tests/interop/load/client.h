/* client.h - one DTLS client on OpenSSL whose datagrams go through a fleet.
 *
 * Owner: the program. Threads: none.
 */
#ifndef LOAD_CLIENT_H
#define LOAD_CLIENT_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "fleet.h"

/* What all clients share. */
struct client_kind {
	struct fleet *fleet; /* borrowed */
	SSL_CTX *ctx;	     /* owned, as the next */
	BIO_METHOD *method;
};

enum client_state { CLIENT_NEW, CLIENT_HANDSHAKE, CLIENT_READY, CLIENT_FAILED };

struct client {
	uint32_t source;
	enum client_state state;
	struct fleet *fleet; /* borrowed */
	SSL *ssl;	     /* owned; NULL before, and once it is forgotten */
	uint8_t *in;	     /* a datagram that OpenSSL has not read yet; borrowed */
	size_t in_len;
};

/* `ciphers` may be NULL: OpenSSL's default. */
void client_kind_init(struct client_kind *k, struct fleet *fleet, const char *ciphers);
void client_kind_fini(struct client_kind *k);

/* Sends the first hello. `session` may be NULL: a full handshake. */
void client_start(struct client *c, const struct client_kind *k, SSL_SESSION *session);
/* A datagram for a client in its handshake. */
void client_handshake(struct client *c, uint8_t *data, size_t len);
/* Repeats the flight when its timer is over. */
void client_tick(struct client *c);

void client_send(struct client *c, const uint8_t *data, size_t len);
/* Reads one datagram of application data; its length, 0 when it held none. */
size_t client_read(struct client *c, uint8_t *datagram, size_t len, uint8_t *out, size_t cap);

void client_close_notify(struct client *c);
/* Frees all that the client has; the server is told nothing. */
void client_forget(struct client *c);

#endif
