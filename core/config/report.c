#include "config/report.h"

#include "base/mem.h"

#include <string.h>

void
dt_config_report_init(struct dt_config_report *r)
{
	*r = (struct dt_config_report){0};
}

static void
free_message(const struct dt_config_message *m)
{
	dt_free((void *)(uintptr_t)m->pointer);
	dt_free((void *)(uintptr_t)m->text);
	dt_free((void *)(uintptr_t)m->suggestion);
}

void
dt_config_report_fini(struct dt_config_report *r)
{
	for (size_t i = 0; i < r->count; i++)
		free_message(&r->messages[i]);
	dt_free(r->messages);
	dt_free(r->file);
	dt_config_report_init(r);
}

bool
dt_config_report_has_room(const struct dt_config_report *r)
{
	return r->count < DT_REPORT_MAX;
}

static bool
copy_text(const char **to, const char *from)
{
	*to = from ? dt_copy_text(from) : NULL;
	return *to != NULL || from == NULL;
}

static bool
stands_before(const struct dt_config_message *a, const struct dt_config_message *b)
{
	return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* Behind those of the same place, so that messages of one place keep their order. */
static void
insert_sorted(struct dt_config_report *r, const struct dt_config_message *m)
{
	size_t at = r->count;
	while (at > 0 && stands_before(m, &r->messages[at - 1]))
		at--;
	memmove(&r->messages[at + 1], &r->messages[at], (r->count - at) * sizeof(*m));
	r->messages[at] = *m;
	r->count++;
}

void
dt_config_report_add(struct dt_config_report *r, const struct dt_config_message *m)
{
	if (m->severity == DT_SEVERITY_ERROR)
		r->errors++;
	else
		r->warnings++;
	if (!dt_config_report_has_room(r))
		return;

	struct dt_config_message copy = *m;
	copy.pointer = copy.text = copy.suggestion = NULL;
	if (r->messages == NULL)
		r->messages = dt_alloc_array(DT_REPORT_MAX, sizeof(*r->messages));
	if (r->messages == NULL || !copy_text(&copy.pointer, m->pointer) ||
	    !copy_text(&copy.text, m->text) || !copy_text(&copy.suggestion, m->suggestion)) {
		free_message(&copy);
		r->nomem = true;
		return;
	}
	insert_sorted(r, &copy);
}

char *
dt_config_message_format(
    const struct dt_config_report *r, const struct dt_config_message *m, char *buf, size_t cap)
{
	char place[32] = "";
	if (m->line)
		snprintf(place, sizeof(place), "%u:%u:", m->line, m->column);
	bool point = m->pointer && m->pointer[0];
	snprintf(buf, cap, "%s:%s %s: %s%s%s%s%s%s%s", r->file ? r->file : "?", place,
	    m->severity == DT_SEVERITY_ERROR ? "error" : "warning", m->text, point ? " (" : "",
	    point ? m->pointer : "", point ? ")" : "", m->suggestion ? "; did you mean " : "",
	    m->suggestion ? m->suggestion : "", m->suggestion ? "?" : "");
	return buf;
}

void
dt_config_report_print(const struct dt_config_report *r, FILE *out)
{
	char line[2048];
	for (size_t i = 0; i < r->count; i++)
		fprintf(
		    out, "%s\n", dt_config_message_format(r, &r->messages[i], line, sizeof(line)));
	size_t more = r->errors + r->warnings - r->count;
	if (more)
		fprintf(
		    out, "%s: %zu more messages are not shown\n", r->file ? r->file : "?", more);
}
