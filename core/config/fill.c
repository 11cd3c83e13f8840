/* Fills structs from JSON objects by option tables. */
#include "config/load.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/text.h"
#include "config/options.h"

#include <string.h>

#define LIST_MAX 65536u	  /* items of a list */
#define OBJECTS_MAX 4096u /* items of a list of objects */

static void
fill_item(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	if (o->type != DTLSD_OPT_OBJECT) {
		(void)dt_convert(l, o, v, place, out);
		return;
	}
	json_t *object = NULL;
	if (json_is_object(v))
		object = json_incref((json_t *)(uintptr_t)v);
	else if (json_is_string(v) && (o->flags & DTLSD_OPT_SHORTHAND))
		object = json_pack("{s:O}", dt_options_get(o->fields, 0).name, v);
	else
		dt_convert_refuse(l, o, v, place, NULL);
	if (object == NULL) {
		l->nomem = l->nomem || ((o->flags & DTLSD_OPT_SHORTHAND) && json_is_string(v));
		return;
	}
	struct dt_target target = {o->fields, out};
	if (o->flags & DT_OPTION_CHAIN)
		dt_fill_chain_entry(l, o, object, place, out);
	else
		dt_fill_object(l, &target, 1, object, place, 0);
	json_decref(object);
}

static size_t
list_limit(const struct dtlsd_option *o)
{
	if (o->flags & DT_OPTION_CHAIN)
		return DT_CONFIG_CHAIN_MAX;
	return o->type == DTLSD_OPT_OBJECT ? OBJECTS_MAX : LIST_MAX;
}

static void
fill_list(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, struct dtlsd_list *out)
{
	bool lone = !json_is_array(v);
	size_t count = lone ? 1 : json_array_size(v), size = dt_option_size(o);
	if (count > list_limit(o)) {
		dt_load_error(l, place, NULL, "at most %zu %s can stand here, not %zu",
		    list_limit(o), dt_option_type(o->type)->many, count);
		return;
	}
	if (count == 0 && (o->flags & DTLSD_OPT_REQUIRED))
		dt_load_error(l, place, NULL, "at least one item is wanted here");
	if (count == 0)
		return;

	char *items = dt_config_arena_alloc(l->arena, count * size);
	if (items == NULL) {
		l->nomem = true;
		return;
	}
	*out = (struct dtlsd_list){items, (uint32_t)count, (uint32_t)size};
	for (size_t i = 0; i < count && !l->nomem; i++) {
		struct dt_json_place item = {place, NULL, i};
		fill_item(
		    l, o, lone ? v : json_array_get(v, i), lone ? place : &item, items + i * size);
	}
}

static void
fill_value(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	if (o->flags & DTLSD_OPT_LIST)
		fill_list(l, o, v, place, out);
	else
		fill_item(l, o, v, place, out);
}

static void
fill_default(
    struct dt_load *l, const struct dtlsd_option *o, const struct dt_json_place *place, void *out)
{
	if (o->def == NULL) {
		struct dt_target target = {o->fields, out};
		if (o->type == DTLSD_OPT_OBJECT && !(o->flags & DTLSD_OPT_LIST))
			dt_fill_object(l, &target, 1, NULL, place, DT_FILL_ABSENT);
		return;
	}
	json_t *v = json_loads(o->def, JSON_DECODE_ANY, NULL);
	if (v == NULL) {
		l->nomem = true; /* dt_options_check() saw that it is JSON */
		return;
	}
	const char *before = l->defaulting;
	l->defaulting = o->name;
	fill_value(l, o, v, place, out);
	l->defaulting = before;
	json_decref(v);
}

static void
fill_option(struct dt_load *l, const struct dtlsd_option *o, const json_t *object,
    const struct dt_json_place *up, unsigned flags, void *out)
{
	struct dt_json_place place = {up, o->name, 0};
	const json_t *v = json_object_get(object, o->name);
	if (v) {
		fill_value(l, o, v, &place, out);
		return;
	}
	if ((o->flags & DTLSD_OPT_REQUIRED) && !(flags & DT_FILL_ABSENT))
		dt_load_error(l, up, NULL, "\"%s\" is missing: %s", o->name,
		    (o->flags & DTLSD_OPT_LIST) ? dt_option_type(o->type)->many
						: dt_option_type(o->type)->one);
	fill_default(l, o, &place, out);
}

/* `arg`: the targets; i counts through all their tables. */
static const char *
nth_option(const void *arg, size_t i)
{
	const struct dt_target *t = arg;
	for (; i >= t->table->count; t++)
		i -= t->table->count;
	return dt_options_get(t->table, (uint32_t)i).name;
}

static void
refuse_key(struct dt_load *l, const struct dt_target *targets, size_t count, const char *key,
    const struct dt_json_place *up)
{
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += targets[i].table->count;
	const char *near = dt_text_nearest(key, nth_option, targets, total);
	char quoted[DT_QUOTED + 2], name[DT_QUOTED];
	if (near)
		snprintf(quoted, sizeof(quoted), "\"%s\"", dt_load_shorten(near, name));
	struct dt_json_place place = {up, key, 0};
	dt_load_key_error(
	    l, &place, near ? quoted : NULL, "unknown key \"%s\"", dt_load_shorten(key, name));
}

static void
check_keys(struct dt_load *l, const struct dt_target *targets, size_t count, const json_t *object,
    const struct dt_json_place *place)
{
	struct dtlsd_option o;
	for (void *it = json_object_iter((json_t *)(uintptr_t)object); it && !l->nomem;
	     it = json_object_iter_next((json_t *)(uintptr_t)object, it)) {
		const char *key = json_object_iter_key(it);
		bool known = false;
		for (size_t i = 0; i < count && !known; i++)
			known = dt_options_find(targets[i].table, key, &o);
		if (!known)
			refuse_key(l, targets, count, key, place);
	}
}

void
dt_fill_object(struct dt_load *l, const struct dt_target *targets, size_t count,
    const json_t *object, const struct dt_json_place *place, unsigned flags)
{
	DT_ASSERT(object || (flags & DT_FILL_ABSENT));
	for (size_t i = 0; i < count; i++) {
		const struct dtlsd_options *table = targets[i].table;
		for (uint32_t k = 0; k < table->count && !l->nomem; k++) {
			struct dtlsd_option o = dt_options_get(table, k);
			fill_option(l, &o, object, place, flags, (char *)targets[i].out + o.offset);
		}
	}
	if (object && !(flags & DT_FILL_LOOSE))
		check_keys(l, targets, count, object, place);
}
