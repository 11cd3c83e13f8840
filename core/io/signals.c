#include "io/signals.h"

#include <errno.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/assert.h"

static void
our_signals(sigset_t *set)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
	sigemptyset(set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(set, numbers[i]);
}

enum dt_err
dt_signals_open(struct dt_signals *s)
{
	sigset_t ours;
	our_signals(&ours);
	s->fd = signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->fd < 0)
		return DT_ERR_SYSTEM;
	DT_ASSERT(pthread_sigmask(SIG_BLOCK, &ours, &s->before) == 0);
	DT_ASSERT(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	return DT_OK;
}

int
dt_signals_next(struct dt_signals *s)
{
	struct signalfd_siginfo info;
	ssize_t n = read(s->fd, &info, sizeof(info));
	if (n < 0) {
		DT_ASSERT(errno == EAGAIN);
		return 0;
	}
	DT_ASSERT(n == sizeof(info));
	return (int)info.ssi_signo;
}

void
dt_signals_close(struct dt_signals *s)
{
	/* Taken out before the mask falls: its default action would end the process. */
	while (dt_signals_next(s) != 0)
		continue;
	close(s->fd);
	s->fd = -1;
	DT_ASSERT(pthread_sigmask(SIG_SETMASK, &s->before, NULL) == 0);
}
