/* driver_records.c - commands about keys, records and their numbers. */
#include "driver.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "dtls/kdf.h"
#include "dtls/replay.h"
#include "dtls/state.h"

/* A key that commands used before keeps its owner, and with luck its context. */
#define KNOWN 32u

static struct known {
	uint64_t owner; /* 0 = free */
	enum dt_direction direction;
	const struct dt_suite *suite;
	struct dt_key key;
} known[KNOWN];

static struct dt_key_ref
ref_of(enum dt_direction direction, const struct dt_suite *suite, const struct dt_key *key)
{
	static size_t next;
	for (size_t i = 0; i < KNOWN; i++) {
		const struct known *k = &known[i];
		if (k->owner && k->direction == direction && k->suite == suite &&
		    memcmp(&k->key, key, sizeof(*key)) == 0)
			return (struct dt_key_ref){k->owner, direction, suite, &k->key, {NULL, 0}};
	}
	struct known *k = &known[next++ % KNOWN];
	*k = (struct known){new_owner(), direction, suite, *key};
	return (struct dt_key_ref){k->owner, direction, suite, &k->key, {NULL, 0}};
}

/* suite ID -> the row, and what OpenSSL says of this number */
void
do_suite(void)
{
	const struct dt_suite *s = take_suite();
	SSL_CTX *ctx = SSL_CTX_new(DTLS_method());
	SSL *ssl = ctx ? SSL_new(ctx) : NULL;
	const uint8_t id[2] = {(uint8_t)(s->id >> 8), (uint8_t)s->id};
	const SSL_CIPHER *c = ssl ? SSL_CIPHER_find(ssl, id) : NULL;
	if (!c)
		fail("OpenSSL does not know this suite");
	printf("%s %s %u %u %u %u %llu %llu %s %s %s", s->name, s->openssl, s->key_len, s->iv_len,
	    s->explicit_len, s->tag_len, (unsigned long long)s->seal_limit,
	    (unsigned long long)s->forgery_limit, SSL_CIPHER_standard_name(c),
	    SSL_CIPHER_get_name(c), EVP_MD_get0_name(SSL_CIPHER_get_handshake_digest(c)));
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

/* prf DIGEST SECRET LABEL SEED LEN -> bytes */
void
do_prf(void)
{
	const char *digest = take_word();
	struct bytes secret = take_bytes();
	struct bytes label = take_bytes();
	struct bytes seed = take_bytes();
	size_t len = (size_t)take_number();
	char *text = take_memory(label.len + 1);
	memcpy(text, label.data, label.len);
	uint8_t *out = take_memory(len);
	if (dt_prf(digest, span_of(secret), text, span_of(seed), out, len) != DT_OK)
		fail("dt_prf");
	put_bytes(out, len);
}

/* derive DIGEST SUITE MASTER CLIENT-RANDOM SERVER-RANDOM -> client key, iv, server key, iv */
void
do_derive(void)
{
	const char *digest = take_word();
	const struct dt_suite *suite = take_suite();
	struct dt_secrets s;
	memcpy(s.master, take_exactly(DT_MASTER_LEN).data, DT_MASTER_LEN);
	memcpy(s.client_random, take_exactly(DT_RANDOM_LEN).data, DT_RANDOM_LEN);
	memcpy(s.server_random, take_exactly(DT_RANDOM_LEN).data, DT_RANDOM_LEN);
	struct dt_key client, server;
	if (dt_derive_keys(digest, suite, &s, &client, &server) != DT_OK)
		fail("dt_derive_keys");
	const struct dt_key *keys[] = {&client, &server};
	for (size_t i = 0; i < 2; i++) {
		put_bytes(keys[i]->key, suite->key_len);
		putchar(' ');
		put_bytes(keys[i]->iv, suite->iv_len);
		putchar(' ');
	}
}

/* Seals with the plaintext apart and in place; both must give the same. */
static size_t
seal_twice(const struct dt_key_ref *ref, uint8_t type, uint16_t epoch, uint64_t seq,
    struct bytes plain, uint8_t *out)
{
	size_t total = plain.len + dt_seal_overhead(ref->suite);
	uint8_t *other = take_memory(total);
	uint8_t *place = other + DT_RECORD_HEADER + ref->suite->explicit_len;
	if (plain.len)
		memcpy(place, plain.data, plain.len);
	size_t n = dt_seal(pool(), ref, type, epoch, seq, plain.data, plain.len, out);
	size_t m = dt_seal(pool(), ref, type, epoch, seq, place, plain.len, other);
	DT_ASSERT(n == total && m == total && memcmp(out, other, total) == 0);
	return total;
}

/* seal SUITE KEY IV TYPE EPOCH SEQ PLAIN -> record */
void
do_seal(void)
{
	const struct dt_suite *suite = take_suite();
	struct dt_key key = take_key(suite);
	uint8_t type = (uint8_t)take_number();
	uint16_t epoch = (uint16_t)take_number();
	uint64_t seq = take_number();
	struct bytes plain = take_bytes();
	struct dt_key_ref ref = ref_of(DT_WRITE, suite, &key);
	uint8_t *out = take_memory(plain.len + dt_seal_overhead(suite));
	put_bytes(out, seal_twice(&ref, type, epoch, seq, plain, out));
}

static const char *const open_words[] = {[DT_OPEN_OK] = "ok",
    [DT_OPEN_SHORT] = "short",
    [DT_OPEN_LONG] = "long",
    [DT_OPEN_FORGED] = "forged"};
static const char *const record_words[] = {[DT_RECORD_OK] = "ok",
    [DT_RECORD_SKIP] = "skip",
    [DT_RECORD_BAD] = "bad",
    [DT_RECORD_END] = "end"};

/* open SUITE KEY IV DATAGRAM -> what becomes of its first record */
void
do_open(void)
{
	const struct dt_suite *suite = take_suite();
	struct dt_key key = take_key(suite);
	struct bytes datagram = take_bytes();
	struct dt_record rec;
	size_t at = 0;
	enum dt_record_verdict framed = dt_record_next(datagram.data, datagram.len, &at, &rec);
	if (framed != DT_RECORD_OK) {
		fputs(record_words[framed], stdout);
		return;
	}
	struct dt_key_ref ref = ref_of(DT_READ, suite, &key);
	uint8_t *plain = NULL;
	size_t len = 0;
	enum dt_open_verdict v = dt_open(pool(), &ref, &rec, &plain, &len);
	DT_ASSERT((v == DT_OPEN_OK) == (plain != NULL));
	fputs(open_words[v], stdout);
	if (v == DT_OPEN_OK) {
		putchar(' ');
		put_bytes(plain, len);
	}
}

/* session SUITE KEY IV RECORD... -> a verdict for each, and the count of forgeries */
void
do_session(void)
{
	static const char *const verdicts[] = {[DT_STATE_OPENED] = "opened",
	    [DT_STATE_SEEN] = "seen",
	    [DT_STATE_TOO_OLD] = "old",
	    [DT_STATE_FORGED] = "forged",
	    [DT_STATE_MALFORMED] = "malformed"};
	const struct dt_suite *suite = take_suite();
	struct dt_record_state s = {.suite = suite->id, .keyed = 1, .read = take_key(suite)};
	dt_state_set_limits(&s, suite, 0, 0);
	uint64_t owner = new_owner();
	while (more()) {
		struct bytes datagram = take_bytes();
		struct dt_record rec;
		size_t at = 0, len = 0;
		uint8_t type, *plain = NULL;
		if (dt_record_next(datagram.data, datagram.len, &at, &rec) != DT_RECORD_OK)
			fail("no record");
		enum dt_state_verdict v = dt_state_open(&s, pool(), owner, &rec, &type, &plain, &len);
		fputs(verdicts[v], stdout);
		if (v == DT_STATE_OPENED) {
			putchar(':');
			put_bytes(plain, len);
		}
		putchar(' ');
	}
	printf("%llu", (unsigned long long)s.forgeries);
	dt_aead_pool_forget(pool(), owner);
}

/* number SUITE KEY IV EPOCH NEXT COUNT PLAIN -> what COUNT writes give from this number on */
void
do_number(void)
{
	const struct dt_suite *suite = take_suite();
	struct dt_record_state s = {.suite = suite->id, .keyed = 1, .write = take_key(suite)};
	dt_state_set_limits(&s, suite, 0, 0);
	uint16_t epoch = (uint16_t)take_number();
	uint64_t next = take_number();
	s.next_plain = s.next_sealed = next;
	uint64_t count = take_number();
	struct bytes plain = take_bytes();
	uint8_t *out = take_memory(plain.len + dt_state_overhead(&s, epoch));
	uint64_t owner = new_owner();
	for (uint64_t i = 0; i < count; i++) {
		size_t n = dt_state_write(
		    &s, pool(), owner, epoch, DT_APPLICATION_DATA, plain.data, plain.len, out);
		if (n)
			put_bytes(out, n);
		else
			fputs("end", stdout);
		putchar(' ');
	}
	dt_aead_pool_forget(pool(), owner);
}

/* replay NUMBER... -> F(resh), S(een), O(ld) of each; fresh ones are accepted, but not those that
 * end in "!" (forged). */
void
do_replay(void)
{
	struct dt_replay w = {0, 0};
	while (more()) {
		char *end;
		uint64_t seq = strtoull(take_word(), &end, 10);
		enum dt_replay_verdict v = dt_replay_check(&w, seq);
		putchar("FSO"[v]);
		if (v == DT_REPLAY_FRESH && *end != '!')
			dt_replay_commit(&w, seq);
	}
}

/* records DATAGRAM -> whether it looks like DTLS, then each record */
void
do_records(void)
{
	struct bytes datagram = take_bytes();
	struct dt_record rec;
	size_t at = 0;
	enum dt_record_verdict v;
	printf("%d", dt_record_looks_like_dtls(datagram.data, datagram.len));
	while ((v = dt_record_next(datagram.data, datagram.len, &at, &rec)) != DT_RECORD_END) {
		printf(" %s", record_words[v]);
		if (v != DT_RECORD_OK)
			continue;
		printf(":%u:%u:%u:%llu:", rec.type, rec.version, rec.epoch,
		    (unsigned long long)rec.seq);
		put_bytes(rec.body, rec.len);
	}
}
