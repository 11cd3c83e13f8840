/* Secrets: never in the file itself, only where to find them. They live in the wiped region. */
#include "config/load.h"

#include "base/mem.h"
#include "base/text.h"
#include "config/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_MAX 65536u /* bytes */

/* One way to name a secret: puts it into `out`, or complains. */
typedef bool read_fn(struct dt_load *l, const char *name, const struct dt_json_place *place,
    struct dtlsd_bytes *out);

static bool
keep_secret(struct dt_load *l, const char *data, size_t len, const struct dt_json_place *place,
    struct dtlsd_bytes *out)
{
	if (len == 0) {
		dt_load_error(l, place, NULL, "this secret is empty");
		return false;
	}
	/* One byte more, so that it can be used as text. */
	char *copy = dt_config_arena_secret(l->arena, len + 1);
	if (copy == NULL) {
		l->nomem = true;
		return false;
	}
	memcpy(copy, data, len);
	*out = (struct dtlsd_bytes){(const uint8_t *)copy, len};
	return true;
}

static bool
read_variable(
    struct dt_load *l, const char *name, const struct dt_json_place *place, struct dtlsd_bytes *out)
{
	char shown[DT_QUOTED];
	const char *value = getenv(name);
	if (value == NULL) {
		dt_load_error(l, place, NULL, "the environment variable \"%s\" is not set",
		    dt_load_shorten(name, shown));
		return false;
	}
	return keep_secret(l, value, strlen(value), place, out);
}

/* An editor puts a line end behind what was typed. */
static size_t
cut_line_end(const char *data, size_t len)
{
	if (len && data[len - 1] == '\n')
		len--;
	if (len && data[len - 1] == '\r')
		len--;
	return len;
}

static bool
read_path(
    struct dt_load *l, const char *path, const struct dt_json_place *place, struct dtlsd_bytes *out)
{
	char *data;
	size_t len;
	enum dt_err err = dt_source_slurp(path, SECRET_MAX, &data, &len);
	bool ok = false;
	if (err == DT_OK)
		ok = keep_secret(l, data, cut_line_end(data, len), place, out);
	else if (err == DT_ERR_NOMEM)
		l->nomem = true;
	else
		dt_load_error(l, place, NULL, "\"%s\" cannot be read: %s", path,
		    err == DT_ERR_SYSTEM ? strerror(errno) : "it is too long for a secret");
	dt_free_secret(data, SECRET_MAX + 1);
	return ok;
}

static bool
read_file(
    struct dt_load *l, const char *name, const struct dt_json_place *place, struct dtlsd_bytes *out)
{
	char *path = dt_load_path(l, name);
	return path && read_path(l, path, place, out);
}

/* systemd's LoadCredential= puts files into this directory. */
static bool
read_credential(
    struct dt_load *l, const char *name, const struct dt_json_place *place, struct dtlsd_bytes *out)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	if (dir == NULL) {
		dt_load_error(
		    l, place, NULL, "there are no credentials: CREDENTIALS_DIRECTORY is not set");
		return false;
	}
	if (strchr(name, '/') || strcmp(name, "..") == 0) {
		dt_load_error(l, place, NULL, "a credential is named without a directory");
		return false;
	}
	size_t cap = strlen(dir) + strlen(name) + 2;
	char *path = dt_config_arena_alloc(l->arena, cap);
	if (path == NULL) {
		l->nomem = true;
		return false;
	}
	snprintf(path, cap, "%s/%s", dir, name);
	return read_path(l, path, place, out);
}

static const struct {
	const char *key;
	read_fn *read;
} ways[] = {
    {"env", read_variable},
    {"file", read_file},
    {"credential", read_credential},
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static const char *
nth_way(const void *arg, size_t i)
{
	(void)arg;
	return ways[i].key;
}

bool
dt_convert_secret(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out)
{
	if (json_is_string(v) && (o->flags & DT_OPTION_INLINE))
		return keep_secret(l, json_string_value(v), json_string_length(v), place, out);
	if (json_is_string(v)) {
		/* What stands there may be the secret: do not repeat it. */
		dt_load_error(l, place, NULL,
		    "a secret does not stand in the file itself: write "
		    "{\"env\": \"NAME\"}, {\"file\": \"path\"} or {\"credential\": \"name\"}");
		return false;
	}
	if (!json_is_object(v) || json_object_size(v) != 1) {
		dt_load_error(l, place, NULL,
		    "a secret is an object with one of \"env\", \"file\" and \"credential\"");
		return false;
	}
	void *it = json_object_iter((json_t *)(uintptr_t)v);
	const char *key = json_object_iter_key(it);
	const char *name = json_string_value(json_object_iter_value(it));
	struct dt_json_place inner = {place, key, 0};
	for (size_t i = 0; i < WAYS; i++) {
		if (strcmp(key, ways[i].key) != 0)
			continue;
		if (name && name[0])
			return ways[i].read(l, name, &inner, out);
		dt_load_error(l, &inner, NULL, "a text that is not empty is wanted here");
		return false;
	}
	char quoted[DT_QUOTED], shown[DT_QUOTED];
	const char *near = dt_text_nearest(key, nth_way, NULL, WAYS);
	snprintf(quoted, sizeof(quoted), "\"%s\"", near ? near : "");
	dt_load_key_error(
	    l, &inner, near ? quoted : NULL, "unknown key \"%s\"", dt_load_shorten(key, shown));
	return false;
}
