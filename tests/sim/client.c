#include "client.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "cid.h"
#include "clock.h"

/* ---- its socket ---- */

static int
bio_write(BIO *bio, const char *data, int len)
{
	struct sim_client *c = BIO_get_data(bio);
	if (c->cid)
		sim_cid_write(c, (const uint8_t *)data, (size_t)len);
	else
		sim_link_send(c->link, c->number, true, (const uint8_t *)data, (size_t)len);
	return len;
}

static int
bio_read(BIO *bio, char *out, int cap)
{
	struct sim_client *c = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (!c->next_in.len) {
		BIO_set_retry_read(bio);
		return -1;
	}
	size_t n = c->next_in.len < (size_t)cap ? c->next_in.len : (size_t)cap;
	memcpy(out, c->next_in.data, n);
	c->next_in.len = 0;
	return (int)n;
}

static long
bio_ctrl(BIO *bio, int command, long number, void *ptr)
{
	(void)bio;
	(void)number;
	(void)ptr;
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO *
new_bio(struct sim_client *c)
{
	static BIO_METHOD *method; /* never freed: lives as long as the program */
	if (!method) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sim");
		BIO_meth_set_write(method, bio_write);
		BIO_meth_set_read(method, bio_read);
		BIO_meth_set_ctrl(method, bio_ctrl);
	}
	BIO *bio = BIO_new(method);
	cr_assert(bio);
	BIO_set_data(bio, c);
	BIO_set_init(bio, 1);
	return bio;
}

/* ---- OpenSSL ---- */

static void
note_alert(const SSL *ssl, int where, int value)
{
	struct sim_client *c = SSL_get_app_data(ssl);
	if (!(where & SSL_CB_READ) || !(where & SSL_CB_ALERT))
		return;
	if (value >> 8 == SSL3_AL_FATAL)
		c->alert = value & 0xff;
	else
		c->warning = value & 0xff;
}

static unsigned
give_psk(SSL *ssl, const char *hint, char *identity, unsigned identity_cap, unsigned char *key, unsigned cap)
{
	const struct sim_client *c = SSL_get_app_data(ssl);
	(void)hint;
	if (!c->psk_identity)
		return 0;
	cr_assert(strlen(c->psk_identity) < identity_cap && strlen(c->psk_key) <= cap);
	strcpy(identity, c->psk_identity);
	memcpy(key, c->psk_key, strlen(c->psk_key));
	return (unsigned)strlen(c->psk_key);
}

SSL_CTX *
sim_client_ctx(const char *suites)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_client_method());
	cr_assert(ctx);
	SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU);
	SSL_CTX_set_info_callback(ctx, note_alert);
	if (suites)
		cr_assert(SSL_CTX_set_cipher_list(ctx, suites), "%s", suites);
	return ctx;
}

void
sim_client_init(struct sim_client *c, struct sim_link *link, uint32_t number, SSL_CTX *ctx)
{
	*c = (struct sim_client){.link = link, .number = number, .deadline = DT_NEVER};
	c->alert = c->warning = -1;
	dt_list_init(&c->messages);
	c->ssl = SSL_new(ctx);
	cr_assert(c->ssl);
	BIO *bio = new_bio(c);
	SSL_set_bio(c->ssl, bio, bio);
	SSL_set_app_data(c->ssl, c);
	SSL_set_connect_state(c->ssl);
	SSL_set_mtu(c->ssl, 1400);
}

void
sim_client_forget(struct sim_client *c)
{
	DT_LIST_EACH (node, next, &c->messages)
		free(DT_CONTAINER(node, struct sim_message, node));
	dt_list_init(&c->messages);
}

void
sim_client_fini(struct sim_client *c)
{
	sim_client_forget(c);
	SSL_free(c->ssl);
	free(c->cid);
}

static void
keep_message(struct sim_client *c, const uint8_t *bytes, size_t len)
{
	struct sim_message *m = malloc(sizeof(*m) + len);
	cr_assert(m);
	m->len = len;
	memcpy(m->bytes, bytes, len);
	dt_list_append(&c->messages, &m->node);
	c->message_count++;
}

static void
note_end(struct sim_client *c, int result)
{
	switch (SSL_get_error(c->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		break;
	case SSL_ERROR_ZERO_RETURN:
		c->state = SIM_CLOSED;
		break;
	default:
		c->state = SIM_FAILED;
		break;
	}
}

static void
pump(struct sim_client *c)
{
	static uint8_t data[DT_PLAIN_MAX];
	ERR_clear_error();
	if (c->state == SIM_BUSY) {
		int r = SSL_do_handshake(c->ssl);
		if (r == 1)
			c->state = SIM_UP;
		else
			note_end(c, r);
	}
	while (c->state == SIM_UP) {
		ERR_clear_error();
		int n = SSL_read(c->ssl, data, sizeof(data));
		/* OpenSSL's way to say that a record was empty. */
		bool empty = n == 0 && SSL_get_error(c->ssl, n) == SSL_ERROR_SYSCALL;
		if (n > 0 || empty) {
			keep_message(c, data, (size_t)n);
			continue;
		}
		note_end(c, n);
		break;
	}
	struct timeval left;
	bool waits = c->state <= SIM_UP && DTLSv1_get_timeout(c->ssl, &left) == 1;
	struct dt_dur d = {waits ? left.tv_sec * INT64_C(1000000000) + left.tv_usec * INT64_C(1000) : 0};
	c->deadline = waits ? dt_mono_add(sim_now().mono, d) : DT_NEVER;
}

void
sim_client_start(struct sim_client *c)
{
	cr_assert(c->state == SIM_NEW);
	c->state = SIM_BUSY;
	if (c->psk_identity)
		SSL_set_psk_client_callback(c->ssl, give_psk);
	pump(c);
}

static void
feed(struct sim_client *c, struct dt_span datagram)
{
	if (c->state == SIM_NEW || c->state >= SIM_CLOSED)
		return;
	c->next_in = datagram;
	pump(c);
	c->next_in.len = 0;
}

void
sim_client_input(struct sim_client *c, struct sim_packet *p)
{
	size_t at = 0;
	struct dt_span record;
	if (!c->cid)
		feed(c, (struct dt_span){p->bytes, p->len});
	while (c->cid && c->state != SIM_NEW && sim_cid_read(c, p, &at, &record))
		feed(c, record);
}

void
sim_client_timer(struct sim_client *c)
{
	ERR_clear_error();
	if (DTLSv1_handle_timeout(c->ssl) < 0)
		c->state = SIM_FAILED;
	pump(c);
}

void
sim_client_send(struct sim_client *c, const void *data, size_t len)
{
	cr_assert(c->state == SIM_UP);
	ERR_clear_error();
	cr_assert(SSL_write(c->ssl, data, (int)len) == (int)len);
}

void
sim_client_close(struct sim_client *c)
{
	ERR_clear_error();
	SSL_shutdown(c->ssl);
	c->state = SIM_CLOSED;
	c->deadline = DT_NEVER;
}

bool
sim_client_got(const struct sim_client *c, const char *text)
{
	if (dt_list_empty(&c->messages))
		return false;
	const struct sim_message *m = DT_CONTAINER(c->messages.prev, struct sim_message, node);
	return m->len == strlen(text) && memcmp(m->bytes, text, m->len) == 0;
}
