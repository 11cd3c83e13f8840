#include "conn/psk_file.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDENTITY_MAX 128u /* bytes; what OpenSSL takes */
#define KEY_MAX 256u	  /* bytes */
#define LINE_BYTES (IDENTITY_MAX + 1 + 2 * KEY_MAX + 2)

struct entry {
	uint8_t identity[IDENTITY_MAX];
	uint8_t key[KEY_MAX];
	size_t identity_len, key_len;
};

struct dt_psk_file {
	struct entry *entries;
	size_t count, cap;
};

static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	size_t n = x->identity_len < y->identity_len ? x->identity_len : y->identity_len;
	int c = memcmp(x->identity, y->identity, n);
	return c ? c : (x->identity_len > y->identity_len) - (x->identity_len < y->identity_len);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What is wrong with the line, or NULL. */
static const char *
parse_line(const char *line, struct entry *e)
{
	const char *colon = strrchr(line, ':');
	if (!colon || colon == line)
		return "expected identity:key";
	e->identity_len = (size_t)(colon - line);
	if (e->identity_len > IDENTITY_MAX)
		return "the identity is longer than 128 bytes";
	memcpy(e->identity, line, e->identity_len);

	const char *hex = colon + 1;
	size_t digits = strlen(hex);
	if (digits == 0 || digits % 2)
		return "the key must be an even number of hex digits";
	if (digits > 2 * KEY_MAX)
		return "the key is longer than 256 bytes";
	for (size_t i = 0; i < digits / 2; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return "the key is not hex";
		e->key[i] = (uint8_t)(high << 4 | low);
	}
	e->key_len = digits / 2;
	return NULL;
}

/* A new block each time, so that the keys in the old one can be wiped. */
static enum dt_err
append(struct dt_psk_file *f, const struct entry *e)
{
	if (f->count == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 16;
		struct entry *bigger = dt_alloc_array(cap, sizeof(*bigger));
		if (!bigger)
			return DT_ERR_NOMEM;
		if (f->count)
			memcpy(bigger, f->entries, f->count * sizeof(*bigger));
		dt_free_secret(f->entries, f->cap * sizeof(*bigger));
		f->entries = bigger;
		f->cap = cap;
	}
	f->entries[f->count++] = *e;
	return DT_OK;
}

static enum dt_err
read_lines(FILE *in, const char *path, struct dt_psk_file *f, char *error, size_t cap)
{
	char line[LINE_BYTES];
	enum dt_err err = DT_OK;
	for (unsigned number = 1; err == DT_OK && fgets(line, sizeof(line), in); number++) {
		size_t len = strcspn(line, "\r\n");
		const char *wrong = len == sizeof(line) - 1 ? "the line is too long" : NULL;
		if (!wrong && line[len] == '\0' && !feof(in))
			wrong = "a NUL byte stands in the line";
		line[len] = '\0';
		if (!wrong && (len == 0 || line[0] == '#'))
			continue;
		struct entry e = {0};
		if (!wrong)
			wrong = parse_line(line, &e);
		if (wrong) {
			snprintf(error, cap, "%s:%u: %s", path, number, wrong);
			err = DT_ERR_CONFIG;
		} else {
			err = append(f, &e);
		}
		dt_wipe(&e, sizeof(e));
	}
	dt_wipe(line, sizeof(line));
	if (err == DT_OK && ferror(in)) {
		snprintf(error, cap, "%s: %s", path, strerror(errno));
		err = DT_ERR_CONFIG;
	}
	return err;
}

static enum dt_err
refuse_twins(const struct dt_psk_file *f, const char *path, char *error, size_t cap)
{
	for (size_t i = 1; i < f->count; i++) {
		const struct entry *e = &f->entries[i];
		if (compare(e - 1, e) != 0)
			continue;
		snprintf(error, cap, "%s: identity %.*s stands twice", path, (int)e->identity_len,
		    (const char *)e->identity);
		return DT_ERR_CONFIG;
	}
	return DT_OK;
}

enum dt_err
dt_psk_file_load(const char *path, struct dt_psk_file **out, char *error, size_t cap)
{
	snprintf(error, cap, "out of memory");
	FILE *in = fopen(path, "re");
	if (!in) {
		snprintf(error, cap, "%s: %s", path, strerror(errno));
		return DT_ERR_CONFIG;
	}
	struct dt_psk_file *f = dt_alloc(sizeof(*f));
	enum dt_err err = DT_ERR_NOMEM;
	if (f) {
		setvbuf(in, NULL, _IONBF, 0); /* no copy of the keys in a buffer that is not ours */
		err = read_lines(in, path, f, error, cap);
	}
	fclose(in);
	if (err == DT_OK && f->count) {
		qsort(f->entries, f->count, sizeof(*f->entries), compare);
		err = refuse_twins(f, path, error, cap);
	}
	if (err != DT_OK)
		dt_psk_file_free(&f);
	*out = f;
	return err;
}

void
dt_psk_file_free(struct dt_psk_file **slot)
{
	struct dt_psk_file *f = *slot;
	if (!f)
		return;
	dt_free_secret(f->entries, f->cap * sizeof(*f->entries));
	dt_free(f);
	*slot = NULL;
}

struct dt_span
dt_psk_file_find(const struct dt_psk_file *f, struct dt_span identity)
{
	struct entry key = {.identity_len = identity.len};
	if (!f || f->count == 0 || identity.len == 0 || identity.len > IDENTITY_MAX)
		return (struct dt_span){NULL, 0};
	memcpy(key.identity, identity.data, identity.len);
	const struct entry *e = bsearch(&key, f->entries, f->count, sizeof(key), compare);
	return e ? (struct dt_span){e->key, e->key_len} : (struct dt_span){NULL, 0};
}
