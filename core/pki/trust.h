/* trust.h - whom we believe: the CAs of the clients, and the check of a client's chain.
 *
 * Every certificate in it is an anchor: an intermediate CA, or a client's own
 * self-signed certificate, suffices without its root. Revocation is not checked here.
 * The result of a check is recorded, never acted upon: the gate decides.
 * Owner: whoever loaded it. Threads: read-only once loaded, N threads may verify.
 * No clock: dates are checked against now.wall. RFC 5280 6, RFC 5246 7.4.4.
 */
#ifndef DT_PKI_TRUST_H
#define DT_PKI_TRUST_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "pki/fault.h"
#include "pki/store.h"

#define DT_TRUST_MAGIC 0x64747472u
#define DT_TRUST_DIGEST 32u	  /* bytes */
#define DT_TRUST_NAMES_MAX 16384u /* bytes of CA names that a CertificateRequest gets at most */

/* Everything is borrowed until dt_trust_load() returns. */
struct dt_trust_source {
	const struct dt_store_source *stores; /* a directory (type auto): every PEM file in it */
	size_t store_count;
	bool system; /* the CAs of the operating system as well */
};

struct dt_trust {
	uint32_t magic;	   /* DT_TRUST_MAGIC */
	uint32_t count;	   /* certificates, each once */
	X509_STORE *store; /* owned */
	/* owned: for CertificateRequest; empty ("any CA") if `system`, or if they would take
	 * more than DT_TRUST_NAMES_MAX */
	STACK_OF(X509_NAME) *names;
	uint8_t digest[DT_TRUST_DIGEST];
};

/* A store that holds no certificate, and an empty whole, are errors that name the file. */
enum dt_err dt_trust_load(
    const struct dt_trust_source *src, struct dt_trust **out, struct dt_pki_error *err) DT_MUST_USE;
void dt_trust_free(struct dt_trust **slot);

/* SHA-256 over the set of certificates: the same for the same set in any order. A ticket that
 * was made under another digest must not resume. */
const uint8_t *dt_trust_digest(const struct dt_trust *t);

struct dt_verify_result {
	int32_t code;	  /* X509_V_…; 0 = OK */
	int32_t depth;	  /* of the certificate that failed, 0 = leaf */
	const char *text; /* static: "OK", or why not */
};

/* Static: "OK", "no certificate" for -1, else why not. */
const char *dt_verify_text(int32_t code);

/* As a TLS client's certificate, at now.wall. CERT_HAS_EXPIRED and CERT_NOT_YET_VALID are said only
 * of a chain that is good but for its dates. `untrusted` (the chain as sent; may hold the leaf)
 * may be NULL. `r` is always filled, out of memory included. */
void dt_trust_verify(const struct dt_trust *t, X509 *leaf, STACK_OF(X509) *untrusted,
    struct dt_now now, struct dt_verify_result *r);

/* The same for a remembered leaf without its chain, on resumption: not OK = ignore the ticket;
 * the full handshake then brings the intermediates. */
void dt_trust_verify_leaf(const struct dt_trust *t, const uint8_t *der, size_t len,
    struct dt_now now, struct dt_verify_result *r);

/* The AlertDescription (RFC 5246 7.2.2) that tells a client of an X509_V_… code. -1 (no
 * certificate) gives handshake_failure. Requires: code != 0. */
uint8_t dt_verify_alert(int32_t code);

#endif
