/* The effective configuration as JSON that could be loaded again, but for the secrets. */
#include "config/describe.h"

#include "base/addr.h"
#include "config/json_memory.h"
#include "config/options.h"
#include "config/tables.h"

#include <string.h>

/* All return NULL for what is not set (or without memory: b->nomem). */
typedef json_t *dump_fn(struct dt_builder *b, const struct dtlsd_option *o, const void *at);

static json_t *dump_value(struct dt_builder *b, const struct dtlsd_option *o, const void *at);

static json_t *
dump_string(struct dt_builder *b, const char *text)
{
	return text ? dt_build(b, json_string(text)) : NULL;
}

static json_t *
dump_boolean(struct dt_builder *b, const struct dtlsd_option *o, const void *at)
{
	(void)o;
	return dt_build(b, json_boolean(*(const uint8_t *)at));
}

static json_t *
dump_integer(struct dt_builder *b, const struct dtlsd_option *o, const void *at)
{
	int64_t v = *(const int64_t *)at;
	if ((o->flags & DT_OPTION_WORD) && v <= 0)
		return dump_string(b, o->names[-v]);
	return dt_build(b, json_integer(v));
}

/* TEXT and PATH. */
static json_t *
dump_text(struct dt_builder *b, const struct dtlsd_option *o, const void *at)
{
	(void)o;
	return dump_string(b, *(const char *const *)at);
}

/* DURATION and SIZE. */
static json_t *
dump_quantity(struct dt_builder *b, const struct dtlsd_option *o, const void *at)
{
	char buf[DT_QUANTITY_TEXT];
	return dump_string(b, dt_describe_limit(o->type, *(const int64_t *)at, buf));
}

static json_t *
dump_rate(struct dt_builder *b, const struct dtlsd_option *o, const void *at)
{
	(void)o;
	char buf[DT_QUANTITY_TEXT];
	const struct dtlsd_rate *rate = at;
	return rate->per_ns ? dump_string(b, dt_rate_format(rate, buf)) : NULL;
}

static json_t *
dump_enum(struct dt_builder *b, const struct dtlsd_option *o, const void *at)
{
	/* "auto" is what a store is anyway, and a store that is not there has a type as well. */
	if ((o->flags & DT_OPTION_STORE_TYPE) && *(const int32_t *)at == 0)
		return NULL;
	return dump_string(b, o->names[*(const int32_t *)at]);
}

static json_t *
dump_address(struct dt_builder *b, const struct dtlsd_option *o, const void *at)
{
	char buf[DT_ADDR_TEXT];
	const struct dtlsd_address *a = at;
	if (a->family == 0)
		return NULL;
	return dump_string(
	    b, o->type == DTLSD_OPT_IP ? dt_addr_format_ip(a, buf) : dt_addr_format(a, buf));
}

static json_t *
dump_cidr(struct dt_builder *b, const struct dtlsd_option *o, const void *at)
{
	(void)o;
	const struct dtlsd_cidr *cidr = at;
	struct dtlsd_address a = {.family = cidr->family};
	char ip[DT_ADDR_TEXT], text[DT_ADDR_TEXT + 8];
	if (cidr->family == 0)
		return NULL;
	memcpy(a.ip, cidr->ip, sizeof(a.ip));
	snprintf(text, sizeof(text), "%s/%u", dt_addr_format_ip(&a, ip), cidr->bits);
	return dump_string(b, text);
}

static json_t *
dump_secret(struct dt_builder *b, const struct dtlsd_option *o, const void *at)
{
	(void)o;
	return ((const struct dtlsd_bytes *)at)->data ? dump_string(b, "***") : NULL;
}

/* Adds what `table` describes; false when something required is not set: then the object is not. */
static bool
dump_fields(struct dt_builder *b, const struct dtlsd_options *table, const void *at, json_t *object)
{
	bool complete = true;
	for (uint32_t i = 0; i < table->count; i++) {
		struct dtlsd_option o = dt_options_get(table, i);
		json_t *v = dump_value(b, &o, (const char *)at + o.offset);
		if (v)
			dt_build_put(b, object, o.name, v);
		else if (o.flags & DTLSD_OPT_REQUIRED)
			complete = false;
	}
	return complete;
}

static json_t *
dump_object(struct dt_builder *b, const struct dtlsd_option *o, const void *at)
{
	json_t *object = dt_build(b, json_object());
	if (object == NULL)
		return NULL;
	bool complete = dump_fields(b, o->fields, at, object);
	if (o->flags & DT_OPTION_CHAIN) {
		const struct dt_config_chain_entry *e = at;
		if (e->module.options)
			complete =
			    dump_fields(b, e->module.options, e->options, object) && complete;
	}
	if (complete && json_object_size(object))
		return object;
	json_decref(object);
	return NULL;
}

static dump_fn *const dumpers[] = {
    [DTLSD_OPT_BOOLEAN] = dump_boolean,
    [DTLSD_OPT_INTEGER] = dump_integer,
    [DTLSD_OPT_TEXT] = dump_text,
    [DTLSD_OPT_DURATION] = dump_quantity,
    [DTLSD_OPT_SIZE] = dump_quantity,
    [DTLSD_OPT_RATE] = dump_rate,
    [DTLSD_OPT_ENUM] = dump_enum,
    [DTLSD_OPT_ADDRESS] = dump_address,
    [DTLSD_OPT_CIDR] = dump_cidr,
    [DTLSD_OPT_PATH] = dump_text,
    [DTLSD_OPT_SECRET] = dump_secret,
    [DTLSD_OPT_OBJECT] = dump_object,
    [DTLSD_OPT_IP] = dump_address,
};

static json_t *
dump_list(struct dt_builder *b, const struct dtlsd_option *o, const struct dtlsd_list *list)
{
	json_t *out = dt_build(b, json_array());
	for (uint32_t i = 0; out && i < list->count; i++) {
		json_t *v =
		    dumpers[o->type](b, o, (const char *)list->items + (size_t)i * list->item_size);
		if (v)
			dt_build_append(b, out, v);
	}
	return out;
}

static json_t *
dump_value(struct dt_builder *b, const struct dtlsd_option *o, const void *at)
{
	if (o->flags & DTLSD_OPT_LIST)
		return dump_list(b, o, at);
	return dumpers[o->type](b, o, at);
}

enum dt_err
dt_config_dump(const struct dt_config *c, FILE *out)
{
	struct dt_builder b = {false};
	dt_json_begin();
	json_t *root = dt_build(&b, json_object());
	if (root)
		(void)dump_fields(&b, &dt_config_table, c, root);
	return dt_build_print(&b, root, out);
}
