/* thread.h - a named thread that no signal interrupts.
 *
 * Owner: who starts it joins it. Threads: start and join from the same one.
 */
#ifndef DT_IO_THREAD_H
#define DT_IO_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "base/err.h"

struct dt_thread {
	pthread_t id;
	void (*run)(void *arg);
	void *arg; /* borrowed: outlives the thread */
	bool started;
};

/* `name`: what top and gdb show, cut at 15 bytes. DT_ERR_SYSTEM, errno set. All signals are blocked
 * in the new thread. `*t` must stay where it is until the join. */
enum dt_err dt_thread_start(
    struct dt_thread *t, const char *name, void (*run)(void *arg), void *arg) DT_MUST_USE;
/* Waits for its end. Nothing happens for one that was not started (all zero) or joined before. */
void dt_thread_join(struct dt_thread *t);
/* Processors that this process may use, at least 1. */
unsigned dt_thread_cpus(void);

#endif
