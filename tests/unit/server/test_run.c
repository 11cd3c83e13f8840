/* test_run.c - the life of the daemon under signals. Each test is a process of its own. */
#include "server/run.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

/* Somebody who watches the log and sends signals, as an operator would. The log is a FIFO, so that
 * nobody has to wait by the clock. */
struct operator
{
	pthread_t thread;
	const char *fifo;
	FILE *log;
	void (*act)(struct operator*);
};

static void
await(struct operator* o, const char *part)
{
	char line[1024];
	while (fgets(line, sizeof(line), o->log))
		if (strstr(line, part))
			return;
	cr_assert_fail("the log ends without: %s", part);
}

static void *
operate(void *arg)
{
	struct operator* o = arg;
	o->act(o);
	return NULL;
}

/* The operator's thread takes no signals: they are for the process. */
static void
begin(struct operator* o, void (*act)(struct operator*))
{
	sigset_t all, before;
	o->fifo = world_path("log");
	o->act = act;
	cr_assert_eq(mkfifo(o->fifo, 0600), 0);
	int fd =
	    open(o->fifo, O_RDWR | O_CLOEXEC); /* as a reader alone it would wait for a writer */
	o->log = fdopen(fd, "r");
	cr_assert(o->log);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	cr_assert_eq(pthread_create(&o->thread, NULL, operate, o), 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static enum dt_err
no_reading(void *arg, struct dt_config **out, struct dt_config_report *report)
{
	(void)arg, (void)out, (void)report;
	return DT_ERR_NOMEM;
}

static enum dt_err
run(struct world *w, struct operator* o, const char *format)
{
	char config[512];
	snprintf(config, sizeof(config),
	    "{'workers':2,'log':{'target':'%s','format':'%s'},"
	    "'servers':[{'name':'s','listen':'127.0.0.1:0','chain':['probe']}]}",
	    o->fifo, format);
	world_open(w, config);
	dt_logger_init(&w->logger); /* the real one */
	return dt_run(&(struct dt_run_config){w->config, true, no_reading, NULL}, &w->logger, &w->report);
}

static void
end(struct world *w, struct operator* o)
{
	pthread_join(o->thread, NULL);
	fclose(o->log);
	cr_assert_eq(probe.starts, 2);
	cr_assert_eq(probe.stops, 2);
	cr_assert_eq(probe.closes, 1);
	world_close(w);
}

static void all_signals(struct operator* o)
{
	await(o, "started");
	await(o, "s: listening on 127.0.0.1:");
	kill(getpid(), SIGUSR1);
	await(o, "log reopened");
	kill(getpid(), SIGHUP);
	await(o, "not reloaded, all goes on as before: out of memory");
	kill(getpid(), SIGPIPE);
	kill(getpid(), SIGTERM);
	await(o, "Terminated: closing all connections");
	await(o, "counters:");
	await(o, "ended");
}

Test(run, usr1_reopens_hup_says_no_and_term_ends)
{
	struct world w;
	struct operator o;
	begin(&o, all_signals);
	cr_assert_eq(run(&w, &o, "text"), DT_OK);
	end(&w, &o);
}

static void interrupt(struct operator* o)
{
	await(o, "\"message\":\"dtlsd ");
	kill(getpid(), SIGINT);
	await(o, "\"message\":\"Interrupt: closing all connections\"");
	await(o, "\"message\":\"ended\"");
}

Test(run, int_ends_as_term_does_and_the_log_is_json_if_so_wished)
{
	struct world w;
	struct operator o;
	begin(&o, interrupt);
	cr_assert_eq(run(&w, &o, "json"), DT_OK);
	end(&w, &o);
}

static sem_t stopping;

static void
hang(void)
{
	sem_post(&stopping);
	for (;;)
		pause();
}

static void insist(struct operator* o)
{
	await(o, "started");
	kill(getpid(), SIGTERM);
	sem_wait(&stopping);
	kill(getpid(), SIGHUP); /* these two may not be what ends it */
	kill(getpid(), SIGUSR1);
	world_remove_paths();
	kill(getpid(), SIGTERM);
}

Test(run, a_second_term_ends_a_process_whose_module_hangs, .signal = SIGTERM)
{
	struct world w;
	struct operator o;
	cr_assert_eq(sem_init(&stopping, 0, 0), 0);
	probe.on_stop = hang;
	begin(&o, insist);
	(void)run(&w, &o, "text");
}

Test(run, a_log_that_cannot_be_opened_stops_the_start)
{
	struct world w;
	char config[512];
	snprintf(config, sizeof(config),
	    "{'log':{'target':'%s'},'servers':[{'listen':'127.0.0.1:0','chain':['probe']}]}",
	    world_path("missing/log"));
	world_open(&w, config);
	cr_assert_eq(dt_run(&(struct dt_run_config){w.config, true, no_reading, NULL}, &w.logger, &w.report), DT_ERR_CONFIG);
	REPORTED(&w, "missing/log: No such file or directory (/log/target)");
	cr_assert_eq(probe.opens, 0);
	world_close(&w);
}

Test(run, without_descriptors_it_does_not_start_and_says_so)
{
	struct rlimit r;
	size_t descriptors = 0;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
	rlim_t free_number = (rlim_t)dup(0);
	close((int)free_number);
	for (rlim_t n = 0; n < 8; n++) {
		struct world w;
		world_open(&w, "{'servers':[{'listen':'127.0.0.1:0','chain':['probe']}]}");
		if (n == 0)
			descriptors = world_descriptors();
		/* The hard one too: the start takes what it can get. */
		pid_t child = fork();
		cr_assert_geq(child, 0);
		if (child == 0) {
			r.rlim_cur = r.rlim_max = free_number + n;
			if (setrlimit(RLIMIT_NOFILE, &r) < 0)
				_exit(1);
			if (dt_run(&(struct dt_run_config){w.config, true, no_reading, NULL}, &w.logger, &w.report) == DT_OK)
				_exit(2);
			bool said = world_logged(&w, "Too many open files") ||
				    world_reported(&w, "Too many open files");
			_exit(said ? 0 : 3);
		}
		int status;
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_assert(
		    WIFEXITED(status) && WEXITSTATUS(status) == 0, "limit %d: %d", (int)n, status);
		cr_assert_eq(world_descriptors(), descriptors);
		world_close(&w);
	}
}
