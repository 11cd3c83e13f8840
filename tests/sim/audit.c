#include "audit.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/siphash.h"
#include "base/span.h"

#define HEADER 13u
#define ALERT 21u
#define HANDSHAKE 22u
#define TLS12_CID 25u
#define SERVER_HELLO 2u
#define PAGE_BITS 512u

struct sim_hello {
	bool waits; /* for the first record that is sealed with what follows from it */
	uint32_t client;
	uint8_t suite[2], random[SIM_RANDOM];
};

/* One bit for each value: those of a page differ in their last nine bits. */
struct sim_seen_page {
	uint64_t key, base; /* key: index + 1; 0 = free */
	uint64_t bits[PAGE_BITS / 64];
};

const char *const sim_fault_texts[] = {"no fault", "a record of no known key", "two handshakes have the same key",
    "a key seals two records under one number", "a key seals two records under one nonce"};

/* ---- what was seen ---- */

static struct sim_seen_page *
find_page(const struct sim_seen *s, uint64_t key, uint64_t base)
{
	uint64_t at = (key * 0x9e3779b97f4a7c15u ^ base) * 0xbf58476d1ce4e5b9u;
	for (at ^= at >> 32;; at++) {
		struct sim_seen_page *p = &s->pages[at & (s->cap - 1)];
		if (!p->key || (p->key == key && p->base == base))
			return p;
	}
}

static void
grow(struct sim_seen *s)
{
	struct sim_seen old = *s;
	s->cap = old.cap ? 2 * old.cap : 64;
	s->pages = calloc(s->cap, sizeof(*s->pages));
	DT_ASSERT(s->pages);
	for (size_t i = 0; i < old.cap; i++)
		if (old.pages[i].key)
			*find_page(s, old.pages[i].key, old.pages[i].base) = old.pages[i];
	free(old.pages);
}

/* True: for the first time. */
static bool
see(struct sim_seen *s, uint64_t key, uint64_t value)
{
	if (2 * s->count >= s->cap)
		grow(s);
	struct sim_seen_page *p = find_page(s, key, value / PAGE_BITS);
	if (!p->key) {
		p->key = key;
		p->base = value / PAGE_BITS;
		s->count++;
	}
	uint64_t bit = UINT64_C(1) << value % 64;
	uint64_t *word = &p->bits[value % PAGE_BITS / 64];
	bool fresh = !(*word & bit);
	*word |= bit;
	return fresh;
}

/* ---- handshakes ---- */

void
sim_audit_init(struct sim_audit *a)
{
	*a = (struct sim_audit){0};
	SSL_CTX *ctx = SSL_CTX_new(DTLS_method());
	a->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	a->hellos = calloc((size_t)SIM_HELLO_SETS * SIM_HELLO_WAYS, sizeof(*a->hellos));
	a->secrets = calloc(SIM_SECRETS, sizeof(*a->secrets));
	DT_ASSERT(a->ssl && a->hellos && a->secrets);
}

void
sim_audit_fini(struct sim_audit *a)
{
	for (size_t i = 0; i < a->key_count; i++)
		sim_audit_key_free(a->keys[i]);
	free(a->keys);
	free(a->numbers.pages);
	free(a->nonces.pages);
	free(a->hellos);
	free(a->secrets);
	SSL_free(a->ssl);
}

static bool
read_hex(const char *text, uint8_t *out, size_t len)
{
	for (; len; len--, text += 2)
		if (sscanf(text, "%2hhx", out++) != 1)
			return false;
	return true;
}

void
sim_audit_secret(struct sim_audit *a, const char *line)
{
	struct sim_secret *s = &a->secrets[a->secret_count++ % SIM_SECRETS];
	s->waits = strncmp(line, "CLIENT_RANDOM ", 14) == 0 && read_hex(line + 14, s->client_random, SIM_RANDOM) &&
	    read_hex(line + 15 + 2 * SIM_RANDOM, s->master, sizeof(s->master));
	DT_ASSERT(s->waits);
}

static struct sim_hello *
hellos_of(struct sim_audit *a, uint32_t client)
{
	return &a->hellos[(size_t)(client % SIM_HELLO_SETS) * SIM_HELLO_WAYS];
}

static void
add_hello(struct sim_audit *a, const struct sim_hello *h)
{
	struct sim_hello *set = hellos_of(a, h->client);
	for (size_t i = 0; i < SIM_HELLO_WAYS; i++)
		if (memcmp(set[i].random, h->random, SIM_RANDOM) == 0)
			return; /* sent again */
	memmove(set + 1, set, (SIM_HELLO_WAYS - 1) * sizeof(*set));
	set[0] = *h;
}

static void
read_hello(struct sim_audit *a, uint32_t client, const uint8_t *body, size_t len)
{
	struct dt_reader r = dt_reader(body, len);
	struct sim_hello h = {.waits = true, .client = client};
	if (dt_read_uint(&r, 1) != SERVER_HELLO)
		return;
	dt_read_bytes(&r, 11 + 2); /* the rest of the message's header, version */
	struct dt_span random = dt_read_bytes(&r, SIM_RANDOM);
	dt_read_vector(&r, 1); /* session id */
	struct dt_span suite = dt_read_bytes(&r, 2);
	if (r.bad)
		return;
	memcpy(h.random, random.data, SIM_RANDOM);
	memcpy(h.suite, suite.data, 2);
	add_hello(a, &h);
}

static bool
is_new(const struct sim_audit *a, const struct sim_audit_key *k)
{
	for (size_t i = 0; i < a->key_count; i++)
		if (memcmp(a->keys[i]->key, k->key, sizeof(k->key)) == 0 &&
		    memcmp(a->keys[i]->iv, k->iv, sizeof(k->iv)) == 0 &&
		    memcmp(a->keys[i]->mac_key, k->mac_key, sizeof(k->mac_key)) == 0)
			return false;
	return true;
}

static void
add_key(struct sim_audit *a, struct sim_audit_key *k)
{
	if (a->key_count == a->key_cap) {
		a->key_cap = a->key_cap ? 2 * a->key_cap : 16;
		a->keys = realloc(a->keys, a->key_cap * sizeof(*a->keys));
		DT_ASSERT(a->keys);
	}
	a->keys[a->key_count++] = k;
	a->lately[k->client % SIM_LATELY] = (uint32_t)a->key_count;
}

/* ---- whose record ---- */

struct found {
	uint64_t key; /* index + 1; 0 = none */
	struct sim_opened record;
};

static struct found
try_key(const struct sim_audit *a, uint64_t key, const uint8_t *bytes, size_t len)
{
	struct sim_opened o = sim_audit_key_open(a->keys[key - 1], bytes, len);
	return (struct found){o.len ? key : 0, o};
}

/* The keys that follow from this hello and one of the secrets. */
static struct found
try_hello(struct sim_audit *a, struct sim_hello *h, const uint8_t *bytes, size_t len, enum sim_fault *fault)
{
	const SSL_CIPHER *suite = SSL_CIPHER_find(a->ssl, h->suite);
	struct found f = {0};
	for (uint64_t i = 1; h->waits && suite && i <= SIM_SECRETS && i <= a->secret_count; i++) {
		struct sim_secret *s = &a->secrets[(a->secret_count - i) % SIM_SECRETS];
		if (!s->waits)
			continue;
		struct sim_audit_key *k = sim_audit_key_new(suite, s, h->random, h->client);
		f.record = sim_audit_key_open(k, bytes, len);
		if (!f.record.len) {
			sim_audit_key_free(k);
			continue;
		}
		*fault = is_new(a, k) ? SIM_CLEAN : SIM_KEY_TWICE;
		add_key(a, k);
		f.key = a->key_count;
		h->waits = s->waits = false;
	}
	return f;
}

/* Any other key that was found, the newest first. */
static struct found
search(const struct sim_audit *a, uint32_t client, bool moved, const uint8_t *bytes, size_t len)
{
	struct found f = {0};
	for (uint64_t key = a->key_count; key && !f.key; key--)
		if ((a->keys[key - 1]->client != client) == moved)
			f = try_key(a, key, bytes, len);
	return f;
}

/* The likely ones first. */
static struct found
open_record(struct sim_audit *a, uint32_t client, const uint8_t *bytes, size_t len, enum sim_fault *fault)
{
	uint32_t *lately = &a->lately[client % SIM_LATELY];
	struct found f = {0};
	if (*lately)
		f = try_key(a, *lately, bytes, len);
	struct sim_hello *set = hellos_of(a, client);
	for (size_t i = 0; i < SIM_HELLO_WAYS && !f.key; i++)
		if (set[i].client == client)
			f = try_hello(a, &set[i], bytes, len, fault);
	if (!f.key)
		f = search(a, client, false, bytes, len);
	if (!f.key)
		f = search(a, client, true, bytes, len);
	/* It moved while it shook hands. */
	for (size_t i = 0; i < (size_t)SIM_HELLO_SETS * SIM_HELLO_WAYS && !f.key; i++)
		f = try_hello(a, &a->hellos[i], bytes, len, fault);
	if (f.key) {
		*lately = (uint32_t)f.key;
		a->keys[f.key - 1]->client = client;
	}
	return f;
}

/* Whether it is a copy of what may be sent again. */
static bool
is_copy(struct sim_audit_key *k, const uint8_t *bytes, const struct sim_opened *o)
{
	static const struct dt_siphash_key key = {1, 9};
	if (o->type != ALERT && !(k->mac && o->type == HANDSHAKE))
		return false;
	uint64_t hash = dt_siphash(&key, bytes, o->len), before = k->last_copy;
	k->last_copy = hash;
	return hash == before;
}

static enum sim_fault
sealed_record(struct sim_audit *a, uint32_t client, const uint8_t *bytes, size_t len, size_t *used)
{
	enum sim_fault fault = SIM_CLEAN;
	struct found f = open_record(a, client, bytes, len, &fault);
	*used = f.record.len;
	if (!f.key)
		return SIM_BAD_RECORD;
	a->sealed++;
	a->with_cid += bytes[0] == TLS12_CID;
	struct dt_reader r = dt_reader(bytes + 3, 8);
	if (is_copy(a->keys[f.key - 1], bytes, &f.record)) {
		a->copies++;
		return SIM_CLEAN;
	}
	if (!see(&a->numbers, f.key, dt_read_uint(&r, 8)))
		fault = SIM_NUMBER_TWICE;
	else if (!see(&a->nonces, f.key, f.record.nonce))
		fault = SIM_NONCE_TWICE;
	return fault;
}

enum sim_fault
sim_audit_sent(struct sim_audit *a, uint32_t client, const uint8_t *bytes, size_t len)
{
	enum sim_fault fault = SIM_CLEAN;
	for (size_t at = 0, used; at < len && fault == SIM_CLEAN; at += used) {
		if (len - at < HEADER)
			return SIM_BAD_RECORD;
		const uint8_t *rec = bytes + at;
		if (rec[3] || rec[4]) {
			fault = sealed_record(a, client, rec, len - at, &used);
			continue;
		}
		used = HEADER + ((size_t)rec[11] << 8 | rec[12]);
		if (used > len - at)
			return SIM_BAD_RECORD;
		a->plain++;
		if (rec[0] == HANDSHAKE)
			read_hello(a, client, rec + HEADER, used - HEADER);
	}
	return fault;
}
