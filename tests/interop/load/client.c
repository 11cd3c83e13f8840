#include "client.h"

#include <openssl/err.h>
#include <string.h>

#define MTU 1400

static int
bio_read(BIO *bio, char *buf, int cap)
{
	struct client *c = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (c->in_len == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	size_t n = c->in_len < (size_t)cap ? c->in_len : (size_t)cap;
	memcpy(buf, c->in, n);
	c->in_len = 0;
	return (int)n;
}

static int
bio_write(BIO *bio, const char *data, int len)
{
	struct client *c = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (len < 0 || (size_t)len > FLEET_DATAGRAM)
		return -1;
	memcpy(fleet_reserve(c->fleet, c->source), data, (size_t)len);
	fleet_commit(c->fleet, (size_t)len);
	return len;
}

static long
bio_ctrl(BIO *bio, int command, long number, void *ptr)
{
	(void)bio;
	(void)number;
	(void)ptr;
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int
bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

void
client_kind_init(struct client_kind *k, struct fleet *fleet, const char *ciphers)
{
	k->fleet = fleet;
	k->ctx = SSL_CTX_new(DTLS_client_method());
	k->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "fleet");
	if (!k->ctx || !k->method)
		fleet_die("OpenSSL: no memory");
	BIO_meth_set_read(k->method, bio_read);
	BIO_meth_set_write(k->method, bio_write);
	BIO_meth_set_ctrl(k->method, bio_ctrl);
	BIO_meth_set_create(k->method, bio_create);
	SSL_CTX_set_min_proto_version(k->ctx, DTLS1_2_VERSION);
	SSL_CTX_set_options(k->ctx, SSL_OP_NO_QUERY_MTU);
	SSL_CTX_set_session_cache_mode(k->ctx, SSL_SESS_CACHE_OFF);
	if (ciphers && !SSL_CTX_set_cipher_list(k->ctx, ciphers))
		fleet_die("%s: no such cipher", ciphers);
}

void
client_kind_fini(struct client_kind *k)
{
	SSL_CTX_free(k->ctx);
	BIO_meth_free(k->method);
}

/* ---- handshake ---- */

static void
go_on(struct client *c)
{
	ERR_clear_error();
	int r = SSL_do_handshake(c->ssl);
	if (r == 1) {
		c->state = CLIENT_READY;
	} else if (SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_READ) {
		fprintf(stderr, "client %u: ", c->source);
		ERR_print_errors_fp(stderr);
		c->state = CLIENT_FAILED;
	}
}

void
client_start(struct client *c, const struct client_kind *k, SSL_SESSION *session)
{
	BIO *bio = BIO_new(k->method);
	c->fleet = k->fleet;
	c->ssl = SSL_new(k->ctx);
	if (!bio || !c->ssl || (session && !SSL_set_session(c->ssl, session)))
		fleet_die("OpenSSL: no memory");
	BIO_set_data(bio, c);
	SSL_set_bio(c->ssl, bio, bio);
	SSL_set_mtu(c->ssl, MTU);
	SSL_set_connect_state(c->ssl);
	c->state = CLIENT_HANDSHAKE;
	go_on(c);
}

void
client_handshake(struct client *c, uint8_t *data, size_t len)
{
	c->in = data;
	c->in_len = len;
	while (c->state == CLIENT_HANDSHAKE && c->in_len)
		go_on(c);
}

void
client_tick(struct client *c)
{
	if (c->state == CLIENT_HANDSHAKE && DTLSv1_handle_timeout(c->ssl) < 0)
		c->state = CLIENT_FAILED;
}

/* ---- data ---- */

void
client_send(struct client *c, const uint8_t *data, size_t len)
{
	if (SSL_write(c->ssl, data, (int)len) != (int)len)
		fleet_die("client %u: SSL_write failed", c->source);
}

size_t
client_read(struct client *c, uint8_t *datagram, size_t len, uint8_t *out, size_t cap)
{
	c->in = datagram;
	c->in_len = len;
	int n = SSL_read(c->ssl, out, (int)cap);
	return n > 0 ? (size_t)n : 0;
}

void
client_close_notify(struct client *c)
{
	if (c->ssl)
		SSL_shutdown(c->ssl);
}

void
client_forget(struct client *c)
{
	if (c->ssl) /* else OpenSSL takes its session for broken, and no other client may resume it */
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	c->ssl = NULL;
}
