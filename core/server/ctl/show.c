/* show.c - rows for people (a table, or a list of names and values) and for programs (tabs, JSON).
 *
 * A table is as wide as its first rows need; those wait until there are many, or all. What a peer
 * chose (the subject of a certificate) may not reach a terminal as it is: control characters are
 * escaped.
 */
#include "server/ctl/ctl.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define WAITING_ROWS 500u
#define COLUMNS_MAX 64u
#define CELL_MAX 512u /* bytes */

struct dt_ctl_table {
	size_t columns;
	char names[COLUMNS_MAX][64];
	size_t widths[COLUMNS_MAX]; /* characters */
	bool right[COLUMNS_MAX];    /* numbers */
	json_t *waiting;	    /* owned: a list of rows; NULL = the widths are fixed */
	bool begun;
};

/* ---- a value as text ---- */

/* Printable, whatever it holds; cut when it is too long. Returns its width in characters. */
static size_t
write_safe(const char *text, char out[CELL_MAX])
{
	size_t used = 0, width = 0, left = strlen(text);
	while (left > 0 && used < CELL_MAX - 8) {
		const unsigned char *p = (const unsigned char *)text;
		size_t n = dt_text_character(text, left), taken = n ? n : 1;
		if (n == 0 || *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0)) {
			int len = snprintf(out + used, 5, "\\x%02x", n == 2 ? p[1] : *p);
			used += (size_t)len;
			width += (size_t)len;
		} else {
			memcpy(out + used, text, n);
			used += n;
			width++;
		}
		text += taken;
		left -= taken;
	}
	out[used] = '\0';
	return width;
}

static size_t
write_value(const json_t *v, char out[CELL_MAX])
{
	char text[64];
	if (json_is_string(v))
		return write_safe(json_string_value(v), out);
	if (json_is_integer(v))
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		snprintf(text, sizeof(text), "%.3f", json_real_value(v));
	else
		snprintf(text, sizeof(text), "%s",
		    json_is_boolean(v) ? json_is_true(v) ? "yes" : "no" : "-");
	return write_safe(text, out);
}

/* ---- a table ---- */

static void
print_cell(const struct dt_ctl_table *t, size_t column, const char *text, size_t width)
{
	size_t pad = t->widths[column] > width ? t->widths[column] - width : 0;
	bool last = column + 1 == t->columns;
	if (t->right[column])
		printf("%*s%s%s", (int)pad, "", text, last ? "\n" : "  ");
	else
		printf("%s%*s%s", text, last ? 0 : (int)pad, "", last ? "\n" : "  ");
}

static void
print_table_row(const struct dt_ctl_table *t, const json_t *row)
{
	char text[CELL_MAX];
	for (size_t i = 0; i < t->columns; i++) {
		size_t width = write_value(json_object_get(row, t->names[i]), text);
		print_cell(t, i, text, width);
	}
}

/* The rows that wait set the widths. */
static void
release(struct dt_ctl_table *t)
{
	size_t index;
	json_t *row;
	char text[CELL_MAX];
	if (!t->waiting)
		return;
	json_array_foreach(t->waiting, index, row)
	{
		for (size_t i = 0; i < t->columns; i++) {
			const json_t *v = json_object_get(row, t->names[i]);
			size_t width = write_value(v, text);
			if (width > t->widths[i])
				t->widths[i] = width;
			t->right[i] = t->right[i] || json_is_number(v);
		}
	}
	for (size_t i = 0; i < t->columns; i++)
		print_cell(t, i, t->names[i], strlen(t->names[i]));
	json_array_foreach(t->waiting, index, row) print_table_row(t, row);
	json_decref(t->waiting);
	t->waiting = NULL;
	fflush(stdout);
}

static bool
has_same_columns(const struct dt_ctl_table *t, const json_t *row)
{
	size_t found = 0;
	for (size_t i = 0; i < t->columns; i++)
		found += json_object_get(row, t->names[i]) != NULL;
	return found == t->columns && json_object_size(row) == t->columns;
}

static void
begin_table(struct dt_ctl_table *t, const json_t *row)
{
	const char *key;
	json_t *value;
	bool first = !t->begun;
	if (!first)
		release(t);
	*t = (struct dt_ctl_table){.begun = true, .waiting = json_array()};
	if (!first)
		printf("\n");
	json_object_foreach((json_t *)(uintptr_t)row, key, value)
	{
		if (t->columns == COLUMNS_MAX)
			break;
		snprintf(t->names[t->columns], sizeof(t->names[0]), "%s", key);
		t->widths[t->columns] = strlen(t->names[t->columns]);
		t->columns++;
	}
}

static void
add_to_table(struct dt_ctl_show *s, const json_t *row)
{
	if (!s->table)
		s->table = dt_alloc(sizeof(*s->table));
	struct dt_ctl_table *t = s->table;
	if (!t)
		return;
	if (!t->begun || !has_same_columns(t, row))
		begin_table(t, row);
	if (t->waiting && json_array_append(t->waiting, (json_t *)(uintptr_t)row) == 0) {
		if (json_array_size(t->waiting) == WAITING_ROWS)
			release(t);
		return;
	}
	print_table_row(t, row);
}

/* ---- the other forms ---- */

static void
print_tabs(const json_t *row)
{
	const char *key;
	json_t *value;
	char text[CELL_MAX];
	bool first = true;
	json_object_foreach((json_t *)(uintptr_t)row, key, value)
	{
		write_value(value, text);
		printf("%s%s", first ? "" : "\t", text);
		first = false;
	}
	printf("\n");
}

static void
print_record(const json_t *row, bool terminal)
{
	const char *key;
	json_t *value;
	char text[CELL_MAX];
	int width = 0;
	json_object_foreach((json_t *)(uintptr_t)row, key, value) width =
	    (int)strlen(key) > width ? (int)strlen(key) : width;
	json_object_foreach((json_t *)(uintptr_t)row, key, value)
	{
		write_value(value, text);
		if (terminal)
			printf("%-*s  %s\n", width, key, text);
		else
			printf("%s\t%s\n", key, text);
	}
}

static void
print_json(const json_t *row)
{
	char *text = json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(15));
	if (text)
		puts(text);
	dt_free(text);
}

void
dt_ctl_show_row(struct dt_ctl_show *s, const json_t *row)
{
	s->rows++;
	if (s->json)
		print_json(row);
	else if (s->shape == DT_CONTROL_RECORD)
		print_record(row, s->terminal);
	else if (s->terminal)
		add_to_table(s, row);
	else
		print_tabs(row);
}

void
dt_ctl_show_end(struct dt_ctl_show *s, const json_t *last)
{
	json_t *totals = last && s->rows == 0 && s->shape == DT_CONTROL_RECORD
			     ? json_copy((json_t *)(uintptr_t)last)
			     : NULL;
	if (totals) {
		json_object_del(totals, "id");
		json_object_del(totals, "ok");
		if (json_object_size(totals) > 0)
			dt_ctl_show_row(s, totals);
		json_decref(totals);
	}
	if (s->table)
		release(s->table);
	dt_free(s->table);
	s->table = NULL;
}
