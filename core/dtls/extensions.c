#include "dtls/extensions.h"

#include "dtls/alert.h"
#include "dtls/engine.h"
#include "dtls/suite.h"

#include <string.h>

#define EXTENSION_HEARTBEAT 15u
#define EXTENSION_RECORD_SIZE_LIMIT 28u
#define EXTENSION_CONNECTION_ID 54u
#define EXTENSION_RRC 61u
#define SIZE_LIMIT_MIN 64u /* bytes, RFC 8449 4 */

/* The suite is chosen when the ServerHello is written. */
static bool
suite_is_ours(SSL *ssl)
{
	const SSL_CIPHER *c = SSL_get_pending_cipher(ssl);
	return c && dt_suite_find(SSL_CIPHER_get_protocol_id(c));
}

static int
read_heartbeat(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t len, X509 *x,
    size_t chain, int *alert, void *arg)
{
	struct dt_engine *e = SSL_get_app_data(ssl);
	(void)type, (void)context, (void)x, (void)chain, (void)arg;
	if (len != 1 || (in[0] != DT_HEARTBEAT_PEER_MAY_SEND && in[0] != DT_HEARTBEAT_PEER_MAY_NOT_SEND)) {
		*alert = DT_ALERT_ILLEGAL_PARAMETER;
		return 0;
	}
	e->extensions.heartbeat_offered = in[0];
	return 1;
}

/* OpenSSL calls it only for what the client offered. 0: nothing is added. */
static int
write_heartbeat(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *len,
    X509 *x, size_t chain, int *alert, void *arg)
{
	static const unsigned char modes[] = {
	    [DT_HEARTBEAT_PEER_MAY_SEND] = DT_HEARTBEAT_PEER_MAY_SEND,
	    [DT_HEARTBEAT_PEER_MAY_NOT_SEND] = DT_HEARTBEAT_PEER_MAY_NOT_SEND,
	};
	struct dt_engine *e = SSL_get_app_data(ssl);
	(void)type, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	if (e->tls->heartbeat == DT_HEARTBEAT_OFF || !e->extensions.heartbeat_offered || !suite_is_ours(ssl))
		return 0;
	e->extensions.heartbeat_answered = true;
	*out = &modes[e->tls->heartbeat];
	*len = 1;
	return 1;
}

/* uint16 RecordSizeLimit, RFC 8449 4. One above what DTLS 1.2 has is no error. */
static int
read_size_limit(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t len, X509 *x,
    size_t chain, int *alert, void *arg)
{
	struct dt_engine *e = SSL_get_app_data(ssl);
	(void)type, (void)context, (void)x, (void)chain, (void)arg;
	struct dt_reader r = dt_reader(in, len);
	uint16_t limit = (uint16_t)dt_read_uint(&r, 2);
	if (r.bad || r.left || limit < SIZE_LIMIT_MIN) {
		*alert = r.bad || r.left ? DT_ALERT_DECODE_ERROR : DT_ALERT_ILLEGAL_PARAMETER;
		return 0;
	}
	e->extensions.size_limit = limit;
	return 1;
}

static int
write_size_limit(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *len,
    X509 *x, size_t chain, int *alert, void *arg)
{
	struct dt_engine *e = SSL_get_app_data(ssl);
	struct dt_extensions *ext = &e->extensions;
	(void)type, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	/* A client must not see both (RFC 8449 5), and OpenSSL leaves max_fragment_length to nobody. */
	if (!e->tls->record_size_limit || !ext->size_limit || dt_extensions_fragment_max(ssl))
		return 0;
	ext->size_limit_answered = true;
	dt_write_uint(ext->size_limit_written, e->tls->record_size_limit, 2);
	*out = ext->size_limit_written;
	*len = sizeof(ext->size_limit_written);
	return 1;
}

uint16_t
dt_extensions_fragment_max(SSL *ssl)
{
	SSL_SESSION *session = SSL_get_session(ssl);
	unsigned code = session ? SSL_SESSION_get_max_fragment_length(session) : 0;
	return (uint16_t)(code >= 1 && code <= 4 ? 256u << code : 0);
}

/* struct { opaque cid<0..2^8-1>; } ConnectionId, RFC 9146 3. */
static int
read_cid(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t len, X509 *x,
    size_t chain, int *alert, void *arg)
{
	struct dt_extensions *e = &((struct dt_engine *)SSL_get_app_data(ssl))->extensions;
	(void)type, (void)context, (void)x, (void)chain, (void)arg;
	struct dt_reader r = dt_reader(in, len);
	struct dt_span cid = dt_read_vector(&r, 1);
	if (r.bad || r.left) {
		*alert = DT_ALERT_DECODE_ERROR;
		return 0;
	}
	e->cid_offered = true;
	e->cid_len = (uint8_t)cid.len;
	if (cid.len)
		memcpy(e->cid, cid.data, cid.len);
	return 1;
}

static int
write_cid(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *len, X509 *x,
    size_t chain, int *alert, void *arg)
{
	struct dt_extensions *e = &((struct dt_engine *)SSL_get_app_data(ssl))->extensions;
	(void)type, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	if (!e->cid_ours || !e->cid_offered || !suite_is_ours(ssl))
		return 0;
	e->cid_answered = true;
	e->cid_written[0] = DT_CID_LEN;
	memcpy(e->cid_written + 1, e->cid_ours, DT_CID_LEN);
	*out = e->cid_written;
	*len = sizeof(e->cid_written);
	return 1;
}

static int
read_rrc(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t len, X509 *x,
    size_t chain, int *alert, void *arg)
{
	struct dt_extensions *e = &((struct dt_engine *)SSL_get_app_data(ssl))->extensions;
	(void)type, (void)context, (void)in, (void)x, (void)chain, (void)arg;
	if (len != 0) {
		*alert = DT_ALERT_DECODE_ERROR;
		return 0;
	}
	e->rrc_offered = true;
	return 1;
}

/* Never without a connection id, RFC 9853 3. OpenSSL writes in the order of dt_extensions_install(). */
static int
write_rrc(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *len, X509 *x,
    size_t chain, int *alert, void *arg)
{
	struct dt_extensions *e = &((struct dt_engine *)SSL_get_app_data(ssl))->extensions;
	(void)type, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	if (!e->rrc_offered || !e->cid_answered)
		return 0;
	e->rrc_answered = true;
	*out = NULL;
	*len = 0;
	return 1;
}

enum dt_err
dt_extensions_install(SSL_CTX *ctx)
{
	const unsigned where = SSL_EXT_DTLS_ONLY | SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO;
	return SSL_CTX_add_custom_ext(ctx, EXTENSION_HEARTBEAT, where, write_heartbeat, NULL, NULL,
		   read_heartbeat, NULL) &&
		SSL_CTX_add_custom_ext(ctx, EXTENSION_RECORD_SIZE_LIMIT, where, write_size_limit, NULL,
		    NULL, read_size_limit, NULL) &&
		SSL_CTX_add_custom_ext(ctx, EXTENSION_CONNECTION_ID, where, write_cid, NULL, NULL, read_cid,
		    NULL) &&
		SSL_CTX_add_custom_ext(ctx, EXTENSION_RRC, where, write_rrc, NULL, NULL, read_rrc, NULL)
	    ? DT_OK
	    : DT_ERR_CRYPTO;
}
