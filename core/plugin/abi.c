#include "plugin/abi.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_BYTES offsetof(struct dtlsd_module, name)
#define OPTION_DEPTH_MAX 8u
#define TYPE_LAST DTLSD_OPT_IP
#define FLAGS_KNOWN (DTLSD_OPT_LIST | DTLSD_OPT_REQUIRED | DTLSD_OPT_SHORTHAND)

_Static_assert(PREFIX_BYTES == 16, "the frozen prefix has moved");

/* What a table has to be long, by the minor version that it was built for. */
static const uint32_t size_of_minor[] = {
    [0] = 0, /* never released */
    [1] = offsetof(struct dtlsd_module, disconnected) + sizeof(void *),
    [2] = offsetof(struct dtlsd_module, peer_moved) + sizeof(void *),
    [3] = offsetof(struct dtlsd_module, data_out) + sizeof(void *),
};
_Static_assert(sizeof(size_of_minor) / sizeof(size_of_minor[0]) == DTLSD_ABI_MINOR + 1,
    "each minor version has a row");

/* C type of each option type; 0 = given by the fields. */
static const uint32_t size_of_type[] = {
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
    [DTLSD_OPT_OBJECT] = 0,
    [DTLSD_OPT_IP] = sizeof(struct dtlsd_address),
};

static enum dt_err __attribute__((format(printf, 2, 3)))
refuse(char why[DT_ABI_WHY], const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(why, DT_ABI_WHY, format, args);
	va_end(args);
	return DT_ERR_REFUSED;
}

static enum dt_err
check_prefix(const void *symbol, size_t size, char why[DT_ABI_WHY])
{
	struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t size, reserved;
	} p;
	_Static_assert(sizeof(p) == PREFIX_BYTES, "the prefix as it is frozen");
	if (size < sizeof(p))
		return refuse(
		    why, "its symbol dtlsd_module has %zu bytes, too short to be a module", size);
	memcpy(&p, symbol, sizeof(p));
	if (p.magic != DTLSD_MAGIC)
		return refuse(why,
		    "wrong magic 0x%08" PRIx32 ", wanted 0x%08" PRIx32 ": not a dtlsd module",
		    p.magic, (uint32_t)DTLSD_MAGIC);
	if (p.major != DTLSD_ABI_MAJOR || p.minor == 0)
		return refuse(why, "built for module ABI %u.%u, this server runs %u.%u", p.major,
		    p.minor, DTLSD_ABI_MAJOR, DTLSD_ABI_MINOR);
	if (p.minor > DTLSD_ABI_MINOR)
		return refuse(why,
		    "built for module ABI %u.%u, which is newer than %u.%u of this server", p.major,
		    p.minor, DTLSD_ABI_MAJOR, DTLSD_ABI_MINOR);
	if (p.size != size_of_minor[p.minor] || p.size > size)
		return refuse(why,
		    "its table says %" PRIu32 " bytes and has %zu, ABI %u.%u has %" PRIu32, p.size,
		    size, p.major, p.minor, size_of_minor[p.minor]);
	if (p.reserved != 0)
		return refuse(
		    why, "the reserved word of its table is %" PRIu32 ", wanted 0", p.reserved);
	return DT_OK;
}

static bool
is_word(const char *text, size_t max)
{
	size_t len = text ? strnlen(text, max + 1) : 0;
	return len > 0 && len <= max &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") >= len;
}

static enum dt_err
check_counters(const struct dtlsd_module *m, char why[DT_ABI_WHY])
{
	if (m->counter_count == 0)
		return DT_OK;
	if (!m->counters)
		return refuse(why, "%" PRIu32 " counters without a table", m->counter_count);
	if (m->counter_size < sizeof(struct dtlsd_counter))
		return refuse(why, "counter_size is %" PRIu32 ", wanted %zu", m->counter_size,
		    sizeof(struct dtlsd_counter));
	for (uint32_t i = 0; i < m->counter_count; i++) {
		const struct dtlsd_counter *c =
		    (const struct dtlsd_counter *)(const void *)((const char *)m->counters +
								 (size_t)i * m->counter_size);
		if (!is_word(c->name, DT_ABI_NAME_MAX) || !c->doc)
			return refuse(
			    why, "counter %" PRIu32 " has no name of [a-z0-9_], or no text", i);
	}
	return DT_OK;
}

static enum dt_err check_options(
    const struct dtlsd_options *options, unsigned depth, char why[DT_ABI_WHY]);

static enum dt_err
check_option(const struct dtlsd_option *o, const struct dtlsd_options *table, unsigned depth,
    char why[DT_ABI_WHY])
{
	if (!is_word(o->name, DT_ABI_NAME_MAX))
		return refuse(why, "an option has no name of [a-z0-9_]");
	if (o->type == 0 || o->type > TYPE_LAST || (o->flags & ~FLAGS_KNOWN))
		return refuse(why,
		    "option %s has type %" PRIu32 " and flags 0x%" PRIx32 ", which ABI %u.%u "
		    "does not know",
		    o->name, o->type, o->flags, DTLSD_ABI_MAJOR, DTLSD_ABI_MINOR);
	if (o->type == DTLSD_OPT_ENUM && (!o->names || !o->names[0]))
		return refuse(why, "option %s is an enumeration without names", o->name);
	if (o->type == DTLSD_OPT_OBJECT && !o->fields)
		return refuse(why, "option %s is an object without fields", o->name);
	if (o->type == DTLSD_OPT_OBJECT) {
		enum dt_err err = check_options(o->fields, depth + 1, why);
		if (err != DT_OK)
			return err;
	}
	uint32_t size =
	    o->type == DTLSD_OPT_OBJECT ? o->fields->struct_size : size_of_type[o->type];
	if (o->flags & DTLSD_OPT_LIST)
		size = sizeof(struct dtlsd_list);
	if (o->offset > table->struct_size || size > table->struct_size - o->offset)
		return refuse(why,
		    "option %s lies at %" PRIu32 ", outside of its struct of %" PRIu32 " bytes",
		    o->name, o->offset, table->struct_size);
	return DT_OK;
}

static enum dt_err
check_options(const struct dtlsd_options *options, unsigned depth, char why[DT_ABI_WHY])
{
	if (!options || options->count == 0)
		return DT_OK;
	if (depth > OPTION_DEPTH_MAX)
		return refuse(why, "its options are nested more than %u deep", OPTION_DEPTH_MAX);
	if (!options->items || options->struct_size == 0)
		return refuse(
		    why, "%" PRIu32 " options without a table or a struct", options->count);
	if (options->item_size < sizeof(struct dtlsd_option))
		return refuse(why, "an option has %" PRIu32 " bytes, wanted %zu",
		    options->item_size, sizeof(struct dtlsd_option));
	for (uint32_t i = 0; i < options->count; i++) {
		const struct dtlsd_option *o =
		    (const struct dtlsd_option *)(const void *)((const char *)options->items +
								(size_t)i * options->item_size);
		enum dt_err err = check_option(o, options, depth, why);
		if (err != DT_OK)
			return err;
	}
	return DT_OK;
}

enum dt_err
dt_abi_check(const void *symbol, size_t size, char why[DT_ABI_WHY])
{
	enum dt_err err = check_prefix(symbol, size, why);
	if (err != DT_OK)
		return err;
	const struct dtlsd_module *m = symbol;
	if (!is_word(m->name, DT_ABI_NAME_MAX))
		return refuse(why, "its name is missing, or not 1 to %u characters of [a-z0-9_]",
		    DT_ABI_NAME_MAX);
	if (!m->version)
		return refuse(why, "it has no version");
	err = check_counters(m, why);
	return err != DT_OK ? err : check_options(m->options, 0, why);
}
