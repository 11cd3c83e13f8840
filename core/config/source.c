#include "config/source.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <limits.h>

/* Reads one byte more than allowed, to see that there is more. */
static enum dt_err
read_all(int fd, char *buf, size_t max, size_t *len)
{
	*len = 0;
	for (;;) {
		ssize_t n = read(fd, buf + *len, max + 1 - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return DT_ERR_SYSTEM;
		*len += (size_t)n;
		if (*len > max)
			return DT_ERR_TOO_LONG;
		if (n == 0)
			break;
	}
	buf[*len] = '\0';
	return DT_OK;
}

enum dt_err
dt_source_slurp(const char *path, size_t max, char **out, size_t *len)
{
	*out = NULL;
	*len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return DT_ERR_SYSTEM;

	enum dt_err err = DT_ERR_NOMEM;
	char *buf = dt_alloc(max + 1);
	if (buf)
		err = read_all(fd, buf, max, len);
	int saved = errno;
	close(fd);
	errno = saved;
	if (err == DT_OK)
		*out = buf;
	else
		dt_free_secret(buf, max + 1);
	return err;
}

/* The directory of `path`, absolute; of no file when `path` is NULL: the working directory. */
static enum dt_err
find_directory(const char *path, char **out)
{
	char dir[PATH_MAX] = "";
	if ((path == NULL || path[0] != '/') && getcwd(dir, sizeof(dir)) == NULL)
		return DT_ERR_SYSTEM;
	const char *slash = path ? strrchr(path, '/') : NULL;
	size_t used = strlen(dir), more = slash ? (size_t)(slash - path) : 0;
	*out = dt_alloc(used + more + 2);
	if (*out == NULL)
		return DT_ERR_NOMEM;
	memcpy(*out, dir, used);
	if (used && more)
		(*out)[used++] = '/';
	if (more)
		memcpy(*out + used, path, more);
	return DT_OK;
}

static enum dt_err
name_it(struct dt_source *s, const char *name, const char *path)
{
	s->name = dt_copy_text(name);
	return s->name ? find_directory(path, &s->dir) : DT_ERR_NOMEM;
}

static void
drop_byte_order_mark(struct dt_source *s)
{
	if (s->len < 3 || memcmp(s->text, "\xef\xbb\xbf", 3) != 0)
		return;
	s->len -= 3;
	memmove(s->text, s->text + 3, s->len + 1);
}

enum dt_err
dt_source_read(struct dt_source *s, const char *path, size_t max)
{
	*s = (struct dt_source){0};
	enum dt_err err = name_it(s, path, path);
	if (err == DT_OK)
		err = dt_source_slurp(path, max, &s->text, &s->len);
	if (err == DT_OK)
		drop_byte_order_mark(s);
	return err;
}

enum dt_err
dt_source_copy(struct dt_source *s, const char *text, size_t len, const char *name)
{
	*s = (struct dt_source){0};
	enum dt_err err = name_it(s, name, NULL);
	if (err != DT_OK)
		return err;
	s->text = dt_copy(text, len);
	if (s->text == NULL)
		return DT_ERR_NOMEM;
	s->len = len;
	drop_byte_order_mark(s);
	return DT_OK;
}

void
dt_source_fini(struct dt_source *s)
{
	dt_free(s->name);
	dt_free(s->dir);
	/* Somebody may have written a password where a reference belongs. */
	dt_free_secret(s->text, s->len);
	*s = (struct dt_source){0};
}

struct dt_source_place
dt_source_where(const struct dt_source *s, size_t at)
{
	DT_ASSERT(at <= s->len);
	struct dt_source_place place = {1, 1};
	for (size_t i = 0; i < at; i++) {
		if (s->text[i] == '\n') {
			place.line++;
			place.column = 1;
		} else if (((unsigned char)s->text[i] & 0xc0) != 0x80) {
			place.column++;
		}
	}
	return place;
}

size_t
dt_source_bad_byte(const struct dt_source *s)
{
	size_t at = 0;
	while (at < s->len) {
		size_t n = dt_text_character(s->text + at, s->len - at);
		if (n == 0)
			break;
		at += n;
	}
	return at;
}
