#include "config/scan.h"

#include "base/assert.h"
#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 40u /* bytes of a word that a message repeats */

struct key {
	const char *text; /* borrowed: between the quotes */
	size_t len;
};

/* One open object or list. */
struct level {
	struct key key; /* in an object: the member that is read */
	size_t index;	/* in a list: the item that is read      */
	bool is_list;
};

struct scan {
	const char *text;
	size_t len, at;
	const struct dt_scan_sink
	    *sink;	  /* NULL: the text is known to be right, keys are not kept */
	struct key *keys; /* owned: of all open objects, outermost first            */
	size_t key_count, key_cap;
	unsigned depth;
	bool nomem;
	struct level levels[DT_SCAN_DEPTH];
};

static bool scan_value(struct scan *s);

/* Returns false, so that a caller can return it. */
static bool __attribute__((format(printf, 4, 5)))
fail(struct scan *s, size_t at, const char *suggestion, const char *format, ...)
{
	char text[160];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (s->sink)
		s->sink->fault(s->sink->arg, at, NULL, suggestion, text);
	return false;
}

/* NUL at the end, which no rule allows inside. */
static char
peek(const struct scan *s)
{
	return s->at < s->len ? s->text[s->at] : '\0';
}

static bool
begins(const struct scan *s, const char *what)
{
	size_t n = strlen(what);
	return s->len - s->at >= n && memcmp(s->text + s->at, what, n) == 0;
}

static bool
skip_comment(struct scan *s)
{
	size_t start = s->at;
	bool line = begins(s, "//");
	s->at += 2;
	while (s->at < s->len && !(line ? peek(s) == '\n' : begins(s, "*/")))
		s->at++;
	if (line)
		return true;
	if (s->at >= s->len)
		return fail(s, start, NULL, "this comment has no end");
	s->at += 2;
	return true;
}

static bool
skip_space(struct scan *s)
{
	for (;;) {
		char c = peek(s);
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			s->at++;
		} else if (begins(s, "//") || begins(s, "/*")) {
			if (!skip_comment(s))
				return false;
		} else {
			return true;
		}
	}
}

/* The four digits of \uXXXX that begin at `at`, or -1. */
static long
read_hex4(const struct scan *s, size_t at)
{
	char digits[5] = "";
	if (at + 4 > s->len)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		if (!isxdigit((unsigned char)s->text[at + i]))
			return -1;
		digits[i] = s->text[at + i];
	}
	return strtol(digits, NULL, 16);
}

/* \uXXXX; characters outside of the basic plane are two of them (RFC 8259 7). */
static bool
scan_unicode_escape(struct scan *s)
{
	size_t start = s->at;
	long first = read_hex4(s, s->at + 2);
	if (first < 0)
		return fail(s, start, NULL, "\\u wants four hexadecimal digits");
	if (first == 0)
		return fail(s, start, NULL, "a text cannot hold \\u0000");
	s->at += 6;
	if (first < 0xd800 || first > 0xdfff)
		return true;
	long second = begins(s, "\\u") ? read_hex4(s, s->at + 2) : -1;
	if (first > 0xdbff || second < 0xdc00 || second > 0xdfff)
		return fail(s, start, NULL, "half of a surrogate pair");
	s->at += 6;
	return true;
}

static bool
scan_escape(struct scan *s)
{
	char c = s->at + 1 < s->len ? s->text[s->at + 1] : '\0';
	if (c == 'u')
		return scan_unicode_escape(s);
	if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL)
		return fail(s, s->at, "\\\\", "this backslash begins no known escape");
	s->at += 2;
	return true;
}

/* `out` gets what is between the quotes. */
static bool
scan_string(struct scan *s, struct key *out)
{
	size_t start = s->at++;
	while (s->at < s->len) {
		unsigned char c = (unsigned char)peek(s);
		if (c == '"') {
			*out = (struct key){s->text + start + 1, s->at - start - 1};
			s->at++;
			return true;
		}
		if (c == '\n')
			break;
		if (c < 0x20)
			return fail(
			    s, s->at, NULL, "a control character in a text is written \\u%04x", c);
		if (c != '\\')
			s->at++;
		else if (!scan_escape(s))
			return false;
	}
	return fail(s, start, NULL, "this text has no closing quote in its line");
}

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr("_-+.", c) != NULL);
}

/* The word that begins here, cut to what a message can repeat. */
static void
copy_word(const struct scan *s, char out[WORD_MAX + 1])
{
	size_t n = 0;
	while (n < WORD_MAX && s->at + n < s->len && is_word(s->text[s->at + n])) {
		out[n] = s->text[s->at + n];
		n++;
	}
	out[n] = '\0';
}

/* What stands here is not what is wanted; if it is a word, it was meant as text. */
static bool
refuse_word(struct scan *s, const char *wanted)
{
	char word[WORD_MAX + 1], quoted[WORD_MAX + 3];
	copy_word(s, word);
	snprintf(quoted, sizeof(quoted), "\"%s\"", word);
	if (s->at >= s->len)
		return fail(s, s->at, NULL, "%s is wanted here, but the file ends", wanted);
	return fail(s, s->at, word[0] ? quoted : NULL, "%s is wanted here", wanted);
}

static bool
scan_literal(struct scan *s)
{
	static const char *const literals[] = {"true", "false", "null"};
	char word[WORD_MAX + 1];
	copy_word(s, word);
	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		if (strcasecmp(word, literals[i]) != 0)
			continue;
		if (strcmp(word, literals[i]) != 0)
			return fail(s, s->at, literals[i], "\"%s\" is no value", word);
		s->at += strlen(word);
		return true;
	}
	return refuse_word(s, "a value, or a text in double quotes,");
}

static size_t
skip_digits(struct scan *s)
{
	size_t start = s->at;
	while (isdigit((unsigned char)peek(s)))
		s->at++;
	return s->at - start;
}

static bool
check_range(struct scan *s, size_t start, bool whole)
{
	char digits[400];
	size_t n = s->at - start;
	bool fits = n < sizeof(digits);
	if (fits) {
		memcpy(digits, s->text + start, n);
		digits[n] = '\0';
		errno = 0;
		if (whole)
			(void)strtoll(digits, NULL, 10);
		fits = whole ? errno != ERANGE : !isinf(strtod(digits, NULL));
	}
	return fits ? true : fail(s, start, NULL, "this number is too large");
}

static bool
scan_number(struct scan *s)
{
	size_t start = s->at;
	bool whole = true;
	if (peek(s) == '-')
		s->at++;
	bool zero = peek(s) == '0';
	size_t digits = skip_digits(s);
	if (digits == 0 || (zero && digits > 1))
		goto bad;
	if (peek(s) == '.') {
		whole = false;
		s->at++;
		if (skip_digits(s) == 0)
			goto bad;
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		whole = false;
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (skip_digits(s) == 0)
			goto bad;
	}
	if (!is_word(peek(s)))
		return check_range(s, start, whole);
bad:
	s->at = start;
	return refuse_word(s, "a number, or a text in double quotes,");
}

static bool
keep_key(struct scan *s, const struct key *key)
{
	if (s->key_count == s->key_cap) {
		size_t cap = s->key_cap ? 2 * s->key_cap : 64;
		struct key *more = dt_resize(s->keys, cap * sizeof(*more));
		if (more == NULL) {
			s->nomem = true;
			return false;
		}
		s->keys = more;
		s->key_cap = cap;
	}
	s->keys[s->key_count++] = *key;
	return true;
}

static int
compare_keys(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	int order = memcmp(x->text, y->text, x->len);
	if (order != 0)
		return order;
	return x->text < y->text ? -1 : x->text > y->text;
}

static size_t
append_escaped(char *out, size_t used, const struct key *key)
{
	for (size_t i = 0; i < key->len; i++) {
		char c = key->text[i];
		if (c == '~' || c == '/') {
			out[used++] = '~';
			c = c == '~' ? '0' : '1';
		}
		out[used++] = c;
	}
	return used;
}

/* The pointer to a member of the innermost object; NULL without memory. */
static char *
make_pointer(const struct scan *s, const struct key *last)
{
	size_t size = 2 * last->len + 2;
	for (unsigned i = 0; i + 1 < s->depth; i++)
		size += s->levels[i].is_list ? 24 : 2 * s->levels[i].key.len + 1;
	char *out = dt_alloc(size);
	if (out == NULL)
		return NULL;

	size_t used = 0;
	for (unsigned i = 0; i + 1 < s->depth; i++) {
		out[used++] = '/';
		if (s->levels[i].is_list)
			used += (size_t)snprintf(out + used, 24, "%zu", s->levels[i].index);
		else
			used = append_escaped(out, used, &s->levels[i].key);
	}
	out[used++] = '/';
	append_escaped(out, used, last);
	return out;
}

static void
tell_duplicate(struct scan *s, const struct key *key)
{
	char *pointer = make_pointer(s, key);
	if (pointer == NULL) {
		s->nomem = true;
		return;
	}
	char text[WORD_MAX + 32];
	int shown = key->len < WORD_MAX ? (int)key->len : 0; /* never half a character */
	snprintf(text, sizeof(text), "duplicate key%s%.*s%s", shown ? " \"" : "", shown, key->text,
	    shown ? "\"" : "");
	s->sink->fault(s->sink->arg, (size_t)(key->text - s->text) - 1, pointer, NULL, text);
	dt_free(pointer);
}

/* The keys from `first` on are those of the object that just ended. */
static void
find_duplicates(struct scan *s, size_t first)
{
	if (s->key_count - first > 1)
		qsort(s->keys + first, s->key_count - first, sizeof(*s->keys), compare_keys);
	for (size_t i = first + 1; i < s->key_count && !s->nomem; i++) {
		const struct key *a = &s->keys[i - 1], *b = &s->keys[i];
		if (a->len == b->len && memcmp(a->text, b->text, a->len) == 0)
			tell_duplicate(s, b);
	}
	s->key_count = first;
}

static bool
scan_key(struct scan *s, struct key *key)
{
	size_t start = s->at;
	if (peek(s) != '"')
		return refuse_word(s, "a key in double quotes");
	if (!scan_string(s, key))
		return false;
	if (memchr(key->text, '\\', key->len))
		return fail(s, start, NULL, "a key is written without backslashes");
	return true;
}

/* A key, the colon and the value. */
static bool
scan_member(struct scan *s, struct level *level)
{
	if (!scan_key(s, &level->key) || (s->sink && !keep_key(s, &level->key)) || !skip_space(s))
		return false;
	if (peek(s) != ':')
		return fail(s, s->at, NULL, "a colon is missing before this");
	s->at++;
	return skip_space(s) && scan_value(s);
}

/* Members or items up to the closing bracket; the opening one is behind us. */
static bool
scan_inside(struct scan *s, struct level *level, size_t open, char close)
{
	const char *what = level->is_list ? "list" : "object";
	size_t comma = 0;
	for (;; level->index++) {
		if (!skip_space(s))
			return false;
		if (s->at >= s->len)
			return fail(s, open, NULL, "this %s has no end", what);
		if (peek(s) == close && comma)
			return fail(s, comma, NULL, "no comma may stand before the end of %s",
			    level->is_list ? "a list" : "an object");
		if (peek(s) == close)
			break;
		if (!(level->is_list ? scan_value(s) : scan_member(s, level)) || !skip_space(s))
			return false;
		if (s->at >= s->len)
			return fail(s, open, NULL, "this %s has no end", what);
		if (peek(s) == close)
			break;
		if (peek(s) != ',')
			return fail(s, s->at, NULL, "a comma or %c is missing before this", close);
		comma = s->at++;
	}
	s->at++;
	return true;
}

static bool
scan_nested(struct scan *s, bool is_list)
{
	size_t open = s->at++, first = s->key_count;
	if (s->depth == DT_SCAN_DEPTH)
		return fail(
		    s, open, NULL, "more than %u levels of objects and lists", DT_SCAN_DEPTH);
	struct level *level = &s->levels[s->depth++];
	*level = (struct level){.is_list = is_list};
	if (!scan_inside(s, level, open, is_list ? ']' : '}'))
		return false;
	if (s->sink && !is_list)
		find_duplicates(s, first);
	s->depth--;
	return !s->nomem;
}

static bool
scan_value(struct scan *s)
{
	struct key ignored;
	char c = peek(s);
	if (c == '{' || c == '[')
		return scan_nested(s, c == '[');
	if (c == '"')
		return scan_string(s, &ignored);
	if (c == '-' || isdigit((unsigned char)c))
		return scan_number(s);
	return scan_literal(s);
}

static bool
scan_file(struct scan *s)
{
	if (!skip_space(s))
		return false;
	if (s->at == s->len)
		return fail(s, 0, NULL, "the file holds no configuration");
	if (peek(s) != '{')
		return fail(s, s->at, NULL, "an object is wanted here: { ... }");
	if (!scan_value(s) || !skip_space(s))
		return false;
	if (s->at < s->len)
		return fail(s, s->at, NULL, "the configuration ended before this");
	return true;
}

/* Leaves the levels alone: they are set when they open. */
static void
begin_scan(struct scan *s, const char *text, size_t len, size_t at, const struct dt_scan_sink *sink)
{
	s->text = text;
	s->len = len;
	s->at = at;
	s->sink = sink;
	s->keys = NULL;
	s->key_count = s->key_cap = 0;
	s->depth = 0;
	s->nomem = false;
}

enum dt_err
dt_scan_check(const char *text, size_t len, const struct dt_scan_sink *sink)
{
	struct scan s;
	begin_scan(&s, text, len, 0, sink);
	bool ok = scan_file(&s);
	dt_free(s.keys);
	if (s.nomem)
		return DT_ERR_NOMEM;
	return ok ? DT_OK : DT_ERR_CONFIG;
}

bool
dt_scan_is_value(const char *text)
{
	struct scan s;
	begin_scan(&s, text, strlen(text), 0, NULL);
	return skip_space(&s) && scan_value(&s) && skip_space(&s) && s.at == s.len;
}

/* The text is right: a quiet scan cannot fail. */
size_t
dt_scan_skip_space(const char *text, size_t len, size_t at)
{
	struct scan s;
	begin_scan(&s, text, len, at, NULL);
	DT_ASSERT(skip_space(&s));
	return s.at;
}

size_t
dt_scan_skip_value(const char *text, size_t len, size_t at)
{
	struct scan s;
	begin_scan(&s, text, len, at, NULL);
	DT_ASSERT(scan_value(&s));
	return s.at;
}
