#include "limit_table.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct entry {
	struct limit_key key;
	struct bucket buckets[LIMIT_EVENTS];
	uint32_t next;	       /* in the chain of its hash; NONE ends it */
	uint32_t newer, older; /* by last use; NONE at the ends          */
};

struct limit_table {
	struct entry *entries;				 /* owned: `size`                      */
	uint32_t *heads;				 /* owned: `mask` + 1 chains           */
	const struct bucket_rate (*rates)[LIMIT_EVENTS]; /* borrowed: by scope */
	uint32_t size, used, mask;
	uint32_t newest, oldest;
	uint64_t secret[2];
};

/* ---- hash: SipHash-1-3 of the three words of a key (Aumasson and Bernstein) ---------------- */

static uint64_t
turn(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void
mix(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = turn(v[1], 13) ^ v[0];
	v[3] = turn(v[3], 16) ^ v[2];
	v[0] = turn(v[0], 32) + v[3];
	v[2] += v[1];
	v[3] = turn(v[3], 21) ^ v[0];
	v[1] = turn(v[1], 17) ^ v[2];
	v[2] = turn(v[2], 32);
}

static uint32_t
chain_of(const struct limit_table *t, const struct limit_key *key)
{
	uint64_t words[4] = {key->hi, key->lo, 0, (uint64_t)sizeof(*key) << 56};
	memcpy(&words[2], &key->family, sizeof(words[2]));
	uint64_t v[4] = {t->secret[0] ^ 0x736f6d6570736575u, t->secret[1] ^ 0x646f72616e646f6du,
	    t->secret[0] ^ 0x6c7967656e657261u, t->secret[1] ^ 0x7465646279746573u};
	for (unsigned i = 0; i < 4; i++) {
		v[3] ^= words[i];
		mix(v);
		v[0] ^= words[i];
	}
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 3; i++)
		mix(v);
	return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]) & t->mask;
}

/* ---- life --------------------------------------------------------------------------------- */

struct limit_table *
limit_table_new(
    uint32_t size, const uint64_t secret[2], const struct bucket_rate (*rates)[LIMIT_EVENTS])
{
	struct limit_table *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	uint32_t chains = LIMIT_TABLE_LEAST;
	while (chains < size)
		chains *= 2;
	t->entries = calloc(size, sizeof(*t->entries));
	t->heads = malloc(chains * sizeof(*t->heads));
	if (!t->entries || !t->heads) {
		limit_table_free(&t);
		return NULL;
	}
	memset(t->heads, 0xff, chains * sizeof(*t->heads));
	t->rates = rates;
	t->size = size;
	t->mask = chains - 1;
	t->newest = t->oldest = NONE;
	memcpy(t->secret, secret, sizeof(t->secret));
	return t;
}

void
limit_table_free(struct limit_table **slot)
{
	struct limit_table *t = *slot;
	if (!t)
		return;
	free(t->entries);
	free(t->heads);
	free(t);
	*slot = NULL;
}

uint32_t
limit_table_count(const struct limit_table *t)
{
	return t->used;
}

/* ---- order of use ------------------------------------------------------------------------- */

static void
unlink_use(struct limit_table *t, uint32_t i)
{
	const struct entry *e = &t->entries[i];
	if (e->newer == NONE)
		t->newest = e->older;
	else
		t->entries[e->newer].older = e->older;
	if (e->older == NONE)
		t->oldest = e->newer;
	else
		t->entries[e->older].newer = e->newer;
}

static void
link_newest(struct limit_table *t, uint32_t i)
{
	t->entries[i].newer = NONE;
	t->entries[i].older = t->newest;
	if (t->newest == NONE)
		t->oldest = i;
	else
		t->entries[t->newest].newer = i;
	t->newest = i;
}

/* ---- look-up ------------------------------------------------------------------------------ */

struct limit_key
limit_key_of(const struct dtlsd_address *address, enum limit_scope scope, unsigned bits)
{
	struct limit_key k = {
	    .family = address->family, .bits = (uint16_t)bits, .scope = (uint16_t)scope};
	uint8_t ip[16] = {0};
	memcpy(ip, address->ip, address->family == DTLSD_IPV4 ? 4 : 16);
	unsigned whole = bits / 8, rest = bits % 8;
	if (rest) {
		ip[whole] &= (uint8_t)(0xff00u >> rest);
		whole++;
	}
	memset(ip + whole, 0, sizeof(ip) - whole);
	memcpy(&k.hi, ip, sizeof(k.hi));
	memcpy(&k.lo, ip + sizeof(k.hi), sizeof(k.lo));
	return k;
}

static bool
is_forgettable(const struct limit_table *t, const struct entry *e, uint64_t now)
{
	const struct bucket_rate *rates = t->rates[e->key.scope];
	for (unsigned i = 0; i < LIMIT_EVENTS; i++)
		if (rates[i].gain && !bucket_is_full(&e->buckets[i], &rates[i], now))
			return false;
	return true;
}

static void
unlink_chain(struct limit_table *t, uint32_t i)
{
	uint32_t *at = &t->heads[chain_of(t, &t->entries[i].key)];
	while (*at != i)
		at = &t->entries[*at].next;
	*at = t->entries[i].next;
}

/* An entry that is in no chain and no order. */
static uint32_t
free_entry(struct limit_table *t, uint64_t now, uint64_t *forgotten)
{
	if (t->used < t->size)
		return t->used++;
	uint32_t i = t->oldest;
	*forgotten = !is_forgettable(t, &t->entries[i], now);
	unlink_use(t, i);
	unlink_chain(t, i);
	return i;
}

struct bucket *
limit_table_get(
    struct limit_table *t, const struct limit_key *key, uint64_t now, uint64_t *forgotten)
{
	*forgotten = 0;
	uint32_t chain = chain_of(t, key);
	uint32_t i = t->heads[chain];
	while (i != NONE && memcmp(&t->entries[i].key, key, sizeof(*key)) != 0)
		i = t->entries[i].next;
	if (i != NONE) {
		unlink_use(t, i);
		link_newest(t, i);
		return t->entries[i].buckets;
	}

	i = free_entry(t, now, forgotten);
	struct entry *e = &t->entries[i];
	e->key = *key;
	for (unsigned n = 0; n < LIMIT_EVENTS; n++)
		bucket_fill(&e->buckets[n], &t->rates[key->scope][n], now);
	e->next = t->heads[chain];
	t->heads[chain] = i;
	link_newest(t, i);
	return e->buckets;
}
