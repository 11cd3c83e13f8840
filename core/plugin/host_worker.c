#include <string.h>

#include "plugin/certificates.h"
#include "plugin/conn_data.h"
#include "plugin/host.h"
#include "plugin/worker_state.h"

static struct dt_conn *
find_conn(const struct dt_seat *seat, uint64_t conn)
{
	return dt_conns_find(seat->pw->env.conns, conn);
}

#define NO_PLACE UINT32_MAX
#define EXPORT_MAX 4096u /* bytes */

/* Where the seat stands in the chain of the connection; NO_PLACE for one of another server, or of a
 * chain that was configured before or after. */
static uint32_t
place_in_chain(const struct dt_conn *c, const struct dt_seat *seat)
{
	const struct dt_chain_worker *cw = dt_conn_service(c)->events->arg;
	for (uint32_t i = 0; i < cw->count; i++)
		if (cw->seats[i] == seat)
			return i;
	return NO_PLACE;
}

_Static_assert(DTLSD_STATE_REQUESTED == DT_CONN_REQUESTED && DTLSD_STATE_HANDSHAKE == DT_CONN_HANDSHAKE &&
	DTLSD_STATE_ESTABLISHED == DT_CONN_ESTABLISHED && DTLSD_STATE_CLOSED == DT_CONN_CLOSED,
    "states are told as they are");

static void
write_info(const struct dt_conn *c, struct dt_mono now, struct dtlsd_conn_info *to)
{
	const struct dt_path *path = dt_conn_path(c);
	const struct dt_conn_traffic *traffic = dt_conn_traffic(c);
	*to = (struct dtlsd_conn_info){.size = sizeof(*to),
	    .established = dt_conn_state(c) == DT_CONN_ESTABLISHED,
	    .peer = path->peer,
	    .local = path->local,
	    .suite = dt_conn_suite(c),
	    .server_name = dt_conn_server_name(c),
	    .psk_identity = dt_conn_psk_identity(c),
	    .age_ns = (uint64_t)dt_mono_diff(dt_conn_born(c), now).ns,
	    .idle_ns = (uint64_t)dt_mono_diff(dt_conn_active(c), now).ns,
	    .datagrams_in = traffic->datagrams_in,
	    .datagrams_out = traffic->datagrams_out,
	    .bytes_in = traffic->bytes_in,
	    .bytes_out = traffic->bytes_out,
	    .max_datagram = (uint32_t)dt_conn_max_datagram(c),
	    .state = (uint32_t)dt_conn_state(c),
	    .paused = dt_conn_paused(c),
	    .has_connection_id = dt_conn_has_cid(c)};
	struct dt_negotiated n;
	dt_conn_negotiated(c, &n);
	to->protocol = n.cipher ? "DTLSv1.2" : NULL;
	to->cipher = n.cipher;
	to->key_exchange = n.key_exchange;
	to->cipher_bits = n.cipher_bits;
	to->key_exchange_bits = n.key_exchange_bits;
	to->resumed = n.resumed;
}

int32_t
dt_host_conn_info(const struct dtlsd_ctx *c, uint64_t conn, struct dtlsd_conn_info *info)
{
	struct dt_seat *seat = dt_host_seat(c, "conn_info");
	if (!seat || !info || info->size < sizeof(info->size))
		return DTLSD_INVALID;
	struct dt_conn *about = find_conn(seat, conn);
	if (!about)
		return DTLSD_GONE;

	struct dtlsd_conn_info full;
	uint32_t size = info->size; /* of a module that may be older than we are */
	write_info(about, seat->pw->now.mono, &full);
	full.size = size;
	memcpy(info, &full, size < sizeof(full) ? size : sizeof(full));
	return DTLSD_OK;
}

int32_t
dt_host_peer_certificate(
    const struct dtlsd_ctx *c, uint64_t conn, const struct dtlsd_certificate **out)
{
	struct dt_seat *seat = dt_host_seat(c, "peer_certificate");
	if (!seat || !out)
		return DTLSD_INVALID;
	struct dt_conn *about = find_conn(seat, conn);
	*out = about ? dt_certificates_of(seat->pw, about) : NULL;
	return *out ? DTLSD_OK : DTLSD_GONE;
}

int32_t
dt_host_set_conn_data(
    const struct dtlsd_ctx *c, uint64_t conn, void *data, void (*destroy)(void *data))
{
	struct dt_seat *seat = dt_host_seat(c, "set_conn_data");
	/* A destructor has no connection any more. */
	if (!seat || seat->pw->hook == DT_HOOK_DESTROY)
		return DTLSD_INVALID;
	struct dt_conn *about = find_conn(seat, conn);
	uint32_t place = about ? place_in_chain(about, seat) : NO_PLACE;
	if (place == NO_PLACE)
		return DTLSD_GONE;
	const struct dt_chain_worker *cw = dt_conn_service(about)->events->arg;
	struct dt_conn_data *d = dt_conn_data_need(about, cw->count);
	if (!d)
		return DTLSD_NOMEM;

	struct dt_conn_item *item = &d->items[place];
	struct dt_conn_item old = *item;
	*item = (struct dt_conn_item){data, destroy};
	if (old.destroy)
		old.destroy(old.data);
	return DTLSD_OK;
}

void *
dt_host_conn_data(const struct dtlsd_ctx *c, uint64_t conn)
{
	struct dt_seat *seat = dt_host_seat(c, "conn_data");
	struct dt_conn *about = seat ? find_conn(seat, conn) : NULL;
	struct dt_conn_data *d = about ? dt_conn_data_get(about) : NULL;
	uint32_t place = d ? place_in_chain(about, seat) : NO_PLACE;
	return place != NO_PLACE ? d->items[place].data : NULL;
}

struct visit {
	struct dt_seat *seat;
	void (*each)(const struct dtlsd_ctx *c, uint64_t conn, void *arg);
	void *arg;
};

static void
visit_conn(struct dt_conn *c, void *arg)
{
	struct visit *v = arg;
	if (dt_conn_state(c) != DT_CONN_ESTABLISHED || place_in_chain(c, v->seat) == NO_PLACE)
		return;
	struct dt_plugin_worker *pw = v->seat->pw;
	struct dt_seen_certificate *mark = pw->certificates;
	uint64_t outer = v->seat->ctx.conn;
	uint64_t id = dt_conn_id(c);
	v->seat->ctx.conn = id;
	v->each(&v->seat->ctx, id, v->arg);
	v->seat->ctx.conn = outer;
	dt_certificates_release(pw, mark);
}

void
dt_host_for_each_conn(const struct dtlsd_ctx *c,
    void (*each)(const struct dtlsd_ctx *c, uint64_t conn, void *arg), void *arg)
{
	struct dt_seat *seat = dt_host_seat(c, "for_each_conn");
	struct visit v = {seat, each, arg};
	if (seat && each)
		dt_conns_each(seat->pw->env.conns, visit_conn, &v);
}

void
dt_host_count(const struct dtlsd_ctx *c, uint32_t index, uint64_t n)
{
	struct dt_seat *seat = dt_host_seat(c, "count");
	if (seat && index < seat->instance->module->counter_count)
		dt_instance_count(seat->instance, seat->ctx.worker, index, n);
}

void
dt_host_gauge(const struct dtlsd_ctx *c, uint32_t index, uint64_t value)
{
	struct dt_seat *seat = dt_host_seat(c, "gauge");
	if (seat && index < seat->instance->module->counter_count)
		dt_instance_set(seat->instance, seat->ctx.worker, index, value);
}

int32_t
dt_host_export_key(const struct dtlsd_ctx *c, uint64_t conn, const char *label, const void *context,
    size_t context_len, void *out, size_t len)
{
	struct dt_seat *seat = dt_host_seat(c, "export_key");
	if (!seat || !label || !out || len == 0 || len > EXPORT_MAX || (!context && context_len))
		return DTLSD_INVALID;
	const struct dt_conn *about = find_conn(seat, conn);
	if (!about)
		return DTLSD_GONE;
	switch (dt_conn_export(about, label, (struct dt_span){context, context_len}, out, len)) {
	case DT_ERR_OK:
		return DTLSD_OK;
	case DT_ERR_NOMEM:
	case DT_ERR_CRYPTO:
		return DTLSD_NOMEM;
	default:
		return DTLSD_INVALID;
	}
}
