/* Values that are the same as before have the same fingerprint, and no others. */
#include "config/fingerprint.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "surroundings.h"

static const struct dt_siphash_key key = {1, 2};

/* Of the options of one entry of the module "everything". */
static uint64_t
print_of(const char *options)
{
	char text[1024];
	snprintf(text, sizeof(text),
	    "{'servers':[{'listen':'127.0.0.1:1','tls':{'certificate':'a.pem'},'chain':["
	    "{'use':'everything'%s%s}]}]}",
	    options[0] ? "," : "", options);
	struct dt_config_report report;
	struct dt_config *c;
	dt_config_report_init(&report);
	cr_assert_eq(load_quoted(text, &c, &report), DT_OK, "%s", all_messages(&report));
	const struct dt_config_chain_entry *entry = DT_CONFIG_ENTRY(DT_CONFIG_SERVER(c, 0), 0);
	uint64_t print = dt_config_fingerprint(&key, entry->module.options, entry->options);
	dt_config_free(&c);
	dt_config_report_fini(&report);
	return print;
}

Test(fingerprint, every_value_counts_and_its_way_of_writing_does_not)
{
	static const char *const different[] = {"", "'flag':true", "'count':4", "'text':'x'",
	    "'text':''", "'wait':'61s'", "'size':'1KiB'", "'rate':'5/s'", "'rate':'5/m'",
	    "'mode':'strict'", "'address':'127.0.0.1:1'", "'address':'127.0.0.1:2'",
	    "'ip':'127.0.0.1'", "'net':'10.0.0.0/8'", "'net':'10.0.0.0/9'", "'file':'/nowhere'",
	    "'inner':{'word':'x'}", "'inner':{'word':'x','number':8}", "'words':['x']",
	    "'words':['x','x']", "'words':['xx']", "'nets':['10.0.0.0/8']", "'inners':['x']",
	    "'inners':['x','y']", "'inners':['y','x']"};
	enum { COUNT = sizeof(different) / sizeof(different[0]) };
	uint64_t prints[COUNT];
	for (size_t i = 0; i < COUNT; i++) {
		prints[i] = print_of(different[i]);
		for (size_t k = 0; k < i; k++)
			cr_expect_neq(
			    prints[i], prints[k], "%s and %s", different[i], different[k]);
	}
	cr_expect_eq(print_of("'count':3"), prints[0], "the default, written down");
	cr_expect_eq(print_of("'wait':'60000ms'"), prints[0]);
	cr_expect_eq(print_of("'words':'x'"), print_of("'words':['x']"));
	cr_expect_eq(print_of("'inners':[{'word':'x'}]"), print_of("'inners':['x']"));
}

Test(fingerprint, a_secret_counts_by_what_it_holds)
{
	setenv("DTLSD_TEST_SECRET", "one", 1);
	uint64_t one = print_of("'key':{'env':'DTLSD_TEST_SECRET'}");
	setenv("DTLSD_TEST_OTHER", "one", 1);
	cr_expect_eq(print_of("'key':{'env':'DTLSD_TEST_OTHER'}"), one);
	setenv("DTLSD_TEST_SECRET", "two", 1);
	cr_expect_neq(print_of("'key':{'env':'DTLSD_TEST_SECRET'}"), one);
}

Test(fingerprint, a_path_counts_with_the_file_that_is_there)
{
	char path[] = "/tmp/dtlsd-fingerprint-XXXXXX", option[64];
	int fd = mkstemp(path);
	cr_assert(fd >= 0);
	snprintf(option, sizeof(option), "'file':'%s'", path);
	uint64_t empty = print_of(option);
	cr_expect_eq(print_of(option), empty);
	cr_assert_eq(write(fd, "x", 1), 1);
	uint64_t longer = print_of(option);
	cr_expect_neq(longer, empty);
	const struct timespec times[] = {{1, 0}, {1, 0}};
	cr_assert_eq(futimens(fd, times), 0);
	uint64_t older = print_of(option);
	cr_expect_neq(older, longer, "the same length, another time");
	close(fd);
	unlink(path);
	cr_expect_neq(print_of(option), older);
}

Test(fingerprint, no_options_are_the_same_as_no_options)
{
	cr_expect_eq(
	    dt_config_fingerprint(&key, NULL, NULL), dt_config_fingerprint(&key, NULL, NULL));
}
