/* client.h - a client of the server under test: OpenSSL as it comes, on a socket of its own.
 *
 * Calls wait for the network, each within its limit. Threads: one at a time; different clients on
 * different threads are fine.
 */
#ifndef TEST_SERVER_CLIENT_H
#define TEST_SERVER_CLIENT_H

#include <dtlsd/module.h>
#include <openssl/ssl.h>
#include <stdbool.h>

struct client {
	SSL_CTX *ctx; /* owned */
	SSL *ssl;     /* owned */
	int fd;	      /* owned */
};

/* What SSL_read() came to. */
enum client_event { CLIENT_DATA, CLIENT_CLOSED, CLIENT_FAILED, CLIENT_SILENCE };

/* `suites`: OpenSSL's cipher list, NULL = its default. */
void client_init(struct client *c, const struct dtlsd_address *server, const char *suites);
void client_fini(struct client *c);
/* Goes on with the handshake until it is done or `ms` have passed; may be called again. */
bool client_connect(struct client *c, int ms);
/* Sends a datagram of `len` bytes and compares what comes back. */
bool client_echo(struct client *c, size_t len);
/* The next thing that comes within `ms`. */
enum client_event client_wait(struct client *c, int ms);
/* One datagram into out[cap]; its bytes, or -1. */
int client_read(struct client *c, int ms, void *out, size_t cap);
void client_close(struct client *c);

#endif
