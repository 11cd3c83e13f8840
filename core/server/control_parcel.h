/* control_parcel.h - what comes back from the workers to the main thread.
 *
 * A parcel is part of the object that it brings. Nothing is allocated on the way: sending never
 * fails. Owner: struct dt_control. Threads: as marked.
 */
#ifndef DT_SERVER_CONTROL_PARCEL_H
#define DT_SERVER_CONTROL_PARCEL_H

#include <pthread.h>

#include "base/err.h"
#include "base/list.h"

struct dt_control_returns {
	pthread_mutex_t lock; /* guards the list */
	struct dt_list parcels;
	int fd; /* owned eventfd: readable while there may be parcels */
};

struct dt_control_parcel {
	struct dt_list node;
	struct dt_control_returns *returns;		  /* borrowed */
	void (*arrive)(struct dt_control_parcel *parcel); /* main thread */
};

/* DT_ERR_SYSTEM. Main thread, like fini, deliver and init of a parcel. */
enum dt_err dt_control_returns_init(struct dt_control_returns *t) DT_MUST_USE;
void dt_control_returns_fini(struct dt_control_returns *t);
/* Lets all that came back arrive. */
void dt_control_returns_deliver(struct dt_control_returns *t);

void dt_control_parcel_init(struct dt_control_parcel *p, struct dt_control_returns *to,
    void (*arrive)(struct dt_control_parcel *parcel));
/* Any thread. Not again before it has arrived. */
void dt_control_parcel_send(struct dt_control_parcel *p);

#endif
