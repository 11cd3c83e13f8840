#include "config/request.h"

#include "base/mem.h"
#include "config/json_memory.h"
#include "config/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum dt_err __attribute__((format(printf, 2, 3)))
refuse(struct dt_request *r, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(r->error, sizeof(r->error), format, args);
	va_end(args);
	return DT_ERR_INVALID;
}

/* The first message that was found. */
static enum dt_err
refuse_with(struct dt_request *r, const struct dt_config_report *report)
{
	if (report->count == 0)
		return DT_ERR_NOMEM;
	const struct dt_config_message *m = &report->messages[0];
	bool point = m->pointer && m->pointer[0];
	char place[32] = "";
	if (!m->pointer)
		snprintf(place, sizeof(place), "character %u: ", m->column);
	return refuse(r, "%s%s%s%s%s%s%s%s", place, m->text, point ? " (" : "",
	    point ? m->pointer : "", point ? ")" : "", m->suggestion ? "; did you mean " : "",
	    m->suggestion ? m->suggestion : "", m->suggestion ? "?" : "");
}

static struct dt_load
begin(struct dt_request *r, struct dt_config_report *report)
{
	static const struct dt_config_env env;
	dt_json_begin();
	dt_config_report_init(report);
	return (struct dt_load){NULL, &r->source, &r->arena, &env, report, NULL, false};
}

static enum dt_err
end(struct dt_request *r, const struct dt_load *l, enum dt_err err)
{
	if (l->nomem || l->report->nomem || dt_json_starved())
		err = DT_ERR_NOMEM;
	else if (l->report->errors)
		err = refuse_with(r, l->report);
	dt_config_report_fini(l->report);
	return err;
}

static enum dt_err
take_id(struct dt_request *r, const json_t *id)
{
	if (!id || json_is_null(id))
		return DT_OK;
	if (!json_is_integer(id) && !json_is_string(id))
		return refuse(r, "a whole number or a text is wanted here (/id)");
	char text[DT_REQUEST_ID];
	size_t len = json_dumpb(id, text, sizeof(text) - 1, JSON_ENCODE_ANY);
	if (len >= sizeof(text))
		return refuse(r, "at most %u bytes can stand here (/id)", DT_REQUEST_ID - 1);
	memcpy(r->id, text, len);
	r->id[len] = '\0';
	return DT_OK;
}

static enum dt_err
take_members(struct dt_request *r)
{
	const char *key;
	json_t *value;
	if (!json_is_object(r->root))
		return refuse(r, "an object is wanted here");
	enum dt_err err = take_id(r, json_object_get(r->root, "id"));
	if (err != DT_OK)
		return err;
	json_object_foreach(r->root, key, value)
	{
		char shown[DT_QUOTED];
		if (strcmp(key, "id") != 0 && strcmp(key, "command") != 0 &&
		    strcmp(key, "arguments") != 0)
			return refuse(r,
			    "unknown key \"%s\": a request has id, command and arguments",
			    dt_load_shorten(key, shown));
	}
	value = json_object_get(r->root, "arguments");
	if (value && !json_is_object(value))
		return refuse(r, "an object is wanted here (/arguments)");
	r->command = json_string_value(json_object_get(r->root, "command"));
	return r->command ? DT_OK : refuse(r, "a text is wanted here (/command)");
}

enum dt_err
dt_request_read(struct dt_request *r, const char *line, size_t len)
{
	*r = (struct dt_request){.id = "null"};
	if (len > DT_REQUEST_MAX)
		return refuse(r, "a request has at most %u bytes", DT_REQUEST_MAX);
	r->source.text = dt_copy(line, len);
	r->source.len = len;
	if (!r->source.text)
		return DT_ERR_NOMEM;
	struct dt_config_report report;
	struct dt_load l = begin(r, &report);
	enum dt_err err = dt_load_parse(&l, &r->root);
	if (err == DT_OK)
		err = take_members(r);
	return end(r, &l, err);
}

enum dt_err
dt_request_arguments(struct dt_request *r, const struct dtlsd_options *table, void *out)
{
	struct dt_json_place place = {NULL, "arguments", 0};
	struct dt_target target = {table, out};
	struct dt_config_report report;
	struct dt_load l = begin(r, &report);
	json_t *given = json_object_get(r->root, "arguments"), *none = given ? NULL : json_object();
	if (given || none)
		dt_fill_object(&l, &target, 1, given ? given : none, &place, 0);
	json_decref(none);
	return end(r, &l, DT_OK);
}

void
dt_request_fini(struct dt_request *r)
{
	json_decref(r->root);
	dt_config_arena_fini(&r->arena);
	dt_source_fini(&r->source);
	*r = (struct dt_request){.id = "null"};
}
