#include "config/units.h"

#include "base/assert.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct dt_unit durations[] = {
    {"ns", 1, "nano"},
    {"us", 1000, "micro"},
    {"ms", 1000000, "milli"},
    {"s", 1000000000, "sec"},
    {"m", 60000000000, "min"},
    {"h", 3600000000000, "h"},
    {"d", 86400000000000, "day"},
};

static const struct dt_unit sizes[] = {
    {"B", 1, "byte"},
    {"kB", 1000, "kilo"},
    {"KiB", 1024, "k"},
    {"MB", 1000000, "mega"},
    {"MiB", 1048576, "m"},
    {"GB", 1000000000, "giga"},
    {"GiB", 1073741824, "g"},
};

static const struct dt_unit rates[] = {
    {"/s", 1000000000, "/sec"},
    {"/m", 60000000000, "/min"},
    {"/h", 3600000000000, "/h"},
};

const struct dt_quantity dt_durations = {
    durations, COUNT(durations), "ns, us, ms, s, m, h, d", "s"};
const struct dt_quantity dt_sizes = {sizes, COUNT(sizes), "B, kB, KiB, MB, MiB, GB, GiB", "B"};
const struct dt_quantity dt_rates = {rates, COUNT(rates), "/s, /m, /h", "/s"};

/* What `word` was probably meant to be, or NULL. */
static const struct dt_unit *
find_meant(const struct dt_quantity *q, const char *word)
{
	for (size_t i = 0; i < q->count; i++) {
		if (strcasecmp(word, q->units[i].name) == 0)
			return &q->units[i];
	}
	for (size_t i = 0; i < q->count; i++) {
		if (strncasecmp(word, q->units[i].alias, strlen(q->units[i].alias)) == 0)
			return &q->units[i];
	}
	return NULL;
}

/* Digits up to the first other character; false when they are too many. */
static bool
read_number(const char **at, uint64_t *out)
{
	uint64_t v = 0;
	bool fits = true;
	for (; isdigit((unsigned char)**at); (*at)++) {
		unsigned digit = (unsigned)(**at - '0');
		fits = fits && v <= (UINT64_MAX - digit) / 10;
		v = v * 10 + digit;
	}
	*out = v;
	return fits;
}

enum dt_quantity_verdict
dt_quantity_parse(const struct dt_quantity *q, const char *text, uint64_t *number,
    const struct dt_unit **unit, char suggest[DT_QUANTITY_TEXT])
{
	suggest[0] = '\0';
	if (!isdigit((unsigned char)text[0]))
		return DT_QUANTITY_NONSENSE;
	if (!read_number(&text, number))
		return DT_QUANTITY_RANGE;
	for (size_t i = 0; i < q->count; i++) {
		if (strcmp(text, q->units[i].name) == 0) {
			*unit = &q->units[i];
			return DT_QUANTITY_OK;
		}
	}

	text += strspn(text, " ");
	const struct dt_unit *meant = find_meant(q, text);
	const char *name = *text == '\0' ? q->usual : meant ? meant->name : NULL;
	if (name)
		snprintf(suggest, DT_QUANTITY_TEXT, "%" PRIu64 "%s", *number, name);
	return *text == '\0' ? DT_QUANTITY_BARE : DT_QUANTITY_UNIT;
}

static enum dt_quantity_verdict
parse_product(
    const struct dt_quantity *q, const char *text, uint64_t *out, char suggest[DT_QUANTITY_TEXT])
{
	uint64_t number;
	const struct dt_unit *unit;
	enum dt_quantity_verdict v = dt_quantity_parse(q, text, &number, &unit, suggest);
	if (v != DT_QUANTITY_OK)
		return v;
	if (number > INT64_MAX / unit->factor)
		return DT_QUANTITY_RANGE;
	*out = number * unit->factor;
	return DT_QUANTITY_OK;
}

enum dt_quantity_verdict
dt_duration_parse(const char *text, int64_t *ns, char suggest[DT_QUANTITY_TEXT])
{
	uint64_t v = 0;
	enum dt_quantity_verdict verdict = parse_product(&dt_durations, text, &v, suggest);
	*ns = (int64_t)v;
	return verdict;
}

enum dt_quantity_verdict
dt_size_parse(const char *text, uint64_t *bytes, char suggest[DT_QUANTITY_TEXT])
{
	*bytes = 0;
	return parse_product(&dt_sizes, text, bytes, suggest);
}

enum dt_quantity_verdict
dt_rate_parse(const char *text, struct dtlsd_rate *rate, char suggest[DT_QUANTITY_TEXT])
{
	uint64_t number;
	const struct dt_unit *unit;
	*rate = (struct dtlsd_rate){0};
	enum dt_quantity_verdict v = dt_quantity_parse(&dt_rates, text, &number, &unit, suggest);
	if (v == DT_QUANTITY_OK)
		*rate = (struct dtlsd_rate){number, unit->factor};
	return v;
}

/* Zero in the usual unit: "0s" says more than "0d". */
static char *
format_product(const struct dt_quantity *q, uint64_t v, char buf[DT_QUANTITY_TEXT])
{
	size_t i = q->count - 1;
	while (v % q->units[i].factor != 0)
		i--;
	snprintf(buf, DT_QUANTITY_TEXT, "%" PRIu64 "%s", v / q->units[i].factor,
	    v == 0 ? q->usual : q->units[i].name);
	return buf;
}

char *
dt_duration_format(int64_t ns, char buf[DT_QUANTITY_TEXT])
{
	DT_ASSERT(ns >= 0);
	return format_product(&dt_durations, (uint64_t)ns, buf);
}

char *
dt_size_format(uint64_t bytes, char buf[DT_QUANTITY_TEXT])
{
	return format_product(&dt_sizes, bytes, buf);
}

char *
dt_rate_format(const struct dtlsd_rate *rate, char buf[DT_QUANTITY_TEXT])
{
	size_t i = 0;
	while (i < dt_rates.count && rates[i].factor != rate->per_ns)
		i++;
	DT_ASSERT(i < dt_rates.count);
	snprintf(buf, DT_QUANTITY_TEXT, "%" PRIu64 "%s", rate->count, rates[i].name);
	return buf;
}
