/* Edit distance against a slow definition by recursion; escaping against its own reading back. */
#include "base/text.h"

#include "seeded.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

Test(text, hex_is_lower_case)
{
	char out[9];
	cr_assert(strcmp(dt_text_hex("\x00\x9f\xA0\xff", 4, out), "009fa0ff") == 0);
	cr_assert(strcmp(dt_text_hex("", 0, out), "") == 0);
}

Test(text, escaping_leaves_printable_ascii_alone)
{
	char in[2] = {0}, out[16], expected[16];
	for (int c = 0; c < 256; c++) {
		in[0] = (char)c;
		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
			snprintf(expected, sizeof(expected), "%c", c);
		else
			snprintf(expected, sizeof(expected), "\\x%02x", (unsigned)c);
		cr_assert(strcmp(dt_text_escape(in, 1, out, sizeof(out)), expected) == 0, "%d", c);
	}
}

Test(text, a_peer_cannot_begin_a_line_of_its_own)
{
	char out[64];
	dt_text_escape("a\r\nERROR: \x1b[2J", 14, out, sizeof(out));
	cr_assert(strcmp(out, "a\\x0d\\x0aERROR: \\x1b[2J") == 0, "%s", out);
}

Test(text, what_does_not_fit_is_cut_with_dots)
{
	static const struct {
		const char *in;
		size_t cap;
		const char *out;
	} rows[] = {
	    {"abcd", 8, "abcd"},
	    {"abcde", 8, "abcd..."},
	    {"abcdefgh", 8, "abcd..."},
	    {"\n", 8, "\\x0a"},
	    {"\n\n", 8, "\\x0a..."},
	    {"a\n", 8, "a..."},
	    {"", 8, ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[32];
		memset(out, '#', sizeof(out));
		dt_text_escape(rows[i].in, strlen(rows[i].in), out, rows[i].cap);
		cr_assert(strcmp(out, rows[i].out) == 0, "row %zu: %s", i, out);
		cr_assert(out[rows[i].cap] == '#', "row %zu", i);
	}
}

Test(text, escaping_into_a_tiny_buffer_is_a_programmer_error, .signal = SIGABRT)
{
	char out[7];
	dt_text_escape("x", 1, out, sizeof(out));
}

static size_t
unescape(const char *text, char *out)
{
	size_t n = 0;
	while (*text) {
		if (*text == '\\') {
			char digits[3] = {text[2], text[3], 0};
			out[n++] = (char)strtoul(digits, NULL, 16);
			text += 4;
		} else {
			out[n++] = *text++;
		}
	}
	return n;
}

Test(text, what_was_escaped_can_be_read_back)
{
	struct seeded r = seeded_begin("escape");
	for (int i = 0; i < 5000; i++) {
		char in[50], out[256], back[256];
		size_t len = seeded_below(&r, sizeof(in) + 1);
		seeded_fill(&r, in, len);
		dt_text_escape(in, len, out, sizeof(out));
		cr_assert(unescape(out, back) == len && memcmp(in, back, len) == 0);
	}
}

Test(text, distance_counts_edits)
{
	static const struct {
		const char *a, *b;
		unsigned limit, distance;
	} rows[] = {
	    {"", "", 3, 0},
	    {"", "abc", 3, 3},
	    {"abc", "", 2, 3},
	    {"listen", "listen", 2, 0},
	    {"listen", "Listen", 2, 0},
	    {"listen", "lisen", 2, 1},
	    {"listen", "listenn", 2, 1},
	    {"listen", "lixten", 2, 1},
	    {"listen", "lsiten", 2, 1},
	    {"ca", "abc", 5, 3},
	    {"certificate", "cert", 2, 3},
	    {"kitten", "sitting", 5, 3},
	    {"abcdef", "uvwxyz", 2, 3},
	    {"abcdef", "uvwxyz", 6, 6},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned d = dt_text_distance(rows[i].a, rows[i].b, rows[i].limit);
		cr_assert(d == rows[i].distance, "row %zu: %u", i, d);
		cr_assert(d == dt_text_distance(rows[i].b, rows[i].a, rows[i].limit), "row %zu", i);
	}
}

Test(text, words_beyond_the_table_are_equal_or_far)
{
	char a[65], b[65];
	memset(a, 'a', 64);
	memset(b, 'a', 64);
	a[64] = b[64] = '\0';
	cr_assert(dt_text_distance(a, b, 2) == 0);
	b[0] = 'b';
	cr_assert(dt_text_distance(a, b, 2) == 3);
	a[63] = b[63] = '\0';
	cr_assert(dt_text_distance(a, b, 2) == 1);
}

/* The definition itself: the distance of two prefixes from that of shorter ones. */
static unsigned
slow_distance(const char *a, size_t la, const char *b, size_t lb)
{
	if (la == 0 || lb == 0)
		return (unsigned)(la + lb);
	int x = tolower((unsigned char)a[la - 1]), y = tolower((unsigned char)b[lb - 1]);
	unsigned best = slow_distance(a, la - 1, b, lb - 1) + (x != y);
	unsigned del = slow_distance(a, la - 1, b, lb) + 1;
	unsigned ins = slow_distance(a, la, b, lb - 1) + 1;
	best = del < best ? del : best;
	best = ins < best ? ins : best;
	if (la > 1 && lb > 1 && x == tolower((unsigned char)b[lb - 2]) &&
	    y == tolower((unsigned char)a[la - 2])) {
		unsigned swap = slow_distance(a, la - 2, b, lb - 2) + 1;
		best = swap < best ? swap : best;
	}
	return best;
}

static void
random_word(struct seeded *r, char *out, size_t longest)
{
	size_t len = seeded_below(r, longest + 1);
	for (size_t i = 0; i < len; i++)
		out[i] = "abcAB_"[seeded_below(r, 6)];
	out[len] = '\0';
}

Test(text, distance_agrees_with_its_definition)
{
	struct seeded r = seeded_begin("distance");
	for (int i = 0; i < 3000; i++) {
		char a[8], b[8];
		random_word(&r, a, 6);
		random_word(&r, b, 6);
		unsigned limit = (unsigned)seeded_below(&r, 7);
		unsigned slow = slow_distance(a, strlen(a), b, strlen(b));
		unsigned expected = slow <= limit ? slow : limit + 1;
		cr_assert(dt_text_distance(a, b, limit) == expected, "%s %s %u", a, b, limit);
	}
}
