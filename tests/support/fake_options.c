#include "fake_host.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

struct unit {
	const char *name;
	int64_t value;
};

static const struct unit durations[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000},
    {"m", 60000000000}, {"h", 3600000000000}, {"d", 86400000000000}, {NULL, 0}};
static const struct unit sizes[] = {{"B", 1}, {"kB", 1000}, {"KiB", 1024}, {"MB", 1000000},
    {"MiB", 1048576}, {"GiB", 1073741824}, {NULL, 0}};

static int64_t
unit_value(const struct unit *units, const char *name)
{
	for (; units->name != NULL; units++)
		if (strcmp(units->name, name) == 0)
			return units->value;
	fake_fail("no such unit: \"%s\"", name);
}

static const char *
text_of(const json_t *value, const char *option)
{
	if (!json_is_string(value))
		fake_fail("option %s: a string is expected", option);
	return json_string_value(value);
}

static int64_t
with_unit(const struct unit *units, const char *text)
{
	char *end = NULL;
	long long n = strtoll(text, &end, 10);

	if (end == text)
		fake_fail("not a number with a unit: \"%s\"", text);
	return n * unit_value(units, end);
}

static struct dtlsd_rate
rate_of(const char *text)
{
	char *end = NULL;
	unsigned long long n = strtoull(text, &end, 10);

	if (end == text || *end != '/')
		fake_fail("not a rate: \"%s\"", text);
	return (struct dtlsd_rate){n, (uint64_t)unit_value(durations, end + 1)};
}

static int32_t
index_of(const char *const *names, const char *text)
{
	for (int32_t i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], text) == 0)
			return i;
	fake_fail("no such choice: \"%s\"", text);
}

static char *
copy_text(struct fake_host *h, const char *text)
{
	size_t len = strlen(text);
	char *copy = fake_keep(h, len + 1);

	memcpy(copy, text, len);
	return copy;
}

static void fill_object(
    struct fake_host *h, const struct dtlsd_options *options, void *config, const json_t *object);

static size_t
item_size(const struct dtlsd_option *o)
{
	static const size_t of_type[] = {
	    [DTLSD_OPT_BOOLEAN] = sizeof(uint8_t),
	    [DTLSD_OPT_INTEGER] = sizeof(int64_t),
	    [DTLSD_OPT_TEXT] = sizeof(char *),
	    [DTLSD_OPT_DURATION] = sizeof(int64_t),
	    [DTLSD_OPT_SIZE] = sizeof(uint64_t),
	    [DTLSD_OPT_RATE] = sizeof(struct dtlsd_rate),
	    [DTLSD_OPT_ENUM] = sizeof(int32_t),
	    [DTLSD_OPT_ADDRESS] = sizeof(struct dtlsd_address),
	    [DTLSD_OPT_CIDR] = sizeof(struct dtlsd_cidr),
	    [DTLSD_OPT_PATH] = sizeof(char *),
	    [DTLSD_OPT_SECRET] = sizeof(struct dtlsd_bytes),
	    [DTLSD_OPT_IP] = sizeof(struct dtlsd_address),
	};

	if (o->type == DTLSD_OPT_OBJECT)
		return o->fields->struct_size;
	if (o->type >= sizeof(of_type) / sizeof(of_type[0]) || of_type[o->type] == 0)
		fake_fail("option %s: unknown type %u", o->name, o->type);
	return of_type[o->type];
}

static void
fill_address(const struct dtlsd_option *o, void *at, const char *text)
{
	enum dt_err err;

	if (o->type == DTLSD_OPT_CIDR)
		err = dt_cidr_parse(text, at);
	else if (o->type == DTLSD_OPT_IP)
		err = dt_addr_parse_ip(text, at);
	else
		err = dt_addr_parse(text, at);
	if (err != DT_OK)
		fake_fail("option %s: \"%s\" is no address", o->name, text);
}

static void
fill_nested(struct fake_host *h, const struct dtlsd_option *o, void *at, const json_t *value)
{
	if (json_is_string(value) && (o->flags & DTLSD_OPT_SHORTHAND) != 0) {
		json_t *object =
		    json_pack("{s:s}", o->fields->items[0].name, json_string_value(value));
		fill_object(h, o->fields, at, object);
		json_decref(object);
		return;
	}
	fill_object(h, o->fields, at, value);
}

static void
fill_item(struct fake_host *h, const struct dtlsd_option *o, void *at, const json_t *value)
{
	switch (o->type) {
	case DTLSD_OPT_BOOLEAN:
		*(uint8_t *)at = json_is_true(value);
		return;
	case DTLSD_OPT_INTEGER:
		*(int64_t *)at = json_integer_value(value);
		return;
	case DTLSD_OPT_TEXT:
	case DTLSD_OPT_PATH:
		*(const char **)at = copy_text(h, text_of(value, o->name));
		return;
	case DTLSD_OPT_DURATION:
		*(int64_t *)at = with_unit(durations, text_of(value, o->name));
		return;
	case DTLSD_OPT_SIZE:
		*(uint64_t *)at = (uint64_t)with_unit(sizes, text_of(value, o->name));
		return;
	case DTLSD_OPT_RATE:
		*(struct dtlsd_rate *)at = rate_of(text_of(value, o->name));
		return;
	case DTLSD_OPT_ENUM:
		*(int32_t *)at = index_of(o->names, text_of(value, o->name));
		return;
	case DTLSD_OPT_SECRET: {
		const char *text = copy_text(h, text_of(value, o->name));
		*(struct dtlsd_bytes *)at =
		    (struct dtlsd_bytes){(const uint8_t *)text, strlen(text)};
		return;
	}
	case DTLSD_OPT_OBJECT:
		fill_nested(h, o, at, value);
		return;
	default:
		fill_address(o, at, text_of(value, o->name));
	}
}

static void
fill_list(
    struct fake_host *h, const struct dtlsd_option *o, struct dtlsd_list *list, const json_t *value)
{
	size_t size = item_size(o);
	size_t count = json_is_array(value) ? json_array_size(value) : 1;
	uint8_t *items = fake_keep(h, size * (count + 1));

	for (size_t i = 0; i < count; i++)
		fill_item(h, o, items + i * size,
		    json_is_array(value) ? json_array_get(value, i) : value);
	*list = (struct dtlsd_list){items, (uint32_t)count, (uint32_t)size};
}

static void
fill_option(struct fake_host *h, const struct dtlsd_option *o, void *config, const json_t *value)
{
	void *at = (uint8_t *)config + o->offset;

	if ((o->flags & DTLSD_OPT_LIST) != 0)
		fill_list(h, o, at, value);
	else
		fill_item(h, o, at, value);
}

static const struct dtlsd_option *
option_at(const struct dtlsd_options *options, uint32_t i)
{
	return (const void *)((const uint8_t *)options->items + (size_t)i * options->item_size);
}

static void
refuse_unknown(const struct dtlsd_options *options, json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		bool known = false;
		for (uint32_t i = 0; i < options->count; i++)
			known = known || strcmp(option_at(options, i)->name, key) == 0;
		if (!known)
			fake_fail("no such option: \"%s\"", key);
	}
}

static void
fill_object(
    struct fake_host *h, const struct dtlsd_options *options, void *config, const json_t *object)
{
	if (!json_is_object(object))
		fake_fail("an object is expected");
	refuse_unknown(options, (json_t *)object);
	memset(config, 0, options->struct_size);
	for (uint32_t i = 0; i < options->count; i++) {
		const struct dtlsd_option *o = option_at(options, i);
		const json_t *value = json_object_get(object, o->name);
		if (value != NULL) {
			fill_option(h, o, config, value);
		} else if (o->def != NULL) {
			json_t *def = json_loads(o->def, JSON_DECODE_ANY, NULL);
			if (def == NULL)
				fake_fail("option %s: its default is not JSON", o->name);
			fill_option(h, o, config, def);
			json_decref(def);
		}
	}
}

void
fake_fill_options(
    struct fake_host *h, const struct dtlsd_options *options, void *config, const char *json)
{
	json_error_t error;
	char *text = copy_text(h, json);

	for (char *p = text; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (object == NULL)
		fake_fail("%s in %s", error.text, text);
	fill_object(h, options, config, object);
	json_decref(object);
}
