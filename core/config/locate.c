/* Finds places in text whose grammar scan.c found right. */
#include "config/scan.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

struct segment {
	const char *text; /* borrowed */
	size_t len;
};

struct found {
	size_t key, value; /* offsets; of an item both are the value's */
};

void
dt_scan_blank(char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t start = at;
		if (text[at] == '"') {
			at = dt_scan_skip_value(text, len, at);
			continue;
		}
		at = dt_scan_skip_space(text, len, at);
		for (size_t i = start; i < at; i++)
			text[i] = text[i] == '\n' ? '\n' : ' ';
		if (at == start)
			at++;
	}
}

/* The segment of a pointer that begins at the slash *at, which moves behind it. Unescapes into buf.
 */
static struct segment
next_segment(const char **at, char *buf)
{
	const char *p = *at + 1;
	size_t n = 0;
	for (; *p && *p != '/'; p++) {
		char c = *p;
		if (c == '~' && (p[1] == '0' || p[1] == '1'))
			c = *++p == '0' ? '~' : '/';
		buf[n++] = c;
	}
	*at = p;
	return (struct segment){buf, n};
}

/* A segment that is an index, else SIZE_MAX. */
static size_t
read_index(const struct segment *s)
{
	size_t v = 0;
	if (s->len == 0 || s->len > 9)
		return SIZE_MAX;
	for (size_t i = 0; i < s->len; i++) {
		if (!isdigit((unsigned char)s->text[i]))
			return SIZE_MAX;
		v = v * 10 + (size_t)(s->text[i] - '0');
	}
	return v;
}

/* `at`: the opening brace. */
static bool
find_member(const char *text, size_t len, size_t at, const struct segment *name, struct found *out)
{
	bool found = false;
	for (;;) {
		at = dt_scan_skip_space(text, len, at + 1); /* the brace, a comma */
		if (text[at] == '}')
			return found;
		size_t key = at, end = dt_scan_skip_value(text, len, at);
		at = dt_scan_skip_space(text, len, end); /* the colon */
		at = dt_scan_skip_space(text, len, at + 1);
		if (end - key - 2 == name->len &&
		    memcmp(text + key + 1, name->text, name->len) == 0) {
			found = true;
			*out = (struct found){key, at};
		}
		at = dt_scan_skip_space(text, len, dt_scan_skip_value(text, len, at));
		if (text[at] == '}')
			return found;
	}
}

/* `at`: the opening bracket. */
static bool
find_item(const char *text, size_t len, size_t at, size_t index, struct found *out)
{
	for (size_t i = 0;; i++) {
		at = dt_scan_skip_space(text, len, at + 1);
		if (text[at] == ']')
			return false;
		*out = (struct found){at, at};
		if (i == index)
			return true;
		at = dt_scan_skip_space(text, len, dt_scan_skip_value(text, len, at));
		if (text[at] == ']')
			return false;
	}
}

size_t
dt_scan_find(
    const char *text, size_t len, const char *pointer, enum dt_scan_part part, char *matched)
{
	size_t root = dt_scan_skip_space(text, len, 0), used = 0;
	struct found at = {root, root};
	for (const char *p = pointer; *p == '/';) {
		const char *start = p;
		/* Unescaped where its match will be written. */
		struct segment segment = next_segment(&p, matched + used);
		size_t index = read_index(&segment);
		struct found next;
		bool found = false;
		if (text[at.value] == '[')
			found = index != SIZE_MAX && find_item(text, len, at.value, index, &next);
		else if (text[at.value] == '{')
			found = find_member(text, len, at.value, &segment, &next);
		if (!found && text[at.value] != '[' && index != SIZE_MAX)
			continue;
		if (!found) {
			part = DT_SCAN_VALUE;
			break;
		}
		at = next;
		memmove(matched + used, start, (size_t)(p - start));
		used += (size_t)(p - start);
	}
	matched[used] = '\0';
	return part == DT_SCAN_KEY ? at.key : at.value;
}
