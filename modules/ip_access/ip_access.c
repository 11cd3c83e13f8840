/* ip_access - lets clients in, or not, by their address.
 *
 * Decides in connection_request, before anything is kept for a client. A refusal is silent.
 * The instance's map is built in open() and read-only from then on.
 */
#include <dtlsd/module.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prefix_file.h"
#include "prefix_map.h"

#define CONFLICTS_TOLD 10u
#define TEXT_MAX 4400u /* a path, a line number and some words */

enum otherwise { OTHERWISE_ALLOW, OTHERWISE_DENY };

struct ip_config {
	struct dtlsd_list allow, deny;		 /* of struct dtlsd_cidr */
	struct dtlsd_list allow_file, deny_file; /* of const char *      */
	int32_t otherwise;
};

static const char *const otherwise_names[] = {"allow", "deny", NULL};

static const struct dtlsd_option options[] = {
    {.name = "allow",
	.type = DTLSD_OPT_CIDR,
	.flags = DTLSD_OPT_LIST,
	.offset = offsetof(struct ip_config, allow),
	.doc = "Prefixes whose clients may connect; of all that hold an address the longest "
	       "decides."},
    {.name = "deny",
	.type = DTLSD_OPT_CIDR,
	.flags = DTLSD_OPT_LIST,
	.offset = offsetof(struct ip_config, deny),
	.doc = "Prefixes whose clients may not connect; wins over the same prefix in `allow`."},
    {.name = "allow_file",
	.type = DTLSD_OPT_PATH,
	.flags = DTLSD_OPT_LIST,
	.offset = offsetof(struct ip_config, allow_file),
	.doc = "Files with more prefixes to allow, one a line; # begins a comment."},
    {.name = "deny_file",
	.type = DTLSD_OPT_PATH,
	.flags = DTLSD_OPT_LIST,
	.offset = offsetof(struct ip_config, deny_file),
	.doc = "Files with more prefixes to deny, one a line; # begins a comment."},
    {.name = "default",
	.type = DTLSD_OPT_ENUM,
	.offset = offsetof(struct ip_config, otherwise),
	.def = "\"deny\"",
	.names = otherwise_names,
	.doc = "What holds for an address in none of the prefixes."},
};
static const struct dtlsd_options option_table = DTLSD_OPTIONS(options, struct ip_config);

enum { COUNT_ALLOWED, COUNT_DENIED, COUNT_MOVES_DENIED };
static const struct dtlsd_counter counters[] = {
    [COUNT_ALLOWED] = {"allowed", "Requests from an allowed address."},
    [COUNT_DENIED] = {"denied", "Requests refused because of their address."},
    [COUNT_MOVES_DENIED] = {"moves_denied",
	"Connected clients not followed to another address because of it."},
};

/* ---- reading the lists -------------------------------------------------------------------- */

/* Where check() and open() complain: at a place of the configuration, or in the log. */
struct voice {
	void (*error)(const void *arg, const char *pointer, const char *text);
	void (*warning)(const void *arg, const char *pointer, const char *text);
	const void *arg;
};

/* The four sources, in this order; a prefix is tagged with its source and its place in it. */
enum source { SOURCE_ALLOW, SOURCE_DENY, SOURCE_ALLOW_FILE, SOURCE_DENY_FILE, SOURCES };

static const struct source_row {
	const char *name;
	size_t offset;
	bool deny, is_file;
} sources[SOURCES] = {
    [SOURCE_ALLOW] = {"allow", offsetof(struct ip_config, allow), false, false},
    [SOURCE_DENY] = {"deny", offsetof(struct ip_config, deny), true, false},
    [SOURCE_ALLOW_FILE] = {"allow_file", offsetof(struct ip_config, allow_file), false, true},
    [SOURCE_DENY_FILE] = {"deny_file", offsetof(struct ip_config, deny_file), true, true},
};

struct reading {
	struct prefix_list list; /* owned */
	const struct voice *voice;
	uint32_t tag; /* of the item being read: index * SOURCES + source */
	unsigned conflicts;
	bool no_memory, failed;
};

static void
tell(const struct reading *r, bool is_error, uint32_t tag, const char *text)
{
	char pointer[32];
	snprintf(pointer, sizeof(pointer), "/%s/%u", sources[tag % SOURCES].name, tag / SOURCES);
	if (is_error)
		r->voice->error(r->voice->arg, pointer, text);
	else
		r->voice->warning(r->voice->arg, pointer, text);
}

static bool
take_prefix(void *arg, const struct dtlsd_cidr *cidr)
{
	struct reading *r = arg;
	r->no_memory = !prefix_list_add(&r->list, cidr, sources[r->tag % SOURCES].deny, r->tag);
	return !r->no_memory;
}

static void
take_complaint(void *arg, const char *text)
{
	struct reading *r = arg;
	tell(r, true, r->tag, text);
}

static void
take_conflict(void *arg, const struct prefix *denied, const struct prefix *allowed)
{
	struct reading *r = arg;
	char text[96];
	if (r->conflicts++ >= CONFLICTS_TOLD)
		return;
	snprintf(text, sizeof(text), "the same prefix stands in %s (item %u): deny wins",
	    sources[denied->tag % SOURCES].name, denied->tag / SOURCES);
	tell(r, false, allowed->tag, text);
}

static void
read_source(struct reading *r, const struct ip_config *config, enum source source)
{
	const struct source_row *row = &sources[source];
	const struct dtlsd_list *l =
	    (const struct dtlsd_list *)(const void *)((const char *)config + row->offset);
	const struct prefix_reader reader = {take_prefix, take_complaint, r};

	for (uint32_t i = 0; i < l->count && !r->no_memory; i++) {
		const void *item = (const char *)l->items + (size_t)i * l->item_size;
		r->tag = i * SOURCES + (uint32_t)source;
		if (!row->is_file)
			take_prefix(r, item);
		else if (!prefix_file_read(*(const char *const *)item, &reader))
			r->failed = true;
	}
}

/* False: something was wrong, and has been said. */
static bool
read_lists(struct reading *r, const struct ip_config *config)
{
	for (int s = 0; s < SOURCES; s++)
		read_source(r, config, (enum source)s);
	if (r->no_memory)
		r->voice->error(r->voice->arg, "", "out of memory");
	if (r->no_memory || r->failed)
		return false;

	const struct prefix_conflict conflict = {take_conflict, r};
	size_t conflicts = prefix_list_settle(&r->list, &conflict);
	if (conflicts > CONFLICTS_TOLD) {
		char text[96];
		snprintf(text, sizeof(text), "%zu prefixes are both allowed and denied: deny wins",
		    conflicts);
		r->voice->warning(r->voice->arg, "", text);
	}
	return true;
}

/* ---- configuration test ------------------------------------------------------------------- */

static void
check_error(const void *arg, const char *pointer, const char *text)
{
	const struct dtlsd_check *check = arg;
	check->config_error(check, pointer, text);
}

static void
check_warning(const void *arg, const char *pointer, const char *text)
{
	const struct dtlsd_check *check = arg;
	check->config_warning(check, pointer, text);
}

/* An instance that gives everybody the same verdict is hardly what was meant. */
static void
warn_if_pointless(const struct dtlsd_check *check, const struct prefix_list *l)
{
	const struct ip_config *config = check->config;
	bool allows = config->otherwise == OTHERWISE_ALLOW;
	for (size_t i = 0; i < l->count; i++)
		if (l->items[i].deny == allows)
			return;
	check->config_warning(check, "",
	    allows ? "nothing is denied and \"default\" is \"allow\": every client may connect"
		   : "nothing is allowed and \"default\" is \"deny\": no client may connect");
}

static void
check_config(const struct dtlsd_check *check)
{
	const struct voice voice = {check_error, check_warning, check};
	struct reading r = {.voice = &voice};
	if (read_lists(&r, check->config))
		warn_if_pointless(check, &r.list);
	prefix_list_fini(&r.list);
}

/* ---- life --------------------------------------------------------------------------------- */

static void
log_error(const void *arg, const char *pointer, const char *text)
{
	const struct dtlsd_ctx *c = arg;
	char line[TEXT_MAX];
	snprintf(line, sizeof(line), "%s%s%s", pointer, *pointer ? ": " : "", text);
	c->host->log(c, DTLSD_LOG_ERROR, line);
}

/* The configuration test has said it already. */
static void
ignore_warning(const void *arg, const char *pointer, const char *text)
{
	(void)arg;
	(void)pointer;
	(void)text;
}

static int32_t
open_instance(const struct dtlsd_ctx *c, void **data)
{
	const struct ip_config *config = c->config;
	const struct voice voice = {log_error, ignore_warning, c};
	struct reading r = {.voice = &voice};
	struct prefix_map *map = NULL;
	int32_t result = DTLSD_INVALID;
	if (!read_lists(&r, config))
		goto out;

	result = DTLSD_NOMEM;
	map = calloc(1, sizeof(*map));
	if (!map || !prefix_map_init(map, &r.list, config->otherwise == OTHERWISE_ALLOW)) {
		log_error(c, "", "out of memory");
		goto out;
	}
	*data = map;
	map = NULL;
	result = DTLSD_OK;
out:
	free(map);
	prefix_list_fini(&r.list);
	return result;
}

static void
close_instance(const struct dtlsd_ctx *c)
{
	prefix_map_fini(c->data);
	free(c->data);
}

/* ---- the hooks ---------------------------------------------------------------------------- */

static uint32_t
connection_request(const struct dtlsd_ctx *c, struct dtlsd_request *request)
{
	bool allowed = prefix_map_allows(c->data, &request->peer);
	c->host->count(c, allowed ? COUNT_ALLOWED : COUNT_DENIED, 1);
	return allowed ? DTLSD_NEXT : DTLSD_REJECT;
}

/* Who may not connect from an address may not go there either. */
static uint32_t
peer_moved(const struct dtlsd_ctx *c, const struct dtlsd_peer_moved *event)
{
	if (prefix_map_allows(c->data, &event->to))
		return DTLSD_NEXT;
	c->host->count(c, COUNT_MOVES_DENIED, 1);
	return DTLSD_REJECT;
}

DTLSD_MODULE(.name = "ip_access", .version = "1.0", .options = &option_table, .counters = counters,
    .counter_count = sizeof(counters) / sizeof(counters[0]), .counter_size = sizeof(counters[0]),
    .check = check_config, .open = open_instance, .close = close_instance,
    .connection_request = connection_request, .peer_moved = peer_moved);
