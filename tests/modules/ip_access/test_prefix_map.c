#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "fake_host.h"
#include "prefix_file.h"
#include "prefix_map.h"

/* ---- a failing allocator ------------------------------------------------------------------ */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_reallocarray(void *p, size_t count, size_t size);
void *__wrap_reallocarray(void *p, size_t count, size_t size);

static unsigned fail_in; /* 1: the next one; 0: none */

static bool
fails_now(void)
{
	return fail_in && --fail_in == 0;
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : __real_calloc(count, size);
}

void *
__wrap_reallocarray(void *p, size_t count, size_t size)
{
	return fails_now() ? NULL : __real_reallocarray(p, count, size);
}

/* ---- building from text ------------------------------------------------------------------- */

/* "+10.0.0.0/8 -10.1.0.0/16": allowed, denied. */
static void
add_all(struct prefix_list *l, const char *text)
{
	char copy[512];
	uint32_t tag = 0;
	cr_assert(strlen(text) < sizeof(copy));
	strcpy(copy, text);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
		struct dtlsd_cidr cidr;
		cr_assert_null(prefix_parse(word + 1, &cidr), "%s", word);
		cr_assert(prefix_list_add(l, &cidr, *word == '-', tag++));
	}
}

static void
build(struct prefix_map *m, const char *text, bool otherwise)
{
	struct prefix_list l = {NULL, 0, 0};
	add_all(&l, text);
	prefix_list_settle(&l, NULL);
	cr_assert(prefix_map_init(m, &l, otherwise));
	prefix_list_fini(&l);
}

static struct dtlsd_address
address(const char *text)
{
	struct dtlsd_cidr cidr;
	cr_assert_null(prefix_parse(text, &cidr), "%s", text);
	struct dtlsd_address a = {.family = cidr.family, .port = 4000};
	memcpy(a.ip, cidr.ip, sizeof(a.ip));
	return a;
}

struct row {
	const char *address;
	bool allowed;
};

#define EXPECT(list, otherwise, ...)                                                               \
	do {                                                                                       \
		static const struct row rows[] = {__VA_ARGS__};                                    \
		expect_rows(list, otherwise, rows, sizeof(rows) / sizeof(rows[0]));                \
	} while (0)

static void
expect_rows(const char *list, bool otherwise, const struct row *rows, size_t count)
{
	struct prefix_map m;
	build(&m, list, otherwise);
	for (size_t i = 0; i < count; i++) {
		struct dtlsd_address a = address(rows[i].address);
		cr_assert_eq(prefix_map_allows(&m, &a), rows[i].allowed, "%s in \"%s\"",
		    rows[i].address, list);
	}
	prefix_map_fini(&m);
}

Test(prefix_map, without_prefixes_the_default_holds_everywhere)
{
	EXPECT("", true, {"0.0.0.0", true}, {"255.255.255.255", true}, {"::", true},
	    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true});
	EXPECT("", false, {"0.0.0.0", false}, {"::1", false});
}

Test(prefix_map, the_longest_prefix_decides)
{
	EXPECT("+10.0.0.0/8 -10.1.0.0/16 +10.1.2.0/24 -10.1.2.3", false, {"9.255.255.255", false},
	    {"10.0.0.0", true}, {"10.0.255.255", true}, {"10.1.0.0", false}, {"10.1.1.255", false},
	    {"10.1.2.0", true}, {"10.1.2.2", true}, {"10.1.2.3", false}, {"10.1.2.4", true},
	    {"10.1.2.255", true}, {"10.1.3.0", false}, {"10.1.255.255", false}, {"10.2.0.0", true},
	    {"10.255.255.255", true}, {"11.0.0.0", false});
	EXPECT("+2001:db8::/32 -2001:db8:1::/48 +2001:db8:1:0:1::/80", false,
	    {"2001:db7:ffff:ffff::", false}, {"2001:db8::", true}, {"2001:db8:1::", false},
	    {"2001:db8:1:0:1::", true}, {"2001:db8:1:0:1:ffff:ffff:ffff", true},
	    {"2001:db8:1:0:2::", false}, {"2001:db8:2::", true}, {"2001:db9::", false});
}

Test(prefix_map, the_ends_of_the_address_space_are_no_special_case)
{
	EXPECT("+0.0.0.0/0", false, {"0.0.0.0", true}, {"255.255.255.255", true}, {"::", false});
	EXPECT("+::/0", false, {"0.0.0.0", false}, {"::", true},
	    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true});
	EXPECT("-255.255.255.255 -0.0.0.0", true, {"0.0.0.0", false}, {"0.0.0.1", true},
	    {"255.255.255.254", true}, {"255.255.255.255", false});
	EXPECT("-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff -::", true, {"::", false}, {"::1", true},
	    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", true},
	    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false});
	EXPECT("-0.0.0.0/0 +255.0.0.0/8", true, {"254.255.255.255", false}, {"255.0.0.0", true},
	    {"255.255.255.255", true});
}

Test(prefix_map, prefixes_around_the_middle_of_an_ipv6_address_keep_their_edges)
{
	EXPECT("-2001:db8:0:1::/64 -2001:db8:0:3::/65 -2001:db8:0:4::/63", true,
	    {"2001:db8:0:0:ffff:ffff:ffff:ffff", true}, {"2001:db8:0:1::", false},
	    {"2001:db8:0:1:ffff:ffff:ffff:ffff", false}, {"2001:db8:0:2::", true},
	    {"2001:db8:0:3:7fff:ffff:ffff:ffff", false}, {"2001:db8:0:3:8000::", true},
	    {"2001:db8:0:4::", false}, {"2001:db8:0:5:ffff:ffff:ffff:ffff", false},
	    {"2001:db8:0:6::", true});
}

Test(prefix_map, a_prefix_may_end_with_the_one_around_it)
{
	EXPECT("+10.0.0.0/8 -10.0.0.0/24 +10.0.0.255", false, {"10.0.0.254", false},
	    {"10.0.0.255", true}, {"10.0.1.0", true});
	EXPECT("+2001:db8::/32 -2001:db8::/120 +2001:db8::ff", false, {"2001:db8::fe", false},
	    {"2001:db8::ff", true}, {"2001:db8::100", true});
}

Test(prefix_map, a_mapped_prefix_is_the_ipv4_prefix)
{
	EXPECT("+::ffff:10.0.0.0/104", false, {"10.1.2.3", true}, {"11.0.0.0", false},
	    {"::ffff:10.1.2.3", false});
	EXPECT("+::ffff:0:0/96", false, {"0.0.0.0", true}, {"255.255.255.255", true});
	EXPECT("+::ffff:192.0.2.1", false, {"192.0.2.1", true}, {"192.0.2.2", false});
}

Test(prefix_map, neighbours_with_one_verdict_are_one_interval)
{
	struct prefix_map m;
	build(&m, "+10.0.0.0/9 +10.128.0.0/9 +10.1.0.0/16", false);
	cr_assert_eq(m.v4.count, 3);
	cr_assert_eq(m.v6.count, 1);
	prefix_map_fini(&m);
}

static void
note_conflict(void *arg, const struct prefix *denied, const struct prefix *allowed)
{
	uint32_t *tags = arg;
	cr_assert(denied->deny && !allowed->deny);
	tags[0] = denied->tag;
	tags[1] = allowed->tag;
}

Test(prefix_map, a_prefix_in_both_lists_is_denied_and_told_once)
{
	struct prefix_list l = {NULL, 0, 0};
	uint32_t tags[2];
	const struct prefix_conflict conflict = {note_conflict, tags};

	add_all(&l, "+10.0.0.0/8 +192.0.2.0/24 -10.0.0.0/8 -10.0.0.0/8 +192.0.2.0/24");
	cr_assert_eq(prefix_list_settle(&l, &conflict), 1);
	cr_assert_eq(tags[1], 0);
	cr_assert(tags[0] == 2 || tags[0] == 3);
	cr_assert_eq(l.count, 2);
	prefix_list_fini(&l);
	EXPECT("+10.0.0.0/8 -10.0.0.0/8 +10.0.0.0/8", true, {"10.1.1.1", false});
}

Test(prefix_map, every_failed_allocation_leaves_nothing_behind)
{
	struct prefix_list l = {NULL, 0, 0};
	struct dtlsd_cidr cidr;
	prefix_parse("192.0.2.0/24", &cidr);
	fail_in = 1;
	cr_assert_not(prefix_list_add(&l, &cidr, false, 0));
	cr_assert_eq(l.count, 0);
	cr_assert(prefix_list_add(&l, &cidr, false, 0));

	struct prefix_map m;
	unsigned nth = 0;
	do
		fail_in = ++nth;
	while (!prefix_map_init(&m, &l, false));
	cr_assert_eq(nth, 5);
	fail_in = 0;
	prefix_map_fini(&m);
	prefix_list_fini(&l);
}

/* ---- against a plain search --------------------------------------------------------------- */

#define PREFIXES 10000u
#define QUERIES 10000u

static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t
pick_seed(void)
{
	const char *given = getenv("DTLSD_TEST_SEED");
	uint64_t seed = 0;
	if (given)
		return strtoull(given, NULL, 0);
	cr_assert_eq(getrandom(&seed, sizeof(seed), 0), (ssize_t)sizeof(seed));
	return seed;
}

/* Few bytes with few values, so that prefixes nest and addresses meet them. */
static void
random_ip(uint64_t *state, uint8_t ip[16], unsigned len)
{
	static const uint8_t values[] = {0, 1, 2, 0x7f, 0x80, 0xfe, 0xff, 0x55};
	static const uint8_t places_v4[4] = {0, 1, 2, 3}, places_v6[4] = {0, 7, 8, 15};
	const uint8_t *places = len == 4 ? places_v4 : places_v6;
	memset(ip, next_random(state) % 2 ? 0xff : 0, len);
	for (unsigned i = 0; i < 4; i++)
		ip[places[i]] = values[next_random(state) % sizeof(values)];
}

static bool
holds(const struct dtlsd_cidr *c, const struct dtlsd_address *a)
{
	if (c->family != a->family)
		return false;
	for (unsigned i = 0; i < c->bits; i++)
		if ((c->ip[i / 8] ^ a->ip[i / 8]) & (0x80u >> (i % 8)))
			return false;
	return true;
}

struct oracle {
	struct dtlsd_cidr cidr[PREFIXES];
	bool deny[PREFIXES];
	bool otherwise;
};

static bool
plain_search(const struct oracle *o, const struct dtlsd_address *a)
{
	int best = -1;
	bool allowed = o->otherwise;
	for (unsigned i = 0; i < PREFIXES; i++) {
		int bits = o->cidr[i].bits;
		if (bits < best || !holds(&o->cidr[i], a))
			continue;
		allowed = bits == best ? allowed && !o->deny[i] : !o->deny[i];
		best = bits;
	}
	return allowed;
}

static void
compare_with_oracle(uint16_t family, uint64_t seed)
{
	static struct oracle o;
	unsigned len = family == DTLSD_IPV4 ? 4 : 16;
	struct prefix_list l = {NULL, 0, 0};
	struct prefix_map m;
	uint64_t state = seed;

	o.otherwise = next_random(&state) & 1;
	for (unsigned i = 0; i < PREFIXES; i++) {
		struct dtlsd_cidr *c = &o.cidr[i];
		c->family = family;
		random_ip(&state, c->ip, len);
		c->bits = (uint16_t)(next_random(&state) % (8 * len + 1));
		for (unsigned bit = c->bits; bit < 8 * len; bit++)
			c->ip[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
		o.deny[i] = next_random(&state) & 1;
		cr_assert(prefix_list_add(&l, c, o.deny[i], i));
	}
	prefix_list_settle(&l, NULL);
	cr_assert(prefix_map_init(&m, &l, o.otherwise));
	for (unsigned i = 0; i < QUERIES; i++) {
		struct dtlsd_address a = {.family = family};
		if (i % 4)
			random_ip(&state, a.ip, len);
		else
			memcpy(a.ip, o.cidr[next_random(&state) % PREFIXES].ip, sizeof(a.ip));
		a.ip[len - 1] = (uint8_t)(a.ip[len - 1] + next_random(&state) % 3 - 1);
		cr_assert_eq(prefix_map_allows(&m, &a), plain_search(&o, &a),
		    "family %u, DTLSD_TEST_SEED=%llu", family, (unsigned long long)seed);
	}
	prefix_map_fini(&m);
	prefix_list_fini(&l);
}

Test(prefix_map, agrees_with_a_plain_search_for_ipv4)
{
	compare_with_oracle(DTLSD_IPV4, pick_seed());
}

Test(prefix_map, agrees_with_a_plain_search_for_ipv6)
{
	compare_with_oracle(DTLSD_IPV6, pick_seed());
}
