/* prefix_map.h - whether an address is allowed: the longest prefix that holds it decides.
 *
 * Two prefixes nest or are apart, never half and half. So the list is cut once into intervals
 * with one verdict each, and a question is a binary search: 18 steps for 10^5 prefixes.
 * An IPv6 prefix within ::ffff:0:0/96 is kept as the IPv4 prefix that it stands for, because the
 * server names such clients by their IPv4 address.
 *
 * Knows no files and no options. Owner: the caller, of list and map alike.
 * Threads: any, once built.
 */
#ifndef IP_ACCESS_PREFIX_MAP_H
#define IP_ACCESS_PREFIX_MAP_H

#include <dtlsd/module.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address as a number; IPv4 in the uppermost 32 bits. */
struct prefix_key {
	uint64_t hi, lo;
};

struct prefix {
	struct prefix_key first; /* lowest address in it                  */
	uint16_t family;	 /* DTLSD_IPV4, DTLSD_IPV6                */
	uint8_t bits;
	uint8_t deny;
	uint32_t tag; /* the caller's: where it was written    */
};

struct prefix_list {
	struct prefix *items; /* owned */
	size_t count, room;
};

/* Interval i goes from first[i] to the address before first[i + 1]; first[0] is 0. */
struct prefix_intervals {
	struct prefix_key *first; /* owned */
	uint8_t *allow;		  /* owned */
	size_t count;
};

struct prefix_map {
	struct prefix_intervals v4, v6;
};

/* The same prefix is both allowed and denied; deny wins. */
struct prefix_conflict {
	void (*tell)(void *arg, const struct prefix *denied, const struct prefix *allowed);
	void *arg;
};

/* Requires: the bits behind the prefix are 0. False: no memory, the list is as before. */
bool prefix_list_add(struct prefix_list *l, const struct dtlsd_cidr *cidr, bool deny, uint32_t tag);
void prefix_list_fini(struct prefix_list *l);

/* Sorts `l`, drops what is in it twice and tells of conflicts (`conflict` may be NULL). Returns
 * how many prefixes stand in both lists. */
size_t prefix_list_settle(struct prefix_list *l, const struct prefix_conflict *conflict);

/* Requires: prefix_list_settle(l). What no prefix holds gets `otherwise`. False: no memory,
 * and *m is empty. */
bool prefix_map_init(struct prefix_map *m, const struct prefix_list *l, bool otherwise);
void prefix_map_fini(struct prefix_map *m);

bool prefix_map_allows(const struct prefix_map *m, const struct dtlsd_address *address);

#endif
