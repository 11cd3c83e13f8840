/* handshake_peer.c - what a handshake knows of its client, without a type of OpenSSL's. */
#include "base/mem.h"
#include "dtls/handshake_state.h"

#include <openssl/x509.h>

void
dt_hs_peer(const struct dt_handshake *hs, struct dt_hs_peer *out)
{
	X509 *leaf = SSL_get0_peer_certificate(hs->engine->ssl);
	out->has_certificate = leaf != NULL;
	out->resumed = SSL_session_reused(hs->engine->ssl);
	out->verify_code = leaf ? hs->engine->verify_code : -1;
	if (leaf && out->resumed)
		out->verify_code = hs->tls->verifier.leaf(hs->tls->verifier.arg, leaf, hs->engine->now.wall);
}

void
dt_hs_negotiated(const struct dt_handshake *hs, struct dt_negotiated *out)
{
	dt_negotiated_read(hs->engine->ssl, hs->ephemeral_bits, out);
}

uint8_t
dt_hs_cid_len(const struct dt_handshake *hs)
{
	return hs->state.cid_len;
}

static bool
encode(struct dt_handshake *hs, X509 *x)
{
	uint8_t *der = NULL;
	int len = i2d_X509(x, &der);
	if (len <= 0)
		return false;
	uint8_t *copy = dt_copy(der, (size_t)len);
	OPENSSL_free(der);
	if (!copy)
		return false;
	hs->certificates[hs->certificate_count++] = (struct dtlsd_bytes){copy, (size_t)len};
	return true;
}

/* OpenSSL keeps the leaf of a client beside the chain, and after a resumption the leaf alone. */
const struct dtlsd_bytes *
dt_hs_certificates(struct dt_handshake *hs, uint32_t *count)
{
	X509 *leaf = SSL_get0_peer_certificate(hs->engine->ssl);
	STACK_OF(X509) *rest = SSL_get_peer_cert_chain(hs->engine->ssl);
	if (hs->certificate_count == 0 && leaf && encode(hs, leaf))
		for (int i = 0; i < sk_X509_num(rest) && hs->certificate_count < DT_HS_CERTIFICATES_MAX; i++)
			if (!encode(hs, sk_X509_value(rest, i)))
				break;
	*count = hs->certificate_count;
	return hs->certificates;
}

void
dt_hs_free_certificates(struct dt_handshake *hs)
{
	while (hs->certificate_count > 0)
		dt_free((void *)(uintptr_t)hs->certificates[--hs->certificate_count].data);
}
