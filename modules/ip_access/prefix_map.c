#include "prefix_map.h"

#include <stdlib.h>
#include <string.h>

#define V4_BITS 32u
#define V6_BITS 128u
#define MAPPED_BITS 96u /* ::ffff:0:0/96, RFC 4291 2.5.5.2 */

static int
compare_keys(struct prefix_key a, struct prefix_key b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return a.lo < b.lo ? -1 : a.lo > b.lo;
}

static struct prefix_key
read_key(uint16_t family, const uint8_t ip[16])
{
	struct prefix_key k = {0, 0};
	unsigned len = family == DTLSD_IPV4 ? V4_BITS / 8 : V6_BITS / 8;
	for (unsigned i = 0; i < len && i < 8; i++)
		k.hi |= (uint64_t)ip[i] << (56 - 8 * i);
	for (unsigned i = 8; i < len; i++)
		k.lo |= (uint64_t)ip[i] << (120 - 8 * i);
	return k;
}

static struct prefix_key
last_of(const struct prefix *p)
{
	struct prefix_key k = p->first;
	if (p->bits < 64)
		k.hi |= UINT64_MAX >> p->bits;
	if (p->bits <= 64)
		k.lo = UINT64_MAX;
	else if (p->bits < V6_BITS)
		k.lo |= UINT64_MAX >> (p->bits - 64);
	return k;
}

static bool
is_mapped(const struct dtlsd_cidr *c)
{
	static const uint8_t lead[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	return c->family == DTLSD_IPV6 && c->bits >= MAPPED_BITS &&
	       memcmp(c->ip, lead, sizeof(lead)) == 0;
}

bool
prefix_list_add(struct prefix_list *l, const struct dtlsd_cidr *cidr, bool deny, uint32_t tag)
{
	if (l->count == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct prefix *items = reallocarray(l->items, room, sizeof(*items));
		if (!items)
			return false;
		l->items = items;
		l->room = room;
	}
	struct prefix p = {.family = cidr->family, .bits = (uint8_t)cidr->bits};
	const uint8_t *ip = cidr->ip;
	if (is_mapped(cidr)) {
		p.family = DTLSD_IPV4;
		p.bits = (uint8_t)(cidr->bits - MAPPED_BITS);
		ip += MAPPED_BITS / 8;
	}
	p.first = read_key(p.family, ip);
	p.deny = deny;
	p.tag = tag;
	l->items[l->count++] = p;
	return true;
}

void
prefix_list_fini(struct prefix_list *l)
{
	free(l->items);
	memset(l, 0, sizeof(*l));
}

/* By family, then from low to high, the wider one first; deny before allow of the same. */
static int
compare_prefixes(const void *va, const void *vb)
{
	const struct prefix *a = va, *b = vb;
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	int order = compare_keys(a->first, b->first);
	if (order)
		return order;
	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	return (int)b->deny - (int)a->deny;
}

static bool
is_same_prefix(const struct prefix *a, const struct prefix *b)
{
	return a->family == b->family && a->bits == b->bits &&
	       compare_keys(a->first, b->first) == 0;
}

size_t
prefix_list_settle(struct prefix_list *l, const struct prefix_conflict *conflict)
{
	size_t kept = 0, conflicts = 0;
	if (l->count)
		qsort(l->items, l->count, sizeof(*l->items), compare_prefixes);
	for (size_t i = 0; i < l->count; i++) {
		const struct prefix *p = &l->items[i];
		if (!kept || !is_same_prefix(&l->items[kept - 1], p)) {
			l->items[kept++] = *p;
			continue;
		}
		if (l->items[kept - 1].deny == p->deny)
			continue;
		conflicts++;
		if (conflict)
			conflict->tell(conflict->arg, &l->items[kept - 1], p);
	}
	l->count = kept;
	return conflicts;
}

/* From `first` on `allow` holds. A verdict that begins where the last one began replaces it, and
 * one that changes nothing is left out. */
static void
begin_interval(struct prefix_intervals *t, struct prefix_key first, bool allow)
{
	if (t->count && compare_keys(t->first[t->count - 1], first) == 0)
		t->count--;
	if (t->count && t->allow[t->count - 1] == allow)
		return;
	t->first[t->count] = first;
	t->allow[t->count++] = allow;
}

/* What is open around the place that the sweep has reached, widest first. */
struct nest {
	const struct prefix *open[V6_BITS + 1];
	unsigned depth;
	bool otherwise;
};

static bool
verdict_here(const struct nest *n)
{
	return n->depth ? !n->open[n->depth - 1]->deny : n->otherwise;
}

/* Leaves the innermost prefix. */
static void
leave(struct nest *n, struct prefix_intervals *t)
{
	struct prefix_key next = last_of(n->open[--n->depth]);
	next.lo++;
	next.hi += next.lo == 0;
	/* Behind the highest address nothing begins: the sum has wrapped to 0. */
	if (next.hi || next.lo)
		begin_interval(t, next, verdict_here(n));
}

static bool
build_intervals(
    struct prefix_intervals *t, const struct prefix *items, size_t count, bool otherwise)
{
	t->first = calloc(2 * count + 1, sizeof(*t->first));
	t->allow = calloc(2 * count + 1, sizeof(*t->allow));
	if (!t->first || !t->allow)
		return false;

	struct nest n = {.depth = 0, .otherwise = otherwise};
	begin_interval(t, (struct prefix_key){0, 0}, otherwise);
	for (size_t i = 0; i < count; i++) {
		while (n.depth && compare_keys(last_of(n.open[n.depth - 1]), items[i].first) < 0)
			leave(&n, t);
		n.open[n.depth++] = &items[i];
		begin_interval(t, items[i].first, !items[i].deny);
	}
	while (n.depth)
		leave(&n, t);
	return true;
}

bool
prefix_map_init(struct prefix_map *m, const struct prefix_list *l, bool otherwise)
{
	size_t v4 = 0;
	while (v4 < l->count && l->items[v4].family == DTLSD_IPV4)
		v4++;
	const struct prefix *v6 = v4 < l->count ? &l->items[v4] : NULL;

	memset(m, 0, sizeof(*m));
	if (build_intervals(&m->v4, l->items, v4, otherwise) &&
	    build_intervals(&m->v6, v6, l->count - v4, otherwise))
		return true;
	prefix_map_fini(m);
	return false;
}

static void
free_intervals(struct prefix_intervals *t)
{
	free(t->first);
	free(t->allow);
	memset(t, 0, sizeof(*t));
}

void
prefix_map_fini(struct prefix_map *m)
{
	free_intervals(&m->v4);
	free_intervals(&m->v6);
}

bool
prefix_map_allows(const struct prefix_map *m, const struct dtlsd_address *address)
{
	const struct prefix_intervals *t = address->family == DTLSD_IPV4 ? &m->v4 : &m->v6;
	struct prefix_key k = read_key(address->family, address->ip);

	/* first[low] <= k < first[high], where first[count] would be beyond every address. */
	size_t low = 0, high = t->count;
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		if (compare_keys(t->first[mid], k) <= 0)
			low = mid;
		else
			high = mid;
	}
	return t->allow[low];
}
