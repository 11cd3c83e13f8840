#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#include "base/mem.h"
#include "config/scan.h"
#include "config/source.h"
#include "seeded.h"

struct faults {
	size_t count, at;
	char text[200];
};

static void
take_fault(void *arg, size_t at, const char *pointer, const char *suggestion, const char *text)
{
	struct faults *f = arg;
	(void)pointer;
	(void)suggestion;
	f->count++;
	f->at = at;
	snprintf(f->text, sizeof(f->text), "%s", text);
}

static enum dt_err
check(const char *text, size_t len, struct faults *f)
{
	*f = (struct faults){0};
	const struct dt_scan_sink sink = {take_fault, f};
	return dt_scan_check(text, len, &sink);
}

/* Random JSON, and where a random path through it leads. */
struct writer {
	struct seeded r;
	char text[1 << 16];
	size_t len;
};

static void
put(struct writer *w, const char *s)
{
	size_t n = strlen(s);
	cr_assert_lt(w->len + n, sizeof(w->text));
	memcpy(w->text + w->len, s, n + 1);
	w->len += n;
}

static void
put_space(struct writer *w)
{
	static const char *const spaces[] = {
	    "", " ", "\n", "\t", "\r\n", "/* \" } */", "// ]\"\n", "/**/ "};
	put(w, spaces[seeded_below(&w->r, 8)]);
}

/* `pointer`: where this value is; when it is the wanted one, *at becomes its offset. */
static void
put_value(struct writer *w, unsigned depth, const char *pointer, const char *wanted, size_t *at)
{
	static const char *const scalars[] = {"1", "-0.5e+3", "true", "null", "\"a // b\"",
	    "\"\\\"\\\\\"", "\"\\ud83d\\ude00 /*\"", "\"\xc3\xa4\""};
	put_space(w);
	if (strcmp(pointer, wanted) == 0)
		*at = w->len;
	uint64_t kind = depth == 0 ? 1 : depth > 4 ? 2 : seeded_below(&w->r, 4);
	if (kind > 1) {
		put(w, scalars[seeded_below(&w->r, 8)]);
		return;
	}
	put(w, kind ? "{" : "[");
	unsigned count = (unsigned)seeded_below(&w->r, 4);
	for (unsigned i = 0; i < count; i++) {
		char inner[128], key[32];
		snprintf(inner, sizeof(inner), kind ? "%s/k~1%u" : "%s/%u", pointer, i);
		snprintf(key, sizeof(key), "\"k/%u\"", i);
		put_space(w);
		if (kind) {
			put(w, key);
			put_space(w);
			put(w, ":");
		}
		put_value(w, depth + 1, inner, wanted, at);
		put_space(w);
		if (i + 1 < count)
			put(w, ",");
	}
	put_space(w);
	put(w, kind ? "}" : "]");
}

/* Oracle: the writer knows where it put the value. */
Test(scan, a_value_is_found_where_it_was_put)
{
	static struct writer w;
	struct seeded r = seeded_begin("a_value_is_found");
	size_t found = 0;
	for (int i = 0; i < 20000; i++) {
		char wanted[64] = "", matched[64];
		for (uint64_t n = seeded_below(&r, 4); n; n--) {
			size_t used = strlen(wanted);
			snprintf(wanted + used, sizeof(wanted) - used,
			    seeded_below(&r, 2) ? "/k~1%u" : "/%u", (unsigned)seeded_below(&r, 3));
		}
		size_t at = SIZE_MAX;
		struct faults f;
		w.r = r;
		w.len = 0;
		put_value(&w, 0, "", wanted, &at);
		r = w.r;
		cr_assert_eq(check(w.text, w.len, &f), DT_OK, "%s\n%s", f.text, w.text);
		size_t got = dt_scan_find(w.text, w.len, wanted, DT_SCAN_VALUE, matched);
		cr_assert_lt(got, w.len);
		if (at == SIZE_MAX)
			continue;
		found++;
		cr_assert_eq(got, at, "%s in %s", wanted, w.text);
		cr_assert_str_eq(matched, wanted);
	}
	cr_assert_gt(found, 1000);
}

/* Oracle: jansson. What it takes we take, and the other way round. */
Test(scan, random_damage_is_judged_as_jansson_does)
{
	static struct writer w;
	w.r = seeded_begin("random_damage");
	size_t bad = 0;
	for (int i = 0; i < 20000; i++) {
		size_t at;
		struct faults f;
		w.len = 0;
		put_value(&w, 0, "", "?", &at);
		for (uint64_t n = seeded_below(&w.r, 3); n; n--) {
			char *victim = &w.text[seeded_below(&w.r, w.len)];
			if ((*victim & 0x80) == 0) /* the scanner is promised UTF-8 */
				*victim = "{}[],:\"0-e.tx\\u "[seeded_below(&w.r, 16)];
		}
		/* Keys with backslashes are refused by us only. */
		bool ours = check(w.text, w.len, &f) == DT_OK || strstr(f.text, "backslashes");
		/* A list is JSON, but no configuration; jansson knows no comments. */
		if (strstr(f.text, "an object is wanted") || strstr(f.text, "comment"))
			continue;
		if (f.count == 0)
			dt_scan_blank(w.text, w.len);
		else if (strstr(w.text, "/*") || strstr(w.text, "//"))
			continue;
		json_t *v = json_loadb(w.text, w.len, 0, NULL);
		cr_assert(ours || v == NULL, "we refuse (%s): %s", f.text, w.text);
		cr_assert(!ours || v != NULL || strstr(f.text, "backslashes"),
		    "jansson refuses: %s", w.text);
		bad += !ours;
		json_decref(v);
	}
	cr_assert_gt(bad, 100);
}

Test(scan, depth_is_limited)
{
	char text[256] = "";
	struct faults f;
	for (unsigned depth = 1; depth <= DT_SCAN_DEPTH + 1; depth++) {
		size_t n = 0;
		text[n++] = '{';
		n += (size_t)sprintf(text + n, "\"a\":");
		for (unsigned i = 1; i < depth; i++)
			text[n++] = '[';
		if (depth == 1)
			text[n++] = '1';
		for (unsigned i = 1; i < depth; i++)
			text[n++] = ']';
		text[n++] = '}';
		cr_expect_eq(check(text, n, &f), depth <= DT_SCAN_DEPTH ? DT_OK : DT_ERR_CONFIG,
		    "%u", depth);
	}
	cr_expect_str_eq(f.text, "more than 32 levels of objects and lists");
	cr_expect_eq(f.at, 5 + DT_SCAN_DEPTH - 1);
}

Test(scan, every_duplicate_is_told)
{
	struct faults f;
	static const char text[] =
	    "{\"a\":{\"b\":1,\"b\":2,\"c\":{\"b\":1}},\"a\":1,\"b\":2,\"a\":3}";
	cr_expect_eq(check(text, sizeof(text) - 1, &f), DT_OK);
	cr_expect_eq(f.count, 3);
}

Test(scan, comments_are_blanked_and_texts_are_not)
{
	static const struct {
		const char *before, *after;
	} rows[] = {
	    {"{} // x", "{}     "},
	    {"{/* a\n b */}", "{    \n     }"},
	    {"{\"a\":\"// /* x */\"}", "{\"a\":\"// /* x */\"}"},
	    {"{\"a\\\"//\":1/**/}", "{\"a\\\"//\":1    }"},
	    {"/**//**/{}//", "        {}  "},
	    {"{}/* \xc3\xa4 */", "{}        "},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];
		strcpy(text, rows[i].before);
		dt_scan_blank(text, strlen(text));
		cr_expect_str_eq(text, rows[i].after, "%s", text);
	}
}

Test(scan, what_does_not_exist_is_near_what_does)
{
	static const char text[] = "{ \"a\": [ {\"b\": 1}, 2 ], \"c\": \"x\" }";
	static const struct {
		const char *pointer;
		enum dt_scan_part part;
		size_t at;
		const char *matched;
	} rows[] = {
	    {"", DT_SCAN_VALUE, 0, ""},
	    {"/a", DT_SCAN_VALUE, 7, "/a"},
	    {"/a", DT_SCAN_KEY, 2, "/a"},
	    {"/a/0/b", DT_SCAN_VALUE, 15, "/a/0/b"},
	    {"/a/0/b", DT_SCAN_KEY, 10, "/a/0/b"},
	    {"/a/1", DT_SCAN_KEY, 19, "/a/1"},
	    {"/a/7", DT_SCAN_VALUE, 7, "/a"},
	    {"/a/x", DT_SCAN_KEY, 7, "/a"},
	    {"/c/0", DT_SCAN_VALUE, 29, "/c"},
	    {"/c/0/file", DT_SCAN_VALUE, 29, "/c"},
	    {"/x/y", DT_SCAN_VALUE, 0, ""},
	    {"/a/0/0/b", DT_SCAN_VALUE, 15, "/a/0/b"},
	    {"nonsense", DT_SCAN_VALUE, 0, ""},
	    {"/a/99999999999999999999", DT_SCAN_VALUE, 7, "/a"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char matched[64];
		size_t at =
		    dt_scan_find(text, sizeof(text) - 1, rows[i].pointer, rows[i].part, matched);
		cr_expect_eq(at, rows[i].at, "%s: %zu", rows[i].pointer, at);
		cr_expect_str_eq(matched, rows[i].matched, "%s: %s", rows[i].pointer, matched);
	}
}

Test(scan, utf8_is_checked_byte_by_byte)
{
	static const struct {
		const char *text;
		size_t bad;
	} rows[] = {
	    {"abc", 3},
	    {"\xc3\xa4", 2},
	    {"\xe2\x82\xac", 3},
	    {"\xf0\x9f\x98\x80", 4},
	    {"\xf4\x8f\xbf\xbf", 4},
	    {"\xf4\x90\x80\x80", 0},
	    {"a\xc1\x80", 1},
	    {"\xe0\x9f\x80", 0},
	    {"\xed\xa0\x80", 0},
	    {"\xed\x9f\xbf", 3},
	    {"\xe2\x82", 0},
	    {"\xe2\x82x", 0},
	    {"\x80", 0},
	    {"\xff", 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_source s;
		cr_assert_eq(dt_source_copy(&s, rows[i].text, strlen(rows[i].text), "x"), DT_OK);
		cr_expect_eq(dt_source_bad_byte(&s), rows[i].bad, "row %zu", i);
		dt_source_fini(&s);
	}
}
