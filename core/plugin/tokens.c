#include "plugin/tokens.h"

#include <dtlsd/module.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "plugin/gate.h"

/* A word: generation << 8 | gate << 4 | state. */
enum state { STATE_FREE, STATE_WAITING, STATE_CLAIMED };

static uint64_t
make_word(uint64_t generation, uint64_t kind, enum state state)
{
	return generation << 8 | kind << 4 | (uint64_t)state;
}

static uint32_t
generation_of(uint64_t token)
{
	return (uint32_t)token;
}

enum dt_err
dt_tokens_init(struct dt_tokens *t, uint32_t worker, uint32_t cap)
{
	DT_ASSERT(cap < DT_TOKEN_SLOTS_MAX);
	memset(t, 0, sizeof(*t));
	t->worker = worker;
	t->cap = cap;
	t->word = dt_alloc_array(cap, sizeof(t->word[0]));
	t->next_free = dt_alloc_array(cap, sizeof(t->next_free[0]));
	if (!t->word || !t->next_free) {
		dt_tokens_fini(t);
		return DT_ERR_NOMEM;
	}
	for (uint32_t i = 0; i < cap; i++) {
		atomic_init(&t->word[i], make_word(1, 0, STATE_FREE));
		t->next_free[i] = i + 1;
	}
	return DT_OK;
}

void
dt_tokens_fini(struct dt_tokens *t)
{
	dt_free(t->word);
	dt_free(t->next_free);
	t->word = NULL;
	t->next_free = NULL;
	t->cap = 0;
}

uint64_t
dt_token_new(struct dt_tokens *t, enum dt_gate_kind kind)
{
	uint32_t slot = t->first_free;
	if (slot == t->cap)
		return 0;
	t->first_free = t->next_free[slot];
	uint64_t generation = atomic_load_explicit(&t->word[slot], memory_order_relaxed) >> 8;
	atomic_store(&t->word[slot], make_word(generation, kind, STATE_WAITING));
	atomic_fetch_add_explicit(&t->waiting, 1, memory_order_relaxed);
	return (uint64_t)t->worker << 56 | (uint64_t)slot << 32 | generation;
}

void
dt_token_free(struct dt_tokens *t, uint64_t token)
{
	DT_ASSERT(dt_token_alive(t, token));
	uint32_t slot = dt_token_slot(token);
	uint32_t next = generation_of(token) + 1;
	/* Generation 0 is left out: with worker 0 and slot 0 the token would be 0. */
	atomic_store(&t->word[slot], make_word(next ? next : 1, 0, STATE_FREE));
	t->next_free[slot] = t->first_free;
	t->first_free = slot;
	atomic_fetch_sub_explicit(&t->waiting, 1, memory_order_relaxed);
}

/* The word of this token's slot; STATE_FREE when the slot has moved on. */
static uint64_t
word_of(const struct dt_tokens *t, uint64_t token)
{
	uint32_t slot = dt_token_slot(token);
	if (dt_token_worker(token) != t->worker || slot >= t->cap)
		return STATE_FREE;
	uint64_t word = atomic_load(&t->word[slot]);
	return word >> 8 == generation_of(token) ? word : STATE_FREE;
}

bool
dt_token_alive(const struct dt_tokens *t, uint64_t token)
{
	return (word_of(t, token) & 15) != STATE_FREE;
}

enum dt_claim
dt_token_claim(struct dt_tokens *t, uint64_t token, uint32_t verdict, size_t key_len)
{
	uint64_t word = word_of(t, token);
	if ((word & 15) != STATE_WAITING)
		return DT_CLAIM_GONE;
	enum dt_gate_kind kind = (enum dt_gate_kind)(word >> 4 & 15);
	if (verdict == DTLSD_DEFER || !dt_gate_allows(kind, verdict))
		return DT_CLAIM_INVALID;
	if (verdict == DTLSD_FOUND &&
	    (key_len == 0 || key_len > sizeof(((struct dtlsd_psk *)0)->key)))
		return DT_CLAIM_INVALID;

	uint64_t claimed = make_word(word >> 8, kind, STATE_CLAIMED);
	return atomic_compare_exchange_strong(&t->word[dt_token_slot(token)], &word, claimed)
		   ? DT_CLAIM_OK
		   : DT_CLAIM_GONE;
}

void
dt_token_unclaim(struct dt_tokens *t, uint64_t token)
{
	uint64_t word = word_of(t, token);
	if ((word & 15) != STATE_CLAIMED)
		return; /* its connection is gone by now */
	uint64_t waiting = (word & ~UINT64_C(15)) | STATE_WAITING;
	atomic_compare_exchange_strong(&t->word[dt_token_slot(token)], &word, waiting);
}
