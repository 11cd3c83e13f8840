#include "config/load.h"

#include "base/mem.h"
#include "config/json_memory.h"
#include "config/tables.h"

#include <errno.h>
#include <string.h>

static void
add_at(struct dt_load *l, size_t at, const char *pointer, const char *suggestion, const char *text)
{
	struct dt_config_message m = {.severity = DT_SEVERITY_ERROR,
	    .pointer = pointer,
	    .suggestion = suggestion,
	    .text = text};
	if (dt_config_report_has_room(l->report)) {
		struct dt_source_place where = dt_source_where(l->source, at);
		m.line = where.line;
		m.column = where.column;
	}
	dt_config_report_add(l->report, &m);
}

static void
take_fault(void *arg, size_t at, const char *pointer, const char *suggestion, const char *text)
{
	add_at(arg, at, pointer, suggestion, text);
}

char *
dt_load_path(struct dt_load *l, const char *path)
{
	const char *dir = path[0] == '/' ? "" : l->source->dir;
	size_t cap = strlen(dir) + strlen(path) + 2;
	char *out = dt_config_arena_alloc(l->arena, cap);
	if (out == NULL)
		l->nomem = true;
	else
		snprintf(out, cap, "%s%s%s", dir, path[0] == '/' ? "" : "/", path);
	return out;
}

static enum dt_err
check_text(struct dt_load *l)
{
	const struct dt_scan_sink sink = {take_fault, l};
	size_t bad = dt_source_bad_byte(l->source);
	if (bad < l->source->len) {
		add_at(l, bad, NULL, NULL, "this is not UTF-8");
		return DT_ERR_CONFIG;
	}
	return dt_scan_check(l->source->text, l->source->len, &sink);
}

/* The scanner should have found all that jansson refuses; what it missed gets jansson's words. */
static enum dt_err
parse_text(struct dt_load *l, json_t **out)
{
	json_error_t error;
	size_t len = l->source->len;
	char *blanked = dt_copy(l->source->text, len);
	if (blanked == NULL)
		return DT_ERR_NOMEM;
	dt_scan_blank(blanked, len);
	*out = json_loadb(blanked, len, 0, &error);
	dt_free_secret(blanked, len);
	if (*out)
		return DT_OK;
	if (dt_json_starved())
		return DT_ERR_NOMEM;
	size_t at = error.position > 0 ? (size_t)error.position : 0;
	add_at(l, at < len ? at : len, NULL, NULL, error.text);
	return DT_ERR_CONFIG;
}

enum dt_err
dt_load_parse(struct dt_load *l, json_t **out)
{
	*out = NULL;
	enum dt_err err = check_text(l);
	return err == DT_OK ? parse_text(l, out) : err;
}

static enum dt_err
load_source(struct dt_load *l)
{
	json_t *root;
	dt_json_begin();
	enum dt_err err = dt_load_parse(l, &root);
	if (err != DT_OK)
		return err;

	struct dt_target target = {&dt_config_table, l->config};
	dt_fill_object(l, &target, 1, root, NULL, 0);
	json_decref(root);
	dt_load_module_path(l);
	if (!l->nomem)
		dt_load_stores(l);
	if (!l->nomem)
		dt_load_cross_check(l);
	if (l->nomem || l->report->nomem || dt_json_starved())
		return DT_ERR_NOMEM;
	return l->report->errors ? DT_ERR_CONFIG : DT_OK;
}

/* A file that cannot be read is an error of the configuration: it gets a message, not a place. */
static enum dt_err
explain(struct dt_config_report *report, enum dt_err err, int number)
{
	if (err == DT_OK || err == DT_ERR_NOMEM)
		return err;
	const struct dt_config_message m = {.severity = DT_SEVERITY_ERROR,
	    .text = err == DT_ERR_TOO_LONG ? "the file is larger than 1 MiB" : strerror(number)};
	dt_config_report_add(report, &m);
	return DT_ERR_CONFIG;
}

/* `text` NULL: `name` is the path of a file. */
static enum dt_err
load(const char *text, size_t len, const char *name, const struct dt_config_env *env,
    struct dt_config **out, struct dt_config_report *report)
{
	*out = NULL;
	struct dt_config *c = dt_alloc(sizeof(*c));
	if (c == NULL)
		return DT_ERR_NOMEM;
	enum dt_err err = DT_ERR_NOMEM;
	c->state = dt_alloc(sizeof(*c->state));
	dt_free(report->file);
	report->file = dt_copy_text(name);
	if (c->state == NULL || report->file == NULL)
		goto fail;

	c->state->holders = 1;
	struct dt_source *source = &c->state->source;
	if (text == NULL)
		err = dt_source_read(source, name, DT_CONFIG_FILE_MAX);
	else if (len > DT_CONFIG_FILE_MAX)
		err = DT_ERR_TOO_LONG;
	else
		err = dt_source_copy(source, text, len, name);
	err = explain(report, err, errno);
	if (err != DT_OK)
		goto fail;
	struct dt_load l = {c, source, &c->state->arena, env, report, NULL, false};
	err = load_source(&l);
	if (err != DT_OK)
		goto fail;
	*out = c;
	return DT_OK;
fail:
	dt_config_free(&c);
	/* What was found before memory ran out would look like all there is. */
	return report->nomem ? DT_ERR_NOMEM : err;
}

enum dt_err
dt_config_load(const char *path, const struct dt_config_env *env, struct dt_config **out,
    struct dt_config_report *report)
{
	return load(NULL, 0, path, env, out, report);
}

enum dt_err
dt_config_load_text(const char *text, size_t len, const char *name, const struct dt_config_env *env,
    struct dt_config **out, struct dt_config_report *report)
{
	return load(text, len, name, env, out, report);
}

struct dt_config *
dt_config_hold(const struct dt_config *c)
{
	c->state->holders++;
	return (struct dt_config *)c;
}

void
dt_config_free(struct dt_config **slot)
{
	struct dt_config *c = *slot;
	*slot = NULL;
	if (c == NULL || (c->state && c->state->holders > 1 && c->state->holders--))
		return;
	if (c->state) {
		dt_config_arena_fini(&c->state->arena);
		dt_source_fini(&c->state->source);
	}
	dt_free(c->state);
	dt_free(c);
}
