#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "match.h"

struct row {
	const char *pattern, *text;
	bool fits;
};

static void
expect_rows(bool (*match)(const char *, const char *), const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		cr_assert_eq(match(rows[i].pattern, rows[i].text), rows[i].fits, "\"%s\" on \"%s\"",
		    rows[i].pattern, rows[i].text);
}

#define EXPECT(match, ...)                                                                         \
	do {                                                                                       \
		static const struct row rows[] = {__VA_ARGS__};                                    \
		expect_rows(match, rows, sizeof(rows) / sizeof(rows[0]));                          \
	} while (0)

Test(match, a_star_stands_for_any_run_of_characters)
{
	EXPECT(match_text, {"", "", true}, {"", "a", false}, {"a", "", false}, {"*", "", true},
	    {"*", "anything at all", true}, {"**", "", true}, {"a*", "a", true}, {"a*", "ab", true},
	    {"a*", "ba", false}, {"*a", "a", true}, {"*a", "ba", true}, {"*a", "ab", false},
	    {"a*a", "a", false}, {"a*a", "aa", true}, {"a*b*c", "abc", true},
	    {"a*b*c", "a-b-b-c", true}, {"a*b*c", "acb", false}, {"*ab*", "aab", true},
	    {"*ab*ab*", "xabyabz", true}, {"*ab*ab*", "xabz", false}, {"ab*bc", "abc", false},
	    {"Sensor", "sensor", false}, {"spiffe://fleet/*", "spiffe://fleet/x/y", true});
}

Test(match, what_follows_a_star_in_a_name_is_never_found_behind_a_backslash)
{
	EXPECT(match_name, {"CN=*,O=Fleet", "CN=x,O=Fleet", true},
	    {"CN=*,O=Fleet", "CN=x\\,O=Fleet", false},
	    {"CN=*,O=Fleet", "CN=x\\,O=Fleet,O=Other", false},
	    {"CN=*,O=Fleet", "CN=x\\\\,O=Fleet", true},
	    {"CN=*,O=Fleet", "CN=x\\\\\\,O=Fleet", false},
	    {"CN=*,O=Fleet,*", "CN=x\\,O=Fleet,C=DE", false},
	    {"CN=*,O=Fleet,*", "CN=x\\,O=Fleet,O=Fleet,C=DE", true},
	    {"CN=a\\,b,O=*", "CN=a\\,b,O=Fleet", true}, {"*", "CN=x\\,y", true});
}

Test(match, a_star_in_a_dns_name_stays_within_its_label)
{
	EXPECT(match_dns, {"a.example", "A.Example", true}, {"A.EXAMPLE", "a.example", true},
	    {"*.fleet.example", "a.fleet.example", true},
	    {"*.fleet.example", "a.b.fleet.example", false},
	    {"*.fleet.example", "fleet.example", false},
	    {"*.fleet.example", ".fleet.example", false}, {"*", "host", true},
	    {"*", "host.example", false}, {"*.*", "host.example", true},
	    {"dev-*.example", "dev-7.example", true}, {"dev-*.example", "DEV-.example", true},
	    {"dev-*.example", "dev-7.x.example", false}, {"*-*.example", "a-b.example", true},
	    {"a.example", "a.example.", false}, {"a.example", "a.example.org", false},
	    {"a.example.org", "a.example", false}, {"*.example", "*.example", true});
}

Test(match, a_text_that_is_no_dns_name_fits_no_dns_pattern)
{
	char label[65], name[256];
	memset(label, 'a', 64);
	label[64] = '\0';
	cr_assert_not(match_dns("*", label));
	cr_assert(match_dns("*", label + 1));

	memset(name, 'a', 255);
	for (size_t i = 63; i < 255; i += 64)
		name[i] = '.';
	name[253] = '\0';
	cr_assert(match_dns("*.*.*.*", name));
	name[253] = 'a';
	name[254] = '\0';
	cr_assert_not(match_dns("*.*.*.*", name));
	EXPECT(match_dns, {"*.example", "a\\x00.example", false},
	    {"*.example", "a b.example", false}, {"*.example", "\xc3\xa4.example", false},
	    {"*", "", false});
}

Test(match, case_matters_in_the_local_part_of_a_mail_address_only)
{
	EXPECT(match_email, {"ops@fleet.example", "ops@Fleet.Example", true},
	    {"ops@fleet.example", "Ops@fleet.example", false},
	    {"*@fleet.example", "a.b@FLEET.example", true},
	    {"*@fleet.example", "a@x.fleet.example", false}, {"*@*.example", "a@b.c.example", true},
	    {"*@fleet.example", "evil@other.example@fleet.example", true},
	    {"*@fleet.example", "a@fleet.example@other.example", false},
	    {"*@fleet.example", "fleet.example", false},
	    {"*@fleet.example", "@fleet.example", false}, {"*", "a@b", false});
}

#define SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

Test(match, colons_and_case_do_not_matter_in_hex)
{
	EXPECT(match_fingerprint, {SHA, SHA, true},
	    {"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
	     "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
		SHA, true},
	    {"10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", SHA, false},
	    {"00112233445566778899aabbccddeeff00112233445566778899aabbccddeefe", SHA, false},
	    {"", SHA, false}, {"*", SHA, false}, {"0011", "0011", false});
	EXPECT(match_serial, {"0a", "0A", true}, {"A", "0A", true}, {"00:0a", "A", true},
	    {"1:0", "10", true}, {"1", "10", false}, {"10", "1", false}, {"0", "00", true},
	    {"-1", "-01", true}, {"1", "-01", false}, {"-1", "01", false}, {"", "", false},
	    {"*", "01", false}, {"0", "1", false});
}

Test(match, an_address_is_compared_as_a_number)
{
	const struct dtlsd_cidr v4 = {DTLSD_IPV4, 20, {192, 0, 32}};
	const struct dtlsd_cidr v6 = {DTLSD_IPV6, 128, {0x20, 1, 0xd, 0xb8, [15] = 1}};
	const struct dtlsd_cidr all = {DTLSD_IPV6, 0, {0}};
	cr_assert(match_prefix(&v4, "192.0.32.0"));
	cr_assert(match_prefix(&v4, "192.0.47.255"));
	cr_assert_not(match_prefix(&v4, "192.0.48.0"));
	cr_assert_not(match_prefix(&v4, "193.0.32.0"));
	cr_assert_not(match_prefix(&v4, "::1"));
	cr_assert_not(match_prefix(&v4, "C000022000"));
	cr_assert(match_prefix(&v6, "2001:DB8:0:0::1"));
	cr_assert_not(match_prefix(&v6, "2001:db8::2"));
	cr_assert(match_prefix(&all, "ffff::"));
	cr_assert_not(match_prefix(&all, "192.0.2.1"));
}

Test(match, a_wrong_pattern_is_told)
{
	static const struct {
		const char *(*wrong)(const char *);
		const char *pattern;
		bool is_wrong;
	} rows[] = {
	    {wrong_text, "", true},
	    {wrong_text, "*", false},
	    {wrong_dns, "*.fleet.example", false},
	    {wrong_dns, "fleet..example", true},
	    {wrong_dns, "fleet.example.", true},
	    {wrong_dns, "", true},
	    {wrong_dns, "https://fleet.example", true},
	    {wrong_email, "*@fleet.example", false},
	    {wrong_email, "fleet.example", true},
	    {wrong_email, "@fleet.example", true},
	    {wrong_email, "ops@", true},
	    {wrong_fingerprint, SHA, false},
	    {wrong_fingerprint, SHA "0", true},
	    {wrong_fingerprint, SHA ":", false},
	    {wrong_serial, "0A:1b", false},
	    {wrong_serial, "0x1b", true},
	    {wrong_serial, ":", true},
	    {wrong_serial, "-", true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_eq(rows[i].wrong(rows[i].pattern) != NULL, rows[i].is_wrong, "\"%s\"",
		    rows[i].pattern);
}

/* Would take longer than the universe has, or minutes, if anything were tried twice. */
Test(match, a_text_made_to_be_slow_is_not, .timeout = 60)
{
	enum { STARS = 2000, LENGTH = 1000000, ESCAPED_LENGTH = 65536 };
	char *pattern = calloc(1, 2 * STARS + 3), *text = calloc(1, LENGTH + 1);
	cr_assert(pattern && text);
	for (int i = 0; i < STARS; i++)
		memcpy(pattern + 2 * i, "*a", 2);
	memcpy(pattern + (size_t)(2 * STARS), "*b", 2);
	memset(text, 'a', LENGTH);
	cr_assert_not(match_text(pattern, text));
	cr_assert_not(match_name(pattern, text));

	memset(pattern + 1, 'a', 1000);
	strcpy(pattern + 1001, "b*");
	cr_assert_not(match_text(pattern, text));
	/* Shorter: with AddressSanitizer every memmem() walks the whole text. */
	text[ESCAPED_LENGTH] = '\0';
	for (int i = 0; i < ESCAPED_LENGTH; i += 2)
		text[i] = '\\';
	cr_assert_not(match_name("*a*b", text));
	free(pattern);
	free(text);
}

/* ---- against a search that tries everything ------------------------------------------------ */

static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void
random_text(uint64_t *state, char *out, size_t most, const char *letters)
{
	size_t len = next_random(state) % (most + 1);
	for (size_t i = 0; i < len; i++)
		out[i] = letters[next_random(state) % strlen(letters)];
	out[len] = '\0';
}

/* `escapes`: after a star, a character behind an odd run of backslashes begins nothing. */
static bool
try_all(const char *pattern, const char *text, const char *start, bool escapes)
{
	if (*pattern != '*')
		return *pattern == *text &&
		       (!*pattern || try_all(pattern + 1, text + 1, start, escapes));
	while (pattern[1] == '*')
		pattern++;
	for (const char *from = text;; from++) {
		const char *p = from;
		while (p > start && p[-1] == '\\')
			p--;
		bool inside = escapes && pattern[1] && (from - p) % 2;
		if (!inside && try_all(pattern + 1, from, start, escapes))
			return true;
		if (!*from)
			return false;
	}
}

Test(match, agrees_with_a_search_that_tries_everything)
{
	const char *given = getenv("DTLSD_TEST_SEED");
	uint64_t seed = 0;
	if (given)
		seed = strtoull(given, NULL, 0);
	else
		cr_assert_eq(getrandom(&seed, sizeof(seed), 0), (ssize_t)sizeof(seed));
	uint64_t state = seed;
	unsigned fits = 0;
	for (unsigned i = 0; i < 300000; i++) {
		char pattern[9], text[13];
		random_text(&state, pattern, sizeof(pattern) - 1, "ab*\\");
		random_text(&state, text, sizeof(text) - 1, "ab\\");
		bool expected = try_all(pattern, text, text, false);
		fits += expected;
		cr_assert_eq(match_text(pattern, text), expected,
		    "\"%s\" on \"%s\", DTLSD_TEST_SEED=%llu", pattern, text,
		    (unsigned long long)seed);
		cr_assert_eq(match_name(pattern, text), try_all(pattern, text, text, true),
		    "name \"%s\" on \"%s\", DTLSD_TEST_SEED=%llu", pattern, text,
		    (unsigned long long)seed);
	}
	cr_assert_gt(fits, 1000);
}
