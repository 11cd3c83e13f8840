#include "dtls/server_name.h"

#include "base/mem.h"
#include "dtls/engine.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

static bool
answers(const struct dt_tls_certificate *c, const char *name)
{
	/* Within a handshake: what stays on the error queue would be taken for an error of that. */
	ERR_set_mark();
	bool good = X509_check_host(c->leaf, name, 0, 0, NULL) == 1;
	ERR_pop_to_mark();
	return good;
}

/* Whether one before it answers with the same type of key. */
static bool
is_second(const struct dt_tls *tls, size_t i, const char *name)
{
	int type = EVP_PKEY_get_base_id(tls->certificates[i].key);
	for (size_t k = 0; k < i; k++)
		if (EVP_PKEY_get_base_id(tls->certificates[k].key) == type &&
		    (!name || answers(&tls->certificates[k], name)))
			return true;
	return false;
}

static int
choose(SSL *ssl, int *alert, void *arg)
{
	const struct dt_tls *tls = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	bool chosen = false;
	for (size_t i = 0; name && i < tls->certificate_count; i++) {
		const struct dt_tls_certificate *c = &tls->certificates[i];
		if (!answers(c, name) || is_second(tls, i, name))
			continue;
		if (!chosen)
			SSL_certs_clear(ssl);
		chosen = true;
		if (SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1) != 1) {
			*alert = SSL_AD_INTERNAL_ERROR;
			return SSL_TLSEXT_ERR_ALERT_FATAL;
		}
	}
	return chosen ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* OpenSSL asks when it has chosen a certificate, and the client wants to know about it. */
static int
staple(SSL *ssl, void *arg)
{
	const struct dt_tls *tls = arg;
	const struct dt_engine *e = SSL_get_app_data(ssl);
	const X509 *leaf = SSL_get_certificate(ssl);
	for (size_t i = 0; i < tls->certificate_count; i++) {
		const struct dt_tls_certificate *c = &tls->certificates[i];
		if (c->leaf != leaf || !c->staple.data || e->now.wall.s > c->staple_until)
			continue;
		uint8_t *copy = OPENSSL_memdup(c->staple.data, c->staple.len);
		if (!copy)
			return SSL_TLSEXT_ERR_NOACK;
		SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)c->staple.len);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static enum dt_err
keep(struct dt_tls_certificate *to, const struct dt_tls_certificate *from)
{
	*to = *from;
	to->staple.data = NULL;
	X509_up_ref(to->leaf);
	EVP_PKEY_up_ref(to->key);
	to->chain = from->chain ? X509_chain_up_ref(from->chain) : NULL;
	if (from->staple.data)
		to->staple.data = dt_copy(from->staple.data, from->staple.len);
	return (from->chain && !to->chain) || (from->staple.data && !to->staple.data) ? DT_ERR_NOMEM
										      : DT_OK;
}

enum dt_err
dt_server_name_install(struct dt_tls *tls, const struct dt_tls_certificate *list, size_t count)
{
	enum dt_err err = DT_OK;
	bool stapled = false;
	if (count == 0)
		return DT_OK;
	tls->certificates = dt_alloc_array(count, sizeof(*tls->certificates));
	if (!tls->certificates)
		return DT_ERR_NOMEM;
	for (size_t i = 0; err == DT_OK && i < count; i++) {
		struct dt_tls_certificate *c = &tls->certificates[tls->certificate_count++];
		stapled = stapled || list[i].staple.data;
		err = keep(c, &list[i]);
		if (err == DT_OK && !is_second(tls, i, NULL) &&
		    !SSL_CTX_use_cert_and_key(tls->ssl_ctx, c->leaf, c->key, c->chain, 1))
			err = DT_ERR_CRYPTO;
	}
	if (count > 1) {
		SSL_CTX_set_tlsext_servername_callback(tls->ssl_ctx, choose);
		SSL_CTX_set_tlsext_servername_arg(tls->ssl_ctx, tls);
	}
	if (stapled) {
		SSL_CTX_set_tlsext_status_cb(tls->ssl_ctx, staple);
		SSL_CTX_set_tlsext_status_arg(tls->ssl_ctx, tls);
	}
	return err;
}

void
dt_server_name_remove(struct dt_tls *tls)
{
	for (size_t i = 0; i < tls->certificate_count; i++) {
		struct dt_tls_certificate *c = &tls->certificates[i];
		X509_free(c->leaf);
		EVP_PKEY_free(c->key);
		sk_X509_pop_free(c->chain, X509_free);
		dt_free((void *)(uintptr_t)c->staple.data);
	}
	dt_free(tls->certificates);
	tls->certificates = NULL;
	tls->certificate_count = 0;
}
