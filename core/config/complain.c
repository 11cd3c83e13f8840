/* Messages with their places. Places are looked for only now: reading keeps none. */
#include "config/load.h"

#include "base/mem.h"

#include <stdarg.h>
#include <string.h>

#define TEXT_MAX 512u /* bytes of a message's text */

/* Bytes of the pointer; writes it when `out` is not NULL. */
static size_t
write_pointer(const struct dt_json_place *place, char *out)
{
	if (place == NULL)
		return 0;
	size_t used = write_pointer(place->up, out);
	char index[24];
	const char *key = place->key;
	if (key == NULL) {
		snprintf(index, sizeof(index), "%zu", place->index);
		key = index;
	}
	if (out)
		out[used] = '/';
	used++;
	for (; *key; key++) {
		bool escape = *key == '~' || *key == '/';
		if (out && escape)
			out[used] = '~';
		used += escape;
		if (out)
			out[used] = *key == '~' ? '0' : *key == '/' ? '1' : *key;
		used++;
	}
	return used;
}

char *
dt_load_pointer(struct dt_load *l, const struct dt_json_place *place)
{
	char *out = dt_config_arena_alloc(l->arena, write_pointer(place, NULL) + 1);
	if (out == NULL)
		l->nomem = true;
	else
		write_pointer(place, out);
	return out;
}

static void
add_message(const struct dt_source *source, struct dt_config_report *report,
    enum dt_severity severity, const char *pointer, enum dt_scan_part part, const char *suggestion,
    const char *text)
{
	struct dt_config_message m = {.severity = severity, .text = text, .suggestion = suggestion};
	if (!dt_config_report_has_room(report)) {
		dt_config_report_add(report, &m);
		return;
	}
	char *matched = dt_alloc(strlen(pointer) + 1);
	if (matched == NULL) {
		report->nomem = true;
		return;
	}
	size_t at = dt_scan_find(source->text, source->len, pointer, part, matched);
	struct dt_source_place where = dt_source_where(source, at);
	m.line = where.line;
	m.column = where.column;
	m.pointer = matched;
	dt_config_report_add(report, &m);
	dt_free(matched);
}

void
dt_load_message_at(const struct dt_source *source, struct dt_config_report *report,
    enum dt_severity severity, const char *pointer, const char *text)
{
	add_message(source, report, severity, pointer, DT_SCAN_VALUE, NULL, text);
}

static void
complain(struct dt_load *l, const struct dt_json_place *place, enum dt_scan_part part,
    const char *suggestion, const char *format, va_list ap)
{
	char text[TEXT_MAX];
	int used = 0;
	if (l->defaulting)
		used = snprintf(text, sizeof(text), "the default of \"%.40s\": ", l->defaulting);
	vsnprintf(text + used, sizeof(text) - (size_t)used, format, ap);
	char *pointer = dt_load_pointer(l, place);
	if (pointer)
		add_message(
		    l->source, l->report, DT_SEVERITY_ERROR, pointer, part, suggestion, text);
}

void
dt_load_error(struct dt_load *l, const struct dt_json_place *place, const char *suggestion,
    const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	complain(l, place, DT_SCAN_VALUE, suggestion, format, ap);
	va_end(ap);
}

void
dt_load_key_error(struct dt_load *l, const struct dt_json_place *place, const char *suggestion,
    const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	complain(l, place, DT_SCAN_KEY, suggestion, format, ap);
	va_end(ap);
}

static void
tell_at(const struct dt_config *c, struct dt_config_report *report, enum dt_severity severity,
    const char *pointer, const char *suggestion, const char *format, va_list ap)
{
	char text[TEXT_MAX];
	vsnprintf(text, sizeof(text), format, ap);
	add_message(&c->state->source, report, severity, pointer, DT_SCAN_VALUE, suggestion, text);
}

void
dt_config_error_at(const struct dt_config *c, struct dt_config_report *report, const char *pointer,
    const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	tell_at(c, report, DT_SEVERITY_ERROR, pointer, NULL, format, ap);
	va_end(ap);
}

void
dt_config_suggest_at(const struct dt_config *c, struct dt_config_report *report, const char *pointer,
    const char *suggestion, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	tell_at(c, report, DT_SEVERITY_ERROR, pointer, suggestion, format, ap);
	va_end(ap);
}

void
dt_config_warning_at(const struct dt_config *c, struct dt_config_report *report,
    const char *pointer, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	tell_at(c, report, DT_SEVERITY_WARNING, pointer, NULL, format, ap);
	va_end(ap);
}

const char *
dt_load_shorten(const char *text, char buf[DT_QUOTED])
{
	size_t n = 0;
	for (; text[n] && n < DT_QUOTED - 4; n++)
		buf[n] = (unsigned char)text[n] < 0x20 || text[n] == 0x7f ? '?' : text[n];
	if (text[n] == '\0') {
		buf[n] = '\0';
		return buf;
	}
	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--; /* not within a character */
	memcpy(buf + n, "...", 4);
	return buf;
}
