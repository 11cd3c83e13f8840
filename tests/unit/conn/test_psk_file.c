#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "conn/psk_file.h"
#include "seeded.h"

#define TEXT(literal) (literal), sizeof(literal) - 1

static char path[64];
static char error[256];

static enum dt_err
load(const char *text, size_t len, struct dt_psk_file **out)
{
	strcpy(path, "/tmp/dtlsd-psk-XXXXXX");
	int fd = mkstemp(path);
	cr_assert(fd >= 0 && write(fd, text, len) == (ssize_t)len);
	close(fd);
	enum dt_err err = dt_psk_file_load(path, out, error, sizeof(error));
	unlink(path);
	return err;
}

static struct dt_span
find(const struct dt_psk_file *f, const char *identity, size_t len)
{
	return dt_psk_file_find(f, (struct dt_span){(const uint8_t *)identity, len});
}

Test(psk_file, finds_the_key_of_an_identity)
{
	struct dt_psk_file *f;
	cr_assert(load(TEXT("# devices\n"
			    "\n"
			    "device 1:00ff\r\n"
			    "urn:imei:2:DEADbeef\n"
			    "last one:01"),
		      &f) == DT_OK);
	struct dt_span k = find(f, TEXT("device 1"));
	cr_assert(k.len == 2 && memcmp(k.data, "\x00\xff", 2) == 0);
	k = find(f, TEXT("urn:imei:2"));
	cr_assert(k.len == 4 && memcmp(k.data, "\xde\xad\xbe\xef", 4) == 0);
	cr_assert(find(f, TEXT("last one")).len == 1);
	cr_assert(find(f, TEXT("device")).len == 0 && find(f, TEXT("device 11")).len == 0);
	cr_assert(find(f, TEXT("device 1\0")).len == 0 && find(f, "", 0).len == 0);
	cr_assert(find(f, TEXT("Device 1")).len == 0 && find(f, TEXT("# devices")).len == 0);
	dt_psk_file_free(&f);
	cr_assert(f == NULL);
	dt_psk_file_free(&f);
}

Test(psk_file, no_file_knows_nobody)
{
	cr_assert(find(NULL, TEXT("device 1")).len == 0);
	struct dt_psk_file *f;
	cr_assert(load(TEXT("# nobody yet\n"), &f) == DT_OK);
	cr_assert(find(f, TEXT("device 1")).len == 0);
	dt_psk_file_free(&f);
}

#define ID128                                                                                      \
	"iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii"                         \
	"iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii"
#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX256 HEX64 HEX64 HEX64 HEX64
#define KEY256 HEX256 HEX256

Test(psk_file, names_the_line_and_what_is_wrong_with_it_but_never_the_key)
{
	static const struct {
		const char *text;
		size_t len;
		const char *place, *says;
	} table[] = {
	    {TEXT("no colon\n"), ":1:", "identity:key"},
	    {TEXT("# fine\ngood:00\n:0011\n"), ":3:", "identity:key"},
	    {TEXT("a:\n"), ":1:", "even number"},
	    {TEXT("a:012\n"), ":1:", "even number"},
	    {TEXT("a:01 \n"), ":1:", "even number"},
	    {TEXT("a:0x11\n"), ":1:", "not hex"},
	    {TEXT("a:beeg\n"), ":1:", "not hex"},
	    {TEXT("a: 011\n"), ":1:", "not hex"},
	    {TEXT("good:00\n\n#\nbad\n"), ":4:", "identity:key"},
	    {TEXT(ID128 "i:00\n"), ":1:", "longer than 128"},
	    {TEXT("a:" KEY256 "00\n"), ":1:", "longer than 256"},
	    {TEXT(ID128 ":" KEY256 "00\n"), ":1:", "too long"},
	    {TEXT("good:00\n" ID128 ID128 ID128 ID128 ID128 ID128 "\n"), ":2:", "too long"},
	    {TEXT("a:00\0ff\n"), ":1:", "NUL"},
	    {TEXT("a:00\nb:01\na:02\n"), ": identity a", "twice"},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct dt_psk_file *f;
		cr_assert(load(table[i].text, table[i].len, &f) == DT_ERR_CONFIG && !f, "row %zu", i);
		cr_assert(strncmp(error, path, strlen(path)) == 0, "row %zu: %s", i, error);
		const char *rest = error + strlen(path);
		cr_assert(strncmp(rest, table[i].place, strlen(table[i].place)) == 0, "row %zu: %s", i, error);
		cr_assert(strstr(error, table[i].says), "row %zu: %s", i, error);
		cr_assert(!strstr(error, "beeg") && !strstr(error, "0x11"));
	}
}

Test(psk_file, the_longest_identity_and_key_fit)
{
	struct dt_psk_file *f;
	cr_assert(load(TEXT(ID128 ":" KEY256 "\n"), &f) == DT_OK, "%s", error);
	cr_assert(find(f, ID128, 128).len == 256);
	dt_psk_file_free(&f);
	cr_assert(load(TEXT(ID128 ":" KEY256 "\r\n"), &f) == DT_OK, "%s", error);
	dt_psk_file_free(&f);
	cr_assert(load(TEXT(ID128 ":" KEY256), &f) == DT_OK, "%s", error);
	dt_psk_file_free(&f);
}

Test(psk_file, what_cannot_be_read_is_an_error_that_names_it)
{
	struct dt_psk_file *f;
	cr_assert(dt_psk_file_load("/nonexistent/psk", &f, error, sizeof(error)) == DT_ERR_CONFIG);
	cr_assert(strstr(error, "/nonexistent/psk: No such file"));
	cr_assert(dt_psk_file_load("/", &f, error, sizeof(error)) == DT_ERR_CONFIG, "a directory is no file");
	cr_assert(strstr(error, "directory"), "%s", error);
}

Test(psk_file, finds_what_a_plain_array_finds)
{
	enum { COUNT = 500 };
	struct seeded r = seeded_begin("psk_file");
	static char text[COUNT * 64], names[COUNT][16];
	size_t len = 0, count = 0;
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(names[count], sizeof(names[0]), "%llx", (unsigned long long)seeded_below(&r, 4000));
		bool twin = false;
		for (size_t k = 0; k < count; k++)
			twin |= strcmp(names[k], names[count]) == 0;
		if (twin)
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s:%04zx\n", names[count], count);
		count++;
	}
	struct dt_psk_file *f;
	cr_assert(load(text, len, &f) == DT_OK, "%s", error);
	for (unsigned n = 0; n < 4000; n++) {
		char name[16];
		size_t expected = count;
		snprintf(name, sizeof(name), "%x", n);
		for (size_t k = 0; k < count; k++)
			if (strcmp(names[k], name) == 0)
				expected = k;
		struct dt_span key = find(f, name, strlen(name));
		cr_assert(key.len == (expected < count ? 2 : 0));
		cr_assert(key.len == 0 || (size_t)(key.data[0] << 8 | key.data[1]) == expected);
	}
	dt_psk_file_free(&f);
}

Test(psk_file, without_memory_nothing_stays)
{
	static const char text[] = "a:00\nb:00\nc:00\nd:00\ne:00\nf:00\ng:00\nh:00\ni:00\nj:00\nk:00\n"
				   "l:00\nm:00\nn:00\no:00\np:00\nq:00\nr:00\n";
	struct dt_psk_file *f;
	uint64_t nth = 1;
	for (;; nth++) {
		dt_mem_fail_nth(nth);
		enum dt_err err = load(text, sizeof(text) - 1, &f);
		dt_mem_fail_nth(0);
		if (err == DT_OK)
			break;
		cr_assert(err == DT_ERR_NOMEM && !f);
	}
	cr_assert(nth == 4);
	dt_psk_file_free(&f);
}
