/* Good values of every type, through the option table of a module. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "config/options.h"
#include "surroundings.h"

#define BASE "'listen':'127.0.0.1:1','tls':{'certificate':'a.pem'}"

/* The configuration with one entry of `use` and these options. */
static struct dt_config *
load_entry(const char *use, const char *options)
{
	char text[4096];
	struct dt_config *c;
	struct dt_config_report report;
	snprintf(
	    text, sizeof(text), "{'servers':[{" BASE ",'chain':[{'use':'%s'%s}]}]}", use, options);
	enum dt_err err = load_quoted(text, &c, &report);
	cr_assert_eq(err, DT_OK, "%s", all_messages(&report));
	cr_assert_eq(report.count, 0);
	dt_config_report_fini(&report);
	return c;
}

static const void *
options_of(const struct dt_config *c)
{
	return DT_CONFIG_ENTRY(DT_CONFIG_SERVER(c, 0), 0)->options;
}

static char *
show_address(const struct dtlsd_address *a)
{
	static char text[DT_ADDR_TEXT];
	return dt_addr_format(a, text);
}

Test(values, absent_options_have_their_defaults)
{
	struct dt_config *c = load_entry("everything", "");
	const struct everything *e = options_of(c);
	cr_expect_eq(e->flag, 0);
	cr_expect_eq(e->count, 3);
	cr_expect_null(e->text);
	cr_expect_eq(e->wait, 60000000000);
	cr_expect_eq(e->size, 4096);
	cr_expect_eq(e->rate.per_ns, 0);
	cr_expect_eq(e->mode, 0);
	cr_expect_eq(e->address.family, 0);
	cr_expect_null(e->file);
	cr_expect_null(e->key.data);
	cr_expect_null(e->inner.word);
	cr_expect_eq(e->inner.number, 7);
	cr_assert_eq(e->words.count, 2);
	cr_expect_str_eq(((const char *const *)e->words.items)[1], "b");
	cr_expect_eq(e->nets.count, 0);
	cr_expect_eq(e->inners.count, 0);
	dt_config_free(&c);
}

Test(values, integers_booleans_and_words)
{
	static const struct {
		const char *text;
		int flag, mode;
		int64_t count;
	} rows[] = {
	    {",'flag':true", 1, 0, 3},
	    {",'flag':false,'count':1", 0, 0, 1},
	    {",'count':10,'mode':'strict'", 0, 1, 10},
	    {",'mode':'gentle'", 0, 0, 3},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_config *c = load_entry("everything", rows[i].text);
		const struct everything *e = options_of(c);
		cr_expect_eq(e->flag, rows[i].flag, "%s", rows[i].text);
		cr_expect_eq(e->count, rows[i].count, "%s", rows[i].text);
		cr_expect_eq(e->mode, rows[i].mode, "%s", rows[i].text);
		dt_config_free(&c);
	}
}

Test(values, quantities)
{
	struct dt_config *c =
	    load_entry("everything", ",'wait':'30m','size':'512KiB','rate':'100/m'");
	const struct everything *e = options_of(c);
	cr_expect_eq(e->wait, 1800000000000);
	cr_expect_eq(e->size, 524288);
	cr_expect_eq(e->rate.count, 100);
	cr_expect_eq(e->rate.per_ns, 60000000000);
	dt_config_free(&c);
	c = load_entry("everything", ",'wait':'1s','size':'1B','rate':'0/h'");
	e = options_of(c);
	cr_expect_eq(e->wait, 1000000000);
	cr_expect_eq(e->size, 1);
	cr_expect_eq(e->rate.per_ns, 3600000000000);
	dt_config_free(&c);
}

Test(values, texts_keep_every_character)
{
	struct dt_config *c =
	    load_entry("everything", ",'text':'a\\u00e4\\ud83d\\ude00\\n\\\\ // /* x */'");
	const struct everything *e = options_of(c);
	cr_expect_str_eq(e->text, "a\xc3\xa4\xf0\x9f\x98\x80\n\\ // /* x */");
	dt_config_free(&c);
}

Test(values, addresses_and_prefixes)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
	    {"127.0.0.1:80", "127.0.0.1:80"},
	    {"0.0.0.0:0", "0.0.0.0:0"},
	    {"[::1]:65535", "[::1]:65535"},
	    {"[2001:db8::5]:1", "[2001:db8::5]:1"},
	    {"localhost:5683", "127.0.0.1:5683"},
	};
	char option[96];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(option, sizeof(option), ",'address':'%s'", rows[i].text);
		struct dt_config *c = load_entry("everything", option);
		cr_expect_str_eq(show_address(&((const struct everything *)options_of(c))->address),
		    rows[i].shown);
		dt_config_free(&c);
	}
	struct dt_config *c = load_entry("everything",
	    ",'ip':'2001:db8::1','net':'10.0.0.0/8','nets':['::/0','192.0.2.7','198.51.100.0/24']");
	const struct everything *e = options_of(c);
	const struct dtlsd_cidr *nets = e->nets.items;
	cr_expect_eq(e->ip.family, DTLSD_IPV6);
	cr_expect_eq(e->ip.port, 0);
	cr_expect_eq(e->net.bits, 8);
	cr_expect_eq(e->net.ip[0], 10);
	cr_assert_eq(e->nets.count, 3);
	cr_expect_eq(e->nets.item_size, sizeof(struct dtlsd_cidr));
	cr_expect_eq(nets[0].family, DTLSD_IPV6);
	cr_expect_eq(nets[1].bits, 32);
	cr_expect_eq(nets[2].bits, 24);
	dt_config_free(&c);
}

Test(values, paths_begin_at_the_directory_of_the_file)
{
	char here[4096], want[4200];
	cr_assert_not_null(getcwd(here, sizeof(here)));
	struct dt_config *c = load_entry("everything", ",'file':'sub/x.txt'");
	snprintf(want, sizeof(want), "%s/sub/x.txt", here);
	cr_expect_str_eq(((const struct everything *)options_of(c))->file, want);
	dt_config_free(&c);
	c = load_entry("everything", ",'file':'/etc/x.txt'");
	cr_expect_str_eq(((const struct everything *)options_of(c))->file, "/etc/x.txt");
	dt_config_free(&c);
}

Test(values, objects_lists_and_shorthands)
{
	struct dt_config *c = load_entry("everything",
	    ",'inner':{'word':'w'},'words':'lone','inners':['x',{'word':'y','number':2}]");
	const struct everything *e = options_of(c);
	const struct inner *inners = e->inners.items;
	cr_expect_str_eq(e->inner.word, "w");
	cr_expect_eq(e->inner.number, 7);
	cr_assert_eq(e->words.count, 1);
	cr_expect_str_eq(((const char *const *)e->words.items)[0], "lone");
	cr_assert_eq(e->inners.count, 2);
	cr_expect_str_eq(inners[0].word, "x");
	cr_expect_eq(inners[0].number, 7);
	cr_expect_str_eq(inners[1].word, "y");
	cr_expect_eq(inners[1].number, 2);
	dt_config_free(&c);
	c = load_entry("everything", ",'inners':'x','words':[]");
	e = options_of(c);
	cr_expect_eq(e->words.count, 0);
	cr_assert_eq(e->inners.count, 1);
	cr_expect_str_eq(((const struct inner *)e->inners.items)->word, "x");
	dt_config_free(&c);
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
}

Test(values, secrets_come_from_variables_files_and_credentials)
{
	static const struct {
		const char *content, *secret;
	} files[] = {
	    {"hunter2", "hunter2"},
	    {"hunter2\n", "hunter2"},
	    {"hunter2\r\n", "hunter2"},
	    {"hunter2\n\n", "hunter2\n"},
	    {" two words ", " two words "},
	};
	char dir[] = "/tmp/dtlsd-secret-XXXXXX", path[64], option[128];
	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/key", dir);
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	setenv("DTLSD_TEST_SECRET", "from the environment\n", 1);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		write_file(path, files[i].content);
		for (int way = 0; way < 2; way++) {
			snprintf(option, sizeof(option),
			    way ? ",'key':{'credential':'key'}" : ",'key':{'file':'%s'}", path);
			struct dt_config *c = load_entry("everything", option);
			const struct dtlsd_bytes *key =
			    &((const struct everything *)options_of(c))->key;
			cr_assert_eq(key->len, strlen(files[i].secret));
			cr_expect_arr_eq(key->data, files[i].secret, key->len + 1);
			dt_config_free(&c);
		}
	}
	unlink(path);
	rmdir(dir);
	struct dt_config *c = load_entry("everything", ",'key':{'env':'DTLSD_TEST_SECRET'}");
	cr_expect_str_eq((const char *)((const struct everything *)options_of(c))->key.data,
	    "from the environment\n");
	dt_config_free(&c);
}

Test(values, a_module_built_with_shorter_rows_is_understood)
{
	struct dt_config *c = load_entry("older", ",'first':5");
	const struct older *o = options_of(c);
	cr_expect_eq(o->first, 5);
	cr_expect_str_eq(o->second, "two");
	dt_config_free(&c);
}

static const char *const no_words[] = {NULL};
static const struct dtlsd_options loop;
static const struct dtlsd_option into_loop[] = {
    {.name = "x", .type = DTLSD_OPT_OBJECT, .fields = &loop}};
static const struct dtlsd_options loop = {into_loop, 1, sizeof(struct dtlsd_option), 8, 0};
static const struct {
	struct dtlsd_option option;
	uint32_t item_size, struct_size;
	const char *fault;
} unsound[] = {
#define ROW_SIZE sizeof(struct dtlsd_option)
    {{.name = "x", .type = 0}, ROW_SIZE, 8, "its option \"x\" is not usable: its type is unknown"},
    {{.name = "x", .type = 14}, ROW_SIZE, 8, "its option \"x\" is not usable: its type is unknown"},
    {{.name = NULL, .type = 1}, ROW_SIZE, 8, "option 0 of its table has no name"},
    {{.name = "x", .type = 1, .flags = 8}, ROW_SIZE, 8,
	"its option \"x\" is not usable: it has an unknown flag"},
    {{.name = "x", .type = 1, .flags = DT_OPTION_CHAIN}, ROW_SIZE, 8,
	"its option \"x\" is not usable: it has an unknown flag"},
    {{.name = "x", .type = 7}, ROW_SIZE, 8, "its option \"x\" is not usable: it names no words"},
    {{.name = "x", .type = 7, .names = no_words}, ROW_SIZE, 8,
	"its option \"x\" is not usable: it names no words"},
    {{.name = "x", .type = 12}, ROW_SIZE, 8, "its option \"x\" is not usable: it has no fields"},
    {{.name = "x", .type = 2, .min = 5, .max = 4}, ROW_SIZE, 8,
	"its option \"x\" is not usable: its lower limit is above the upper one"},
    {{.name = "x", .type = 4, .min = -1, .max = 4}, ROW_SIZE, 8,
	"its option \"x\" is not usable: its limits are below 0"},
    {{.name = "x", .type = 4, .def = "60s"}, ROW_SIZE, 8,
	"its option \"x\" is not usable: its default is not JSON"},
    {{.name = "x", .type = 3, .flags = DTLSD_OPT_SHORTHAND}, ROW_SIZE, 8,
	"its option \"x\" is not usable: it has nothing to be a shorthand for"},
    {{.name = "x", .type = 2, .offset = 4}, ROW_SIZE, 16,
	"its option \"x\" is not usable: it lies outside of the configuration struct, or "
	"askew in it"},
    {{.name = "x", .type = 2, .offset = 8}, ROW_SIZE, 15,
	"its option \"x\" is not usable: it lies outside of the configuration struct, or "
	"askew in it"},
    {{.name = "x", .type = 1, .flags = DTLSD_OPT_LIST}, ROW_SIZE, 15,
	"its option \"x\" is not usable: it lies outside of the configuration struct, or "
	"askew in it"},
    {{.name = "x", .type = 1, .offset = UINT32_MAX}, ROW_SIZE, 8,
	"its option \"x\" is not usable: it lies outside of the configuration struct, or "
	"askew in it"},
    {{.name = "x", .type = 12, .fields = &loop}, ROW_SIZE, 8,
	"its option table is not usable: nested too deeply"},
    {{.name = "x", .type = 1}, 12, 8, "its option table is not usable: too short for any option"},
    {{.name = "x", .type = 1}, ROW_SIZE, UINT32_MAX,
	"its option table is not usable: for a struct that is too large"},
};

Test(values, unsound_tables_are_refused)
{
	for (size_t i = 0; i < sizeof(unsound) / sizeof(unsound[0]); i++) {
		char err[256] = "";
		struct dtlsd_options t = {
		    &unsound[i].option, 1, unsound[i].item_size, unsound[i].struct_size, 0};
		cr_expect_eq(
		    dt_options_check(&t, NULL, err, sizeof(err)), DT_ERR_INVALID, "row %zu", i);
		cr_expect_str_eq(err, unsound[i].fault, "row %zu: %s", i, err);
	}
}
