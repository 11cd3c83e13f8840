/* protect.h - seals plaintext into a record and opens one: AEAD, nonce and additional data.
 *
 * Keys are raw bytes of the caller; cipher contexts come from a pool of the worker, least
 * recently used out, each tagged with the never-reused number of its owner and a direction: an
 * idle connection holds no context, a busy one pays no key set-up, and no record is ever sealed
 * under the key of another (asserted).
 * Nonce: salt || epoch || seq where the suite has an explicit part (on receipt: the eight bytes
 * of the record), else iv xor (0^32 || epoch || seq). Additional data: epoch || seq, type,
 * version, length of the plaintext. RFC 5246 6.2.3.3, 5288 3, 6655 3, 7905 2.
 * Threads: none; one pool per worker.
 */
#ifndef DT_DTLS_PROTECT_H
#define DT_DTLS_PROTECT_H

#include "base/err.h"
#include "dtls/record.h"
#include "dtls/suite.h"

struct dt_key {
	uint8_t key[DT_KEY_MAX];
	uint8_t iv[DT_IV_MAX];
};

struct dt_aead_pool; /* owned by a worker */

/* `contexts` >= 2: how many keyed cipher contexts are kept. */
enum dt_err dt_aead_pool_new(size_t contexts, struct dt_aead_pool **out) DT_MUST_USE;
void dt_aead_pool_free(struct dt_aead_pool **pool);
/* Forgets (and wipes) the contexts of an owner whose keys die. */
void dt_aead_pool_forget(struct dt_aead_pool *pool, uint64_t owner);

enum dt_direction { DT_READ, DT_WRITE };

/* Whose key it is. The pool keys a context once for each (owner, direction). `owner` is never
 * reused for other keys; 0 is not an owner. */
struct dt_key_ref {
	uint64_t owner;
	enum dt_direction direction;
	const struct dt_suite *suite; /* borrowed, static   */
	const struct dt_key *key;     /* borrowed           */
	struct dt_span cid;	      /* to write with: the peer's connection id, borrowed;
					 {NULL, 0}: the plain form */
};

/* Bytes a record is longer than its plaintext, header included. */
static inline size_t
dt_seal_overhead(const struct dt_suite *suite)
{
	return DT_RECORD_HEADER + (size_t)suite->explicit_len + suite->tag_len;
}

/* The same for a record in the connection-id form (RFC 9146 4); cid_len 0 is the plain form. */
static inline size_t
dt_seal_overhead_cid(const struct dt_suite *suite, size_t cid_len)
{
	return dt_seal_overhead(suite) + (cid_len ? cid_len + 1 : 0);
}

/* Writes header, explicit nonce, ciphertext and tag to out[len + overhead]; `plain` may be where
 * the ciphertext will stand (out + 13 + explicit_len) or disjoint. With a
 * connection id the real type goes behind the plaintext, and a plaintext in place is moved. Returns
 * the bytes written, 0 when the crypto library fails. Requires: ref.direction DT_WRITE, len <= DT_PLAIN_MAX,
 * seq <= DT_SEQ_MAX; the caller never uses a number twice. */
size_t dt_seal(struct dt_aead_pool *pool, const struct dt_key_ref *ref, uint8_t type, uint16_t epoch,
    uint64_t seq, const uint8_t *plain, size_t len, uint8_t *out);

enum dt_open_verdict { DT_OPEN_OK, DT_OPEN_SHORT, DT_OPEN_LONG, DT_OPEN_FORGED };

/* The real type of an opened tls12_cid record: its last byte that is not 0. *len becomes that of
 * the content. False: nothing but zeros, or tls12_cid again (RFC 9146 4). */
bool dt_open_inner(const uint8_t *plain, size_t *len, uint8_t *type);

/* Opens a record in place: *plain points into rec->body. LONG: more than 2^14 bytes of plaintext.
 * On any verdict but OK nothing is given out, and the body may have been overwritten.
 * Requires: ref.direction DT_READ. */
enum dt_open_verdict dt_open(struct dt_aead_pool *pool, const struct dt_key_ref *ref,
    const struct dt_record *rec, uint8_t **plain, size_t *len);

/* Known-answer tests of every suite, and that an empty plaintext with a wrong tag fails: run once
 * at start. DT_ERR_CRYPTO with the name of the suite in *failed. */
enum dt_err dt_protect_self_test(const char **failed) DT_MUST_USE;

#endif
