#include "base/addr.h"

#include "seeded.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

Test(addr, what_is_read_is_written_back_in_its_one_form)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"127.0.0.1:80", "127.0.0.1:80"},
	    {"0.0.0.0:0", "0.0.0.0:0"},
	    {"255.255.255.255:65535", "255.255.255.255:65535"},
	    {"[::]:5684", "[::]:5684"},
	    {"[::1]:80", "[::1]:80"},
	    {"[2001:DB8:0:0::1]:443", "[2001:db8::1]:443"},
	    {"[fe80::1%2]:80", "[fe80::1%2]:80"},
	    {"[fe80::1%4294967295]:1", "[fe80::1%4294967295]:1"},
	    {"[2001:0db8:1111:2222:3333:4444:5555:6666%4294967295]:65535",
		"[2001:db8:1111:2222:3333:4444:5555:6666%4294967295]:65535"},
	    {"10.0.0.1:0080", "10.0.0.1:80"},
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dtlsd_address a;
		char buf[DT_ADDR_TEXT];
		cr_assert(dt_addr_parse(rows[i].in, &a) == DT_OK, "%s", rows[i].in);
		cr_assert(strcmp(dt_addr_format(&a, buf), rows[i].out) == 0, "%s", buf);
	}
}

Test(addr, what_is_no_address_with_a_port_is_refused)
{
	static const char *const rows[] = {"", ":", ":80", "80", "127.0.0.1", "127.0.0.1:",
	    "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 80", "127.0.0.1:80 ",
	    "127.0.0.1:0x50", "127.0.0.1:99999999999999999999", " 127.0.0.1:80", "127.0.0:80",
	    "127.0.0.256:80", "127.0.0.1.1:80", "127.0.0.1%1:80", "[127.0.0.1]:80", "::1:80", "[::1]",
	    "[::1]80", "[::1:80", "::1]:80", "[]:80", "[::1]]:80", "[[::1]]:80", "[::g]:80",
	    "[fe80::1%]:80", "[fe80::1%0]:80", "[fe80::1%4294967296]:80", "[fe80::1%nowhere]:80",
	    "[fe80::1%1%2]:80", "localhost:80", "[:::]:80",
	    "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80"};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dtlsd_address a;
		memset(&a, 0xee, sizeof(a));
		cr_assert(dt_addr_parse(rows[i], &a) == DT_ERR_INVALID, "%s", rows[i]);
		cr_assert(a.family == 0xeeee, "%s touched the result", rows[i]);
	}
}

Test(addr, an_address_without_a_port_takes_no_port_and_no_brackets)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} rows[] = {
	    {"10.0.0.1", "10.0.0.1"},
	    {"::1", "::1"},
	    {"fe80::1%2", "fe80::1%2"},
	    {"10.0.0.1:80", NULL},
	    {"[::1]", NULL},
	    {"10.0.0.1/8", NULL},
	    {"10.0.0.1%1", NULL},
	    {"", NULL},
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dtlsd_address a;
		char buf[DT_ADDR_TEXT];
		bool ok = dt_addr_parse_ip(rows[i].in, &a) == DT_OK;
		cr_assert(ok == (rows[i].out != NULL), "%s", rows[i].in);
		cr_assert(!ok || strcmp(dt_addr_format_ip(&a, buf), rows[i].out) == 0, "%s", rows[i].in);
	}
}

Test(addr, the_name_of_an_interface_is_a_scope)
{
	struct dtlsd_address a, b;
	cr_assert(dt_addr_parse_ip("fe80::1%lo", &a) == DT_OK);
	cr_assert(dt_addr_parse_ip("fe80::1%1", &b) == DT_OK);
	cr_assert(a.scope == 1 && dt_addr_equal(&a, &b));
}

Test(addr, a_prefix_has_zeros_behind_it)
{
	static const struct {
		const char *in;
		int family, bits; /* 0: refused */
	} rows[] = {
	    {"10.0.0.0/8", DTLSD_IPV4, 8},
	    {"0.0.0.0/0", DTLSD_IPV4, 0},
	    {"10.1.2.3", DTLSD_IPV4, 32},
	    {"10.1.2.3/32", DTLSD_IPV4, 32},
	    {"10.1.2.2/31", DTLSD_IPV4, 31},
	    {"10.1.2.3/31", 0, 0},
	    {"128.0.0.0/1", DTLSD_IPV4, 1},
	    {"10.0.0.0/33", 0, 0},
	    {"10.0.0.0/", 0, 0},
	    {"10.0.0.0/-1", 0, 0},
	    {"10.0.0.0/8/8", 0, 0},
	    {"10.0.0.0/255.0.0.0", 0, 0},
	    {"/8", 0, 0},
	    {"", 0, 0},
	    {"::/0", DTLSD_IPV6, 0},
	    {"2001:db8::/32", DTLSD_IPV6, 32},
	    {"2001:db8::/29", DTLSD_IPV6, 29},
	    {"2001:db8::/28", 0, 0},
	    {"::1/128", DTLSD_IPV6, 128},
	    {"::1/127", 0, 0},
	    {"::1/129", 0, 0},
	    {"fe80::%1/10", 0, 0},
	    {"[::]/0", 0, 0},
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dtlsd_cidr c = {0};
		enum dt_err err = dt_cidr_parse(rows[i].in, &c);
		cr_assert((err == DT_OK) == (rows[i].family != 0), "%s", rows[i].in);
		cr_assert(c.family == rows[i].family && c.bits == rows[i].bits, "%s", rows[i].in);
	}
}

Test(addr, a_prefix_parses_exactly_when_masking_changes_nothing)
{
	struct seeded r = seeded_begin("cidr");
	for (int i = 0; i < 20000; i++) {
		uint32_t ip = (uint32_t)seeded_next(&r) & ~(uint32_t)0 << seeded_below(&r, 32);
		unsigned bits = (unsigned)seeded_below(&r, 33);
		uint32_t mask = bits ? ~(uint32_t)0 << (32 - bits) : 0;
		struct in_addr in = {htonl(ip)};
		char text[64], name[INET_ADDRSTRLEN];
		snprintf(text, sizeof(text), "%s/%u", inet_ntop(AF_INET, &in, name, sizeof(name)), bits);
		struct dtlsd_cidr c;
		bool ok = dt_cidr_parse(text, &c) == DT_OK;
		cr_assert(ok == ((ip & mask) == ip), "%s", text);
		cr_assert(!ok || (c.bits == bits && memcmp(c.ip, &in, 4) == 0), "%s", text);
	}
}

static struct dtlsd_address
random_address(struct seeded *r)
{
	struct dtlsd_address a = {.port = (uint16_t)seeded_next(r)};
	bool six = seeded_below(r, 2);
	a.family = six ? DTLSD_IPV6 : DTLSD_IPV4;
	seeded_fill(r, a.ip, six ? 16 : 4);
	/* Runs of zeros are what the text form shortens. */
	if (six && seeded_below(r, 2))
		memset(a.ip + seeded_below(r, 8), 0, seeded_below(r, 9));
	if (six)
		a.ip[0] |= 0x20; /* never IPv4-mapped, which is IPv4 */
	if (six && seeded_below(r, 4) == 0)
		a.scope = 0x80000000u | (uint32_t)seeded_next(r);
	return a;
}

Test(addr, text_and_sockaddr_both_lead_back_to_the_same_bytes)
{
	struct seeded r = seeded_begin("addr");
	for (int i = 0; i < 20000; i++) {
		struct dtlsd_address a = random_address(&r), b, c;
		struct sockaddr_storage ss;
		char buf[DT_ADDR_TEXT];
		cr_assert(dt_addr_parse(dt_addr_format(&a, buf), &b) == DT_OK, "%s", buf);
		cr_assert(dt_addr_equal(&a, &b), "%s", buf);

		socklen_t len = dt_addr_to_sockaddr(&a, &ss);
		cr_assert(len == (a.family == DTLSD_IPV4 ? sizeof(struct sockaddr_in)
							 : sizeof(struct sockaddr_in6)));
		cr_assert(dt_addr_from_sockaddr((struct sockaddr *)&ss, &c) == DT_OK, "%s", buf);
		cr_assert(dt_addr_equal(&a, &c), "%s", buf);
	}
}

Test(addr, a_mapped_address_is_the_ipv4_client_that_it_is)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(5684)};
	struct dtlsd_address mapped, plain;
	cr_assert(inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6.sin6_addr) == 1);
	cr_assert(dt_addr_from_sockaddr((struct sockaddr *)&in6, &mapped) == DT_OK);
	cr_assert(dt_addr_parse("192.0.2.7:5684", &plain) == DT_OK);
	cr_assert(dt_addr_equal(&mapped, &plain));
}

Test(addr, another_family_is_refused)
{
	struct sockaddr_storage ss = {.ss_family = AF_UNIX};
	struct dtlsd_address a;
	cr_assert(dt_addr_from_sockaddr((struct sockaddr *)&ss, &a) == DT_ERR_INVALID);
}

Test(addr, every_member_counts_in_a_comparison)
{
	struct dtlsd_address a, b;
	cr_assert(dt_addr_parse("[fe80::1%2]:80", &a) == DT_OK);
	b = a;
	cr_assert(dt_addr_equal(&a, &b));
	b.port++;
	cr_assert(!dt_addr_equal(&a, &b));
	b = a, b.scope++;
	cr_assert(!dt_addr_equal(&a, &b));
	b = a, b.ip[15]++;
	cr_assert(!dt_addr_equal(&a, &b));
	b = a, b.family = DTLSD_IPV4;
	cr_assert(!dt_addr_equal(&a, &b));
}

Test(addr, loopback_is_all_of_127_and_one_of_ipv6)
{
	static const struct {
		const char *ip;
		bool loopback;
	} rows[] = {{"127.0.0.1", true}, {"127.255.255.255", true}, {"126.255.255.255", false},
	    {"128.0.0.0", false}, {"0.0.0.0", false}, {"::1", true}, {"::", false}, {"::2", false},
	    {"7f00::1", false}};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dtlsd_address a;
		cr_assert(dt_addr_parse_ip(rows[i].ip, &a) == DT_OK);
		cr_assert(dt_addr_is_loopback(&a) == rows[i].loopback, "%s", rows[i].ip);
	}
}
