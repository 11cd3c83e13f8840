/* worker_state.h - the inside of a worker: for its own files, and for what comes to it by mail.
 *
 * What runs out of its mailbox is given the struct dt_worker as `arg`.
 * Threads: the worker's own, but for what is marked.
 */
#ifndef DT_SERVER_WORKER_STATE_H
#define DT_SERVER_WORKER_STATE_H

#include "io/thread.h"
#include "io/wheel.h"
#include "server/intake.h"
#include "server/worker.h"

#include <pthread.h>

enum dt_worker_state { DT_WORKER_STARTING, DT_WORKER_STARTED, DT_WORKER_REFUSED };
enum dt_worker_order { DT_WORKER_HOLD, DT_WORKER_SERVE, DT_WORKER_END };

struct dt_worker {
	uint32_t index;
	struct dt_generation *first; /* borrowed: what it starts with */
	struct dt_mailbox *mailbox; /* borrowed: ours */
	struct dt_log *log;	    /* borrowed */
	struct dt_now now;	    /* of this turn */
	struct dt_loop loop;
	struct dt_wheel wheel;
	struct dt_watch mail_watch;
	struct dt_counters counters;
	struct dt_intake intake;
	struct dt_served_list served;	 /* owned */
	struct dt_conns *conns;		 /* owned */
	struct dt_plugin_worker *plugin; /* owned */
	struct dt_list feeds;		 /* borrowed: of those who watch (control_watch.c) */
	struct dt_thread thread;
	int order_fd; /* owned eventfd: an order needs no memory and no place in the mailbox */
	struct dt_watch order_watch;
	bool stopping;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	enum dt_worker_state state; /* told by the worker      */
	enum dt_worker_order order; /* told by the main thread */
	void (*job)(struct dt_worker *w, void *arg); /* to be done once; NULL = none, or done */
	void *job_arg;
};

#endif
