#include "client.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"

#define DATAGRAM_MAX 16384

void
client_init(struct client *c, const struct dtlsd_address *server, const char *suites)
{
	struct sockaddr_storage ss;
	socklen_t len = dt_addr_to_sockaddr(server, &ss);
	c->ctx = SSL_CTX_new(DTLS_client_method());
	cr_assert(c->ctx);
	if (suites)
		cr_assert(SSL_CTX_set_cipher_list(c->ctx, suites), "%s", suites);
	c->ssl = SSL_new(c->ctx);
	c->fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	cr_assert(c->ssl && c->fd >= 0);
	cr_assert_eq(connect(c->fd, (struct sockaddr *)&ss, len), 0);
	BIO *bio = BIO_new_dgram(c->fd, BIO_NOCLOSE);
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &ss);
	SSL_set_bio(c->ssl, bio, bio);
	SSL_set_connect_state(c->ssl);
}

void
client_fini(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	close(c->fd);
}

static int
now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int)(ts.tv_sec % 1000000 * 1000 + ts.tv_nsec / 1000000);
}

/* Waits for the socket or OpenSSL's timer; false when `end` has come. */
static bool
wait_for_socket(struct client *c, int end)
{
	struct timeval tv;
	int left = end - now_ms(), wait = left;
	if (left <= 0)
		return false;
	if (DTLSv1_get_timeout(c->ssl, &tv)) {
		int timer = (int)(tv.tv_sec * 1000 + tv.tv_usec / 1000) + 1;
		wait = timer < left ? timer : left;
	}
	struct pollfd p = {c->fd, POLLIN, 0};
	cr_assert_geq(poll(&p, 1, wait), 0);
	(void)DTLSv1_handle_timeout(c->ssl);
	return true;
}

bool
client_connect(struct client *c, int ms)
{
	int end = now_ms() + ms;
	for (;;) {
		ERR_clear_error();
		int r = SSL_do_handshake(c->ssl);
		if (r == 1)
			return true;
		if (SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_READ || !wait_for_socket(c, end))
			return false;
	}
}

static enum client_event
read_one(struct client *c, void *buf, size_t cap, size_t *len, int ms)
{
	int end = now_ms() + ms;
	for (;;) {
		ERR_clear_error();
		int r = SSL_read_ex(c->ssl, buf, cap, len);
		if (r == 1)
			return CLIENT_DATA;
		switch (SSL_get_error(c->ssl, r)) {
		case SSL_ERROR_ZERO_RETURN:
			return CLIENT_CLOSED;
		case SSL_ERROR_WANT_READ:
			if (!wait_for_socket(c, end))
				return CLIENT_SILENCE;
			break;
		case SSL_ERROR_SYSCALL:
			/* The server's socket is closed; what it said before may still be here. */
			if (errno == ECONNREFUSED)
				break;
			return CLIENT_FAILED;
		default:
			return CLIENT_FAILED;
		}
	}
}

enum client_event
client_wait(struct client *c, int ms)
{
	char buf[DATAGRAM_MAX];
	size_t len;
	return read_one(c, buf, sizeof(buf), &len, ms);
}

int
client_read(struct client *c, int ms, void *out, size_t cap)
{
	size_t len;
	return read_one(c, out, cap, &len, ms) == CLIENT_DATA ? (int)len : -1;
}

bool
client_echo(struct client *c, size_t len)
{
	static _Thread_local char out[DATAGRAM_MAX], in[DATAGRAM_MAX];
	size_t n;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)(i * 31 + len);
	if (!SSL_write_ex(c->ssl, out, len, &n) || n != len)
		return false;
	return read_one(c, in, sizeof(in), &n, 10000) == CLIENT_DATA && n == len &&
	       memcmp(in, out, len) == 0;
}

void
client_close(struct client *c)
{
	SSL_shutdown(c->ssl);
}
