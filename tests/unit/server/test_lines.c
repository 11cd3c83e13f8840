#include "server/lines.h"

#include <criterion/criterion.h>
#include <string.h>

static char bytes[512];
static struct dt_lines lines;

static void
begin(size_t cap)
{
	memset(bytes, '#', sizeof(bytes));
	lines = (struct dt_lines){.bytes = bytes, .cap = cap};
}

#define LINES_ARE(text)                                                                            \
	cr_assert(lines.len == strlen(text) && memcmp(bytes, text, lines.len) == 0, "%.*s",        \
	    (int)lines.len, bytes)

Test(lines, members_and_objects_make_a_line)
{
	begin(sizeof(bytes));
	dt_lines_begin(&lines, "7");
	dt_lines_open(&lines, "row");
	dt_lines_conn(&lines, "id", 0x1000000000ull);
	dt_lines_text(&lines, "name", "x");
	dt_lines_text(&lines, "none", NULL);
	dt_lines_number(&lines, "n", UINT64_MAX);
	dt_lines_bool(&lines, "b", true);
	dt_lines_seconds(&lines, "s", 61005999999);
	dt_lines_date(&lines, "d", 86400);
	dt_lines_close(&lines);
	dt_lines_bool(&lines, "more", false);
	cr_assert(dt_lines_end(&lines));
	LINES_ARE(
	    "{\"id\":7,\"row\":{\"id\":\"0000001000000000\",\"name\":\"x\",\"none\":null,"
	    "\"n\":18446744073709551615,\"b\":true,\"s\":61.005,\"d\":\"1970-01-02T00:00:00Z\"},"
	    "\"more\":false}\n");
}

Test(lines, texts_are_escaped)
{
	begin(sizeof(bytes));
	dt_lines_begin(&lines, "1");
	dt_lines_text(&lines, "t", "\"\\\n\x1b\x7f\xc3\xa4\xff\xc3");
	cr_assert(dt_lines_end(&lines));
	LINES_ARE("{\"id\":1,\"t\":\"\\\"\\\\\\u000a\\u001b\\u007f\xc3\xa4\\ufffd\\ufffd\"}\n");
}

Test(lines, one_that_does_not_fit_is_taken_back_whole)
{
	const char *first = "{\"id\":1,\"a\":\"b\"}\n";
	for (size_t cap = strlen(first); cap < 2 * strlen(first); cap++) {
		begin(cap);
		dt_lines_begin(&lines, "1");
		dt_lines_text(&lines, "a", "b");
		cr_assert(dt_lines_end(&lines));
		dt_lines_begin(&lines, "1");
		dt_lines_text(&lines, "a", "b");
		cr_assert_not(dt_lines_end(&lines), "%zu", cap);
		LINES_ARE(first);
		cr_assert_eq(bytes[cap], '#', "nothing behind the end");
	}
}
