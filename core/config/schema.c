/* JSON Schema (draft 2020-12) from the option tables. */
#include "config/describe.h"

#include "config/json_memory.h"
#include "config/options.h"
#include "config/tables.h"
#include "pki/store_type.h"

/* The form of a value: JSON type and pattern. */
static const struct {
	const char *type, *pattern;
} forms[] = {
    [DTLSD_OPT_BOOLEAN] = {"boolean", NULL},
    [DTLSD_OPT_INTEGER] = {"integer", NULL},
    [DTLSD_OPT_TEXT] = {"string", NULL},
    [DTLSD_OPT_DURATION] = {"string", "^[0-9]+(ns|us|ms|s|m|h|d)$"},
    [DTLSD_OPT_SIZE] = {"string", "^[0-9]+(B|kB|KiB|MB|MiB|GB|GiB)$"},
    [DTLSD_OPT_RATE] = {"string", "^[0-9]+/(s|m|h)$"},
    [DTLSD_OPT_ENUM] = {"string", NULL},
    [DTLSD_OPT_ADDRESS] = {"string", "^[^ ]+:[0-9]{1,5}$"},
    [DTLSD_OPT_CIDR] = {"string", "^[0-9a-fA-F.:]+(/[0-9]{1,3})?$"},
    [DTLSD_OPT_PATH] = {"string", "^."},
    [DTLSD_OPT_SECRET] = {"object", NULL},
    [DTLSD_OPT_IP] = {"string", "^[0-9a-fA-F.:]+(%.+)?$"},
};

static json_t *make_object(
    struct dt_builder *b, const struct dtlsd_options *first, const struct dtlsd_options *second);

static json_t *
refer(struct dt_builder *b, const char *kind, const char *name)
{
	json_t *path = dt_build(b, json_sprintf("#/$defs/%s%s", kind, name));
	return dt_build(b, json_pack("{s:o}", "$ref", path));
}

static json_t *
make_words(struct dt_builder *b, const char *const *names)
{
	json_t *list = dt_build(b, json_array());
	for (; list && *names; names++)
		dt_build_append(b, list, json_string(*names));
	return dt_build(b, json_pack("{s:o}", "enum", list));
}

/* By name or by number. */
static json_t *
make_store_types(struct dt_builder *b)
{
	json_t *list = dt_build(b, json_array());
	for (unsigned i = 0; list && i < DT_STORE_TYPES; i++) {
		const struct dt_store_type_info *info = dt_store_type_info((enum dt_store_type)i);
		if (info->refused)
			continue;
		dt_build_append(b, list, json_string(info->name));
		dt_build_append(b, list, json_integer(info->number));
	}
	return dt_build(b, json_pack("{s:o}", "enum", list));
}

/* Either of two schemas; takes both. */
static json_t *
either(struct dt_builder *b, json_t *one, json_t *other)
{
	return dt_build(b, json_pack("{s:[o, o]}", "anyOf", one, other));
}

static json_t *
make_scalar(struct dt_builder *b, const struct dtlsd_option *o)
{
	json_t *v = dt_build(b, json_pack("{s:s}", "type", forms[o->type].type));
	if (v && forms[o->type].pattern)
		dt_build_put(b, v, "pattern", json_string(forms[o->type].pattern));
	if (v && o->type == DTLSD_OPT_INTEGER && (o->min || o->max)) {
		dt_build_put(b, v, "minimum", json_integer(o->min));
		dt_build_put(b, v, "maximum", json_integer(o->max));
	}
	if (o->type == DTLSD_OPT_INTEGER && (o->flags & DT_OPTION_WORD))
		return either(b, v, make_words(b, o->names));
	return v;
}

static json_t *
make_item(struct dt_builder *b, const struct dtlsd_option *o)
{
	json_t *v;
	if (o->flags & DT_OPTION_STORE_TYPE)
		v = make_store_types(b);
	else if (o->type == DTLSD_OPT_ENUM)
		v = make_words(b, o->names);
	else if (o->type == DTLSD_OPT_SECRET)
		v = refer(b, "", o->flags & DT_OPTION_INLINE ? "text_or_secret" : "secret");
	else if (o->flags & DT_OPTION_CHAIN)
		v = refer(b, "", "chain_entry");
	else if (o->type == DTLSD_OPT_OBJECT)
		v = make_object(b, o->fields, NULL);
	else
		v = make_scalar(b, o);
	if (o->flags & DTLSD_OPT_SHORTHAND) {
		struct dtlsd_option first = dt_options_get(o->fields, 0);
		v = either(b, make_item(b, &first), v);
	}
	return v;
}

static json_t *
make_option(struct dt_builder *b, const struct dtlsd_option *o)
{
	json_t *v = make_item(b, o);
	if (o->flags & DTLSD_OPT_LIST) {
		json_t *items = dt_build(b, json_pack("{s:s, s:O}", "type", "array", "items", v));
		if (items && (o->flags & DTLSD_OPT_REQUIRED))
			dt_build_put(b, items, "minItems", json_integer(1));
		v = either(b, v, items);
	}
	if (v && o->doc)
		dt_build_put(b, v, "description", json_string(o->doc));
	if (v && o->def)
		dt_build_put(b, v, "default", json_loads(o->def, JSON_DECODE_ANY, NULL));
	return v;
}

static void
add_fields(
    struct dt_builder *b, const struct dtlsd_options *table, json_t *properties, json_t *required)
{
	for (uint32_t i = 0; i < table->count; i++) {
		struct dtlsd_option o = dt_options_get(table, i);
		dt_build_put(b, properties, o.name, make_option(b, &o));
		if (o.flags & DTLSD_OPT_REQUIRED)
			dt_build_append(b, required, json_string(o.name));
	}
}

/* An object whose keys are those of one table, or of two. */
static json_t *
make_object(
    struct dt_builder *b, const struct dtlsd_options *first, const struct dtlsd_options *second)
{
	json_t *properties = dt_build(b, json_object()), *required = dt_build(b, json_array());
	if (b->nomem) {
		json_decref(properties);
		json_decref(required);
		return NULL;
	}
	add_fields(b, first, properties, required);
	if (second)
		add_fields(b, second, properties, required);
	return dt_build(
	    b, json_pack("{s:s, s:b, s:o, s:o}", "type", "object", "additionalProperties", 0,
		   "required", required, "properties", properties));
}

/* {"env": …}, {"file": …} or {"credential": …} */
static json_t *
make_secret(struct dt_builder *b)
{
	return dt_build(
	    b, json_pack("{s:s, s:i, s:i, s:b, s:{s:{s:s, s:i}, s:{s:s, s:i}, s:{s:s, s:i}}}",
		   "type", "object", "minProperties", 1, "maxProperties", 1, "additionalProperties",
		   0, "properties", "env", "type", "string", "minLength", 1, "file", "type",
		   "string", "minLength", 1, "credential", "type", "string", "minLength", 1));
}

struct modules {
	struct dt_builder *b;
	json_t *defs, *choices; /* borrowed: from the root */
};

static void
add_module(void *arg, const char *name, const struct dtlsd_options *options)
{
	struct modules *m = arg;
	struct dt_builder *b = m->b;
	char key[128];
	snprintf(key, sizeof(key), "module_%s", name);
	dt_build_put(b, m->defs, key, make_object(b, &dt_config_entry_table, options));
	json_t *condition = dt_build(b, json_pack("{s:{s:{s:s}}, s:[s]}", "properties", "use",
					    "const", name, "required", "use"));
	dt_build_append(b, m->choices,
	    json_pack("{s:o, s:o}", "if", condition, "then", refer(b, "module_", name)));
}

/* The core's keys are checked for every entry; all keys where "use" names a module we know. A
 * plain string is the shorthand and passes as such. */
static void
add_chain(struct dt_builder *b, const struct dt_config_env *env, json_t *defs)
{
	json_t *entry = make_object(b, &dt_config_entry_table, NULL);
	json_t *choices = dt_build(b, json_array());
	if (b->nomem) {
		json_decref(entry);
		json_decref(choices);
		return;
	}
	json_object_del(entry, "additionalProperties");
	dt_build_put(b, entry, "allOf", choices);
	dt_build_put(b, defs, "chain_entry", entry);
	struct modules m = {b, defs, choices};
	dt_describe_modules(env, add_module, &m);
}

enum dt_err
dt_config_schema(const struct dt_config_env *env, FILE *out)
{
	struct dt_builder b = {false};
	dt_json_begin();
	json_t *root = make_object(&b, &dt_config_table, NULL);
	json_t *defs = dt_build(&b, json_object());
	if (b.nomem) {
		json_decref(root);
		json_decref(defs);
		return DT_ERR_NOMEM;
	}
	dt_build_put(
	    &b, root, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
	dt_build_put(&b, root, "title", json_string("Configuration of dtlsd"));
	dt_build_put(&b, root, "$defs", defs);
	if (!b.nomem) {
		dt_build_put(&b, defs, "secret", make_secret(&b));
		dt_build_put(&b, defs, "text_or_secret",
		    either(&b, json_pack("{s:s, s:i}", "type", "string", "minLength", 1),
			refer(&b, "", "secret")));
		add_chain(&b, env, defs);
	}
	return dt_build_print(&b, root, out);
}
