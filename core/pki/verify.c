#include "base/assert.h"
#include "pki/trust.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <time.h>

#define VERIFY_DEPTH 10	 /* intermediates: bounds the signatures that a peer makes us check */
#define SECURITY_LEVEL 2 /* 112 bits: RSA from 2048, SHA-2 */
#define ALERT_HANDSHAKE_FAILURE 40u
#define ALERT_CERTIFICATE_UNKNOWN 46u

static const struct {
	int32_t code;
	uint8_t alert;
} alerts[] = {
#define X(name, alert) {X509_V_ERR_##name, alert},
#include "pki/alert.def"
#undef X
};

const char *
dt_verify_text(int32_t code)
{
	if (code == X509_V_OK)
		return "OK";
	return code < 0 ? "no certificate" : X509_verify_cert_error_string(code);
}

static void
set_result(struct dt_verify_result *r, int code, int depth)
{
	r->code = code;
	r->depth = depth;
	r->text = dt_verify_text(code);
}

static bool
set_params(X509_STORE_CTX *ctx, struct dt_now now, bool dates)
{
	X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(ctx);
	/* A time that is set outweighs NO_CHECK_TIME: it is one or the other. */
	unsigned long flags = dates ? 0 : X509_V_FLAG_NO_CHECK_TIME;
	if (dates)
		X509_VERIFY_PARAM_set_time(p, (time_t)now.wall.s);
	X509_VERIFY_PARAM_set_depth(p, VERIFY_DEPTH);
	X509_VERIFY_PARAM_set_auth_level(p, SECURITY_LEVEL);
	return X509_VERIFY_PARAM_set_purpose(p, X509_PURPOSE_SSL_CLIENT) &&
	       X509_VERIFY_PARAM_set_trust(p, X509_TRUST_SSL_CLIENT) &&
	       /* The anchor need not be a root: what an operator lists is trusted. */
	       X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN | flags);
}

static void
verify_once(const struct dt_trust *t, X509 *leaf, STACK_OF(X509) *untrusted, struct dt_now now,
    bool dates, struct dt_verify_result *r)
{
	set_result(r, X509_V_ERR_OUT_OF_MEM, 0);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	if (ctx && X509_STORE_CTX_init(ctx, t->store, leaf, untrusted) && set_params(ctx, now, dates)) {
		int good = X509_verify_cert(ctx);
		int code = X509_STORE_CTX_get_error(ctx);
		if (good != 1 && code == X509_V_OK)
			code = X509_V_ERR_UNSPECIFIED;
		if (good == 1)
			code = X509_V_OK;
		set_result(r, code, good == 1 ? 0 : X509_STORE_CTX_get_error_depth(ctx));
	}
	X509_STORE_CTX_free(ctx);
}

void
dt_trust_verify(const struct dt_trust *t, X509 *leaf, STACK_OF(X509) *untrusted, struct dt_now now,
    struct dt_verify_result *r)
{
	DT_CHECK_MAGIC(t, DT_TRUST_MAGIC);
	DT_ASSERT(leaf);
	/* Called within a handshake: what we leave on the error queue would be taken for an error
	 * of that. */
	ERR_set_mark();
	verify_once(t, leaf, untrusted, now, true, r);
	/* OpenSSL looks at dates before signatures, and stops at the first fault: behind an issuer
	 * that has expired the leaf may be anybody's. "Expired" is said of chains that are good but
	 * for their dates only, so that a module may forgive it. */
	if (r->code == X509_V_ERR_CERT_HAS_EXPIRED || r->code == X509_V_ERR_CERT_NOT_YET_VALID) {
		struct dt_verify_result timeless;
		verify_once(t, leaf, untrusted, now, false, &timeless);
		if (timeless.code != X509_V_OK)
			*r = timeless;
	}
	ERR_pop_to_mark();
}

void
dt_trust_verify_leaf(const struct dt_trust *t, const uint8_t *der, size_t len, struct dt_now now,
    struct dt_verify_result *r)
{
	ERR_set_mark();
	const uint8_t *at = der;
	X509 *leaf = len <= LONG_MAX ? d2i_X509(NULL, &at, (long)len) : NULL;
	ERR_pop_to_mark();
	if (leaf && at == der + len)
		dt_trust_verify(t, leaf, NULL, now, r);
	else
		set_result(r, X509_V_ERR_UNSPECIFIED, 0);
	X509_free(leaf);
}

uint8_t
dt_verify_alert(int32_t code)
{
	DT_ASSERT(code != X509_V_OK);
	if (code == -1)
		return ALERT_HANDSHAKE_FAILURE;
	for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++) {
		if (alerts[i].code == code)
			return alerts[i].alert;
	}
	return ALERT_CERTIFICATE_UNKNOWN;
}
