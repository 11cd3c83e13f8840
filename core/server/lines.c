#include "server/lines.h"

#include "base/addr.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void
add(struct dt_lines *l, const char *bytes, size_t len)
{
	if (l->full || len > l->cap - l->len) {
		l->full = true;
		return;
	}
	memcpy(l->bytes + l->len, bytes, len);
	l->len += len;
}

static void __attribute__((format(printf, 2, 3)))
add_formatted(struct dt_lines *l, const char *format, ...)
{
	char text[128]; /* a word and a number */
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add(l, text, (size_t)n);
}

static void
add_name(struct dt_lines *l, const char *name)
{
	add_formatted(l, "%s\"%s\":", l->separate ? "," : "", name);
	l->separate = true;
}

static void
add_quoted(struct dt_lines *l, const char *text)
{
	size_t left = strlen(text);
	add(l, "\"", 1);
	while (left > 0 && !l->full) {
		size_t n = dt_text_character(text, left);
		unsigned char c = (unsigned char)*text;
		if (n == 0)
			add(l, "\\ufffd", 6);
		else if (c == '"' || c == '\\')
			add_formatted(l, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			add_formatted(l, "\\u%04x", c);
		else
			add(l, text, n);
		text += n ? n : 1;
		left -= n ? n : 1;
	}
	add(l, "\"", 1);
}

void
dt_lines_begin(struct dt_lines *l, const char *id)
{
	l->start = l->len;
	l->full = false;
	add(l, "{\"id\":", 6);
	add(l, id, strlen(id));
	l->separate = true;
}

bool
dt_lines_end(struct dt_lines *l)
{
	add(l, "}\n", 2);
	if (l->full)
		l->len = l->start;
	return !l->full;
}

void
dt_lines_open(struct dt_lines *l, const char *name)
{
	add_name(l, name);
	add(l, "{", 1);
	l->separate = false;
}

void
dt_lines_close(struct dt_lines *l)
{
	add(l, "}", 1);
	l->separate = true;
}

void
dt_lines_text(struct dt_lines *l, const char *name, const char *text)
{
	add_name(l, name);
	if (text)
		add_quoted(l, text);
	else
		add(l, "null", 4);
}

void
dt_lines_number(struct dt_lines *l, const char *name, uint64_t value)
{
	add_name(l, name);
	add_formatted(l, "%" PRIu64, value);
}

void
dt_lines_bool(struct dt_lines *l, const char *name, bool value)
{
	add_name(l, name);
	add_formatted(l, "%s", value ? "true" : "false");
}

void
dt_lines_seconds(struct dt_lines *l, const char *name, int64_t ns)
{
	add_name(l, name);
	add_formatted(l, "%" PRId64 ".%03" PRId64, ns / 1000000000, ns / 1000000 % 1000);
}

void
dt_lines_conn(struct dt_lines *l, const char *name, uint64_t conn)
{
	add_name(l, name);
	add_formatted(l, "\"%016" PRIx64 "\"", conn);
}

void
dt_lines_date(struct dt_lines *l, const char *name, int64_t seconds)
{
	char text[64] = "?";
	time_t t = seconds;
	struct tm tm;
	if (gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	dt_lines_text(l, name, text);
}

void
dt_lines_address(struct dt_lines *l, const char *name, const struct dtlsd_address *a)
{
	char text[DT_ADDR_TEXT];
	dt_lines_text(l, name, dt_addr_format(a, text));
}
