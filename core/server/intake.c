#include "server/intake.h"

#include "base/mem.h"
#include "io/clock.h"
#include "server/worker_state.h"

#include <errno.h>
#include <string.h>

#define BATCHES_PER_TURN 8u		     /* of one socket: then the others have their turn */
#define NEW_CLIENTS_SHARE DT_MILLISECONDS(1) /* of a turn */
#define WAITING_MEMORY (1024u * 1024u)	     /* bytes of datagrams of new clients */
#define CID_AT (DT_RECORD_HEADER - 2u) /* where a connection id begins, and the worker in it */

/* ---- out ---- */

static uint8_t *
reserve(void *arg, void *socket, const struct dt_path *path, size_t cap)
{
	struct dt_intake *in = arg;
	in->sending = socket;
	return cap <= DT_UDP_PAYLOAD_MAX ? dt_udp_out_reserve(&in->sending->out, path, cap) : NULL;
}

static void
commit(void *arg, size_t len)
{
	struct dt_intake *in = arg;
	dt_udp_out_commit(&in->sending->out, len);
}

struct dt_conn_out
dt_intake_out(struct dt_intake *in)
{
	return (struct dt_conn_out){in, reserve, commit};
}

void
dt_intake_flush(struct dt_intake *in)
{
	for (size_t i = 0; i < in->socket_count; i++)
		if (in->sockets[i].out.count)
			dt_udp_out_flush(&in->sockets[i].out);
}

static void
send_failed(void *arg, const struct dt_path *path, size_t len, int error)
{
	const struct dt_intake *in = arg;
	if (error == EMSGSIZE)
		dt_conns_too_long(in->conns, path, len);
	else
		dt_conns_not_sent(in->conns, path, error);
}

/* ---- in ---- */

/* A datagram for the connection id of another worker, on its way there. */
struct forwarded {
	size_t socket; /* index: every worker has the same addresses in the same order */
	struct dt_path path;
	size_t len;
	uint8_t bytes[];
};

static void take_datagram(
    struct dt_intake_socket *s, const struct dt_udp_datagram *d, struct dt_now now);

static void
take_forwarded(void *arg, void *data, size_t len)
{
	struct dt_worker *w = arg;
	struct forwarded *f = data;
	(void)len;
	struct dt_udp_datagram d = {
	    .path = f->path, .data = f->bytes, .len = f->len, .capacity = f->len};
	take_datagram(&w->intake.sockets[f->socket], &d, w->now);
}

/* True: it belongs to another worker, and is gone there or dropped. */
static bool
forward(struct dt_intake_socket *s, const struct dt_udp_datagram *d)
{
	struct dt_intake *in = s->intake;
	if (!s->listener.service->connection_id || d->len <= CID_AT || d->data[0] != DT_TLS12_CID)
		return false;
	uint32_t to = d->data[CID_AT];
	if (to == in->worker || to >= in->worker_count)
		return false;
	size_t size = sizeof(struct forwarded) + d->len;
	struct forwarded *f = dt_alloc(size);
	enum dt_err err = DT_ERR_NOMEM;
	if (f) {
		f->socket = (size_t)(s - in->sockets);
		f->path = d->path;
		f->len = d->len;
		memcpy(f->bytes, d->data, d->len);
		err = dt_mailbox_post(in->mailboxes[to], take_forwarded, f, size);
	}
	dt_free(f);
	if (err == DT_OK)
		dt_count(in->counters, DT_COUNT_FORWARDED, 1);
	else
		dt_count_drop(in->counters, DT_DROP_MEMORY);
	return true;
}

static void
take_datagram(struct dt_intake_socket *s, const struct dt_udp_datagram *d, struct dt_now now)
{
	struct dt_intake *in = s->intake;
	if (d->truncated || d->len > s->packet_size) {
		dt_count_drop(in->counters, DT_DROP_TOO_LONG);
		return;
	}
	if (forward(s, d))
		return;
	dt_plugin_worker_datagram(in->plugin, d->data, d->capacity);
	dt_conns_input(in->conns, &s->listener, &d->path, d->data, d->len, d->capacity, now);
	/* While the buffer still holds what a module may have sent back by reference. */
	dt_plugin_worker_flush(in->plugin);
}

/* Records of epoch 1 and up come from clients that are in already: before any new one. */
static bool
is_established(const struct dt_udp_datagram *d)
{
	return d->len > 4 && (d->data[3] | d->data[4]) != 0;
}

static bool
share_is_used_up(const struct dt_intake *in)
{
	return in->spent_on_new.ns >= NEW_CLIENTS_SHARE.ns;
}

/* `clock`: when that which went before was done; then, when this was. */
static void
take_new_client(struct dt_intake_socket *s, const struct dt_udp_datagram *d, struct dt_now now,
    struct dt_mono *clock)
{
	take_datagram(s, d, now);
	struct dt_mono done = dt_clock_now().mono;
	s->intake->spent_on_new.ns += dt_mono_diff(*clock, done).ns;
	*clock = done;
}

static void
let_wait(struct dt_intake_socket *s, const struct dt_udp_datagram *d)
{
	struct dt_intake *in = s->intake;
	enum dt_err err = dt_waiting_add(&in->waiting, s, d);
	if (err != DT_OK)
		dt_count_drop(
		    in->counters, err == DT_ERR_FULL ? DT_DROP_WAITING_FULL : DT_DROP_MEMORY);
}

static void
take_new_clients(struct dt_intake_socket *s, const struct dt_udp_batch *b, struct dt_now now)
{
	struct dt_intake *in = s->intake;
	struct dt_mono clock = dt_clock_now().mono;
	for (size_t i = 0; i < b->count; i++) {
		if (is_established(&b->item[i]))
			continue;
		if (share_is_used_up(in) || !dt_waiting_empty(&in->waiting))
			let_wait(s, &b->item[i]);
		else
			take_new_client(s, &b->item[i], now, &clock);
	}
}

static void
socket_ready(struct dt_watch *watch, uint32_t events, struct dt_now now)
{
	struct dt_intake_socket *s = DT_CONTAINER(watch, struct dt_intake_socket, watch);
	struct dt_udp_batch *b = &s->intake->batch;
	(void)events;
	for (unsigned i = 0; i < BATCHES_PER_TURN && dt_udp_recv(&s->udp, b) > 0; i++) {
		size_t established = 0;
		for (size_t k = 0; k < b->count; k++) {
			if (is_established(&b->item[k])) {
				established++;
				take_datagram(s, &b->item[k], now);
			}
		}
		if (established < b->count)
			take_new_clients(s, b, now);
	}
}

/* What is left of their share. */
void
dt_intake_take_waiting(struct dt_intake *in, struct dt_now now)
{
	const struct dt_udp_datagram *d;
	void *socket;
	if (!dt_waiting_empty(&in->waiting)) {
		struct dt_mono clock = dt_clock_now().mono;
		while (
		    !share_is_used_up(in) && (d = dt_waiting_next(&in->waiting, &socket)) != NULL)
			take_new_client(socket, d, now, &clock);
	}
	in->spent_on_new = (struct dt_dur){0};
}

/* ---- made and unmade ---- */

static enum dt_err
make_sockets(struct dt_intake *in, const struct dt_intake_config *config)
{
	in->sockets = dt_alloc_array(config->listen_count, sizeof(*in->sockets));
	if (!in->sockets)
		return DT_ERR_NOMEM;
	for (size_t i = 0; i < config->listen_count; i++) {
		struct dt_intake_listen *l = &config->listens[i];
		struct dt_intake_socket *s = &in->sockets[in->socket_count++];
		s->intake = in;
		s->udp = l->udp;
		l->udp.fd = -1;
		s->site = l->site;
		s->listener.socket = s;
		dt_watch_init(&s->watch, socket_ready);
		enum dt_err err = dt_udp_out_init(&s->out, &s->udp, in->counters);
		s->out.failed = send_failed;
		s->out.failed_arg = in;
		if (err != DT_OK)
			return err;
	}
	return DT_OK;
}

enum dt_err
dt_intake_init(struct dt_intake *in, const struct dt_intake_config *config)
{
	*in = (struct dt_intake){.worker = config->worker,
	    .worker_count = config->worker_count,
	    .mailboxes = config->mailboxes,
	    .counters = config->counters};
	dt_waiting_init(&in->waiting, WAITING_MEMORY);
	enum dt_err err = dt_udp_batch_init(&in->batch, config->packet_size, in->counters);
	return err == DT_OK ? make_sockets(in, config) : err;
}

void
dt_intake_fini(struct dt_intake *in)
{
	for (size_t i = 0; i < in->socket_count; i++) {
		dt_udp_out_fini(&in->sockets[i].out);
		dt_udp_close(&in->sockets[i].udp);
	}
	if (in->counters)
		dt_waiting_fini(&in->waiting);
	dt_udp_batch_fini(&in->batch);
	dt_free(in->sockets);
}

enum dt_err
dt_intake_watch(struct dt_intake *in, struct dt_loop *loop)
{
	enum dt_err err = DT_OK;
	for (size_t i = 0; err == DT_OK && i < in->socket_count; i++)
		err = dt_loop_add(loop, &in->sockets[i].watch, in->sockets[i].udp.fd, EPOLLIN);
	return err;
}

void
dt_intake_unwatch(struct dt_intake *in, struct dt_loop *loop)
{
	for (size_t i = 0; i < in->socket_count; i++)
		dt_loop_remove(loop, &in->sockets[i].watch);
}

void
dt_intake_serve(struct dt_intake *in, const struct dt_served_list *served, struct dt_generation *g)
{
	for (size_t i = 0; i < in->socket_count; i++) {
		struct dt_intake_socket *s = &in->sockets[i];
		s->listener.service = dt_served_find(served, s->site);
		s->packet_size = dt_generation_find(g, s->site)->config->limits.packet_size;
	}
}

enum dt_err
dt_intake_steer(struct dt_intake *in, struct dt_generation *g)
{
	for (size_t i = 0; i < in->socket_count; i++) {
		struct dt_intake_socket *s = &in->sockets[i];
		if (!dt_generation_find(g, s->site)->config->connection_id.enabled)
			continue;
		enum dt_err err = dt_udp_steer(&s->udp, DT_TLS12_CID, CID_AT);
		if (err != DT_OK)
			return err;
	}
	return DT_OK;
}
