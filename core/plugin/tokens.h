/* tokens.h - the names of verdicts that are waited for: a capped table per worker.
 *
 * A token is worker (8 bits), slot (24), generation of the slot (32). Any thread may claim one:
 * whoever does it first gives the verdict, every other is told that it is gone, at once and from
 * wherever it asks. That is one atomic word for each slot; all else is the worker's own.
 * Owner: struct dt_plugin, so that a late claim never finds freed memory.
 * Threads: claim, unclaim and waiting from any; the rest is the worker's.
 */
#ifndef DT_PLUGIN_TOKENS_H
#define DT_PLUGIN_TOKENS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "conn/events.h"

#define DT_TOKEN_SLOTS_MAX (1u << 24)

struct dt_tokens {
	uint32_t worker;
	uint32_t cap;		  /* slots                                          */
	_Atomic uint64_t *word;	  /* owned, one per slot: generation, gate, state   */
	uint32_t *next_free;	  /* owned, one per slot: the free slots as a list  */
	uint32_t first_free;	  /* cap = none                                     */
	_Atomic uint32_t waiting; /* slots in use                                   */
};

enum dt_claim { DT_CLAIM_OK, DT_CLAIM_GONE, DT_CLAIM_INVALID };

enum dt_err dt_tokens_init(struct dt_tokens *t, uint32_t worker, uint32_t cap) DT_MUST_USE;
/* Also for one that failed to be made or is all zero. */
void dt_tokens_fini(struct dt_tokens *t);

/* A token that can be claimed from now on; 0 = all slots are taken. */
uint64_t dt_token_new(struct dt_tokens *t, enum dt_gate_kind kind);
/* Its slot; what it named is gone, claimed or not. Requires: not freed before. */
void dt_token_free(struct dt_tokens *t, uint64_t token);
bool dt_token_alive(const struct dt_tokens *t, uint64_t token);

/* Takes the right to give this verdict. INVALID (the gate knows no such verdict, or the key is
 * missing or too long) leaves the token as it was. */
enum dt_claim dt_token_claim(struct dt_tokens *t, uint64_t token, uint32_t verdict, size_t key_len);
/* Gives the right back: the verdict could not be delivered. */
void dt_token_unclaim(struct dt_tokens *t, uint64_t token);

static inline uint32_t
dt_token_worker(uint64_t token)
{
	return (uint32_t)(token >> 56);
}

static inline uint32_t
dt_token_slot(uint64_t token)
{
	return (uint32_t)(token >> 32) & (DT_TOKEN_SLOTS_MAX - 1);
}

#endif
