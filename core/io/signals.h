/* signals.h - TERM, INT, HUP and USR1 as something to read; PIPE ignored.
 *
 * Open it on the main thread before any other thread begins: they inherit that these signals are
 * blocked. Owner: the main loop, one per process. Threads: none.
 */
#ifndef DT_IO_SIGNALS_H
#define DT_IO_SIGNALS_H

#include <signal.h>

#include "base/err.h"

struct dt_signals {
	int fd;		 /* owned; watch it for EPOLLIN */
	sigset_t before; /* the mask to go back to       */
};

/* DT_ERR_SYSTEM, errno set. */
enum dt_err dt_signals_open(struct dt_signals *s) DT_MUST_USE;
/* The number of the next signal that came, 0 when none waits. */
int dt_signals_next(struct dt_signals *s);
/* What still waits is thrown away, the mask is as before; PIPE stays ignored. */
void dt_signals_close(struct dt_signals *s);

#endif
