/* rate_limit - so many new connections, and so many datagrams, and no more.
 *
 * Token buckets per connection, per address and per prefix. Those of addresses and prefixes are
 * kept by each worker for itself: no lock, and no part of a rate for each worker either, which
 * would cut the one flow of an honest client. See README.md on what that means for a client
 * with many ports.
 *
 * Order of a question: all buckets that concern an event are asked first; only if each has a
 * token, each gives one. So what one limit refuses costs nothing in the others.
 */
#include <dtlsd/module.h>

#include <stdio.h>
#include <stdlib.h>

#include "limit_table.h"

#define BURST_MOST 1000000000000
#define TABLE_MOST 16777216

struct connection_limits {
	struct dtlsd_rate per_address, per_prefix;
	int64_t burst; /* connections; 0 = a second's worth */
};

struct datagram_limits {
	struct dtlsd_rate per_connection, per_address, per_prefix;
	int64_t burst; /* datagrams; 0 = a second's worth */
};

struct rate_config {
	struct connection_limits new_connections;
	struct datagram_limits datagrams;
	int64_t prefix_v4, prefix_v6; /* bits */
	int64_t table_size;	      /* entries per worker */
};

#define RATE(group, member, text)                                                                  \
	{                                                                                          \
		.name = #member, .type = DTLSD_OPT_RATE, .offset = offsetof(struct group, member), \
		.doc = text                                                                        \
	}
#define BURST(group)                                                                               \
	{                                                                                          \
		.name = "burst", .type = DTLSD_OPT_INTEGER,                                        \
		.offset = offsetof(struct group, burst), .min = 0, .max = BURST_MOST,              \
		.doc = "How many may come at once after a pause; 0 = what a second gives."         \
	}

static const struct dtlsd_option connection_items[] = {
    RATE(connection_limits, per_address, "New connections from one address, \"5/s\"."),
    RATE(connection_limits, per_prefix, "New connections from one prefix together."),
    BURST(connection_limits),
};
static const struct dtlsd_options connection_table =
    DTLSD_OPTIONS(connection_items, struct connection_limits);

static const struct dtlsd_option datagram_items[] = {
    RATE(datagram_limits, per_connection, "Datagrams of one connection, \"100/s\"."),
    RATE(datagram_limits, per_address, "Datagrams of all connections from one address."),
    RATE(datagram_limits, per_prefix, "Datagrams of all connections from one prefix."),
    BURST(datagram_limits),
};
static const struct dtlsd_options datagram_table =
    DTLSD_OPTIONS(datagram_items, struct datagram_limits);

static const struct dtlsd_option options[] = {
    {.name = "new_connections",
	.type = DTLSD_OPT_OBJECT,
	.offset = offsetof(struct rate_config, new_connections),
	.fields = &connection_table,
	.doc = "Limits of connection requests; what is over a limit is refused in silence."},
    {.name = "datagrams",
	.type = DTLSD_OPT_OBJECT,
	.offset = offsetof(struct rate_config, datagrams),
	.fields = &datagram_table,
	.doc = "Limits of application datagrams from clients; what is over a limit is dropped."},
    {.name = "prefix_v4",
	.type = DTLSD_OPT_INTEGER,
	.offset = offsetof(struct rate_config, prefix_v4),
	.def = "24",
	.min = 1,
	.max = 32,
	.doc = "Bits of an IPv4 address that make its prefix."},
    {.name = "prefix_v6",
	.type = DTLSD_OPT_INTEGER,
	.offset = offsetof(struct rate_config, prefix_v6),
	.def = "64",
	.min = 1,
	.max = 128,
	.doc = "Bits of an IPv6 address that make its prefix."},
    {.name = "table_size",
	.type = DTLSD_OPT_INTEGER,
	.offset = offsetof(struct rate_config, table_size),
	.def = "65536",
	.min = LIMIT_TABLE_LEAST,
	.max = TABLE_MOST,
	.doc = "Addresses and prefixes that each worker remembers at most, about 80 bytes each."},
};
static const struct dtlsd_options option_table = DTLSD_OPTIONS(options, struct rate_config);

enum { COUNT_CONNECTIONS, COUNT_DATAGRAMS, COUNT_EVICTED };
static const struct dtlsd_counter counters[] = {
    [COUNT_CONNECTIONS] = {"connections_limited", "Connection requests refused over a limit."},
    [COUNT_DATAGRAMS] = {"datagrams_limited", "Datagrams dropped over a limit."},
    [COUNT_EVICTED] = {"evicted", "Entries forgotten before their time: table_size is small."},
};

/* ---- the limits as they are used ---------------------------------------------------------- */

/* Of an instance; read-only after open. */
struct limits {
	struct bucket_rate shared[LIMIT_SCOPES][LIMIT_EVENTS];
	struct bucket_rate connection; /* datagrams of one connection */
	bool any_shared;
};

/* One row for each rate of the configuration. */
struct rate_row {
	const char *pointer;
	struct dtlsd_rate rate;
	int64_t burst;
	struct bucket_rate *out;
};

#define RATE_ROWS 5u

static void
list_rates(const struct rate_config *k, struct limits *l, struct rate_row rows[RATE_ROWS])
{
	const struct connection_limits *n = &k->new_connections;
	const struct datagram_limits *d = &k->datagrams;
	rows[0] = (struct rate_row){"/new_connections/per_address", n->per_address, n->burst,
	    &l->shared[LIMIT_ADDRESS][LIMIT_CONNECTION]};
	rows[1] = (struct rate_row){"/new_connections/per_prefix", n->per_prefix, n->burst,
	    &l->shared[LIMIT_PREFIX][LIMIT_CONNECTION]};
	rows[2] = (struct rate_row){"/datagrams/per_address", d->per_address, d->burst,
	    &l->shared[LIMIT_ADDRESS][LIMIT_DATAGRAM]};
	rows[3] = (struct rate_row){"/datagrams/per_prefix", d->per_prefix, d->burst,
	    &l->shared[LIMIT_PREFIX][LIMIT_DATAGRAM]};
	rows[4] = (struct rate_row){
	    "/datagrams/per_connection", d->per_connection, d->burst, &l->connection};
}

static const char *
read_row(const struct rate_row *row)
{
	return bucket_rate_init(row->out, row->rate, (uint64_t)row->burst);
}

static void
check_config(const struct dtlsd_check *check)
{
	const struct rate_config *config = check->config;
	struct limits limits;
	struct rate_row rows[RATE_ROWS];
	bool any = false;
	list_rates(config, &limits, rows);
	for (unsigned i = 0; i < RATE_ROWS; i++) {
		const char *wrong = read_row(&rows[i]);
		if (wrong)
			check->config_error(check, rows[i].pointer, wrong);
		any = any || wrong || rows[i].out->gain;
	}
	if (!any)
		check->config_warning(check, "", "no rate is given: nothing is limited");
}

/* ---- life --------------------------------------------------------------------------------- */

static int32_t
open_instance(const struct dtlsd_ctx *c, void **data)
{
	struct rate_row rows[RATE_ROWS];
	struct limits *l = calloc(1, sizeof(*l));
	if (!l) {
		c->host->log(c, DTLSD_LOG_ERROR, "out of memory");
		return DTLSD_NOMEM;
	}
	list_rates(c->config, l, rows);
	for (unsigned i = 0; i < RATE_ROWS; i++) {
		const char *wrong = read_row(&rows[i]);
		if (wrong) {
			char line[128];
			snprintf(line, sizeof(line), "%s: %s", rows[i].pointer, wrong);
			c->host->log(c, DTLSD_LOG_ERROR, line);
			free(l);
			return DTLSD_INVALID;
		}
		l->any_shared |= rows[i].out != &l->connection && rows[i].out->gain;
	}
	*data = l;
	return DTLSD_OK;
}

static void
close_instance(const struct dtlsd_ctx *c)
{
	free(c->data);
}

static int32_t
worker_start(const struct dtlsd_ctx *c, void **worker_data)
{
	const struct rate_config *config = c->config;
	const struct limits *l = c->data;
	uint64_t secret[2];
	if (!l->any_shared)
		return DTLSD_OK;
	c->host->random(c, secret, sizeof(secret));
	*worker_data = limit_table_new((uint32_t)config->table_size, secret, l->shared);
	if (*worker_data)
		return DTLSD_OK;
	c->host->log(c, DTLSD_LOG_ERROR, "out of memory for table_size");
	return DTLSD_NOMEM;
}

static void
worker_stop(const struct dtlsd_ctx *c)
{
	struct limit_table *t = c->worker_data;
	limit_table_free(&t);
}

/* ---- hooks -------------------------------------------------------------------------------- */

static unsigned
bits_of(const struct rate_config *config, uint16_t family, enum limit_scope scope)
{
	bool v4 = family == DTLSD_IPV4;
	if (scope == LIMIT_ADDRESS)
		return v4 ? 32 : 128;
	return (unsigned)(v4 ? config->prefix_v4 : config->prefix_v6);
}

/* True, and a token taken from each shared bucket, if all that concern the event have one. */
static bool
admit(const struct dtlsd_ctx *c, enum limit_event event, const struct dtlsd_address *peer)
{
	const struct limits *l = c->data;
	struct bucket *asked[LIMIT_SCOPES] = {NULL, NULL};
	uint64_t now = c->host->now(c);

	for (unsigned s = 0; s < LIMIT_SCOPES; s++) {
		const struct bucket_rate *rate = &l->shared[s][event];
		if (!rate->gain)
			continue;
		enum limit_scope scope = (enum limit_scope)s;
		struct limit_key key =
		    limit_key_of(peer, scope, bits_of(c->config, peer->family, scope));
		uint64_t forgotten;
		asked[s] = &limit_table_get(c->worker_data, &key, now, &forgotten)[event];
		if (forgotten)
			c->host->count(c, COUNT_EVICTED, forgotten);
		if (!bucket_has(asked[s], rate, now))
			return false;
	}
	for (unsigned s = 0; s < LIMIT_SCOPES; s++)
		if (asked[s])
			bucket_take(asked[s], &l->shared[s][event]);
	return true;
}

static bool
limits_shared(const struct limits *l, enum limit_event event)
{
	return l->shared[LIMIT_ADDRESS][event].gain || l->shared[LIMIT_PREFIX][event].gain;
}

static uint32_t
connection_request(const struct dtlsd_ctx *c, struct dtlsd_request *request)
{
	if (!limits_shared(c->data, LIMIT_CONNECTION) || admit(c, LIMIT_CONNECTION, &request->peer))
		return DTLSD_NEXT;
	c->host->count(c, COUNT_CONNECTIONS, 1);
	return DTLSD_REJECT;
}

static void
connected(const struct dtlsd_ctx *c, const struct dtlsd_connected *event)
{
	const struct limits *l = c->data;
	if (event->status != 0 || !l->connection.gain)
		return;
	struct bucket *b = malloc(sizeof(*b));
	if (b) {
		bucket_fill(b, &l->connection, c->host->now(c));
		if (c->host->set_conn_data(c, c->conn, b, free) == DTLSD_OK)
			return;
		free(b);
	}
	/* A client whose datagrams cannot be counted is not served. */
	c->host->log(c, DTLSD_LOG_ERROR, "out of memory: the connection is closed");
	c->host->disconnect(c, c->conn);
}

/* Of the connection's own bucket; NULL where there is no such limit. False: over it. */
static bool
ask_connection(const struct dtlsd_ctx *c, struct bucket **own)
{
	const struct limits *l = c->data;
	*own = NULL;
	if (!l->connection.gain)
		return true;
	*own = c->host->conn_data(c, c->conn);
	return *own && bucket_has(*own, &l->connection, c->host->now(c));
}

static bool
admit_datagram(const struct dtlsd_ctx *c)
{
	struct dtlsd_conn_info info = {.size = sizeof(info)};
	if (!limits_shared(c->data, LIMIT_DATAGRAM))
		return true;
	return c->host->conn_info(c, c->conn, &info) == DTLSD_OK &&
	       admit(c, LIMIT_DATAGRAM, &info.peer);
}

static uint32_t
data_in(const struct dtlsd_ctx *c, struct dtlsd_datagram *datagram)
{
	const struct limits *l = c->data;
	struct bucket *own;
	(void)datagram;
	if (!ask_connection(c, &own) || !admit_datagram(c)) {
		c->host->count(c, COUNT_DATAGRAMS, 1);
		return DTLSD_DONE;
	}
	if (own)
		bucket_take(own, &l->connection);
	return DTLSD_NEXT;
}

DTLSD_MODULE(.name = "rate_limit", .version = "1.0", .options = &option_table, .counters = counters,
    .counter_count = sizeof(counters) / sizeof(counters[0]), .counter_size = sizeof(counters[0]),
    .check = check_config, .open = open_instance, .close = close_instance,
    .worker_start = worker_start, .worker_stop = worker_stop,
    .connection_request = connection_request, .connected = connected, .data_in = data_in);
