#include <errno.h>

#include "base/mem.h"
#include "plugin/hook.h"
#include "plugin/host.h"
#include "plugin/worker_state.h"

/* ---- timers --------------------------------------------------------------------------------- */

/* The same call with the same argument is the same timer. */
struct module_timer {
	struct dt_timer timer;
	struct dt_list node; /* in its seat */
	struct dt_index_node by_call, by_handle;
	struct dt_seat *seat;
	void (*fired)(const struct dtlsd_ctx *c, void *arg);
	void *arg; /* the module's */
	uint64_t handle;
};

static uint64_t
call_key(void (*fired)(const struct dtlsd_ctx *c, void *arg), const void *arg)
{
	return (uint64_t)(uintptr_t)fired * 31 + (uint64_t)(uintptr_t)arg;
}

static void
free_timer(struct module_timer *t)
{
	struct dt_seat *seat = t->seat;
	dt_timer_cancel(&t->timer);
	dt_index_remove(&seat->timers_by_call, &t->by_call);
	dt_index_remove(&seat->timers_by_handle, &t->by_handle);
	dt_list_remove(&t->node);
	dt_free(t);
}

static void
fire_timer(struct dt_timer *timer, struct dt_now now)
{
	struct module_timer *t = DT_CONTAINER(timer, struct module_timer, timer);
	struct module_timer fired = *t;
	(void)now; /* the turn's, as the worker knows it */
	free_timer(t);
	fired.fired(dt_hook_enter(fired.seat, DT_HOOK_TIMER, 0), fired.arg);
	dt_hook_leave(fired.seat);
	dt_plugin_worker_flush(fired.seat->pw);
}

static struct module_timer *
find_timer(
    struct dt_seat *seat, void (*fired)(const struct dtlsd_ctx *c, void *arg), const void *arg)
{
	struct dt_index_node *n = dt_index_first(&seat->timers_by_call, call_key(fired, arg));
	for (; n; n = dt_index_next(n)) {
		struct module_timer *t = DT_CONTAINER(n, struct module_timer, by_call);
		if (t->fired == fired && t->arg == arg)
			return t;
	}
	return NULL;
}

static struct module_timer *
add_timer(struct dt_seat *seat, void (*fired)(const struct dtlsd_ctx *c, void *arg), void *arg)
{
	struct module_timer *t = dt_alloc(sizeof(*t));
	if (!t)
		return NULL;
	t->seat = seat;
	t->fired = fired;
	t->arg = arg;
	t->handle = seat->pw->next_timer++;
	dt_timer_init(&t->timer, fire_timer);
	if (dt_index_add(&seat->timers_by_call, &t->by_call, call_key(fired, arg)) != DT_OK) {
		dt_free(t);
		return NULL;
	}
	if (dt_index_add(&seat->timers_by_handle, &t->by_handle, t->handle) != DT_OK) {
		dt_index_remove(&seat->timers_by_call, &t->by_call);
		dt_free(t);
		return NULL;
	}
	dt_list_append(&seat->timers, &t->node);
	return t;
}

uint64_t
dt_host_timer_start(const struct dtlsd_ctx *c, uint64_t delay_ns,
    void (*fired)(const struct dtlsd_ctx *c, void *arg), void *arg)
{
	struct dt_seat *seat = dt_host_seat(c, "timer_start");
	if (!seat || !fired)
		return 0;
	struct module_timer *t = find_timer(seat, fired, arg);
	if (!t)
		t = add_timer(seat, fired, arg);
	if (!t)
		return 0;
	/* A delay beyond all time is kept as the last moment there is, so that it stays a timer. */
	struct dt_dur delay = {delay_ns > INT64_MAX ? INT64_MAX : (int64_t)delay_ns};
	struct dt_mono at = dt_mono_add(seat->pw->now.mono, delay);
	if (at.ns == DT_NEVER.ns)
		at.ns--;
	dt_timer_arm(seat->pw->env.wheel, &t->timer, at);
	return t->handle;
}

int32_t
dt_host_timer_stop(const struct dtlsd_ctx *c, uint64_t timer)
{
	struct dt_seat *seat = dt_host_seat(c, "timer_stop");
	if (!seat)
		return DTLSD_INVALID;
	struct dt_index_node *n = dt_index_first(&seat->timers_by_handle, timer);
	if (!n)
		return DTLSD_GONE;
	free_timer(DT_CONTAINER(n, struct module_timer, by_handle));
	return DTLSD_OK;
}

/* ---- descriptors ---------------------------------------------------------------------------- */

struct module_watch {
	struct dt_watch watch;
	struct dt_list node; /* in its seat */
	struct dt_index_node by_fd;
	struct dt_seat *seat;
	void (*ready)(const struct dtlsd_ctx *c, int fd, void *arg);
	void *arg; /* the module's */
};

static struct module_watch *
find_watch(const struct dt_seat *seat, int fd)
{
	struct dt_index_node *n = dt_index_first(&seat->watches_by_fd, (uint64_t)fd);
	return n ? DT_CONTAINER(n, struct module_watch, by_fd) : NULL;
}

static void
free_watch(struct module_watch *w)
{
	struct dt_seat *seat = w->seat;
	dt_loop_remove(seat->pw->env.loop, &w->watch);
	dt_index_remove(&seat->watches_by_fd, &w->by_fd);
	dt_list_remove(&w->node);
	dt_free(w);
}

static void
on_ready(struct dt_watch *watch, uint32_t events, struct dt_now now)
{
	struct module_watch *w = DT_CONTAINER(watch, struct module_watch, watch);
	struct dt_seat *seat = w->seat; /* the module may unwatch: then `w` is gone */
	(void)events;			/* an error is found by reading */
	(void)now;			/* the turn's, as the worker knows it */
	w->ready(dt_hook_enter(seat, DT_HOOK_WATCH, 0), watch->fd, w->arg);
	dt_hook_leave(seat);
	dt_plugin_worker_flush(seat->pw);
}

static int32_t
add_watch(struct dt_seat *seat, struct module_watch *w, int fd)
{
	dt_watch_init(&w->watch, on_ready);
	w->seat = seat;
	if (dt_index_add(&seat->watches_by_fd, &w->by_fd, (uint64_t)fd) != DT_OK)
		return DTLSD_NOMEM;
	if (dt_loop_add(seat->pw->env.loop, &w->watch, fd, EPOLLIN) != DT_OK) {
		dt_index_remove(&seat->watches_by_fd, &w->by_fd);
		return DTLSD_SYSTEM;
	}
	dt_list_append(&seat->watches, &w->node);
	return DTLSD_OK;
}

/* A module that closed the descriptor without a word has made the kernel forget it; the number may
 * be another one by now. */
static int32_t
watch_again(struct dt_seat *seat, struct module_watch *w, int fd)
{
	w->watch.fd = -1;
	enum dt_err err = dt_loop_add(seat->pw->env.loop, &w->watch, fd, EPOLLIN);
	w->watch.fd = fd;
	return err == DT_OK || errno == EEXIST ? DTLSD_OK : DTLSD_SYSTEM;
}

int32_t
dt_host_watch(const struct dtlsd_ctx *c, int fd,
    void (*ready)(const struct dtlsd_ctx *c, int fd, void *arg), void *arg)
{
	struct dt_seat *seat = dt_host_seat(c, "watch");
	if (!seat || !ready || fd < 0)
		return DTLSD_INVALID;
	struct module_watch *w = find_watch(seat, fd);
	if (w) { /* as with a timer: the call moves it */
		w->ready = ready;
		w->arg = arg;
		return watch_again(seat, w, fd);
	}
	w = dt_alloc(sizeof(*w));
	if (!w)
		return DTLSD_NOMEM;
	w->ready = ready;
	w->arg = arg;
	int32_t code = add_watch(seat, w, fd);
	if (code != DTLSD_OK) {
		int reason = errno;
		dt_free(w);
		errno = reason;
	}
	return code;
}

int32_t
dt_host_unwatch(const struct dtlsd_ctx *c, int fd)
{
	struct dt_seat *seat = dt_host_seat(c, "unwatch");
	if (!seat)
		return DTLSD_INVALID;
	struct module_watch *w = find_watch(seat, fd);
	if (!w)
		return DTLSD_GONE;
	free_watch(w);
	return DTLSD_OK;
}

/* ---- the end -------------------------------------------------------------------------------- */

void
dt_host_forget(struct dt_seat *seat)
{
	while (!dt_list_empty(&seat->timers))
		free_timer(DT_CONTAINER(seat->timers.next, struct module_timer, node));
	while (!dt_list_empty(&seat->watches))
		free_watch(DT_CONTAINER(seat->watches.next, struct module_watch, node));
	dt_index_fini(&seat->timers_by_call);
	dt_index_fini(&seat->timers_by_handle);
	dt_index_fini(&seat->watches_by_fd);
}
