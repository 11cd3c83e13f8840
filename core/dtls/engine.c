#include "dtls/engine.h"

#include "base/assert.h"
#include "base/mem.h"
#include "dtls/hello.h"
#include "dtls/suite.h"

#include <openssl/err.h>
#include <string.h>

#define OUT_CAP_MAX (256u * 1024u) /* bytes; a server's flight with a huge chain is below it */
#define FED_MAX 16000u		   /* bytes of a fragment that we feed */
#define NEVER_FIRES_US 3600000000u /* one hour: longer than any handshake may take */

static int
bio_read(BIO *bio, char *buf, int cap)
{
	struct dt_engine *e = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (e->in.len == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	size_t n = e->in.len < (size_t)cap ? e->in.len : (size_t)cap;
	memcpy(buf, e->in.data, n);
	e->in.len = 0;
	return (int)n;
}

static bool
grow_out(struct dt_engine *e, size_t need)
{
	size_t cap = e->out_cap ? e->out_cap : 2048;
	while (cap < need)
		cap *= 2;
	if (cap == e->out_cap)
		return true;
	uint8_t *bigger = cap <= OUT_CAP_MAX ? dt_resize(e->out, cap) : NULL;
	if (!bigger)
		return false;
	e->out = bigger;
	e->out_cap = cap;
	return true;
}

static int
bio_write(BIO *bio, const char *data, int len)
{
	struct dt_engine *e = BIO_get_data(bio);
	size_t n = len > 0 ? (size_t)len : 0;
	BIO_clear_retry_flags(bio);
	if (!grow_out(e, e->out_len + n)) {
		e->out_failed = true;
		return -1;
	}
	memcpy(e->out + e->out_len, data, n);
	e->out_len += n;
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

BIO_METHOD *
dt_engine_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "dtlsd memory");
	if (!m)
		return NULL;
	BIO_meth_set_read(m, bio_read);
	BIO_meth_set_write(m, bio_write);
	BIO_meth_set_ctrl(m, bio_ctrl);
	BIO_meth_set_create(m, bio_create);
	return m;
}

static const SSL_CIPHER *
cipher_of(const struct dt_engine *e)
{
	const SSL_CIPHER *c = SSL_get_pending_cipher(e->ssl);
	return c ? c : SSL_get_current_cipher(e->ssl);
}

/* Whether OpenSSL seals a flight that is answered: of a resumption, in a suite that is not ours. Any
 * other flight we repeat by ourselves, and the timer never fires. Else it runs out a little before
 * that of the handshake, which doubles as well. */
static unsigned
set_timer(SSL *ssl, unsigned timer_us)
{
	const struct dt_engine *e = SSL_get_app_data(ssl);
	const SSL_CIPHER *c = cipher_of(e);
	if (!c || dt_suite_find(SSL_CIPHER_get_protocol_id(c)) || !SSL_session_reused(ssl))
		return NEVER_FIRES_US;
	int64_t first = e->tls->initial_timer.ns, longest = e->tls->max_timer.ns;
	int64_t next = timer_us ? 2000 * (int64_t)timer_us : first - first / 8;
	return (unsigned)((next < longest - longest / 8 ? next : longest - longest / 8) / 1000);
}

enum dt_err
dt_engine_new(struct dt_tls *tls, bool without_cbc, struct dt_engine **out)
{
	DT_CHECK_MAGIC(tls, DT_TLS_MAGIC);
	enum dt_err err = DT_ERR_NOMEM;
	struct dt_engine *e = dt_alloc(sizeof(*e));
	if (!e)
		return err;
	e->tls = tls;
	e->verify_code = -1;
	e->ssl = SSL_new(tls->ssl_ctx);
	BIO *bio = e->ssl ? BIO_new(tls->bio_method) : NULL;
	if (!bio)
		goto fail;
	BIO_set_data(bio, e);
	SSL_set_bio(e->ssl, bio, bio);
	SSL_set_app_data(e->ssl, e);
	DTLS_set_timer_cb(e->ssl, set_timer);
	SSL_set_mtu(e->ssl, FED_MAX);
	err = DT_ERR_REFUSED;
	if (without_cbc && tls->suites_without_cbc && !SSL_set_cipher_list(e->ssl, tls->suites_without_cbc))
		goto fail;
	tls->ssl_objects++;
	*out = e;
	return DT_OK;
fail:
	ERR_clear_error();
	SSL_free(e->ssl);
	dt_free(e);
	return err;
}

void
dt_engine_free(struct dt_engine **slot)
{
	struct dt_engine *e = *slot;
	if (!e)
		return;
	/* Quietly shut down: otherwise OpenSSL takes the session for broken, and its ticket dies. */
	SSL_set_shutdown(e->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(e->ssl);
	e->tls->ssl_objects--;
	dt_free_secret(e->out, e->out_cap);
	dt_free_secret(e, sizeof(*e));
	*slot = NULL;
}

static size_t
plain_record(struct dt_engine *e, uint8_t type, const uint8_t *payload, size_t len, uint8_t *out)
{
	dt_record_write_header(out, type, DT_VERSION_12, 0, e->fed++, len);
	memcpy(out + DT_RECORD_HEADER, payload, len);
	return DT_RECORD_HEADER + len;
}

enum dt_engine_result
dt_engine_run(struct dt_engine *e)
{
	ERR_clear_error();
	if (!SSL_alloc_buffers(e->ssl))
		return DT_ENGINE_FAILED;
	int r = SSL_do_handshake(e->ssl);
	if (e->out_failed)
		return DT_ENGINE_FAILED;
	if (r == 1)
		return DT_ENGINE_DONE;
	if (SSL_get_error(e->ssl, r) != SSL_ERROR_WANT_READ)
		return DT_ENGINE_FAILED;
	/* Nothing is left in them, and their 33 KiB are nearly half of what a client costs that
	 * begins a handshake and is never heard of again. */
	SSL_free_buffers(e->ssl);
	return DT_ENGINE_WANTS_MORE;
}

enum dt_engine_result
dt_engine_repeat(struct dt_engine *e)
{
	ERR_clear_error();
	if (!SSL_alloc_buffers(e->ssl) || DTLSv1_handle_timeout(e->ssl) < 0 || e->out_failed)
		return DT_ENGINE_FAILED;
	SSL_free_buffers(e->ssl);
	return DT_ENGINE_WANTS_MORE;
}

enum dt_engine_result
dt_engine_record(struct dt_engine *e, struct dt_span record)
{
	e->in = record;
	enum dt_engine_result r = dt_engine_run(e);
	e->in.len = 0;
	return r;
}

/* One fragment of a message, in a record of its own. */
static size_t
fragment_record(struct dt_engine *e, struct dt_span message, size_t offset, size_t len, uint8_t *out)
{
	uint8_t fragment[DT_HS_HEADER + FED_MAX];
	memcpy(fragment, message.data, DT_HS_HEADER);
	dt_write_uint(fragment + 6, offset, 3);
	dt_write_uint(fragment + 9, len, 3);
	memcpy(fragment + DT_HS_HEADER, message.data + DT_HS_HEADER + offset, len);
	return plain_record(e, DT_HANDSHAKE, fragment, DT_HS_HEADER + len, out);
}

enum dt_engine_result
dt_engine_message(struct dt_engine *e, struct dt_span message)
{
	DT_ASSERT(message.len >= DT_HS_HEADER);
	uint8_t record[DT_RECORD_HEADER + DT_HS_HEADER + FED_MAX];
	size_t total = message.len - DT_HS_HEADER, offset = 0;
	enum dt_engine_result r;
	do {
		size_t n = total - offset < FED_MAX ? total - offset : FED_MAX;
		size_t len = fragment_record(e, message, offset, n, record);
		r = dt_engine_record(e, (struct dt_span){record, len});
		offset += n;
	} while (r == DT_ENGINE_WANTS_MORE && offset < total);
	return r;
}

enum dt_engine_result
dt_engine_change_cipher_spec(struct dt_engine *e)
{
	const uint8_t one = 1;
	uint8_t record[DT_RECORD_HEADER + 1];
	size_t len = plain_record(e, DT_CHANGE_CIPHER_SPEC, &one, 1, record);
	return dt_engine_record(e, (struct dt_span){record, len});
}

bool
dt_engine_hello(struct dt_engine *e, struct dt_span message)
{
	DT_ASSERT(message.len >= DT_HS_HEADER);
	if (message.len > FED_MAX)
		return false;
	BIO_ADDR *nobody = BIO_ADDR_new();
	if (!nobody)
		return false;
	uint8_t record[DT_RECORD_HEADER + DT_HS_HEADER + FED_MAX];
	size_t len = plain_record(e, DT_HANDSHAKE, message.data, message.len, record);
	ERR_clear_error();
	e->in = (struct dt_span){record, len};
	int r = DTLSv1_listen(e->ssl, nobody);
	e->in.len = 0;
	BIO_ADDR_free(nobody);
	return r == 1;
}

const char *
dt_engine_prf_digest(const struct dt_engine *e)
{
	const SSL_CIPHER *c = cipher_of(e);
	const EVP_MD *md = c ? SSL_CIPHER_get_handshake_digest(c) : NULL;
	if (!md)
		return NULL;
	/* A suite from before TLS 1.2, which now has the PRF of that: RFC 5246 5. */
	return EVP_MD_is_a(md, "MD5-SHA1") ? "SHA256" : EVP_MD_get0_name(md);
}

bool
dt_engine_secrets(const struct dt_engine *e, struct dt_secrets *out)
{
	SSL_SESSION *session = SSL_get_session(e->ssl);
	if (!session || SSL_SESSION_get_master_key(session, out->master, DT_MASTER_LEN) != DT_MASTER_LEN)
		return false;
	SSL_get_client_random(e->ssl, out->client_random, DT_RANDOM_LEN);
	SSL_get_server_random(e->ssl, out->server_random, DT_RANDOM_LEN);
	return true;
}

static bool
derive_etm(struct dt_engine *e, const EVP_MD *hash)
{
	struct dt_secrets s;
	const char *digest = dt_engine_prf_digest(e);
	if (e->etm.hash)
		return true;
	bool ok = digest && dt_engine_secrets(e, &s) && dt_etm_derive(digest, hash, &s, &e->etm) == DT_OK;
	if (!ok)
		e->etm.hash = NULL;
	dt_wipe(&s, sizeof(s));
	return ok;
}

bool
dt_engine_authentic(struct dt_engine *e, const struct dt_record *rec)
{
	const SSL_CIPHER *c = cipher_of(e);
	const EVP_MD *hash = c ? EVP_get_digestbynid(SSL_CIPHER_get_digest_nid(c)) : NULL;
	if (!hash)
		return c != NULL; /* an AEAD suite: OpenSSL drops a forgery by itself */
	return derive_etm(e, hash) && dt_etm_verify(&e->etm, rec);
}

bool
dt_engine_next_out(struct dt_engine *e, size_t *at, struct dt_record *out, struct dt_span *raw)
{
	size_t start = *at;
	if (e->out_len - start < DT_RECORD_HEADER)
		return false;
	struct dt_reader r = dt_reader(e->out + start, e->out_len - start);
	out->type = (uint8_t)dt_read_uint(&r, 1);
	out->version = (uint16_t)dt_read_uint(&r, 2);
	out->epoch = (uint16_t)dt_read_uint(&r, 2);
	out->seq = dt_read_uint(&r, 6);
	out->cid = NULL;
	out->len = dt_read_vector(&r, 2).len;
	if (r.bad)
		return false;
	out->body = e->out + start + DT_RECORD_HEADER;
	*at = start + DT_RECORD_HEADER + out->len;
	*raw = (struct dt_span){e->out + start, *at - start};
	return true;
}

void
dt_engine_clear_out(struct dt_engine *e, size_t taken)
{
	DT_ASSERT(taken <= e->out_len);
	if (taken == e->out_len) { /* a flight may be large, and the next one is far away */
		dt_free_secret(e->out, e->out_cap);
		e->out = NULL;
		e->out_len = e->out_cap = 0;
		return;
	}
	memmove(e->out, e->out + taken, e->out_len - taken);
	e->out_len -= taken;
}
