/* The reference manual as Markdown, from the option tables. */
#include "config/describe.h"

#include "config/options.h"
#include "config/tables.h"
#include "pki/store_type.h"

#include <string.h>

#define SECTION_MAX 160u /* bytes of a path such as servers[].tls.certificate[] */

static const char introduction[] =
    "# Configuration\n"
    "\n"
    "Generated from the option tables of the server and of its modules; `dtlsd schema` prints the "
    "same\n"
    "as JSON Schema.\n"
    "\n"
    "The configuration is one JSON file, encoded in UTF-8. `//` and `/* */` comments may stand "
    "wherever\n"
    "a blank may. Unknown and duplicate keys are errors. Every error names file, line and column, "
    "and\n"
    "all errors of a file are told at once; `dtlsd -t -c FILE` looks for them and does nothing "
    "else.\n"
    "\n"
    "| Type | Written as |\n"
    "|---|---|\n"
    "| duration | a text of a whole number and one of ns, us, ms, s, m, h, d: `\"60s\"` |\n"
    "| size | a text of a whole number and one of B, kB, KiB, MB, MiB, GB, GiB: `\"64KiB\"` |\n"
    "| rate | a number per second, minute or hour: `\"5/s\"`, `\"100/m\"`, `\"1000/h\"` |\n"
    "| address | `\"192.0.2.1:5684\"`, `\"[2001:db8::1]:5684\"`, `\"host.example:5684\"` (looked "
    "up at start) |\n"
    "| IP address | `\"192.0.2.1\"`, `\"2001:db8::1\"` |\n"
    "| prefix | `\"10.0.0.0/8\"`, `\"2001:db8::/32\"`; a plain address is itself only |\n"
    "| path | absolute, or relative to the directory of the configuration file |\n"
    "| secret | never in the file itself: `{\"env\": \"NAME\"}`, `{\"file\": \"path\"}` (one line "
    "end is cut off) or `{\"credential\": \"name\"}` (a file in `$CREDENTIALS_DIRECTORY`) |\n"
    "| list | `[ ... ]`; where a list is wanted, a lone item counts as a list of one |\n"
    "\n";

/* Names of the types in the tables. */
static const char *const type_names[] = {
    [DTLSD_OPT_BOOLEAN] = "boolean",
    [DTLSD_OPT_INTEGER] = "integer",
    [DTLSD_OPT_TEXT] = "text",
    [DTLSD_OPT_DURATION] = "duration",
    [DTLSD_OPT_SIZE] = "size",
    [DTLSD_OPT_RATE] = "rate",
    [DTLSD_OPT_ENUM] = "",
    [DTLSD_OPT_ADDRESS] = "address",
    [DTLSD_OPT_CIDR] = "prefix",
    [DTLSD_OPT_PATH] = "path",
    [DTLSD_OPT_SECRET] = "secret",
    [DTLSD_OPT_OBJECT] = "object",
    [DTLSD_OPT_IP] = "IP address",
};

/* A bar would end the cell. */
static void
print_cell(FILE *out, const char *text)
{
	for (; *text; text++)
		fprintf(out, *text == '|' ? "\\|" : "%c", *text);
}

/* Those that work, each with its number. */
static void
print_store_types(FILE *out)
{
	const char *comma = "";
	for (unsigned i = 0; i < DT_STORE_TYPES; i++) {
		const struct dt_store_type_info *info = dt_store_type_info((enum dt_store_type)i);
		if (info->refused)
			continue;
		fprintf(out, "%s`\"%s\"` (%d)", comma, info->name, info->number);
		comma = ", ";
	}
}

static void
print_type(FILE *out, const struct dtlsd_option *o)
{
	char low[DT_QUANTITY_TEXT], high[DT_QUANTITY_TEXT];
	fprintf(out, "%s%s", (o->flags & DTLSD_OPT_LIST) ? "list of: " : "", type_names[o->type]);
	if (o->flags & DT_OPTION_STORE_TYPE) {
		print_store_types(out);
	} else if (o->type == DTLSD_OPT_ENUM) {
		for (size_t i = 0; o->names[i]; i++)
			fprintf(out, "%s`\"%s\"`", i ? ", " : "", o->names[i]);
	}
	bool limited = o->type == DTLSD_OPT_INTEGER || o->type == DTLSD_OPT_DURATION ||
		       o->type == DTLSD_OPT_SIZE;
	if (limited && (o->min || o->max)) {
		dt_describe_limit(o->type, o->min, low);
		if (o->max == INT64_MAX)
			fprintf(out, ", %s or more", low);
		else
			fprintf(out, ", %s to %s", low, dt_describe_limit(o->type, o->max, high));
	}
	for (size_t i = 0; (o->flags & DT_OPTION_WORD) && o->names[i]; i++)
		fprintf(out, ", %s`\"%s\"`", o->names[i + 1] ? "" : "or ", o->names[i]);
	if (o->type == DTLSD_OPT_SECRET && (o->flags & DT_OPTION_INLINE))
		fprintf(out, ", or a text");
	if (o->flags & DTLSD_OPT_SHORTHAND)
		fprintf(out, ", or its `%s` as a text", dt_options_get(o->fields, 0).name);
}

static void
print_row(FILE *out, const struct dtlsd_option *o)
{
	fprintf(out, "| `%s` | ", o->name);
	print_type(out, o);
	fprintf(out, " | ");
	if (o->flags & DTLSD_OPT_REQUIRED)
		fprintf(out, "required");
	else if (o->def)
		fprintf(out, "`%s`", o->def);
	fprintf(out, " | ");
	print_cell(out, o->doc ? o->doc : "");
	fprintf(out, " |\n");
}

/* The name of an object before the i-th option that has the same fields, or NULL. */
static const char *
find_twin(const struct dtlsd_options *table, uint32_t i, const struct dtlsd_option *o)
{
	for (uint32_t k = 0; k < i; k++) {
		struct dtlsd_option other = dt_options_get(table, k);
		if (other.type == DTLSD_OPT_OBJECT && other.fields == o->fields)
			return other.name;
	}
	return NULL;
}

/* The table of `section` ("" = top level), then those of the objects in it. */
static void
print_table(FILE *out, const char *section, const struct dtlsd_options *table)
{
	if (table->count == 0)
		fprintf(out, "Takes no options.\n");
	else
		fprintf(out, "| Key | Type | Default | Meaning |\n|---|---|---|---|\n");
	for (uint32_t i = 0; i < table->count; i++) {
		struct dtlsd_option o = dt_options_get(table, i);
		print_row(out, &o);
	}
	for (uint32_t i = 0; i < table->count; i++) {
		struct dtlsd_option o = dt_options_get(table, i);
		if (o.type != DTLSD_OPT_OBJECT)
			continue;
		char inner[SECTION_MAX];
		snprintf(inner, sizeof(inner), "%s%s%s%s", section, section[0] ? "." : "", o.name,
		    (o.flags & DTLSD_OPT_LIST) ? "[]" : "");
		fprintf(out, "\n### %s\n\n", inner);
		const char *twin = find_twin(table, i, &o);
		if (twin)
			fprintf(out, "The same keys as `%s`, above.\n", twin);
		else
			print_table(out, inner, o.fields);
	}
}

static void
print_module(void *arg, const char *name, const struct dtlsd_options *options)
{
	FILE *out = arg;
	fprintf(out, "\n## Module %s\n\n", name);
	print_table(out, name, options);
}

enum dt_err
dt_config_manual(const struct dt_config_env *env, FILE *out)
{
	fputs(introduction, out);
	fprintf(out, "## The server\n\n");
	print_table(out, "", &dt_config_table);
	dt_describe_modules(env, print_module, out);
	return fflush(out) != 0 || ferror(out) ? DT_ERR_SYSTEM : DT_OK;
}
