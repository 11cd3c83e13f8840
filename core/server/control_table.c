#include "server/control_table.h"

#include "base/log.h"
#include "base/text.h"

#include <string.h>

#define TABLE(name, array, type)                                                                   \
	static const struct dtlsd_options name##_arguments = DTLSD_OPTIONS(array, type)
/* What every row begins with; the member has the argument's name. */
#define ROW(type_, structure, member, text)                                                        \
	.name = #member, .type = DTLSD_OPT_##type_,                                                \
	.offset = (uint32_t)offsetof(structure, member), .doc = text

static const struct dtlsd_options none_arguments = {.item_size = sizeof(struct dtlsd_option)};

/* ---- connections ---- */

static const char *const state_names[] = {"any", "requested", "handshake", "established", NULL};
static const char *const column_names[] = {
#define X(id, name, shown, type, value) name,
#include "server/control_columns.def"
#undef X
    NULL};

#define FILTER(structure)                                                                          \
	{.name = "server",                                                                         \
	    .type = DTLSD_OPT_TEXT,                                                                \
	    .offset = (uint32_t)offsetof(structure, filter.server),                                \
	    .doc = "Those of this server."},                                                       \
	    {.name = "peer",                                                                       \
		.type = DTLSD_OPT_CIDR,                                                            \
		.flags = DTLSD_OPT_LIST,                                                           \
		.offset = (uint32_t)offsetof(structure, filter.peer),                              \
		.doc = "Those from these networks or addresses."},                                 \
	    {.name = "state",                                                                      \
		.type = DTLSD_OPT_ENUM,                                                            \
		.offset = (uint32_t)offsetof(structure, filter.state),                             \
		.def = "\"any\"",                                                                  \
		.names = state_names,                                                              \
		.doc = "Those that are so far."},                                                  \
	{                                                                                          \
		.name = "identity", .type = DTLSD_OPT_TEXT,                                        \
		.offset = (uint32_t)offsetof(structure, filter.identity),                          \
		.doc = "Those whose pre-shared key identity or certificate subject holds this."    \
	}
#define PAYLOAD(structure)                                                                         \
	{.name = "text",                                                                           \
	    .type = DTLSD_OPT_TEXT,                                                                \
	    .offset = (uint32_t)offsetof(structure, payload.text),                                 \
	    .doc = "The datagram."},                                                               \
	    {.name = "hex",                                                                        \
		.type = DTLSD_OPT_TEXT,                                                            \
		.offset = (uint32_t)offsetof(structure, payload.hex),                              \
		.doc = "The datagram, two hex digits for each byte."},                             \
	{                                                                                          \
		.name = DT_CONTROL_FROM_FILE, .type = DTLSD_OPT_TEXT,                              \
		.offset = (uint32_t)offsetof(structure, payload.base64),                           \
		.doc = "The datagram in base64."                                                   \
	}

static const struct dtlsd_option connections_items[] = {
    FILTER(struct dt_control_connections_arguments),
    {ROW(ENUM, struct dt_control_connections_arguments, columns, "What is shown of each."),
	.flags = DTLSD_OPT_LIST, .names = column_names},
};
TABLE(connections, connections_items, struct dt_control_connections_arguments);

static const struct dtlsd_option one_items[] = {
    {ROW(TEXT, struct dt_control_one_arguments, id, "The connection."),
	.flags = DTLSD_OPT_REQUIRED},
};
TABLE(one, one_items, struct dt_control_one_arguments);

static const struct dtlsd_option disconnect_items[] = {
    {ROW(TEXT, struct dt_control_disconnect_arguments, id, "The connection.")},
    {ROW(BOOLEAN, struct dt_control_disconnect_arguments, all, "Every connection."),
	.def = "false"},
    FILTER(struct dt_control_disconnect_arguments),
};
TABLE(disconnect, disconnect_items, struct dt_control_disconnect_arguments);

static const struct dtlsd_option send_items[] = {
    {ROW(TEXT, struct dt_control_send_arguments, id, "The connection."),
	.flags = DTLSD_OPT_REQUIRED},
    PAYLOAD(struct dt_control_send_arguments),
};
TABLE(send, send_items, struct dt_control_send_arguments);

static const struct dtlsd_option broadcast_items[] = {
    PAYLOAD(struct dt_control_broadcast_arguments),
    FILTER(struct dt_control_broadcast_arguments),
};
TABLE(broadcast, broadcast_items, struct dt_control_broadcast_arguments);

/* ---- the server ---- */

static const struct dtlsd_option stats_items[] = {
    {ROW(TEXT, struct dt_control_stats_arguments, server, "Modules of this server only.")},
    {ROW(BOOLEAN, struct dt_control_stats_arguments, all, "Also what is 0."), .def = "false"},
};
TABLE(stats, stats_items, struct dt_control_stats_arguments);

static const char *const level_names[] = {
    "none", "error", "warning", "info", "verbose", "debug", "unchanged", NULL};
static const struct dtlsd_option log_items[] = {
    {ROW(ENUM, struct dt_control_log_arguments, level, "The new level."), .def = "\"unchanged\"",
	.names = level_names},
};
TABLE(log, log_items, struct dt_control_log_arguments);

const struct dt_control_command dt_control_commands[DT_CONTROL_COMMANDS] = {
#define X(id, name, arguments, words, shape, changes, run, summary, example)                       \
	{name, &arguments##_arguments, words, DT_CONTROL_##shape, changes, summary, example},
#include "server/control_table.def"
#undef X
};

static const char *
nth_name(const void *arg, size_t i)
{
	const struct dt_control_command *commands = arg;
	return commands[i].name;
}

const struct dt_control_command *
dt_control_find(const char *name, const char **near)
{
	for (size_t i = 0; i < DT_CONTROL_COMMANDS; i++)
		if (strcmp(dt_control_commands[i].name, name) == 0)
			return &dt_control_commands[i];
	*near = dt_text_nearest(name, nth_name, dt_control_commands, DT_CONTROL_COMMANDS);
	return NULL;
}
