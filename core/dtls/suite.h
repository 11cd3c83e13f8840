/* suite.h - the cipher suites whose records are ours, one row each.
 *
 * A suite that is not in the table keeps its OpenSSL object (session_ssl.c): what is ours is
 * decided by this list, never by the mode of a cipher.
 * RFC 5288 (GCM), 6655 and 7251 (CCM), 7905 (ChaCha20-Poly1305), 8442, 5487, 5489. Threads: any.
 */
#ifndef DT_DTLS_SUITE_H
#define DT_DTLS_SUITE_H

#include <stddef.h>
#include <stdint.h>

#define DT_KEY_MAX 32u	/* bytes */
#define DT_IV_MAX 12u	/* bytes */
#define DT_TAG_MAX 16u	/* bytes */
#define DT_EXPLICIT_MAX 8u /* bytes */

struct dt_suite {
	uint16_t id;		/* IANA number                                           */
	const char *name;	/* IANA name                                             */
	const char *openssl;	/* OpenSSL's name                                        */
	const char *cipher;	/* name of the EVP cipher, "AES-128-GCM"                 */
	uint8_t key_len;	/* bytes                                                 */
	uint8_t iv_len;		/* bytes of the key block: salt (4) or whole nonce (12)  */
	uint8_t explicit_len;	/* bytes of nonce in each record: 8 or 0                 */
	uint8_t tag_len;	/* bytes: 16 or 8                                        */
	uint8_t is_ccm;		/* EVP wants tag and total length before the data        */
	uint64_t seal_limit;	/* records to seal with one key, RFC 9325 4.4            */
	uint64_t forgery_limit; /* failed openings with one key; 0 = only counted        */
};

/* NULL when the suite is not ours. */
const struct dt_suite *dt_suite_find(uint16_t id);
/* The rows in order, from 0; NULL behind the last. */
const struct dt_suite *dt_suite_at(size_t index);

#endif
