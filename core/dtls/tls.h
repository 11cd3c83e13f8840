/* tls.h - how the handshakes of one server are to be done: the OpenSSL context and our settings.
 *
 * Made once for each server of the configuration and shared by the workers; read-only from then
 * on, but for the count of live SSL objects. dtls knows no certificate stores: certificates come
 * as OpenSSL objects, verification is a function of the owner.
 * RFC 6347, 5077 (tickets), 4279 (PSK), 9325 (what is on by default).
 */
#ifndef DT_DTLS_TLS_H
#define DT_DTLS_TLS_H

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"
#include "base/time.h"
#include "dtls/extensions.h"

#define DT_TICKET_SECRET_LEN 32u
#define DT_TRUST_ID_LEN 32u

enum dt_client_auth { DT_CLIENT_AUTH_NONE, DT_CLIENT_AUTH_REQUESTED, DT_CLIENT_AUTH_REQUIRED };

struct dt_tls_certificate {
	X509 *leaf;	       /* borrowed for the call, as all of this struct */
	EVP_PKEY *key;
	STACK_OF(X509) *chain; /* may be NULL */
	struct dt_span staple; /* OCSP response about the leaf (RFC 6066 8); data NULL = none */
	int64_t staple_until;  /* seconds since 1970; it is not sent later */
};

/* Asked on the worker's thread; the answer is an X509_V_… code. */
struct dt_tls_verifier {
	void *arg; /* borrowed: outlives the context */
	int (*chain)(void *arg, X509 *leaf, STACK_OF(X509) *untrusted, struct dt_wall now);
	/* On resumption: the leaf alone is known. */
	int (*leaf)(void *arg, X509 *leaf, struct dt_wall now);
};

struct dt_tls_settings {
	const struct dt_tls_certificate *certificates;
	size_t certificate_count; /* 0: PSK only */
	const char *suites;	  /* OpenSSL cipher list; NULL = the default list               */
	int min_strength_bits;	  /* suites whose cipher has a shorter key are left out        */
	const char *groups;	  /* "X25519:P-256"; NULL = the default list                    */
	const char *signature_algorithms; /* OpenSSL list; NULL = OpenSSL's own                 */
	enum dt_client_auth client_auth;
	STACK_OF(X509_NAME) *ca_names; /* copied; may be NULL                                   */
	struct dt_tls_verifier verifier;
	uint8_t trust_id[DT_TRUST_ID_LEN]; /* another one voids old tickets                     */
	bool tickets;
	struct dt_dur ticket_lifetime;
	uint8_t ticket_secret[DT_TICKET_SECRET_LEN];
	bool psk; /* PSK suites are offered */
	enum dt_heartbeat_mode heartbeat; /* RFC 6520; OFF: the extension is not negotiated */
	/* One line of the NSS key log, from any worker; NULL = none. */
	void (*key_log)(void *arg, const char *line);
	void *key_log_arg;
	uint64_t records_per_key, forgeries_per_key; /* see dt_state_set_limits(); 0 = as the suite */
	uint16_t record_size_limit;  /* RFC 8449: what we tell, 64 to 16384; 0 = it is not negotiated */
	uint16_t mtu;		     /* bytes of a datagram, 256 to 16384 */
	struct dt_dur initial_timer; /* RFC 6347 4.2.4.1: 1 s             */
	struct dt_dur max_timer;     /* 60 s                              */
};

struct dt_tls {
	uint32_t magic;
	SSL_CTX *ssl_ctx;	/* owned */
	BIO_METHOD *bio_method; /* owned */
	struct dt_tls_certificate *certificates; /* owned, with all that it points to */
	size_t certificate_count;
	char *suites_without_cbc; /* owned; for clients without encrypt_then_mac (RFC 7366); NULL = no
				     CBC suite is on */
	struct dt_tls_verifier verifier;
	enum dt_client_auth client_auth;
	bool psk;
	enum dt_heartbeat_mode heartbeat;
	struct dt_dur ticket_lifetime;
	uint8_t ticket_secret[DT_TICKET_SECRET_LEN];
	void (*key_log)(void *arg, const char *line);
	void *key_log_arg;
	uint64_t records_per_key, forgeries_per_key;
	uint16_t record_size_limit;
	uint16_t mtu;
	struct dt_dur initial_timer, max_timer;
	_Atomic uint32_t ssl_objects; /* alive now, of all workers */
};

#define DT_TLS_MAGIC 0x746c7363u

/* On failure `error` says what was wrong, in words for the operator. */
enum dt_err dt_tls_new(const struct dt_tls_settings *settings, struct dt_tls **out, char *error,
    size_t error_cap) DT_MUST_USE;
/* Requires: no SSL object of it is alive. */
/* What the verifier says of a client's leaf alone, X509_V_…, as on a resumption. Requires: the
 * context asks clients for certificates. */
int dt_tls_verify_leaf(const struct dt_tls *tls, struct dt_span der, struct dt_wall now);
void dt_tls_free(struct dt_tls **tls);

/* Whether the key exchange of a suite uses a pre-shared key; `c` may be NULL. */
bool dt_tls_is_psk(const SSL_CIPHER *c);

/* Turns one name of a suite, IANA's or OpenSSL's, into OpenSSL's; NULL when it does not know it.
 * Static storage of OpenSSL. */
const char *dt_tls_suite_name(const char *name);
/* The known name that is written most alike, NULL when none is near. Static storage of OpenSSL. */
const char *dt_tls_suite_near(const char *name);
/* Whether it is one name that OpenSSL knows. */
bool dt_tls_group_known(const char *name);
bool dt_tls_signature_known(const char *name);

#endif
