#include "match.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#define LABEL_MAX 63u /* RFC 1035 2.3.4 */
#define DNS_MAX 253u
#define FINGERPRINT_DIGITS 64u

struct view {
	const char *at;
	size_t len;
};

static struct view
whole(const char *text)
{
	return (struct view){text, strlen(text)};
}

static struct view
cut(struct view v, size_t from)
{
	return (struct view){v.at + from, v.len - from};
}

static bool
is_equal(struct view a, struct view b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

/* ---- runs of any characters --------------------------------------------------------------- */

/* Is the character at `at` the second half of an escape? True for an odd run of backslashes
 * before it. */
static bool
is_escaped(const char *start, const char *at)
{
	const char *p = at;
	while (p > start && p[-1] == '\\')
		p--;
	return (at - p) % 2 != 0;
}

/* Where `piece` is found first in `text`, or NULL. `start`: see match_runs(). memmem() is
 * linear; a hit behind a backslash costs the length of the piece, and those do not overlap
 * unless the piece itself is made of them. */
static const char *
find(struct view piece, struct view text, const char *start)
{
	for (;;) {
		const char *hit = memmem(text.at, text.len, piece.at, piece.len);
		if (!hit || !start || !is_escaped(start, hit))
			return hit;
		text = cut(text, (size_t)(hit - text.at) + 1);
	}
}

/* `start`: begin of the whole text if what follows a `*` must not be found behind a backslash,
 * else NULL. Taking each piece between two `*` where it comes first leaves the most for the
 * rest, so nothing needs to be tried twice. */
static bool
match_runs(struct view pattern, struct view text, const char *start)
{
	const char *star = memchr(pattern.at, '*', pattern.len);
	if (!star)
		return is_equal(pattern, text);
	size_t head = (size_t)(star - pattern.at);
	if (text.len < head || memcmp(text.at, pattern.at, head) != 0)
		return false;
	text = cut(text, head);
	pattern = cut(pattern, head + 1);

	while ((star = memchr(pattern.at, '*', pattern.len))) {
		struct view piece = {pattern.at, (size_t)(star - pattern.at)};
		const char *hit = piece.len ? find(piece, text, start) : text.at;
		if (!hit)
			return false;
		text = cut(text, (size_t)(hit - text.at) + piece.len);
		pattern = cut(pattern, piece.len + 1);
	}
	if (pattern.len == 0)
		return true;
	if (text.len < pattern.len)
		return false;
	struct view tail = cut(text, text.len - pattern.len);
	return is_equal(pattern, tail) && !(start && is_escaped(start, tail.at));
}

bool
match_text(const char *pattern, const char *text)
{
	return match_runs(whole(pattern), whole(text), NULL);
}

bool
match_name(const char *pattern, const char *text)
{
	return match_runs(whole(pattern), whole(text), text);
}

/* ---- DNS names and mail addresses --------------------------------------------------------- */

/* Independent of the locale, unlike tolower(). Requires: from.len <= the room at `to`. */
static struct view
fold(struct view from, char *to)
{
	for (size_t i = 0; i < from.len; i++) {
		char ch = from.at[i];
		to[i] = ch >= 'A' && ch <= 'Z' ? (char)(ch - 'A' + 'a') : ch;
	}
	return (struct view){to, from.len};
}

const char *
wrong_dns(const char *pattern)
{
	static const char in_label[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789-_*";
	if (strlen(pattern) > DNS_MAX)
		return "longer than a DNS name can be";
	for (;;) {
		size_t len = strspn(pattern, in_label);
		if (pattern[len] != '.' && pattern[len] != '\0')
			return "not a DNS name: letters, digits, \"-\", \"_\" and \"*\" in labels "
			       "between dots";
		if (len == 0)
			return "an empty label in a DNS name";
		if (len > LABEL_MAX)
			return "a label longer than 63 characters";
		if (!pattern[len])
			return NULL;
		pattern += len + 1;
	}
}

bool
match_dns(const char *pattern, const char *text)
{
	char a[LABEL_MAX], b[LABEL_MAX];
	if (wrong_dns(pattern) || wrong_dns(text))
		return false;
	for (;;) {
		struct view label = fold((struct view){pattern, strcspn(pattern, ".")}, a);
		struct view found = fold((struct view){text, strcspn(text, ".")}, b);
		if (!match_runs(label, found, NULL))
			return false;
		pattern += label.len;
		text += found.len;
		if (!*pattern || !*text)
			return !*pattern && !*text;
		pattern++;
		text++;
	}
}

const char *
wrong_email(const char *pattern)
{
	const char *at = strrchr(pattern, '@');
	if (!at || at == pattern || !at[1])
		return "not of the form local@domain (\"*@fleet.example\")";
	if (strlen(at + 1) > DNS_MAX)
		return "a domain longer than a DNS name can be";
	return NULL;
}

bool
match_email(const char *pattern, const char *text)
{
	char a[DNS_MAX], b[DNS_MAX];
	if (wrong_email(pattern) || wrong_email(text))
		return false;
	size_t local = (size_t)(strrchr(pattern, '@') - pattern);
	size_t found = (size_t)(strrchr(text, '@') - text);
	return match_runs((struct view){pattern, local}, (struct view){text, found}, NULL) &&
	       match_runs(
		   fold(whole(pattern + local + 1), a), fold(whole(text + found + 1), b), NULL);
}

/* ---- numbers ------------------------------------------------------------------------------ */

/* The value of a hex digit, or -1. */
static int
digit(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : -1;
}

/* Number of hex digits, or 0 if there is something else than digits and colons. */
static size_t
count_digits(const char *text)
{
	size_t n = 0;
	for (; *text; text++) {
		if (digit(*text) >= 0)
			n++;
		else if (*text != ':')
			return 0;
	}
	return n;
}

static bool
is_same_hex(const char *a, const char *b)
{
	for (;; a++, b++) {
		a += strspn(a, ":");
		b += strspn(b, ":");
		if (!*a || !*b)
			return !*a && !*b;
		if (digit(*a) != digit(*b))
			return false;
	}
}

const char *
wrong_fingerprint(const char *pattern)
{
	return count_digits(pattern) == FINGERPRINT_DIGITS ? NULL
							   : "not the 64 hex digits of a SHA-256";
}

bool
match_fingerprint(const char *pattern, const char *text)
{
	return !wrong_fingerprint(pattern) && !wrong_fingerprint(text) &&
	       is_same_hex(pattern, text);
}

const char *
wrong_serial(const char *pattern)
{
	return count_digits(pattern + (*pattern == '-')) ? NULL : "not a number in hex digits";
}

bool
match_serial(const char *pattern, const char *text)
{
	if (wrong_serial(pattern) || wrong_serial(text) || (*pattern == '-') != (*text == '-'))
		return false;
	return is_same_hex(pattern + strspn(pattern, "-0:"), text + strspn(text, "-0:"));
}

const char *
wrong_text(const char *pattern)
{
	return *pattern ? NULL : "must not be empty";
}

/* ---- addresses ---------------------------------------------------------------------------- */

bool
match_prefix(const struct dtlsd_cidr *prefix, const char *text)
{
	uint8_t ip[16];
	if (inet_pton(prefix->family == DTLSD_IPV4 ? AF_INET : AF_INET6, text, ip) != 1)
		return false;
	unsigned bytes = prefix->bits / 8u, rest = prefix->bits % 8u;
	if (memcmp(ip, prefix->ip, bytes) != 0)
		return false;
	return rest == 0 || (ip[bytes] ^ prefix->ip[bytes]) >> (8 - rest) == 0;
}
