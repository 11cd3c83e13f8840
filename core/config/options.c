#include "config/options.h"

#include "base/assert.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "config/scan.h"

#define TYPE(one, many, example, c_type)                                                           \
	{                                                                                          \
		one, many, example, sizeof(c_type), alignof(c_type)                                \
	}

static const struct dt_option_type types[] = {
    [DTLSD_OPT_BOOLEAN] = TYPE("true or false", "booleans", NULL, uint8_t),
    [DTLSD_OPT_INTEGER] = TYPE("a whole number", "whole numbers", NULL, int64_t),
    [DTLSD_OPT_TEXT] = TYPE("a text", "texts", NULL, const char *),
    [DTLSD_OPT_DURATION] = TYPE("a duration", "durations", "\"60s\"", int64_t),
    [DTLSD_OPT_SIZE] = TYPE("a size", "sizes", "\"64KiB\"", uint64_t),
    [DTLSD_OPT_RATE] = TYPE("a rate", "rates", "\"5/s\"", struct dtlsd_rate),
    [DTLSD_OPT_ENUM] = TYPE("a word", "words", NULL, int32_t),
    [DTLSD_OPT_ADDRESS] = TYPE("an address with a port", "addresses with ports",
	"\"127.0.0.1:5684\"", struct dtlsd_address),
    [DTLSD_OPT_CIDR] = TYPE("a prefix", "prefixes", "\"10.0.0.0/8\"", struct dtlsd_cidr),
    [DTLSD_OPT_PATH] = TYPE("a path", "paths", NULL, const char *),
    [DTLSD_OPT_SECRET] = TYPE("a secret", "secrets", "{\"file\": \"path\"}", struct dtlsd_bytes),
    [DTLSD_OPT_OBJECT] = {"an object", "objects", NULL, 0, 1},
    [DTLSD_OPT_IP] = TYPE("an IP address", "IP addresses", "\"192.0.2.1\"", struct dtlsd_address),
};

#define TYPES (sizeof(types) / sizeof(types[0]))
/* What an option cannot do without. */
#define ITEM_MIN offsetof(struct dtlsd_option, reserved)

const struct dt_option_type *
dt_option_type(uint32_t type)
{
	return type < TYPES && types[type].one ? &types[type] : NULL;
}

struct dtlsd_option
dt_options_get(const struct dtlsd_options *t, uint32_t i)
{
	DT_ASSERT(i < t->count && t->item_size >= ITEM_MIN);
	struct dtlsd_option o = {0};
	size_t covered = t->item_size < sizeof(o) ? t->item_size : sizeof(o);
	memcpy(&o, (const char *)t->items + (size_t)i * t->item_size, covered);
	return o;
}

bool
dt_options_find(const struct dtlsd_options *t, const char *name, struct dtlsd_option *out)
{
	for (uint32_t i = 0; i < t->count; i++) {
		*out = dt_options_get(t, i);
		if (strcmp(out->name, name) == 0)
			return true;
	}
	return false;
}

size_t
dt_option_size(const struct dtlsd_option *o)
{
	return o->type == DTLSD_OPT_OBJECT ? o->fields->struct_size : types[o->type].size;
}

static enum dt_err check_table(
    const struct dtlsd_options *t, unsigned depth, char *err, size_t cap);

static bool
has_limits(uint32_t type)
{
	return type == DTLSD_OPT_INTEGER || type == DTLSD_OPT_DURATION || type == DTLSD_OPT_SIZE;
}

/* What is wrong with the option itself, or NULL. */
static const char *
find_fault(const struct dtlsd_option *o)
{
	if (dt_option_type(o->type) == NULL)
		return "its type is unknown";
	if (o->flags & ~(DTLSD_OPT_LIST | DTLSD_OPT_REQUIRED | DTLSD_OPT_SHORTHAND))
		return "it has an unknown flag";
	if (o->type == DTLSD_OPT_ENUM && (o->names == NULL || o->names[0] == NULL))
		return "it names no words";
	if (o->type == DTLSD_OPT_OBJECT && o->fields == NULL)
		return "it has no fields";
	if (has_limits(o->type) && o->type != DTLSD_OPT_INTEGER && o->min < 0)
		return "its limits are below 0";
	if (has_limits(o->type) && o->min > o->max)
		return "its lower limit is above the upper one";
	if (o->def && !dt_scan_is_value(o->def))
		return "its default is not JSON";
	if ((o->flags & DTLSD_OPT_SHORTHAND) &&
	    (o->type != DTLSD_OPT_OBJECT || o->fields->count == 0))
		return "it has nothing to be a shorthand for";
	return NULL;
}

static bool
is_inside(const struct dtlsd_options *t, const struct dtlsd_option *o)
{
	bool list = o->flags & DTLSD_OPT_LIST;
	size_t size = list ? sizeof(struct dtlsd_list) : dt_option_size(o);
	size_t align = list ? alignof(struct dtlsd_list) : types[o->type].align;
	return o->offset % align == 0 && o->offset <= t->struct_size &&
	       size <= t->struct_size - o->offset;
}

static enum dt_err
check_option(const struct dtlsd_options *t, uint32_t i, unsigned depth, char *err, size_t cap)
{
	struct dtlsd_option o = dt_options_get(t, i);
	if (o.name == NULL || o.name[0] == '\0') {
		snprintf(err, cap, "option %u of its table has no name", i);
		return DT_ERR_INVALID;
	}
	const char *fault = find_fault(&o);
	if (fault == NULL && o.type == DTLSD_OPT_OBJECT) {
		enum dt_err e = check_table(o.fields, depth + 1, err, cap);
		if (e != DT_OK)
			return e;
	}
	if (fault == NULL && !is_inside(t, &o))
		fault = "it lies outside of the configuration struct, or askew in it";
	if (fault == NULL)
		return DT_OK;
	snprintf(err, cap, "its option \"%s\" is not usable: %s", o.name, fault);
	return DT_ERR_INVALID;
}

static enum dt_err
check_table(const struct dtlsd_options *t, unsigned depth, char *err, size_t cap)
{
	const char *fault = NULL;
	if (depth >= DT_OPTIONS_DEPTH)
		fault = "nested too deeply";
	else if (t->count && (t->items == NULL || t->item_size < ITEM_MIN))
		fault = "too short for any option";
	else if (t->struct_size > DT_OPTIONS_STRUCT)
		fault = "for a struct that is too large";
	if (fault) {
		snprintf(err, cap, "its option table is not usable: %s", fault);
		return DT_ERR_INVALID;
	}
	for (uint32_t i = 0; i < t->count; i++) {
		enum dt_err e = check_option(t, i, depth, err, cap);
		if (e != DT_OK)
			return e;
	}
	return DT_OK;
}

enum dt_err
dt_options_check(
    const struct dtlsd_options *t, const struct dtlsd_options *reserved, char *err, size_t cap)
{
	enum dt_err e = check_table(t, 0, err, cap);
	struct dtlsd_option taken;
	for (uint32_t i = 0; e == DT_OK && reserved && i < t->count; i++) {
		struct dtlsd_option o = dt_options_get(t, i);
		if (!dt_options_find(reserved, o.name, &taken))
			continue;
		snprintf(
		    err, cap, "its option \"%s\" has a name that belongs to the server", o.name);
		e = DT_ERR_INVALID;
	}
	return e;
}
