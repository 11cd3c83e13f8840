/* forge.h - records that a stock client would not send, sealed under a client's own keys.
 *
 * The keys are derived from what OpenSSL's client tells of its session, as soon as it has sent its
 * key exchange. For suites of ours only. Owner: the test. Threads: none.
 */
#ifndef DT_TESTS_SIM_FORGE_H
#define DT_TESTS_SIM_FORGE_H

#include "client.h"
#include "dtls/protect.h"

struct sim_forge {
	const struct dt_suite *suite; /* static */
	struct dt_aead_pool *pool;    /* owned  */
	struct dt_key client, server;
};

void sim_forge_init(struct sim_forge *f, const struct sim_client *c);
void sim_forge_fini(struct sim_forge *f);

/* Writes a record of epoch 1 to `out`; its bytes. */
size_t sim_forge_seal(struct sim_forge *f, uint8_t type, uint64_t seq, const void *plain, size_t len,
    uint8_t *out);
/* Opens a record of the client in place. */
void sim_forge_open(struct sim_forge *f, const struct dt_record *rec, uint8_t **plain, size_t *len);

/* A ClientHello of our own, in one record: `cookie` may be NULL, `suite` is an IANA number. Returns
 * its bytes, at most SIM_HELLO_MAX. */
#define SIM_HELLO_MAX 200u
size_t sim_forge_hello(const uint8_t random[32], const uint8_t *cookie, size_t cookie_len, uint16_t suite,
    uint8_t *out);
/* One handshake fragment in a plain record, filled with `fill`. */
struct sim_fragment {
	uint8_t type, fill;
	uint16_t message_seq;
	uint32_t claimed, offset, len; /* bytes */
};
size_t sim_forge_fragment(const struct sim_fragment *f, uint16_t epoch, uint64_t number, uint8_t *out);

#endif
