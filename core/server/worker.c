#include "server/worker.h"

#include "base/assert.h"
#include "base/mem.h"
#include "io/clock.h"
#include "io/loop.h"
#include "io/random.h"
#include "io/thread.h"
#include "io/wheel.h"
#include "plugin/worker.h"
#include "server/waiting.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCHES_PER_TURN 8u /* of one socket: then the others have their turn */
#define NEW_CLIENTS_SHARE DT_MILLISECONDS(1) /* of a turn */
#define WAITING_MEMORY (1024u * 1024u)	     /* bytes of datagrams of new clients */
#define MAIL_PER_TURN 256u
#define CID_AT (DT_RECORD_HEADER - 2u) /* where a connection id begins, and the worker in it */
#define LAST_FLIGHT_MEMORY (16u * 1024u * 1024u) /* bytes, RFC 6347 4.2.4 within reason */

struct socket {
	struct dt_worker *worker; /* borrowed */
	struct dt_udp udp;	  /* owned, like all below */
	struct dt_udp_out out;
	struct dt_watch watch;
	struct dt_listener listener;
	size_t packet_size; /* limits.packet_size of its endpoint */
};

enum worker_state { STARTING, STARTED, REFUSED };
enum worker_order { HOLD, SERVE, END };

struct dt_worker {
	uint32_t index;
	struct dt_endpoint *endpoints; /* borrowed */
	size_t endpoint_count;
	struct dt_mailbox *const *mailboxes; /* borrowed: of all workers */
	struct dt_mailbox *mailbox;	     /* borrowed: ours */
	uint32_t worker_count;
	struct dt_now now; /* of this turn */
	struct dt_log *log;	    /* borrowed */
	struct dt_loop loop;
	struct dt_wheel wheel;
	struct dt_watch mail_watch;
	struct dt_counters counters;
	struct dt_udp_batch batch;
	struct dt_waiting waiting;
	struct dt_dur spent_on_new; /* clients, in this turn */
	struct socket *sockets; /* owned */
	size_t socket_count;
	struct dt_service *services;	 /* owned, one for each endpoint */
	struct dt_conns *conns;		 /* owned */
	struct dt_plugin_worker *plugin; /* owned */
	struct socket *sending;		 /* whose datagram was reserved last */
	struct dt_thread thread;
	size_t chains_started;
	int stop_fd; /* owned eventfd: to stop needs no memory and no place in the mailbox */
	struct dt_watch stop_watch;
	bool stopping;
	pthread_mutex_t lock; /* guards the two below */
	pthread_cond_t changed;
	enum worker_state state; /* told by the worker      */
	enum worker_order order; /* told by the main thread */
};

/* ---- out ---- */

static uint8_t *
reserve(void *arg, void *socket, const struct dt_path *path, size_t cap)
{
	struct dt_worker *w = arg;
	w->sending = socket;
	return cap <= DT_UDP_PAYLOAD_MAX ? dt_udp_out_reserve(&w->sending->out, path, cap) : NULL;
}

static void
commit(void *arg, size_t len)
{
	struct dt_worker *w = arg;
	dt_udp_out_commit(&w->sending->out, len);
}

static void
flush_sockets(struct dt_worker *w)
{
	for (size_t i = 0; i < w->socket_count; i++)
		if (w->sockets[i].out.count)
			dt_udp_out_flush(&w->sockets[i].out);
}

/* ---- in ---- */

/* A datagram for the connection id of another worker, on its way there. */
struct forwarded {
	size_t socket; /* index: every worker has the same addresses in the same order */
	struct dt_path path;
	size_t len;
	uint8_t bytes[];
};

static void take_datagram(struct socket *s, const struct dt_udp_datagram *d, struct dt_now now);

static void
take_forwarded(void *arg, void *data, size_t len)
{
	struct dt_worker *w = arg;
	struct forwarded *f = data;
	(void)len;
	struct dt_udp_datagram d = {.path = f->path, .data = f->bytes, .len = f->len, .capacity = f->len};
	take_datagram(&w->sockets[f->socket], &d, w->now);
}

/* True: it belongs to another worker, and is gone there or dropped. */
static bool
forward(struct socket *s, const struct dt_udp_datagram *d)
{
	struct dt_worker *w = s->worker;
	if (!s->listener.service->connection_id || d->len <= CID_AT || d->data[0] != DT_TLS12_CID)
		return false;
	uint32_t to = d->data[CID_AT];
	if (to == w->index || to >= w->worker_count)
		return false;
	size_t size = sizeof(struct forwarded) + d->len;
	struct forwarded *f = dt_alloc(size);
	enum dt_err err = DT_ERR_NOMEM;
	if (f) {
		f->socket = (size_t)(s - w->sockets);
		f->path = d->path;
		f->len = d->len;
		memcpy(f->bytes, d->data, d->len);
		err = dt_mailbox_post(w->mailboxes[to], take_forwarded, f, size);
	}
	dt_free(f);
	if (err == DT_OK)
		dt_count(&w->counters, DT_COUNT_FORWARDED, 1);
	else
		dt_count_drop(&w->counters, DT_DROP_MEMORY);
	return true;
}

static void
take_datagram(struct socket *s, const struct dt_udp_datagram *d, struct dt_now now)
{
	struct dt_worker *w = s->worker;
	if (d->truncated || d->len > s->packet_size) {
		dt_count_drop(&w->counters, DT_DROP_TOO_LONG);
		return;
	}
	if (forward(s, d))
		return;
	dt_plugin_worker_datagram(w->plugin, d->data, d->capacity);
	dt_conns_input(w->conns, &s->listener, &d->path, d->data, d->len, d->capacity, now);
	/* While the buffer still holds what a module may have sent back by reference. */
	dt_plugin_worker_flush(w->plugin);
}

/* Records of epoch 1 and up come from clients that are in already: before any new one. */
static bool
is_established(const struct dt_udp_datagram *d)
{
	return d->len > 4 && (d->data[3] | d->data[4]) != 0;
}

static bool
share_is_used_up(const struct dt_worker *w)
{
	return w->spent_on_new.ns >= NEW_CLIENTS_SHARE.ns;
}

/* `clock`: when that which went before was done; then, when this was. */
static void
take_new_client(struct socket *s, const struct dt_udp_datagram *d, struct dt_now now, struct dt_mono *clock)
{
	take_datagram(s, d, now);
	struct dt_mono done = dt_clock_now().mono;
	s->worker->spent_on_new.ns += dt_mono_diff(*clock, done).ns;
	*clock = done;
}

static void
let_wait(struct socket *s, const struct dt_udp_datagram *d)
{
	struct dt_worker *w = s->worker;
	enum dt_err err = dt_waiting_add(&w->waiting, s, d);
	if (err != DT_OK)
		dt_count_drop(&w->counters, err == DT_ERR_FULL ? DT_DROP_WAITING_FULL : DT_DROP_MEMORY);
}

static void
take_new_clients(struct socket *s, const struct dt_udp_batch *b, struct dt_now now)
{
	struct dt_worker *w = s->worker;
	struct dt_mono clock = dt_clock_now().mono;
	for (size_t i = 0; i < b->count; i++) {
		if (is_established(&b->item[i]))
			continue;
		if (share_is_used_up(w) || !dt_waiting_empty(&w->waiting))
			let_wait(s, &b->item[i]);
		else
			take_new_client(s, &b->item[i], now, &clock);
	}
}

static void
socket_ready(struct dt_watch *watch, uint32_t events, struct dt_now now)
{
	struct socket *s = DT_CONTAINER(watch, struct socket, watch);
	struct dt_udp_batch *b = &s->worker->batch;
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
static void
take_waiting(struct dt_worker *w, struct dt_now now)
{
	const struct dt_udp_datagram *d;
	void *socket;
	if (!dt_waiting_empty(&w->waiting)) {
		struct dt_mono clock = dt_clock_now().mono;
		while (!share_is_used_up(w) && (d = dt_waiting_next(&w->waiting, &socket)) != NULL)
			take_new_client(socket, d, now, &clock);
	}
	w->spent_on_new = (struct dt_dur){0};
}

static void
mail_ready(struct dt_watch *watch, uint32_t events, struct dt_now now)
{
	struct dt_worker *w = DT_CONTAINER(watch, struct dt_worker, mail_watch);
	(void)events;
	(void)now;
	dt_mailbox_drain(w->mailbox, w, MAIL_PER_TURN);
}

static void
stop_ready(struct dt_watch *watch, uint32_t events, struct dt_now now)
{
	struct dt_worker *w = DT_CONTAINER(watch, struct dt_worker, stop_watch);
	(void)events;
	(void)now;
	w->stopping = true;
}

static void
begin_turn(void *arg, struct dt_now now)
{
	struct dt_worker *w = arg;
	w->now = now;
	dt_plugin_worker_turn(w->plugin, now);
}

/* ---- the thread ---- */

/* Tells how the start went, and waits until all workers have started or one has not: nobody is
 * served by a server that then refuses to start. */
static bool
await_order(struct dt_worker *w, bool good)
{
	pthread_mutex_lock(&w->lock);
	w->state = good ? STARTED : REFUSED;
	pthread_cond_broadcast(&w->changed);
	while (good && w->order == HOLD)
		pthread_cond_wait(&w->changed, &w->lock);
	bool serve = w->order == SERVE;
	pthread_mutex_unlock(&w->lock);
	return serve;
}

static void
give_order(struct dt_worker *w, enum worker_order order)
{
	pthread_mutex_lock(&w->lock);
	w->order = order;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static enum dt_err
start_chains(struct dt_worker *w)
{
	for (size_t i = 0; i < w->endpoint_count; i++) {
		struct dt_chain *chain = w->endpoints[i].chain;
		enum dt_err err = dt_chain_worker_start(chain, w->plugin);
		if (err != DT_OK)
			return err;
		w->chains_started++;
		w->services[i].events = dt_chain_events(chain, w->plugin);
		w->services[i].listening = true;
	}
	return DT_OK;
}

static enum dt_err
watch_all(struct dt_worker *w)
{
	enum dt_err err = dt_loop_add(&w->loop, &w->mail_watch, w->mailbox->fd, EPOLLIN);
	if (err == DT_OK)
		err = dt_loop_add(&w->loop, &w->stop_watch, w->stop_fd, EPOLLIN);
	for (size_t i = 0; err == DT_OK && i < w->socket_count; i++)
		err = dt_loop_add(&w->loop, &w->sockets[i].watch, w->sockets[i].udp.fd, EPOLLIN);
	return err;
}

static void
unwatch_all(struct dt_worker *w)
{
	dt_loop_remove(&w->loop, &w->mail_watch);
	dt_loop_remove(&w->loop, &w->stop_watch);
	for (size_t i = 0; i < w->socket_count; i++)
		dt_loop_remove(&w->loop, &w->sockets[i].watch);
}

/* A module that refuses has been named in the log. */
static bool
start(struct dt_worker *w)
{
	enum dt_err err = start_chains(w);
	if (err == DT_OK)
		err = watch_all(w);
	if (err != DT_OK && err != DT_ERR_REFUSED)
		dt_log(w->log, DT_LOG_ERROR, NULL, "worker %u cannot start: %s", w->index,
		    err == DT_ERR_SYSTEM ? strerror(errno) : dt_err_text(err));
	return err == DT_OK;
}

static void
end_turn(struct dt_worker *w, struct dt_now now)
{
	take_waiting(w, now);
	dt_wheel_run(&w->wheel, now);
	dt_plugin_worker_turn_end(w->plugin);
	flush_sockets(w);
}

/* What was asked for before the end is done, then everybody is told. */
static void
drain(struct dt_worker *w)
{
	struct dt_now now = dt_clock_now();
	dt_plugin_worker_turn(w->plugin, now);
	dt_mailbox_drain(w->mailbox, w->plugin, SIZE_MAX);
	for (size_t i = 0; i < w->endpoint_count; i++)
		w->services[i].listening = false;
	dt_conns_close_all(w->conns, NULL, DT_CLOSE_DRAIN, now);
	do /* whoever still waits is counted among those that were not let in */
		end_turn(w, now);
	while (!dt_waiting_empty(&w->waiting));
	DT_ASSERT(dt_conns_count(w->conns) == 0);
}

static void
run(void *arg)
{
	struct dt_worker *w = arg;
	dt_plugin_worker_turn(w->plugin, dt_clock_now());
	if (await_order(w, start(w))) {
		struct dt_now now = dt_clock_now();
		dt_plugin_worker_turn(w->plugin, now);
		end_turn(w, now);
		while (!w->stopping) {
			bool waiting = !dt_waiting_empty(&w->waiting);
			now = dt_loop_turn(&w->loop, waiting ? now.mono : dt_wheel_next(&w->wheel), now.mono);
			end_turn(w, now);
		}
		drain(w);
	}
	while (w->chains_started > 0)
		dt_chain_worker_stop(w->endpoints[--w->chains_started].chain, w->plugin);
	unwatch_all(w);
}

/* ---- made and unmade on the main thread ---- */

static void
make_services(struct dt_worker *w)
{
	for (size_t i = 0; i < w->endpoint_count; i++) {
		struct dt_endpoint *e = &w->endpoints[i];
		const struct dt_config_server *c = e->config;
		w->services[i] = (struct dt_service){
		    .name = c->name,
		    .tls = e->tls,
		    .psk_file = e->psk_file,
		    .idle_timeout = {c->idle_timeout},
		    .connection_id = c->connection_id.enabled,
		    .move_policy = (enum dt_move_policy)c->connection_id.on_move,
		    .keep_alive =
			{
			    .enabled = c->keep_alive.enabled,
			    .time = {c->keep_alive.time},
			    .interval = {c->keep_alive.interval},
			    .retries = (uint32_t)c->keep_alive.retries,
			},
		    .handshake_timeout = {c->handshake.timeout},
		    .load = &e->load,
		    .connection_limit = (uint32_t)c->limits.connections,
		    .handshake_limit = (uint32_t)c->limits.handshakes,
		    .hellos_per_prefix = c->limits.hellos_per_prefix.count,
		    .hellos_window_ns = c->limits.hellos_per_prefix.per_ns,
		};
	}
}

static enum dt_err
make_sockets(struct dt_worker *w, const struct dt_worker_config *config)
{
	for (size_t i = 0; i < config->listen_count; i++) {
		struct dt_worker_listen *l = &config->listens[i];
		struct socket *s = &w->sockets[w->socket_count++];
		s->worker = w;
		s->udp = l->udp;
		l->udp.fd = -1;
		s->listener = (struct dt_listener){&w->services[l->endpoint], s};
		s->packet_size = w->endpoints[l->endpoint].config->limits.packet_size;
		dt_watch_init(&s->watch, socket_ready);
		enum dt_err err = dt_udp_out_init(&s->out, &s->udp, &w->counters);
		if (err != DT_OK)
			return err;
	}
	return DT_OK;
}

static enum dt_err
make_rooms(struct dt_worker *w, const struct dt_worker_config *config)
{
	struct dt_conns_config conns = {
	    .worker = w->index,
	    .wheel = &w->wheel,
	    .counters = &w->counters,
	    .log = w->log,
	    .out = {w, reserve, commit},
	    .cookie_secret = config->cookie_secret,
	    .handshake_memory = config->handshake_memory,
	    .last_flight_memory = LAST_FLIGHT_MEMORY,
	};
	dt_random(&conns.hash_key, sizeof(conns.hash_key));
	enum dt_err err = dt_conns_new(&conns, &w->conns);
	if (err != DT_OK)
		return err;
	struct dt_plugin_worker_config plugin = {
	    .plugin = config->plugin,
	    .index = w->index,
	    .wheel = &w->wheel,
	    .loop = &w->loop,
	    .conns = w->conns,
	    .counters = &w->counters,
	};
	return dt_plugin_worker_new(&plugin, &w->plugin);
}

enum dt_err
dt_worker_new(const struct dt_worker_config *config, struct dt_worker **out)
{
	enum dt_err err = DT_ERR_NOMEM;
	struct dt_worker *w = *out = dt_alloc(sizeof(*w));
	if (!w)
		return err;
	w->index = config->index;
	w->endpoints = config->endpoints;
	w->endpoint_count = config->endpoint_count;
	w->mailboxes = config->mailboxes;
	w->mailbox = config->mailboxes[config->index];
	w->worker_count = config->worker_count;
	w->log = config->log;
	w->loop.epoll = -1;
	dt_waiting_init(&w->waiting, WAITING_MEMORY);
	w->stop_fd = -1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	dt_watch_init(&w->mail_watch, mail_ready);
	dt_watch_init(&w->stop_watch, stop_ready);
	dt_wheel_init(&w->wheel, dt_clock_now().mono);
	w->services = dt_alloc_array(config->endpoint_count, sizeof(*w->services));
	w->sockets = dt_alloc_array(config->listen_count, sizeof(*w->sockets));
	if (!w->services || !w->sockets)
		goto fail;
	make_services(w);
	err = DT_ERR_SYSTEM;
	if ((w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		goto fail;
	if ((err = dt_loop_init(&w->loop)) != DT_OK)
		goto fail;
	w->loop.begin = begin_turn;
	w->loop.begin_arg = w;
	if ((err = dt_udp_batch_init(&w->batch, config->packet_size, &w->counters)) != DT_OK)
		goto fail;
	if ((err = make_sockets(w, config)) != DT_OK || (err = make_rooms(w, config)) != DT_OK)
		goto fail;
	return DT_OK;
fail:;
	int error = errno;
	dt_worker_free(out);
	errno = error;
	return err;
}

void
dt_worker_free(struct dt_worker **slot)
{
	struct dt_worker *w = *slot;
	if (!w)
		return;
	dt_plugin_worker_free(&w->plugin);
	dt_conns_free(&w->conns);
	for (size_t i = 0; i < w->socket_count; i++) {
		dt_udp_out_fini(&w->sockets[i].out);
		dt_udp_close(&w->sockets[i].udp);
	}
	dt_waiting_fini(&w->waiting);
	dt_udp_batch_fini(&w->batch);
	dt_loop_fini(&w->loop);
	if (w->stop_fd >= 0)
		close(w->stop_fd);
	dt_free(w->sockets);
	dt_free(w->services);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	dt_free(w);
	*slot = NULL;
}

enum dt_err
dt_worker_start(struct dt_worker *w)
{
	char name[16];
	snprintf(name, sizeof(name), "worker %u", w->index);
	enum dt_err err = dt_thread_start(&w->thread, name, run, w);
	if (err != DT_OK)
		return err;
	pthread_mutex_lock(&w->lock);
	while (w->state == STARTING)
		pthread_cond_wait(&w->changed, &w->lock);
	bool started = w->state == STARTED;
	pthread_mutex_unlock(&w->lock);
	if (started)
		return DT_OK;
	dt_thread_join(&w->thread);
	return DT_ERR_REFUSED;
}

void
dt_worker_serve(struct dt_worker *w)
{
	give_order(w, SERVE);
}

void
dt_worker_stop(struct dt_worker *w)
{
	uint64_t one = 1;
	/* One that never began has not seen SERVE; one that serves looks at the descriptor. */
	give_order(w, END);
	DT_ASSERT(write(w->stop_fd, &one, sizeof(one)) == sizeof(one));
}

void
dt_worker_join(struct dt_worker *w)
{
	dt_thread_join(&w->thread);
}

const struct dt_counters *
dt_worker_counters(const struct dt_worker *w)
{
	return &w->counters;
}

enum dt_err
dt_worker_steer(struct dt_worker *w)
{
	for (size_t i = 0; i < w->socket_count; i++) {
		struct socket *s = &w->sockets[i];
		if (!s->listener.service->connection_id)
			continue;
		enum dt_err err = dt_udp_steer(&s->udp, DT_TLS12_CID, CID_AT);
		if (err != DT_OK)
			return err;
	}
	return DT_OK;
}
