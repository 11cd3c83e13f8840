/* mailbox.h - how other threads reach a worker: a bounded queue of calls, and a descriptor.
 *
 * Any thread posts; the owner runs the calls in its own turn. What one thread posts keeps its
 * order. A short lock guards the queue: it is off the way of datagrams.
 * Owner: the thread that drains. Threads: post and close from any, the rest the owner's.
 */
#ifndef DT_IO_MAILBOX_H
#define DT_IO_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* `arg`: what the owner hands to dt_mailbox_drain(). */
typedef void dt_mailbox_run(void *arg, void *data, size_t len);

struct dt_mail;

struct dt_mailbox {
	uint32_t magic;
	int fd;		       /* owned eventfd: readable while calls wait; watch it for EPOLLIN */
	pthread_mutex_t lock;  /* guards all below                         */
	struct dt_mail *first; /* owned, oldest first                     */
	struct dt_mail **last; /* where the next one is linked            */
	size_t count, bytes;   /* that wait                                */
	size_t max_count, max_bytes;
	bool closed;
};

/* DT_ERR_SYSTEM, errno set. */
enum dt_err dt_mailbox_init(struct dt_mailbox *m, size_t max_count, size_t max_bytes) DT_MUST_USE;
/* Closes, then frees. No thread may post any more. Also for one that failed to be made. */
void dt_mailbox_fini(struct dt_mailbox *m);

/* `run` will get a copy of the `len` bytes, suitably aligned for any type, which is wiped and
 * freed after it. DT_ERR_AGAIN when the mailbox is full, DT_ERR_TOO_LONG when it can never fit,
 * DT_ERR_GONE when it is closed, DT_ERR_NOMEM. */
enum dt_err dt_mailbox_post(
    struct dt_mailbox *m, dt_mailbox_run *run, const void *data, size_t len) DT_MUST_USE;
/* On DT_OK the mailbox owns `data`: it goes to `run` (which owns it then), or to `drop` when the
 * mailbox is closed before. Otherwise, as above, it stays the caller's. `len` is what it counts. */
enum dt_err dt_mailbox_post_owned(struct dt_mailbox *m, dt_mailbox_run *run,
    void (*drop)(void *data), void *data, size_t len) DT_MUST_USE;

/* The same to `count` different mailboxes, data[i] to boxes[i]: to all of them or, unless DT_OK, to
 * none. */
enum dt_err dt_mailbox_post_to_each(struct dt_mailbox *const *boxes, size_t count,
    dt_mailbox_run *run, void (*drop)(void *data), void *const *data, size_t len) DT_MUST_USE;

/* Runs up to `max` calls, oldest first; they may post. Returns true when more wait (the
 * descriptor stays readable then). */
bool dt_mailbox_drain(struct dt_mailbox *m, void *arg, size_t max);
/* From now on posts are refused; what waits is dropped. */
void dt_mailbox_close(struct dt_mailbox *m);

#endif
