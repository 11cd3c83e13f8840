/* What is refused as a module, and with which words. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/abi.h"

struct config {
	int64_t number;
	struct dtlsd_list list;
};

static const char *const names[] = {"one", NULL};
static struct dtlsd_option option;
static struct dtlsd_options options;
static struct dtlsd_counter counter;
static struct dtlsd_module m;
static size_t size;

static void
make_good_one(void)
{
	option = (struct dtlsd_option){.name = "number", .type = DTLSD_OPT_INTEGER, .doc = "x"};
	options = (struct dtlsd_options){&option, 1, sizeof(option), sizeof(struct config), 0};
	counter = (struct dtlsd_counter){"things", "what there was"};
	m = (struct dtlsd_module){DTLSD_MODULE_PREFIX, .name = "good", .version = "1",
	    .options = &options, .counters = &counter, .counter_count = 1,
	    .counter_size = sizeof(counter)};
	size = sizeof(m);
}

TestSuite(abi, .init = make_good_one);

static void
expect(const char *part)
{
	char why[DT_ABI_WHY] = "";
	enum dt_err err = dt_abi_check(&m, size, why);
	cr_assert_eq(err, part ? DT_ERR_REFUSED : DT_OK, "%s", why);
	cr_assert(!part || strstr(why, part), "wanted \"%s\", got \"%s\"", part, why);
	make_good_one();
}

#define REFUSED(change, part)                                                                      \
	do {                                                                                       \
		change;                                                                            \
		expect(part);                                                                      \
	} while (0)

Test(abi, a_good_module_is_good)
{
	expect(NULL);
	REFUSED(m.options = NULL, NULL);
	REFUSED(m.counter_count = 0, NULL);
	REFUSED(size = sizeof(m) + 32, NULL); /* padding of the linker, or of a sanitizer */
}

Test(abi, the_frozen_prefix_decides_first)
{
	REFUSED(size = 15, "15 bytes, too short to be a module");
	REFUSED(m.magic = 0x12345678, "wrong magic 0x12345678, wanted 0x6474736d");
	REFUSED(m.abi_major = 1, "built for module ABI 1.3, this server runs 0.3");
	REFUSED(m.abi_minor = 0, "built for module ABI 0.0, this server runs 0.3");
	REFUSED(
	    m.abi_minor = 4, "built for module ABI 0.4, which is newer than 0.3 of this server");
	REFUSED(m.size = 16, "its table says 16 bytes");
	REFUSED(m.size--, "ABI 0.3 has 184");
	REFUSED(m.size++, "its table says 185 bytes");
	REFUSED(size = sizeof(m) - 1, "its table says 184 bytes and has 183");
	REFUSED(m.abi_minor = 1, "its table says 184 bytes and has 184, ABI 0.1 has 144");
	REFUSED(m.reserved = 5, "reserved word of its table is 5, wanted 0");
}

Test(abi, a_module_of_an_older_version_has_a_shorter_table_and_nothing_behind_it)
{
	static volatile uint32_t bytes = 144; /* the compiler need not know */
	m.abi_minor = 1;
	m.size = bytes;
	struct dtlsd_module *old = malloc(m.size); /* a sanitizer sees each byte too many */
	char why[DT_ABI_WHY];
	memcpy(old, &m, m.size);
	cr_assert_eq(dt_abi_check(old, m.size, why), DT_OK, "%s", why);
	cr_assert_eq(dt_abi_check(old, m.size - 1, why), DT_ERR_REFUSED);
	old->abi_minor = 2;
	cr_assert_eq(dt_abi_check(old, m.size, why), DT_ERR_REFUSED);
	free(old);
}

Test(abi, nothing_behind_a_wrong_prefix_is_read)
{
	uint32_t words[4] = {
	    DTLSD_MAGIC, 7, sizeof(struct dtlsd_module), 0}; /* major 7; then the end */
	char why[DT_ABI_WHY];
	cr_assert_eq(dt_abi_check(words, sizeof(words), why), DT_ERR_REFUSED);
}

Test(abi, a_name_is_a_word)
{
	char longer[65];
	memset(longer, 'a', 64);
	longer[64] = '\0';
	REFUSED(m.name = NULL, "its name is missing");
	REFUSED(m.name = "", "its name is missing");
	REFUSED(m.name = "Good", "characters of [a-z0-9_]");
	REFUSED(m.name = "a/b", "characters of [a-z0-9_]");
	REFUSED(m.name = longer, "1 to 63");
	REFUSED(m.name = longer + 1, NULL);
	REFUSED(m.version = NULL, "no version");
}

Test(abi, tables_have_items_of_a_size_that_we_know)
{
	REFUSED(m.counters = NULL, "1 counters without a table");
	REFUSED(m.counter_size = 8, "counter_size is 8, wanted 16");
	REFUSED(counter.name = NULL, "counter 0 has no name");
	REFUSED(counter.doc = NULL, "counter 0 has no name");
	REFUSED(options.items = NULL, "1 options without a table");
	REFUSED(options.struct_size = 0, "1 options without a table or a struct");
	REFUSED(options.item_size = 8, "an option has 8 bytes, wanted 72");
}

Test(abi, an_option_says_what_it_is_and_lies_in_its_struct)
{
	REFUSED(option.name = "Number", "an option has no name");
	REFUSED(option.name = NULL, "an option has no name");
	REFUSED(option.type = 0, "option number has type 0");
	REFUSED(option.type = 14, "option number has type 14");
	REFUSED(option.flags = 0x8, "flags 0x8");
	REFUSED(option.type = DTLSD_OPT_ENUM, "an enumeration without names");
	REFUSED((option.type = DTLSD_OPT_ENUM, option.names = names), NULL);
	REFUSED(option.type = DTLSD_OPT_OBJECT, "an object without fields");
	REFUSED(option.offset = sizeof(struct config) - 7, "outside of its struct of 24 bytes");
	REFUSED(option.offset = UINT32_MAX, "outside of its struct");
	REFUSED((option.flags = DTLSD_OPT_LIST, option.offset = 8), NULL);
	REFUSED((option.flags = DTLSD_OPT_LIST, option.offset = 9), "outside of its struct");
}

Test(abi, options_that_nest_without_end_are_refused)
{
	option.type = DTLSD_OPT_OBJECT;
	option.fields = &options;
	expect("nested more than 8 deep");
}
