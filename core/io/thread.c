#include "io/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include "base/assert.h"

static void *
enter_thread(void *arg)
{
	struct dt_thread *t = arg;
	t->run(t->arg);
	return NULL;
}

/* All but those that a faulting instruction raises: blocked, these would kill the process without
 * a word of whoever handles crashes (a sanitizer, say). */
static void
all_signals(sigset_t *set)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
	sigfillset(set);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(set, faults[i]);
}

enum dt_err
dt_thread_start(struct dt_thread *t, const char *name, void (*run)(void *arg), void *arg)
{
	sigset_t all, before;
	*t = (struct dt_thread){.run = run, .arg = arg};
	all_signals(&all);
	DT_ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	int error = pthread_create(&t->id, NULL, enter_thread, t);
	DT_ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	if (error != 0) {
		errno = error;
		return DT_ERR_SYSTEM;
	}
	t->started = true;

	char short_name[16];
	snprintf(short_name, sizeof(short_name), "%s", name);
	pthread_setname_np(t->id, short_name);
	return DT_OK;
}

void
dt_thread_join(struct dt_thread *t)
{
	if (!t->started)
		return;
	DT_ASSERT(pthread_join(t->id, NULL) == 0);
	t->started = false;
}

unsigned
dt_thread_cpus(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	int n = CPU_COUNT(&set);
	return n > 0 ? (unsigned)n : 1;
}
