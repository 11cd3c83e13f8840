#include "dtls/tls.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/text.h"
#include "dtls/engine.h"
#include "dtls/server_name.h"
#include "dtls/tickets.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

/* AEAD with forward secrecy first; no static RSA, no CBC, no finite-field groups (RFC 9325 4.2). */
#define DEFAULT_SUITES                                                                             \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                               \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"                               \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                               \
	"ECDHE-ECDSA-AES128-CCM8:ECDHE-ECDSA-AES128-CCM:ECDHE-ECDSA-AES256-CCM"
/* RFC 7925 4.2: PSK_WITH_AES_128_CCM_8 is what small devices speak. */
#define DEFAULT_PSK_SUITES                                                                         \
	"ECDHE-PSK-CHACHA20-POLY1305:PSK-AES128-GCM-SHA256:PSK-AES128-CCM8:PSK-AES128-CCM:"        \
	"PSK-CHACHA20-POLY1305:PSK-AES256-GCM-SHA384"
#define DEFAULT_GROUPS "X25519:P-256:P-384:P-521"
#define NEAR_EDITS 4u			       /* of the 16 to 50 characters of a suite's name */
#define CLIENT_CHAIN_MAX (100 * 1024) /* bytes of a client's Certificate message */

static enum dt_err
fail(char *error, size_t cap, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	snprintf(error, cap, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
	ERR_clear_error();
	return DT_ERR_CRYPTO;
}

/* Every suite of this OpenSSL that encrypts and authenticates, on a connection of its own. Free
 * with SSL_free(). */
static SSL *
all_suites(void)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());
	if (!ctx)
		return NULL;
	SSL *ssl = SSL_CTX_set_cipher_list(ctx, "ALL:!aNULL:!eNULL:@SECLEVEL=0") ? SSL_new(ctx) : NULL;
	SSL_CTX_free(ctx);
	return ssl;
}

const char *
dt_tls_suite_name(const char *name)
{
	SSL *ssl = all_suites();
	if (!ssl)
		return NULL;
	STACK_OF(SSL_CIPHER) *list = SSL_get_ciphers(ssl);
	const char *found = NULL;
	for (int i = 0; !found && i < sk_SSL_CIPHER_num(list); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(list, i);
		const char *iana = SSL_CIPHER_standard_name(c);
		if (strcmp(SSL_CIPHER_get_name(c), name) == 0 || (iana && strcmp(iana, name) == 0))
			found = SSL_CIPHER_get_name(c);
	}
	SSL_free(ssl);
	return found;
}

static void
take_nearer(const char *name, const char *candidate, unsigned *distance, const char **near)
{
	unsigned d = candidate ? dt_text_distance(name, candidate, *distance) : *distance;
	if (d < *distance) {
		*distance = d;
		*near = candidate;
	}
}

const char *
dt_tls_suite_near(const char *name)
{
	SSL *ssl = all_suites();
	if (!ssl)
		return NULL;
	STACK_OF(SSL_CIPHER) *list = SSL_get_ciphers(ssl);
	const char *near = NULL;
	unsigned distance = NEAR_EDITS + 1;
	for (int i = 0; i < sk_SSL_CIPHER_num(list); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(list, i);
		if (SSL_CIPHER_get_auth_nid(c) == NID_auth_any) /* of TLS 1.3 */
			continue;
		take_nearer(name, SSL_CIPHER_get_name(c), &distance, &near);
		take_nearer(name, SSL_CIPHER_standard_name(c), &distance, &near);
	}
	SSL_free(ssl);
	return near;
}

bool
dt_tls_is_psk(const SSL_CIPHER *c)
{
	int kx = c ? SSL_CIPHER_get_kx_nid(c) : NID_undef;
	return kx == NID_kx_psk || kx == NID_kx_ecdhe_psk || kx == NID_kx_dhe_psk || kx == NID_kx_rsa_psk;
}

static bool
one_word(const char *name)
{
	return name[0] != '\0' && !strchr(name, ':');
}

bool
dt_tls_group_known(const char *name)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());
	bool known = ctx && one_word(name) && SSL_CTX_set1_groups_list(ctx, name);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return known;
}

bool
dt_tls_signature_known(const char *name)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());
	bool known = ctx && one_word(name) && SSL_CTX_set1_sigalgs_list(ctx, name);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return known;
}

static bool
is_aead(const SSL_CIPHER *c, const void *arg)
{
	(void)arg;
	return SSL_CIPHER_is_aead(c);
}

static bool
is_strong(const SSL_CIPHER *c, const void *min_bits)
{
	return SSL_CIPHER_get_bits(c, NULL) >= *(const int *)min_bits;
}

/* The suites of `ctx` that `keep` says yes to, as a list; NULL without memory. *any_left_out: to one
 * it said no. */
static char *
list_suites(SSL_CTX *ctx, bool (*keep)(const SSL_CIPHER *c, const void *arg), const void *arg,
    bool *any_left_out)
{
	STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(ctx);
	size_t cap = 1, used = 0;
	for (int i = 0; i < sk_SSL_CIPHER_num(list); i++)
		cap += strlen(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(list, i))) + 1;
	char *out = dt_alloc(cap);
	*any_left_out = false;
	for (int i = 0; out && i < sk_SSL_CIPHER_num(list); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(list, i);
		if (!keep(c, arg)) {
			*any_left_out = true;
			continue;
		}
		used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? ":" : "", SSL_CIPHER_get_name(c));
	}
	return out;
}

static bool
has_key(const struct dt_tls_settings *s, int type)
{
	for (size_t i = 0; i < s->certificate_count; i++)
		if (EVP_PKEY_get_base_id(s->certificates[i].key) == type)
			return true;
	return false;
}

/* Whether the server has what the suite authenticates it with. */
static bool
suite_fits(const SSL_CIPHER *c, const struct dt_tls_settings *s)
{
	static const struct {
		int nid, key;
	} rows[] = {
	    {NID_auth_rsa, EVP_PKEY_RSA}, {NID_auth_rsa, EVP_PKEY_RSA_PSS},
	    {NID_auth_ecdsa, EVP_PKEY_EC}, {NID_auth_ecdsa, EVP_PKEY_ED25519},
	    {NID_auth_ecdsa, EVP_PKEY_ED448}, {NID_auth_dss, EVP_PKEY_DSA},
	};
	int auth = SSL_CIPHER_get_auth_nid(c), kx = SSL_CIPHER_get_kx_nid(c);
	if (auth == NID_auth_psk || kx == NID_kx_rsa_psk)
		return s->psk && (auth == NID_auth_psk || has_key(s, EVP_PKEY_RSA));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].nid == auth && has_key(s, rows[i].key))
			return true;
	return false;
}

static bool
any_suite_fits(SSL_CTX *ctx, const struct dt_tls_settings *s)
{
	STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(ctx);
	for (int i = 0; i < sk_SSL_CIPHER_num(list); i++)
		if (suite_fits(sk_SSL_CIPHER_value(list, i), s))
			return true;
	return false;
}

static enum dt_err
leave_out_weak_suites(struct dt_tls *tls, int min_bits, char *error, size_t cap)
{
	bool any;
	char *strong = list_suites(tls->ssl_ctx, is_strong, &min_bits, &any);
	if (!strong)
		return DT_ERR_NOMEM;
	bool good = !any || SSL_CTX_set_cipher_list(tls->ssl_ctx, strong);
	dt_free(strong);
	return good ? DT_OK : fail(error, cap, "min_strength_bits leaves none of the cipher suites");
}

static enum dt_err
set_suites(struct dt_tls *tls, const struct dt_tls_settings *s, char *error, size_t cap)
{
	const char *list = s->suites;
	if (!list && s->certificate_count && s->psk)
		list = DEFAULT_SUITES ":" DEFAULT_PSK_SUITES;
	else if (!list)
		list = s->certificate_count ? DEFAULT_SUITES : DEFAULT_PSK_SUITES;
	if (!SSL_CTX_set_cipher_list(tls->ssl_ctx, list))
		return fail(error, cap, "cipher_suites: none of these can be used");
	enum dt_err err = leave_out_weak_suites(tls, s->min_strength_bits, error, cap);
	if (err != DT_OK)
		return err;
	if (!any_suite_fits(tls->ssl_ctx, s))
		return fail(error, cap,
		    "none of the cipher suites fits a certificate or pre-shared key of this server");

	bool any_cbc;
	tls->suites_without_cbc = list_suites(tls->ssl_ctx, is_aead, NULL, &any_cbc);
	if (!tls->suites_without_cbc)
		return DT_ERR_NOMEM;
	if (!any_cbc) {
		dt_free(tls->suites_without_cbc);
		tls->suites_without_cbc = NULL;
	}
	if (!SSL_CTX_set1_groups_list(tls->ssl_ctx, s->groups ? s->groups : DEFAULT_GROUPS))
		return fail(error, cap, "groups: not a list that OpenSSL takes (one group under two names?)");
	if (s->signature_algorithms && !SSL_CTX_set1_sigalgs_list(tls->ssl_ctx, s->signature_algorithms))
		return fail(error, cap, "signature_algorithms: not a list that OpenSSL takes (one under two names?)");
	return DT_OK;
}

/* OpenSSL asks us, and is told yes: the gate decides, with the code that is kept here. */
static int
verify_chain(X509_STORE_CTX *store, void *arg)
{
	struct dt_tls *tls = arg;
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct dt_engine *e = SSL_get_app_data(ssl);
	e->verify_code = tls->verifier.chain(tls->verifier.arg, X509_STORE_CTX_get0_cert(store),
	    X509_STORE_CTX_get0_untrusted(store), e->now.wall);
	X509_STORE_CTX_set_error(store, e->verify_code);
	return 1;
}

/* The cookie was verified before OpenSSL saw the hello. */
static int
confirm_cookie(SSL *ssl, const unsigned char *cookie, unsigned len)
{
	(void)ssl;
	(void)cookie;
	(void)len;
	return 1;
}

static int
refuse_to_make_cookie(SSL *ssl, unsigned char *cookie, unsigned *len)
{
	(void)ssl;
	(void)cookie;
	(void)len;
	return 0;
}

static unsigned
give_psk(SSL *ssl, const char *identity, unsigned char *out, unsigned cap)
{
	const struct dt_engine *e = SSL_get_app_data(ssl);
	(void)identity;
	if (e->psk_len == 0 || e->psk_len > cap)
		return 0;
	memcpy(out, e->psk, e->psk_len);
	return (unsigned)e->psk_len;
}

static void
write_key_log(const SSL *ssl, const char *line)
{
	const struct dt_engine *e = SSL_get_app_data(ssl);
	e->tls->key_log(e->tls->key_log_arg, line);
}

static enum dt_err
set_client_auth(struct dt_tls *tls, const struct dt_tls_settings *s)
{
	/* The id stands in every ticket: one made under other trust is not taken. */
	if (!SSL_CTX_set_session_id_context(tls->ssl_ctx, s->trust_id, sizeof(s->trust_id)))
		return DT_ERR_CRYPTO;
	if (s->client_auth == DT_CLIENT_AUTH_NONE)
		return DT_OK;
	/* Never SSL_VERIFY_FAIL_IF_NO_PEER_CERT: "no certificate" is for the gate to judge. */
	SSL_CTX_set_verify(tls->ssl_ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(tls->ssl_ctx, verify_chain, tls);
	SSL_CTX_set_max_cert_list(tls->ssl_ctx, CLIENT_CHAIN_MAX);
	if (s->ca_names) {
		STACK_OF(X509_NAME) *names = SSL_dup_CA_list(s->ca_names);
		if (!names)
			return DT_ERR_NOMEM;
		SSL_CTX_set0_CA_list(tls->ssl_ctx, names);
	}
	return DT_OK;
}

static enum dt_err
set_options(struct dt_tls *tls, const struct dt_tls_settings *s)
{
	SSL_CTX *ctx = tls->ssl_ctx;
	SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_CIPHER_SERVER_PREFERENCE |
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_COOKIE_EXCHANGE);
	if (!s->tickets)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_dh_auto(ctx, 1); /* for DHE suites that somebody names */
	SSL_CTX_set_cookie_verify_cb(ctx, confirm_cookie);
	SSL_CTX_set_cookie_generate_cb(ctx, refuse_to_make_cookie);
	if (s->psk)
		SSL_CTX_set_psk_server_callback(ctx, give_psk);
	if (s->key_log)
		SSL_CTX_set_keylog_callback(ctx, write_key_log);
	enum dt_err err = dt_extensions_install(ctx);
	if (err != DT_OK)
		return err;
	return s->tickets ? dt_tickets_install(ctx, s->ticket_lifetime) : DT_OK;
}

enum dt_err
dt_tls_new(const struct dt_tls_settings *s, struct dt_tls **out, char *error, size_t cap)
{
	snprintf(error, cap, "%s", "out of memory");
	struct dt_tls *tls = dt_alloc(sizeof(*tls));
	if (!tls)
		return DT_ERR_NOMEM;
	tls->magic = DT_TLS_MAGIC;
	tls->verifier = s->verifier;
	tls->client_auth = s->client_auth;
	tls->psk = s->psk;
	tls->heartbeat = s->heartbeat;
	tls->ticket_lifetime = s->ticket_lifetime;
	memcpy(tls->ticket_secret, s->ticket_secret, sizeof(tls->ticket_secret));
	tls->key_log = s->key_log;
	tls->key_log_arg = s->key_log_arg;
	tls->records_per_key = s->records_per_key;
	tls->forgeries_per_key = s->forgeries_per_key;
	tls->record_size_limit = s->record_size_limit;
	tls->mtu = s->mtu;
	tls->initial_timer = s->initial_timer;
	tls->max_timer = s->max_timer;

	enum dt_err err = DT_ERR_NOMEM;
	tls->bio_method = dt_engine_bio_method();
	tls->ssl_ctx = SSL_CTX_new(DTLS_server_method());
	if (!tls->bio_method || !tls->ssl_ctx)
		goto fail;
	if ((err = set_options(tls, s)) != DT_OK || (err = set_client_auth(tls, s)) != DT_OK)
		goto fail;
	err = dt_server_name_install(tls, s->certificates, s->certificate_count);
	if (err == DT_ERR_CRYPTO)
		(void)fail(error, cap, "certificate");
	if (err != DT_OK)
		goto fail;
	if ((err = set_suites(tls, s, error, cap)) != DT_OK)
		goto fail;
	*out = tls;
	return DT_OK;
fail:
	ERR_clear_error();
	dt_tls_free(&tls);
	return err;
}

void
dt_tls_free(struct dt_tls **slot)
{
	struct dt_tls *tls = *slot;
	if (!tls)
		return;
	DT_CHECK_MAGIC(tls, DT_TLS_MAGIC);
	DT_ASSERT(tls->ssl_objects == 0);
	dt_server_name_remove(tls);
	SSL_CTX_free(tls->ssl_ctx);
	BIO_meth_free(tls->bio_method);
	dt_free(tls->suites_without_cbc);
	dt_free_secret(tls, sizeof(*tls));
	*slot = NULL;
}

int
dt_tls_verify_leaf(const struct dt_tls *tls, struct dt_span der, struct dt_wall now)
{
	DT_ASSERT(tls->client_auth != DT_CLIENT_AUTH_NONE);
	const unsigned char *at = der.data;
	X509 *leaf = d2i_X509(NULL, &at, (long)der.len);
	int code = leaf ? tls->verifier.leaf(tls->verifier.arg, leaf, now) : X509_V_ERR_UNSPECIFIED;
	X509_free(leaf);
	ERR_clear_error();
	return code;
}
