/* One JSON value into the C type of its option. A row of `converters` for each type. */
#include "config/load.h"

#include "base/addr.h"
#include "base/assert.h"
#include "base/text.h"
#include "config/options.h"
#include "config/units.h"
#include "pki/store_type.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* False after a complaint. `out` is written on success only. */
typedef bool convert_fn(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out);

static const char *
name_value(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "a text";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_NULL:
		return "null";
	}
	return "this";
}

void
dt_convert_refuse(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, const char *suggestion)
{
	const struct dt_option_type *type = dt_option_type(o->type);
	const char *such = type->example && !suggestion ? " such as " : "";
	dt_load_error(l, place, suggestion, "%s%s%s is wanted here, not %s", type->one, such,
	    such[0] ? type->example : "", name_value(v));
}

/* {low, high} as texts of the option's own unit. */
static bool
check_limits(struct dt_load *l, const struct dtlsd_option *o, const struct dt_json_place *place,
    int64_t v, char *(*format)(int64_t v, char buf[DT_QUANTITY_TEXT]))
{
	if ((o->min == 0 && o->max == 0) || (v >= o->min && v <= o->max))
		return true;
	char got[DT_QUANTITY_TEXT], low[DT_QUANTITY_TEXT], high[DT_QUANTITY_TEXT];
	format(v, got);
	format(o->min, low);
	format(o->max, high);
	if (o->max == INT64_MAX)
		dt_load_error(l, place, NULL, "%s is too small: at least %s", got, low);
	else
		dt_load_error(l, place, NULL, "%s is out of range: from %s to %s", got, low, high);
	return false;
}

static char *
format_integer(int64_t v, char buf[DT_QUANTITY_TEXT])
{
	snprintf(buf, DT_QUANTITY_TEXT, "%" PRId64, v);
	return buf;
}

static char *
format_size(int64_t v, char buf[DT_QUANTITY_TEXT])
{
	return dt_size_format((uint64_t)v, buf);
}

static bool
convert_boolean(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	static const char *const yes[] = {"true", "yes", "on", "1"};
	static const char *const no[] = {"false", "no", "off", "0"};
	const char *suggestion = NULL;
	const char *text = json_is_string(v) ? json_string_value(v) : "";
	if (json_is_integer(v) && json_integer_value(v) <= 1 && json_integer_value(v) >= 0)
		text = json_integer_value(v) ? "1" : "0";
	for (size_t i = 0; i < 4; i++) {
		if (strcasecmp(text, yes[i]) == 0)
			suggestion = "true";
		if (strcasecmp(text, no[i]) == 0)
			suggestion = "false";
	}
	if (!json_is_boolean(v)) {
		dt_convert_refuse(l, o, v, place, suggestion);
		return false;
	}
	*(uint8_t *)out = json_is_true(v);
	return true;
}

static const char *
nth_name(const void *arg, size_t i)
{
	return ((const char *const *)arg)[i];
}

/* The nearest of the words that may stand for a number; the first one for what is near to none. */
static const char *
near_word(const struct dtlsd_option *o, const char *text)
{
	size_t count = 0;
	if (!(o->flags & DT_OPTION_WORD))
		return NULL;
	while (o->names[count])
		count++;
	const char *near = text ? dt_text_nearest(text, nth_name, o->names, count) : NULL;
	return near ? near : o->names[0];
}

static bool
convert_integer(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	const char *text = json_string_value(v), *word = near_word(o, text);
	for (int64_t i = 0; text && word && o->names[i]; i++) {
		if (strcmp(text, o->names[i]) == 0) {
			*(int64_t *)out = -i;
			return true;
		}
	}
	if (json_is_integer(v)) {
		if (!check_limits(l, o, place, json_integer_value(v), format_integer))
			return false;
		*(int64_t *)out = json_integer_value(v);
		return true;
	}
	char suggestion[DT_QUANTITY_TEXT] = "";
	size_t digits = text ? strspn(text, "0123456789") : 0;
	if (digits && digits < 19 && text[digits] == '\0')
		snprintf(suggestion, sizeof(suggestion), "%lld", strtoll(text, NULL, 10));
	else if (word)
		snprintf(suggestion, sizeof(suggestion), "\"%s\"", word);
	dt_convert_refuse(l, o, v, place, suggestion[0] ? suggestion : NULL);
	return false;
}

static bool
convert_text(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	if (!json_is_string(v)) {
		dt_convert_refuse(l, o, v, place, NULL);
		return false;
	}
	char *copy = dt_config_arena_text(l->arena, json_string_value(v));
	l->nomem = l->nomem || copy == NULL;
	*(const char **)out = copy;
	return copy != NULL;
}

static void
refuse_quantity(struct dt_load *l, const struct dtlsd_option *o, const struct dt_quantity *q,
    const char *text, enum dt_quantity_verdict verdict, const struct dt_json_place *place,
    const char *suggest)
{
	const struct dt_option_type *type = dt_option_type(o->type);
	char shown[DT_QUOTED], quoted[DT_QUANTITY_TEXT + 2];
	snprintf(quoted, sizeof(quoted), "\"%s\"", suggest);
	const char *suggestion = suggest[0] ? quoted : NULL;
	dt_load_shorten(text, shown);
	if (verdict == DT_QUANTITY_RANGE)
		dt_load_error(l, place, NULL, "\"%s\" is too large", shown);
	else if (verdict == DT_QUANTITY_BARE)
		dt_load_error(l, place, suggestion, "\"%s\" has no unit (%s)", shown, q->names);
	else if (verdict == DT_QUANTITY_UNIT)
		dt_load_error(l, place, suggestion,
		    "\"%s\" has an unknown unit: one of %s, as in %s", shown, q->names,
		    type->example);
	else
		dt_load_error(
		    l, place, NULL, "\"%s\" is not %s such as %s", shown, type->one, type->example);
}

/* The text of a quantity; NULL after a complaint, which turns a bare number into one. */
static const char *
quantity_text(struct dt_load *l, const struct dtlsd_option *o, const struct dt_quantity *q,
    const json_t *v, const struct dt_json_place *place)
{
	if (json_is_string(v))
		return json_string_value(v);
	char suggestion[DT_QUANTITY_TEXT + 2] = "", amount[DT_QUANTITY_TEXT];
	json_int_t n = json_integer_value(v); /* 0 when it is no integer */
	if (json_is_integer(v) && n >= 0) {
		if (o->type == DTLSD_OPT_SIZE)
			dt_size_format((uint64_t)n, amount);
		else
			snprintf(amount, sizeof(amount), "%" PRId64 "%s", (int64_t)n, q->usual);
		snprintf(suggestion, sizeof(suggestion), "\"%s\"", amount);
	}
	dt_convert_refuse(l, o, v, place, suggestion[0] ? suggestion : NULL);
	return NULL;
}

static bool
convert_duration(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	const char *text = quantity_text(l, o, &dt_durations, v, place);
	char suggest[DT_QUANTITY_TEXT];
	int64_t ns;
	if (text == NULL)
		return false;
	enum dt_quantity_verdict verdict = dt_duration_parse(text, &ns, suggest);
	if (verdict != DT_QUANTITY_OK) {
		refuse_quantity(l, o, &dt_durations, text, verdict, place, suggest);
		return false;
	}
	if (!check_limits(l, o, place, ns, dt_duration_format))
		return false;
	*(int64_t *)out = ns;
	return true;
}

static bool
convert_size(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	const char *text = quantity_text(l, o, &dt_sizes, v, place);
	char suggest[DT_QUANTITY_TEXT];
	uint64_t bytes;
	if (text == NULL)
		return false;
	enum dt_quantity_verdict verdict = dt_size_parse(text, &bytes, suggest);
	if (verdict != DT_QUANTITY_OK) {
		refuse_quantity(l, o, &dt_sizes, text, verdict, place, suggest);
		return false;
	}
	if (!check_limits(l, o, place, (int64_t)bytes, format_size))
		return false;
	*(uint64_t *)out = bytes;
	return true;
}

static bool
convert_rate(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	const char *text = quantity_text(l, o, &dt_rates, v, place);
	char suggest[DT_QUANTITY_TEXT];
	struct dtlsd_rate rate;
	if (text == NULL)
		return false;
	enum dt_quantity_verdict verdict = dt_rate_parse(text, &rate, suggest);
	if (verdict != DT_QUANTITY_OK) {
		refuse_quantity(l, o, &dt_rates, text, verdict, place, suggest);
		return false;
	}
	memcpy(out, &rate, sizeof(rate));
	return true;
}

static bool
convert_number_of_type(
    struct dt_load *l, const json_t *v, const struct dt_json_place *place, void *out)
{
	enum dt_store_type type = dt_store_type_numbered(json_integer_value(v));
	if (type == DT_STORE_TYPES) {
		dt_load_error(l, place, NULL, "no store type has this number");
		return false;
	}
	*(int32_t *)out = (int32_t)type;
	return true;
}

static bool
convert_enum(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	if ((o->flags & DT_OPTION_STORE_TYPE) && json_is_integer(v))
		return convert_number_of_type(l, v, place, out);
	char all[256] = "", shown[DT_QUOTED], quoted[DT_QUOTED + 2];
	const char *text = json_is_string(v) ? json_string_value(v) : "";
	bool short_list = !(o->flags & DT_OPTION_STORE_TYPE); /* else there are too many to tell */
	size_t count = 0, used = 0;
	for (; o->names[count]; count++) {
		if (json_is_string(v) && strcmp(text, o->names[count]) == 0) {
			*(int32_t *)out = (int32_t)count;
			return true;
		}
		if (short_list && used < sizeof(all))
			used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s",
			    count ? ", " : "", o->names[count]);
	}
	const char *near = dt_text_nearest(text, nth_name, o->names, count);
	snprintf(quoted, sizeof(quoted), "\"%s\"", near ? dt_load_shorten(near, shown) : "");
	if (json_is_string(v))
		dt_load_error(l, place, near ? quoted : NULL, "\"%s\" is %s%s", dt_load_shorten(text, shown),
		    short_list ? "none of " : "no type of a store", all);
	else
		dt_load_error(l, place, NULL, "%s%s is wanted here, not %s",
		    short_list ? "one of " : "the name or number of a type of store", all, name_value(v));
	return false;
}

/* "name:port" with a port from 0 to 65535. */
static bool
has_port(const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
	return digits > 0 && digits < 6 && colon[1 + digits] == '\0' &&
	       strtol(colon + 1, NULL, 10) < 65536;
}

static bool
is_host_name(const char *text)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	size_t n = strspn(text, allowed);
	return n > 0 && text[n] == ':' && strchr(text + n + 1, ':') == NULL;
}

static bool
resolve_name(struct dt_load *l, const char *text, const struct dt_json_place *place,
    struct dtlsd_address *out)
{
	char why[160] = "no host names can be used here", shown[DT_QUOTED];
	enum dt_err err = DT_ERR_UNSUPPORTED;
	if (l->env->resolve_host)
		err = l->env->resolve_host(l->env->resolve_host_arg, text, out, why, sizeof(why));
	if (err == DT_ERR_NOMEM)
		l->nomem = true;
	else if (err != DT_OK)
		dt_load_error(l, place, NULL, "\"%s\" does not resolve: %s",
		    dt_load_shorten(text, shown), why);
	return err == DT_OK;
}

static void
refuse_address(struct dt_load *l, const char *text, const struct dt_json_place *place)
{
	struct dtlsd_address ip;
	char shown[DT_QUOTED], suggestion[DT_QUOTED] = "";
	const char *port = text[0] == '*' ? text + 1 : text;
	port += port[0] == ':';
	size_t digits = strspn(port, "0123456789");
	if (digits > 0 && digits < 6 && port[digits] == '\0')
		snprintf(suggestion, sizeof(suggestion), "\"0.0.0.0:%s\"", port);
	dt_load_shorten(text, shown);
	if (dt_addr_parse_ip(text, &ip) == DT_OK)
		dt_load_error(l, place, NULL, "\"%s\" has no port, as in \"%s%s%s:5684\"", shown,
		    ip.family == DTLSD_IPV6 ? "[" : "", shown, ip.family == DTLSD_IPV6 ? "]" : "");
	else if (strrchr(text, ':') && !has_port(text) && !suggestion[0])
		dt_load_error(l, place, NULL,
		    "\"%s\" has no port from 0 to 65535 behind its last colon", shown);
	else
		dt_load_error(l, place, suggestion[0] ? suggestion : NULL,
		    "\"%s\" is not an address with a port such as \"127.0.0.1:5684\"", shown);
}

static bool
convert_address(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	struct dtlsd_address a = {0};
	const char *text = json_string_value(v);
	if (text == NULL) {
		char suggestion[DT_QUANTITY_TEXT] = "";
		json_int_t n = json_integer_value(v);
		if (n > 0 && n < 65536)
			snprintf(suggestion, sizeof(suggestion), "\"0.0.0.0:%d\"", (int)n);
		dt_convert_refuse(l, o, v, place, suggestion[0] ? suggestion : NULL);
		return false;
	}
	if (dt_addr_parse(text, &a) != DT_OK) {
		if (!has_port(text) || !is_host_name(text)) {
			refuse_address(l, text, place);
			return false;
		}
		if (!resolve_name(l, text, place, &a))
			return false;
	}
	memcpy(out, &a, sizeof(a));
	return true;
}

static bool
convert_ip(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	struct dtlsd_address a = {0}, with_port;
	char shown[DT_QUOTED];
	const char *text = json_string_value(v);
	if (text == NULL) {
		dt_convert_refuse(l, o, v, place, NULL);
		return false;
	}
	if (dt_addr_parse_ip(text, &a) != DT_OK) {
		dt_load_error(l, place, NULL, "\"%s\" is not an IP address such as \"192.0.2.1\"%s",
		    dt_load_shorten(text, shown),
		    dt_addr_parse(text, &with_port) == DT_OK ? ": it has no port" : "");
		return false;
	}
	memcpy(out, &a, sizeof(a));
	return true;
}

/* "10.1.2.3/8" was meant to be "10.0.0.0/8". */
static bool
clear_host_bits(const char *text, char out[DT_QUOTED])
{
	char ip[DT_ADDR_TEXT];
	struct dtlsd_address a;
	const char *slash = strchr(text, '/');
	size_t digits = slash ? strspn(slash + 1, "0123456789") : 0;
	if (digits == 0 || digits > 3 || slash[1 + digits] || (size_t)(slash - text) >= sizeof(ip))
		return false;
	memcpy(ip, text, (size_t)(slash - text));
	ip[slash - text] = '\0';
	long bits = strtol(slash + 1, NULL, 10);
	if (dt_addr_parse_ip(ip, &a) != DT_OK || bits > (a.family == DTLSD_IPV4 ? 32 : 128))
		return false;
	for (long i = bits; i < 128; i++)
		a.ip[i / 8] &= (uint8_t) ~(0x80 >> (i % 8));
	snprintf(out, DT_QUOTED, "\"%s/%ld\"", dt_addr_format_ip(&a, ip), bits);
	return true;
}

static bool
convert_cidr(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	struct dtlsd_cidr cidr = {0};
	char shown[DT_QUOTED], suggestion[DT_QUOTED];
	const char *text = json_string_value(v);
	if (text == NULL) {
		dt_convert_refuse(l, o, v, place, NULL);
		return false;
	}
	if (dt_cidr_parse(text, &cidr) == DT_OK) {
		memcpy(out, &cidr, sizeof(cidr));
		return true;
	}
	dt_load_shorten(text, shown);
	if (clear_host_bits(text, suggestion))
		dt_load_error(l, place, suggestion, "\"%s\" has bits set behind its prefix", shown);
	else
		dt_load_error(
		    l, place, NULL, "\"%s\" is not a prefix such as \"10.0.0.0/8\"", shown);
	return false;
}

static bool
convert_path(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	const char *text = json_string_value(v);
	if (text == NULL) {
		dt_convert_refuse(l, o, v, place, NULL);
		return false;
	}
	if (text[0] == '\0') {
		dt_load_error(l, place, NULL, "a path is wanted here, not an empty text");
		return false;
	}
	bool kept = (o->flags & DT_OPTION_WORD) && strcmp(text, o->names[0]) == 0;
	if (kept || ((o->flags & DT_OPTION_INLINE) && dt_load_is_store_text(text)))
		return convert_text(l, o, v, place, out);
	char *path = dt_load_path(l, text);
	*(const char **)out = path;
	return path != NULL;
}

static convert_fn *const converters[] = {
    [DTLSD_OPT_BOOLEAN] = convert_boolean,
    [DTLSD_OPT_INTEGER] = convert_integer,
    [DTLSD_OPT_TEXT] = convert_text,
    [DTLSD_OPT_DURATION] = convert_duration,
    [DTLSD_OPT_SIZE] = convert_size,
    [DTLSD_OPT_RATE] = convert_rate,
    [DTLSD_OPT_ENUM] = convert_enum,
    [DTLSD_OPT_ADDRESS] = convert_address,
    [DTLSD_OPT_CIDR] = convert_cidr,
    [DTLSD_OPT_PATH] = convert_path,
    [DTLSD_OPT_SECRET] = dt_convert_secret,
    [DTLSD_OPT_IP] = convert_ip,
};

bool
dt_convert(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	DT_ASSERT(o->type < sizeof(converters) / sizeof(converters[0]) && converters[o->type]);
	return converters[o->type](l, o, v, place, out);
}
