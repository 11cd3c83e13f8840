#include "io/loop.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/clock.h"

#define LOOP_MAGIC 0x64746c70u

enum dt_err
dt_loop_init(struct dt_loop *l)
{
	memset(l, 0, sizeof(*l));
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		return DT_ERR_SYSTEM;
	l->magic = LOOP_MAGIC;
	return DT_OK;
}

void
dt_loop_fini(struct dt_loop *l)
{
	if (l->magic != LOOP_MAGIC)
		return;
	close(l->epoll);
	l->magic = 0;
}

void
dt_watch_init(struct dt_watch *w, void (*ready)(struct dt_watch *, uint32_t, struct dt_now))
{
	w->fd = -1;
	w->ready = ready;
}

enum dt_err
dt_loop_add(struct dt_loop *l, struct dt_watch *w, int fd, uint32_t events)
{
	DT_CHECK_MAGIC(l, LOOP_MAGIC);
	DT_ASSERT(w->fd < 0);
	struct epoll_event e = {.events = events, .data.ptr = w};
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return DT_ERR_SYSTEM;
	w->fd = fd;
	return DT_OK;
}

void
dt_loop_change(struct dt_loop *l, struct dt_watch *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};
	DT_CHECK_MAGIC(l, LOOP_MAGIC);
	DT_ASSERT(w->fd >= 0 && epoll_ctl(l->epoll, EPOLL_CTL_MOD, w->fd, &e) == 0);
}

void
dt_loop_remove(struct dt_loop *l, struct dt_watch *w)
{
	DT_CHECK_MAGIC(l, LOOP_MAGIC);
	if (w->fd < 0)
		return;
	/* A descriptor that was closed while it was watched has left the loop by itself. */
	int removed = epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	DT_ASSERT(removed == 0 || errno == EBADF || errno == ENOENT);
	w->fd = -1;
	for (int i = 0; i < l->pending; i++)
		if (l->events[i].data.ptr == w)
			l->events[i].data.ptr = NULL;
}

static int
milliseconds_until(struct dt_mono until, struct dt_mono now)
{
	if (until.ns == DT_NEVER.ns)
		return -1;
	if (dt_mono_reached(until, now))
		return 0;
	int64_t ns = dt_mono_diff(now, until).ns;
	int64_t ms = ns / 1000000 + (ns % 1000000 != 0);
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

struct dt_now
dt_loop_turn(struct dt_loop *l, struct dt_mono until, struct dt_mono now)
{
	DT_CHECK_MAGIC(l, LOOP_MAGIC);
	DT_ASSERT(l->pending == 0);
	int n = epoll_wait(l->epoll, l->events, DT_LOOP_EVENTS, milliseconds_until(until, now));
	DT_ASSERT(n >= 0 || errno == EINTR);

	struct dt_now woken = dt_clock_now();
	l->pending = n > 0 ? n : 0;
	if (l->begin)
		l->begin(l->begin_arg, woken);
	for (int i = 0; i < l->pending; i++) {
		struct dt_watch *w = l->events[i].data.ptr;
		if (w)
			w->ready(w, l->events[i].events, woken);
	}
	l->pending = 0;
	return woken;
}
