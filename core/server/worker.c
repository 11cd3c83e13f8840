#include "server/worker.h"

#include "base/assert.h"
#include "base/mem.h"
#include "io/clock.h"
#include "io/loop.h"
#include "io/random.h"
#include "server/worker_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAIL_PER_TURN 256u
#define TIMERS_PER_TURN 256u /* a flight may hang on each: then clients have their turn */
#define LAST_FLIGHT_MEMORY (16u * 1024u * 1024u) /* bytes, RFC 6347 4.2.4 within reason */
#define PAUSE_MEMORY (64u * 1024u * 1024u) /* bytes of data for paused connections */

static void
mail_ready(struct dt_watch *watch, uint32_t events, struct dt_now now)
{
	struct dt_worker *w = DT_CONTAINER(watch, struct dt_worker, mail_watch);
	(void)events;
	(void)now;
	dt_mailbox_drain(w->mailbox, w, MAIL_PER_TURN);
}

static void
order_ready(struct dt_watch *watch, uint32_t events, struct dt_now now)
{
	struct dt_worker *w = DT_CONTAINER(watch, struct dt_worker, order_watch);
	uint64_t count;
	(void)events;
	(void)now;
	DT_ASSERT(read(w->order_fd, &count, sizeof(count)) == sizeof(count));
	pthread_mutex_lock(&w->lock);
	w->stopping = w->order == DT_WORKER_END;
	void (*job)(struct dt_worker *, void *) = w->job;
	void *arg = w->job_arg;
	pthread_mutex_unlock(&w->lock);
	if (!job)
		return;
	job(w, arg);
	pthread_mutex_lock(&w->lock);
	w->job = NULL;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
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
	w->state = good ? DT_WORKER_STARTED : DT_WORKER_REFUSED;
	pthread_cond_broadcast(&w->changed);
	while (good && w->order == DT_WORKER_HOLD)
		pthread_cond_wait(&w->changed, &w->lock);
	bool serve = w->order == DT_WORKER_SERVE;
	pthread_mutex_unlock(&w->lock);
	return serve;
}

static void
give_order(struct dt_worker *w, enum dt_worker_order order)
{
	pthread_mutex_lock(&w->lock);
	w->order = order;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static enum dt_err
watch_all(struct dt_worker *w)
{
	enum dt_err err = dt_loop_add(&w->loop, &w->mail_watch, w->mailbox->fd, EPOLLIN);
	if (err == DT_OK)
		err = dt_loop_add(&w->loop, &w->order_watch, w->order_fd, EPOLLIN);
	return err == DT_OK ? dt_intake_watch(&w->intake, &w->loop) : err;
}

static void
unwatch_all(struct dt_worker *w)
{
	dt_loop_remove(&w->loop, &w->mail_watch);
	dt_loop_remove(&w->loop, &w->order_watch);
	dt_intake_unwatch(&w->intake, &w->loop);
}

/* A module that refuses has been named in the log. */
static bool
start(struct dt_worker *w)
{
	enum dt_err err = dt_served_prepare(&w->served, w->first);
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
	dt_intake_take_waiting(&w->intake, now);
	dt_wheel_run_some(&w->wheel, now, TIMERS_PER_TURN);
	dt_plugin_worker_turn_end(w->plugin);
	dt_intake_flush(&w->intake);
}

/* What was asked for before the end is done, then everybody is told. */
static void
drain(struct dt_worker *w)
{
	struct dt_now now = dt_clock_now();
	begin_turn(w, now);
	dt_mailbox_drain(w->mailbox, w, SIZE_MAX);
	dt_served_listen(&w->served, false);
	dt_conns_close_all(w->conns, NULL, DT_CLOSE_DRAIN, now);
	do /* whoever still waits is counted among those that were not let in */
		end_turn(w, now);
	while (!dt_waiting_empty(&w->intake.waiting));
	DT_ASSERT(dt_conns_count(w->conns) == 0);
}

static void
run(void *arg)
{
	struct dt_worker *w = arg;
	begin_turn(w, dt_clock_now());
	if (await_order(w, start(w))) {
		struct dt_now now = dt_clock_now();
		begin_turn(w, now);
		dt_worker_commit(w, w->first);
		end_turn(w, now);
		while (!w->stopping) {
			/* Hooks may run as late as that: when the system refuses a datagram. */
			bool waiting = !dt_waiting_empty(&w->intake.waiting) || dt_plugin_worker_busy(w->plugin);
			now = dt_loop_turn(&w->loop, waiting ? now.mono : dt_wheel_next(&w->wheel), now.mono);
			end_turn(w, now);
		}
		drain(w);
	}
	dt_served_fini(&w->served);
	unwatch_all(w);
}

void
dt_worker_commit(struct dt_worker *w, struct dt_generation *g)
{
	dt_served_commit(&w->served, g);
	dt_intake_serve(&w->intake, &w->served, g);
	dt_conns_rearm(w->conns);
}

/* ---- made and unmade on the main thread ---- */

static enum dt_err
make_intake(struct dt_worker *w, const struct dt_worker_config *config)
{
	const struct dt_intake_config intake = {
	    .worker = w->index,
	    .worker_count = config->worker_count,
	    .mailboxes = config->mailboxes,
	    .counters = &w->counters,
	    .listens = config->listens,
	    .listen_count = config->listen_count,
	    .packet_size = config->packet_size,
	};
	return dt_intake_init(&w->intake, &intake);
}

static enum dt_err
make_rooms(struct dt_worker *w, const struct dt_worker_config *config)
{
	struct dt_conns_config conns = {
	    .worker = w->index,
	    .wheel = &w->wheel,
	    .counters = &w->counters,
	    .log = w->log,
	    .out = dt_intake_out(&w->intake),
	    .cookie_secret = config->cookie_secret,
	    .handshake_memory = config->handshake_memory,
	    .last_flight_memory = LAST_FLIGHT_MEMORY,
	    .pause_memory = PAUSE_MEMORY,
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
	err = dt_plugin_worker_new(&plugin, &w->plugin);
	w->intake.conns = w->conns;
	w->intake.plugin = w->plugin;
	dt_served_init(&w->served, w->plugin);
	return err;
}

enum dt_err
dt_worker_new(const struct dt_worker_config *config, struct dt_worker **out)
{
	enum dt_err err = DT_ERR_NOMEM;
	struct dt_worker *w = *out = dt_alloc(sizeof(*w));
	if (!w)
		return err;
	w->index = config->index;
	w->first = config->generation;
	w->mailbox = config->mailboxes[config->index];
	w->log = config->log;
	w->loop.epoll = -1;
	w->order_fd = -1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	dt_list_init(&w->feeds);
	dt_watch_init(&w->mail_watch, mail_ready);
	dt_watch_init(&w->order_watch, order_ready);
	dt_wheel_init(&w->wheel, dt_clock_now().mono);
	err = DT_ERR_SYSTEM;
	if ((w->order_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		goto fail;
	if ((err = dt_loop_init(&w->loop)) != DT_OK)
		goto fail;
	w->loop.begin = begin_turn;
	w->loop.begin_arg = w;
	if ((err = make_intake(w, config)) != DT_OK || (err = make_rooms(w, config)) != DT_OK)
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
	dt_intake_fini(&w->intake);
	dt_loop_fini(&w->loop);
	if (w->order_fd >= 0)
		close(w->order_fd);
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
	while (w->state == DT_WORKER_STARTING)
		pthread_cond_wait(&w->changed, &w->lock);
	bool started = w->state == DT_WORKER_STARTED;
	pthread_mutex_unlock(&w->lock);
	if (started)
		return DT_OK;
	dt_thread_join(&w->thread);
	return DT_ERR_REFUSED;
}

void
dt_worker_serve(struct dt_worker *w)
{
	give_order(w, DT_WORKER_SERVE);
}

static void
ring(struct dt_worker *w)
{
	uint64_t one = 1;
	DT_ASSERT(write(w->order_fd, &one, sizeof(one)) == sizeof(one));
}

void
dt_worker_stop(struct dt_worker *w)
{
	/* One that never began has not seen DT_WORKER_SERVE; one that serves looks at the descriptor. */
	give_order(w, DT_WORKER_END);
	ring(w);
}

void
dt_worker_do(struct dt_worker *w, void (*job)(struct dt_worker *w, void *arg), void *arg)
{
	pthread_mutex_lock(&w->lock);
	DT_ASSERT(w->order == DT_WORKER_SERVE && !w->job);
	w->job = job;
	w->job_arg = arg;
	ring(w);
	while (w->job)
		pthread_cond_wait(&w->changed, &w->lock);
	pthread_mutex_unlock(&w->lock);
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
dt_worker_steer(struct dt_worker *w, struct dt_generation *g)
{
	return dt_intake_steer(&w->intake, g);
}
