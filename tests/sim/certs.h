/* certs.h - keys and certificates for a simulation, made in memory when they are asked for.
 *
 * Dates are counted from the simulated clock. Every failure ends the test. Threads: none.
 */
#ifndef DT_TESTS_SIM_CERTS_H
#define DT_TESTS_SIM_CERTS_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

struct sim_identity {
	X509 *cert;    /* owned */
	EVP_PKEY *key; /* owned */
};

struct sim_cert_wish {
	const char *name;		  /* CN */
	const struct sim_identity *issuer; /* NULL = signs itself */
	bool ca;
	bool rsa;		   /* 2048 bits; else P-256 */
	int64_t from_s, until_s;   /* relative to now; both 0 = a year around it */
	size_t comment;		   /* bytes of text in it, to make it large */
};

void sim_identity_make(struct sim_identity *id, const struct sim_cert_wish *wish);
void sim_identity_free(struct sim_identity *id);

#endif
