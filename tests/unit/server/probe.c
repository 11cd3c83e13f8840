#include "probe.h"

#include <dtlsd/module.h>
#include <stdio.h>
#include <string.h>

struct probe probe = {.refuse_worker = -1};

static void
posted(const struct dtlsd_ctx *c, void *data, size_t len)
{
	(void)c;
	(void)data;
	(void)len;
	probe.posts_run++;
}

static void
post_to_all(const struct dtlsd_ctx *c)
{
	if (probe.posts)
		c->host->post(c, UINT32_MAX, posted, NULL, 0);
}

static int32_t
open_probe(const struct dtlsd_ctx *c, void **data)
{
	(void)c;
	(void)data;
	if (probe.refuse_open && probe.opens + 1 == probe.refuse_open)
		return DTLSD_INVALID;
	probe.opens++;
	return DTLSD_OK;
}

static void
close_probe(const struct dtlsd_ctx *c)
{
	post_to_all(c);
	probe.closes++;
}

static int32_t
start_probe(const struct dtlsd_ctx *c, void **data)
{
	(void)data;
	if ((int)c->worker == probe.refuse_worker)
		return DTLSD_SYSTEM;
	probe.starts++;
	post_to_all(c);
	return DTLSD_OK;
}

static void
stop_probe(const struct dtlsd_ctx *c)
{
	post_to_all(c);
	probe.stops++;
	if (probe.on_stop)
		probe.on_stop();
}

static void
connected(const struct dtlsd_ctx *c, const struct dtlsd_connected *event)
{
	if (event->status == 0) {
		probe.connected++;
		probe.on_worker[c->worker]++;
	}
}

static uint32_t
data_in(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	c->host->count(c, 0, 1);
	c->host->send(c, c->conn, d->data, d->len);
	return DTLSD_DONE;
}

static void
disconnected(const struct dtlsd_ctx *c, const struct dtlsd_disconnected *event)
{
	(void)c;
	(void)event;
	probe.disconnected++;
}

static uint32_t
psk_lookup(const struct dtlsd_ctx *c, struct dtlsd_psk *psk)
{
	(void)c;
	memset(psk->key, 'k', 16);
	psk->key_len = 16;
	return DTLSD_FOUND;
}

struct wishes {
	const char *word, *other;
};

static const struct dtlsd_option wish_items[] = {
    {.name = "word", .type = DTLSD_OPT_TEXT, .offset = offsetof(struct wishes, word), .doc = "A."},
    {.name = "other", .type = DTLSD_OPT_TEXT, .offset = offsetof(struct wishes, other), .doc = "B."},
};
static const struct dtlsd_options wish_table = DTLSD_OPTIONS(wish_items, struct wishes);

static void
check_wishes(const struct dtlsd_check *check)
{
	const struct wishes *w = check->config;
	if (w->word)
		check->config_error(check, "/word", "this word is wrong");
	if (w->other)
		check->config_warning(check, "/other", "this word is odd");
}

#define PROBE_HOOKS                                                                                \
	.version = "1", .counters = counters, .counter_count = 1, .counter_size = sizeof(counters[0]), \
	.open = open_probe, .close = close_probe, .worker_start = start_probe,                     \
	.worker_stop = stop_probe, .connected = connected, .data_in = data_in,                     \
	.disconnected = disconnected

static const struct dtlsd_counter counters[] = {{"echoed", "datagrams sent back"}};
static const struct dtlsd_module modules[] = {
    {DTLSD_MODULE_PREFIX, .name = "probe", PROBE_HOOKS},
    {DTLSD_MODULE_PREFIX, .name = "keys", PROBE_HOOKS, .psk_lookup = psk_lookup},
    {DTLSD_MODULE_PREFIX, .name = "picky", PROBE_HOOKS, .options = &wish_table, .check = check_wishes},
};

static enum dt_err
resolve(void *arg, const struct dtlsd_list *path, const char *use, struct dt_config_module *out,
    char *err, size_t cap)
{
	(void)arg;
	(void)path;
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		if (strcmp(modules[i].name, use) != 0)
			continue;
		*out = (struct dt_config_module){.handle = (void *)(uintptr_t)&modules[i],
		    .options = modules[i].options,
		    .finds_psk = modules[i].psk_lookup != NULL};
		return DT_OK;
	}
	snprintf(err, cap, "no such module");
	return DT_ERR_GONE;
}

static const char *const *
names(void *arg, const struct dtlsd_list *path)
{
	static const char *const all[] = {"probe", "keys", "picky", NULL};
	(void)arg;
	(void)path;
	return all;
}

const struct dt_config_modules probe_modules = {.resolve = resolve, .names = names};
