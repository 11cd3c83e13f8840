#include "surroundings.h"

#include <dtlsd/module.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "config/options.h"

#define OPT(type_, structure, member)                                                              \
	.name = #member, .type = DTLSD_OPT_##type_,                                                \
	.offset = (uint32_t)offsetof(structure, member), .doc = "What " #member " is for."

static const char *const modes[] = {"gentle", "strict", NULL};

static const struct dtlsd_option inner_items[] = {
    {OPT(TEXT, struct inner, word), .flags = DTLSD_OPT_REQUIRED},
    {OPT(INTEGER, struct inner, number), .def = "7"},
};
static const struct dtlsd_options inner_table = DTLSD_OPTIONS(inner_items, struct inner);

static const struct dtlsd_option everything_items[] = {
    {OPT(BOOLEAN, struct everything, flag)},
    {OPT(INTEGER, struct everything, count), .def = "3", .min = 1, .max = 10},
    {OPT(TEXT, struct everything, text)},
    {OPT(DURATION, struct everything, wait), .def = "\"60s\"", .min = 1000000000,
	.max = 3600000000000},
    {OPT(SIZE, struct everything, size), .min = 1, .max = 1048576, .def = "\"4KiB\""},
    {OPT(RATE, struct everything, rate)},
    {OPT(ENUM, struct everything, mode), .names = modes},
    {OPT(ADDRESS, struct everything, address)},
    {OPT(CIDR, struct everything, net)},
    {OPT(PATH, struct everything, file)},
    {OPT(SECRET, struct everything, key)},
    {OPT(IP, struct everything, ip)},
    {OPT(OBJECT, struct everything, inner), .fields = &inner_table},
    {OPT(TEXT, struct everything, words), .flags = DTLSD_OPT_LIST, .def = "[\"a\", \"b\"]"},
    {OPT(CIDR, struct everything, nets), .flags = DTLSD_OPT_LIST},
    {OPT(OBJECT, struct everything, inners), .flags = DTLSD_OPT_LIST | DTLSD_OPT_SHORTHAND,
	.fields = &inner_table},
};
static const struct dtlsd_options everything_table =
    DTLSD_OPTIONS(everything_items, struct everything);

struct relay {
	struct dtlsd_address to;
	uint8_t proxy_protocol;
};
static const struct dtlsd_option relay_items[] = {
    {OPT(ADDRESS, struct relay, to), .flags = DTLSD_OPT_REQUIRED},
    {OPT(BOOLEAN, struct relay, proxy_protocol), .def = "false"},
};
static const struct dtlsd_options relay_table = DTLSD_OPTIONS(relay_items, struct relay);

/* As built against a header whose rows ended behind `def`. */
struct short_option {
	const char *name;
	uint32_t type, flags, offset, reserved;
	const char *def;
};
static const struct short_option older_items[] = {
    {"first", DTLSD_OPT_INTEGER, 0, offsetof(struct older, first), 0, "11"},
    {"second", DTLSD_OPT_TEXT, 0, offsetof(struct older, second), 0, "\"two\""},
};
static const struct dtlsd_options older_table = {
    (const struct dtlsd_option *)(const void *)older_items, 2, sizeof(struct short_option),
    sizeof(struct older), 0};

static const struct dtlsd_option askew_items[] = {
    {.name = "far", .type = DTLSD_OPT_INTEGER, .offset = 16},
};
static const struct dtlsd_options askew_table = {
    askew_items, 1, sizeof(struct dtlsd_option), 16, 0};

static const struct dtlsd_option greedy_items[] = {
    {.name = "enabled", .type = DTLSD_OPT_BOOLEAN},
};
static const struct dtlsd_options greedy_table = {
    greedy_items, 1, sizeof(struct dtlsd_option), 8, 0};

static const struct {
	const char *name;
	const struct dtlsd_options *options;
	bool finds_psk;
	const char *fault;
} modules[] = {
    {"echo", NULL, false, NULL},
    {"relay", &relay_table, false, NULL},
    {"psk", NULL, true, NULL},
    {"everything", &everything_table, false, NULL},
    {"older", &older_table, false, NULL},
    {"broken", NULL, false, "it was built for ABI 7.0, this server speaks 0.1"},
    {"askew", &askew_table, false, NULL},
    {"greedy", &greedy_table, false, NULL},
    {"/opt/modules/echo.so", NULL, false, NULL},
};

static enum dt_err
resolve_module(void *arg, const struct dtlsd_list *path, const char *use,
    struct dt_config_module *out, char *err, size_t cap)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		if (strcmp(use, modules[i].name) != 0)
			continue;
		snprintf(err, cap, "%s", modules[i].fault ? modules[i].fault : "");
		*out = (struct dt_config_module){
		    (void *)(uintptr_t)&modules[i], modules[i].options, modules[i].finds_psk};
		return modules[i].fault ? DT_ERR_INVALID : DT_OK;
	}
	const char *dir = path->count ? ((const char *const *)path->items)[0] : "nowhere";
	snprintf(err, cap, "no such file in %s", dir);
	return DT_ERR_GONE;
}

static const char *const *
module_names(void *arg, const struct dtlsd_list *path)
{
	static const char *const names[] = {"echo", "everything", "older", "psk", "relay", NULL};
	(void)arg;
	(void)path;
	return names;
}

static enum dt_err
resolve_host(void *arg, const char *text, struct dtlsd_address *out, char *err, size_t cap)
{
	(void)arg;
	char address[64];
	if (strncmp(text, "localhost:", 10) != 0) {
		snprintf(err, cap, "no such name");
		return DT_ERR_GONE;
	}
	snprintf(address, sizeof(address), "127.0.0.1:%s", text + 10);
	return dt_addr_parse(address, out);
}

const struct dt_config_env surroundings = {
    .resolve_host = resolve_host,
    .modules = {resolve_module, module_names, NULL},
    .module_directory = "/usr/lib/dtlsd",
};

const char *
quotes(const char *text)
{
	static char buffers[8][8192];
	static unsigned next;
	char *out = buffers[next++ % 8];
	snprintf(out, sizeof(buffers[0]), "%s", text);
	for (char *p = out; *p; p++) {
		if (*p == '\'')
			*p = '"';
	}
	return out;
}

enum dt_err
load_quoted(const char *text, struct dt_config **out, struct dt_config_report *report)
{
	const char *json = quotes(text);
	dt_config_report_init(report);
	return dt_config_load_text(json, strlen(json), "test.json", &surroundings, out, report);
}

const char *
all_messages(const struct dt_config_report *report)
{
	static char out[65536];
	char line[2048];
	size_t used = 0;
	out[0] = '\0';
	for (size_t i = 0; i < report->count; i++)
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%s", i ? "\n" : "",
		    dt_config_message_format(report, &report->messages[i], line, sizeof(line)));
	return out;
}
