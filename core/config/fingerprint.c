#include "config/fingerprint.h"

#include <string.h>
#include <sys/stat.h>

#include "config/options.h"
#include "config/tables.h"

struct print {
	const struct dt_siphash_key *key;
	uint64_t sum;
};

static void
add(struct print *p, const void *data, size_t len)
{
	uint64_t link[3] = {p->sum, len, len ? dt_siphash(p->key, data, len) : 0};
	p->sum = dt_siphash(p->key, link, sizeof(link));
}

/* NULL is not the empty text. */
static void
add_text(struct print *p, const char *text)
{
	add(p, text ? text : "", text ? strlen(text) + 1 : 0);
}

static void
add_path(struct print *p, const char *path)
{
	struct stat st;
	uint64_t file[5] = {0};
	add_text(p, path);
	if (path && stat(path, &st) == 0) {
		file[0] = (uint64_t)st.st_dev;
		file[1] = (uint64_t)st.st_ino;
		file[2] = (uint64_t)st.st_size;
		file[3] = (uint64_t)st.st_mtim.tv_sec;
		file[4] = (uint64_t)st.st_mtim.tv_nsec;
	}
	add(p, file, sizeof(file));
}

static void add_struct(struct print *p, const struct dtlsd_options *t, const char *values);

static void
add_value(struct print *p, const struct dtlsd_option *o, const char *at)
{
	const struct dtlsd_bytes *secret;
	switch (o->type) {
	case DTLSD_OPT_TEXT:
		add_text(p, *(const char *const *)(const void *)at);
		break;
	case DTLSD_OPT_PATH:
		add_path(p, *(const char *const *)(const void *)at);
		break;
	case DTLSD_OPT_SECRET:
		secret = (const void *)at;
		add(p, secret->data, secret->len);
		break;
	case DTLSD_OPT_OBJECT:
		add_struct(p, o->fields, at);
		break;
	default: /* numbers and addresses: no pointer and no padding in them */
		add(p, at, dt_option_size(o));
		break;
	}
}

static void
add_list(struct print *p, const struct dtlsd_option *o, const struct dtlsd_list *list)
{
	add(p, &list->count, sizeof(list->count));
	for (uint32_t i = 0; i < list->count; i++)
		add_value(p, o, (const char *)list->items + (size_t)i * list->item_size);
}

static void
add_struct(struct print *p, const struct dtlsd_options *t, const char *values)
{
	for (uint32_t i = 0; i < t->count; i++) {
		struct dtlsd_option o = dt_options_get(t, i);
		const char *at = values + o.offset;
		if (o.flags & DTLSD_OPT_LIST)
			add_list(p, &o, (const struct dtlsd_list *)(const void *)at);
		else
			add_value(p, &o, at);
	}
}

uint64_t
dt_config_fingerprint(
    const struct dt_siphash_key *key, const struct dtlsd_options *t, const void *values)
{
	struct print p = {key, 0};
	if (t)
		add_struct(&p, t, values);
	return p.sum;
}

uint64_t
dt_config_fingerprint_entry(
    const struct dt_siphash_key *key, const struct dt_config_chain_entry *entry)
{
	struct print p = {key, dt_config_fingerprint(key, entry->module.options, entry->options)};
	add_struct(&p, &dt_config_entry_table, (const char *)entry);
	return p.sum ? p.sum : 1;
}
