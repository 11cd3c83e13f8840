/* limit_table.h - the token buckets of addresses and prefixes, in memory of a fixed size.
 *
 * One entry for each address or prefix that was seen, with one bucket per kind of event. When
 * all are in use, the one that was not asked for the longest goes: with a table of fair size its
 * buckets are full again, so that nothing is forgotten.
 *
 * Knows no options and no host. The hash is keyed, so that nobody can choose addresses that
 * collide. Owner: one worker. Threads: none.
 */
#ifndef RATE_LIMIT_LIMIT_TABLE_H
#define RATE_LIMIT_LIMIT_TABLE_H

#include <dtlsd/module.h>
#include <stdbool.h>
#include <stdint.h>

#include "bucket.h"

#define LIMIT_TABLE_LEAST 16u /* so that the entries of one question never drive each other out */

enum limit_event { LIMIT_CONNECTION, LIMIT_DATAGRAM, LIMIT_EVENTS };
enum limit_scope { LIMIT_ADDRESS, LIMIT_PREFIX, LIMIT_SCOPES };

/* The first `bits` of an address; an address and a prefix of all bits are two keys. */
struct limit_key {
	uint64_t hi, lo;
	uint16_t family, bits, scope, zero;
};

struct limit_table;

/* `rates` is borrowed and outlives the table. Requires: size >= LIMIT_TABLE_LEAST. NULL: no
 * memory. */
struct limit_table *limit_table_new(
    uint32_t size, const uint64_t secret[2], const struct bucket_rate (*rates)[LIMIT_EVENTS]);
void limit_table_free(struct limit_table **slot);

struct limit_key limit_key_of(
    const struct dtlsd_address *address, enum limit_scope scope, unsigned bits);

/* The LIMIT_EVENTS buckets of a key; new ones are full. Valid until the next call but
 * LIMIT_TABLE_LEAST. *forgotten is 1 if that cost an entry whose buckets were not full, else 0. */
struct bucket *limit_table_get(
    struct limit_table *t, const struct limit_key *key, uint64_t now, uint64_t *forgotten);

/* Entries in use. */
uint32_t limit_table_count(const struct limit_table *t);

#endif
