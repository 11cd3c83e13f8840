#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prefix_file.h"

Test(prefix_file, a_prefix_is_read_or_refused_with_its_reason)
{
	static const struct {
		const char *text;
		unsigned family, bits; /* 0: refused */
		const char *wrong;
	} rows[] = {
	    {"10.0.0.0/8", DTLSD_IPV4, 8, NULL},
	    {"0.0.0.0/0", DTLSD_IPV4, 0, NULL},
	    {"192.0.2.1", DTLSD_IPV4, 32, NULL},
	    {"192.0.2.1/32", DTLSD_IPV4, 32, NULL},
	    {"::/0", DTLSD_IPV6, 0, NULL},
	    {"2001:db8::/32", DTLSD_IPV6, 32, NULL},
	    {"2001:db8::1", DTLSD_IPV6, 128, NULL},
	    {"::ffff:10.0.0.0/104", DTLSD_IPV6, 104, NULL},
	    {"10.0.0.1/8", 0, 0, "bits behind"},
	    {"2001:db8::1/127", 0, 0, "bits behind"},
	    {"10.0.0.0/33", 0, 0, "0 to 32"},
	    {"10.0.0.0/", 0, 0, "0 to 32"},
	    {"10.0.0.0/+8", 0, 0, "0 to 32"},
	    {"10.0.0.0/8 x", 0, 0, "0 to 32"},
	    {"::/129", 0, 0, "0 to 128"},
	    {"::/0000", 0, 0, "0 to 128"},
	    {"10.0.0/8", 0, 0, "not an address"},
	    {"010.0.0.0/8", 0, 0, "not an address"},
	    {"fe80::1%eth0", 0, 0, "not an address"},
	    {"example.org", 0, 0, "not an address"},
	    {"", 0, 0, "not an address"},
	    {"1111111111111111111111111111111111111111111111111111", 0, 0, "not an address"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dtlsd_cidr c;
		const char *wrong = prefix_parse(rows[i].text, &c);
		if (rows[i].wrong) {
			cr_assert(wrong && strstr(wrong, rows[i].wrong), "\"%s\"", rows[i].text);
			continue;
		}
		cr_assert_null(wrong, "\"%s\": %s", rows[i].text, wrong);
		cr_assert_eq(c.family, rows[i].family);
		cr_assert_eq(c.bits, rows[i].bits);
	}
}

/* ---- files -------------------------------------------------------------------------------- */

struct heard {
	char path[32];
	size_t prefixes, complaints, enough; /* enough: refuse the nth prefix; 0 = never */
	char first[4500], last[4500];
};

static bool
hear_prefix(void *arg, const struct dtlsd_cidr *cidr)
{
	struct heard *h = arg;
	(void)cidr;
	return ++h->prefixes != h->enough;
}

static void
hear_complaint(void *arg, const char *text)
{
	struct heard *h = arg;
	if (h->complaints++ == 0)
		strcpy(h->first, text);
	strcpy(h->last, text);
}

static bool
read_path(struct heard *h, const char *path)
{
	const struct prefix_reader r = {hear_prefix, hear_complaint, h};
	return prefix_file_read(path, &r);
}

static bool
read_content(struct heard *h, const char *content, size_t len)
{
	strcpy(h->path, "/tmp/prefix_file_XXXXXX");
	int fd = mkstemp(h->path);
	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, content, len), (ssize_t)len);
	close(fd);
	bool good = read_path(h, h->path);
	unlink(h->path);
	return good;
}

#define READ(h, text) read_content(h, text, sizeof(text) - 1)

Test(prefix_file, comments_and_blanks_do_not_count)
{
	struct heard h = {.prefixes = 0};
	cr_assert(READ(&h, "# all of it\n\n  10.0.0.0/8  # ours\r\n\t2001:db8::/32\n#\n192.0.2.1"));
	cr_assert_eq(h.prefixes, 3);
	cr_assert_eq(h.complaints, 0);
	cr_assert(READ(&h, ""));
}

Test(prefix_file, a_bad_line_is_told_with_its_place)
{
	struct heard h = {.prefixes = 0};
	char expected[128];
	cr_assert_not(READ(&h, "10.0.0.0/8\n\nten.0.0.0/8 # typo\n192.0.2.1\n"));
	snprintf(
	    expected, sizeof(expected), "%s:3: not an address or prefix: \"ten.0.0.0/8\"", h.path);
	cr_assert_str_eq(h.first, expected);
	cr_assert_eq(h.complaints, 1);
	cr_assert_eq(h.prefixes, 2);
}

Test(prefix_file, a_binary_file_is_told_in_printable_characters)
{
	struct heard h = {.prefixes = 0};
	cr_assert_not(READ(&h, "10.0.0.0/8\0/9\n\x1b[31m\xff\n"));
	cr_assert(strstr(h.first, ":1: a NUL byte"));
	cr_assert(strstr(h.last, "\"?[31m?\""));
}

Test(prefix_file, of_many_bad_lines_ten_are_told_and_the_rest_counted)
{
	struct heard h = {.prefixes = 0};
	char content[5000];
	memset(content, 'x', sizeof(content));
	for (size_t i = 1; i < sizeof(content); i += 2)
		content[i] = '\n';
	cr_assert_not(read_content(&h, content, sizeof(content)));
	cr_assert_eq(h.complaints, 11);
	cr_assert(strstr(h.last, "2490 more bad lines"));
}

Test(prefix_file, a_reader_that_has_enough_ends_the_reading)
{
	struct heard h = {.enough = 2};
	cr_assert_not(READ(&h, "10.0.0.0/8\n11.0.0.0/8\n12.0.0.0/8\n"));
	cr_assert_eq(h.prefixes, 2);
	cr_assert_eq(h.complaints, 0);
}

Test(prefix_file, what_is_no_readable_file_is_refused_at_once)
{
	struct heard h = {.prefixes = 0};
	char fifo[] = "/tmp/prefix_fifo_XXXXXX";
	cr_assert_not(read_path(&h, "/nonexistent/list"));
	cr_assert_str_eq(h.last, "/nonexistent/list: No such file or directory");
	cr_assert_not(read_path(&h, "/tmp"));
	cr_assert_str_eq(h.last, "/tmp: not a regular file");

	cr_assert(mkdtemp(fifo));
	rmdir(fifo);
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	cr_assert_not(read_path(&h, fifo));
	cr_assert(strstr(h.last, "not a regular file"));
	unlink(fifo);
}
