/* audit_key.h - whose key a record of the server is sealed with: proven by opening it.
 *
 * Written for the audit from the RFCs and on OpenSSL's table of suites; nothing of the core's is
 * used: key block (RFC 5246 6.3), nonce and additional data (RFC 5288 3, 6655 3, 7905 2, 9146 5),
 * MAC of a CBC suite with encrypt_then_mac (RFC 7366 3). Owner: struct sim_audit. Threads: none.
 */
#ifndef DT_TESTS_SIM_AUDIT_KEY_H
#define DT_TESTS_SIM_AUDIT_KEY_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_RANDOM 32u /* bytes */

/* What a line of the key log tells. */
struct sim_secret {
	bool waits; /* for its ServerHello */
	uint8_t client_random[SIM_RANDOM], master[48];
};

/* What the server seals with. */
struct sim_audit_key {
	uint32_t client; /* its number when the last record opened */
	int cid_len;	 /* of the client's own connection id; -1 = no record has shown it yet */
	uint8_t cid[255];
	size_t explicit_len, tag_len, iv_len, key_len, mac_len; /* bytes; mac_len > 0: CBC */
	uint8_t iv[16], key[32], mac_key[64];
	const EVP_MD *mac;   /* borrowed */
	EVP_CIPHER_CTX *ctx; /* owned; NULL with CBC */
	uint64_t last_copy;  /* the audit's: hash of the last record that may come again */
};

struct sim_opened {
	size_t len;	/* bytes of the record; 0 = it was sealed with another key */
	uint64_t nonce; /* what stands on the wire for it: the explicit part, or epoch || seq */
	uint8_t type;	/* the real one of a record with a connection id */
};

struct sim_audit_key *sim_audit_key_new(const SSL_CIPHER *suite, const struct sim_secret *secret,
    const uint8_t server_random[SIM_RANDOM], uint32_t client);
void sim_audit_key_free(struct sim_audit_key *k);

/* The record at `bytes`. One with a connection id does not say how long that is: the first of a key
 * tries every length. */
struct sim_opened sim_audit_key_open(struct sim_audit_key *k, const uint8_t *bytes, size_t len);

#endif
