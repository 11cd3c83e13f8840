/* association.h - the two ends of an established association, without a handshake before it.
 *
 * The keys are made up. The client's end writes its records by tests/sim/form.h and remembers them:
 * a record opens if, and only if, it is one of these byte for byte and its number is fresh. What the
 * core sends is opened by the same second implementation, and its numbers must grow.
 * An input begins with ASSOCIATION_HEAD bytes: suite, forms, sizes, first numbers.
 */
#ifndef DT_TESTS_FUZZ_ASSOCIATION_H
#define DT_TESTS_FUZZ_ASSOCIATION_H

#include "base/span.h"
#include "dtls/state.h"

#define ASSOCIATION_RECORDS 48u
#define ASSOCIATION_INNER_MAX (DT_CID_INNER_MAX + 64u) /* bytes: some more than may be */

/* A record of the client. */
struct sealed {
	uint64_t number;
	uint8_t type; /* outer */
	uint8_t *plain, *bytes; /* owned: what is in it, the whole of it */
	size_t plain_len, len;
};

/* One that the core sent. */
struct sent {
	uint8_t type; /* the real one */
	const uint8_t *data;
	size_t len;
};

struct association {
	const struct dt_suite *suite; /* static */
	struct dt_key client, server;
	bool id_ours;		/* the client writes a connection id of ours */
	uint8_t id[DT_CID_LEN]; /* this one */
	uint8_t id_peers[255], id_peers_len; /* what the core writes */
	struct sealed records[ASSOCIATION_RECORDS];
	size_t count;
	uint64_t number;	/* of the client's next record */
	/* What the window must be. */
	uint64_t base, next;	/* below `base` all were seen; highest that opened + 1 */
	uint64_t opened[ASSOCIATION_RECORDS];
	size_t opened_count;
	uint16_t read_max;	/* bytes of plaintext that the core takes; 0 = as always */
	uint64_t next_sent;	/* of the core: at least */
	uint64_t seal_limit;	/* and less than this */
};

/* Reads the head; *state is what the core gets. */
void association_init(struct association *a, struct dt_reader *in, struct dt_record_state *state);
void association_fini(struct association *a);

/* The number of the client's next record: in order mostly, else back, ahead, or at the end. */
uint64_t association_number(struct association *a, struct dt_reader *in);
/* Bytes out of the input, or a run of one byte: up to `cap`. */
size_t association_bytes(struct dt_reader *in, uint8_t *out, size_t cap);

/* Seals a record of the client; `id` NULL: in the plain form, else plain[len] is the inner plaintext.
 * NULL: there are enough. */
const struct sealed *association_seal(struct association *a, uint8_t type, const uint8_t *id,
    uint64_t number, const uint8_t *plain, size_t len);
/* One of those that were sealed before, named by the input; NULL = there are none. */
const struct sealed *association_earlier(const struct association *a, struct dt_reader *in);
/* The same with another bit, or another end: *len bytes to free(); NULL = there are none. */
uint8_t *association_altered(const struct association *a, struct dt_reader *in, size_t *len);
/* The type and length of the content: s->plain[len]. False: it has none that is valid (RFC 9146 4), or
 * is longer than was agreed on. */
bool association_content(const struct association *a, const struct sealed *s, uint8_t *type, size_t *len);
/* The genuine record that has these bytes; NULL = none, so it must not open. */
const struct sealed *association_find(const struct association *a, const uint8_t *bytes, size_t len);
bool association_is_fresh(const struct association *a, uint64_t number);
/* It did open. */
void association_note_opened(struct association *a, uint64_t number);

/* The next record of a datagram of the core, opened in place; false: the end. Asserts all else. */
bool association_read(struct association *a, uint8_t *datagram, size_t len, size_t *at, struct sent *out);

#endif
