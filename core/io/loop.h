/* loop.h - waits for descriptors and for a point in time; one turn at a time.
 *
 * A watch lives inside the object it belongs to. Removing one inside a callback is safe, also
 * when its event was fetched already: it is not delivered, and the memory may be freed.
 * Events are level-triggered: what a callback leaves unread comes again in the next turn.
 * Owner: one loop per thread. Threads: none; others reach it through a mailbox.
 */
#ifndef DT_IO_LOOP_H
#define DT_IO_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

#include "base/err.h"
#include "base/time.h"

#define DT_LOOP_EVENTS 64 /* fetched per turn */

struct dt_watch {
	int fd; /* borrowed: remove the watch before closing it; -1 = not watched */
	/* `events`: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP. */
	void (*ready)(struct dt_watch *watch, uint32_t events, struct dt_now now);
};

struct dt_loop {
	uint32_t magic;
	int epoll;   /* owned */
	int pending; /* events[0, pending): fetched in this turn */
	struct epoll_event events[DT_LOOP_EVENTS];
	/* May be set: called in each turn before its first event, with the turn's time. */
	void (*begin)(void *arg, struct dt_now now);
	void *begin_arg; /* borrowed */
};

/* DT_ERR_SYSTEM, errno set. */
enum dt_err dt_loop_init(struct dt_loop *l) DT_MUST_USE;
/* Also for one that failed to be made. Watches that are left are forgotten. */
void dt_loop_fini(struct dt_loop *l);

/* A watch that is in no loop; dt_loop_remove() may be called on it. */
void dt_watch_init(struct dt_watch *w, void (*ready)(struct dt_watch *, uint32_t, struct dt_now));
/* `events`: EPOLLIN, EPOLLOUT or both. DT_ERR_SYSTEM (EEXIST, EPERM for a plain file, …). */
enum dt_err dt_loop_add(struct dt_loop *l, struct dt_watch *w, int fd, uint32_t events) DT_MUST_USE;
/* Other events for a watch that is in the loop; 0: only when nobody is at the other end any more. */
void dt_loop_change(struct dt_loop *l, struct dt_watch *w, uint32_t events);
/* Also for a watch that is in no loop. */
void dt_loop_remove(struct dt_loop *l, struct dt_watch *w);

/* One turn: sleeps until a descriptor is ready or `until` is reached (rounded up to 1 ms;
 * not at all when it has passed), reads the clock once, delivers the events. Returns that `now`,
 * for the rest of the turn. A signal may end it early. */
struct dt_now dt_loop_turn(struct dt_loop *l, struct dt_mono until, struct dt_mono now);

#endif
