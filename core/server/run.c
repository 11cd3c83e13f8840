#include "server/run.h"

#include "base/addr.h"
#include "base/list.h"
#include "io/clock.h"
#include "io/loop.h"
#include "io/signals.h"
#include "server/build_info.h"
#include "server/control.h"
#include "server/privileges.h"
#include "server/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TEND_EVERY DT_SECONDS(1)

struct run {
	const struct dt_run_config *config; /* borrowed */
	struct dt_logger *logger;	    /* borrowed */
	struct dt_server *server;	    /* owned */
	struct dt_mono tend_at;		    /* what a reload has left behind; DT_NEVER = nothing */
	struct dt_signals signals;
	struct dt_watch watch;
	struct dt_control *control; /* owned; NULL = none */
	bool ending;
};

static void
end(struct run *r, int number)
{
	dt_log(
	    &r->logger->log, DT_LOG_INFO, NULL, "%s: closing all connections", strsignal(number));
	r->ending = true;
}

static void
shut_down(void *arg)
{
	struct run *r = arg;
	dt_log(&r->logger->log, DT_LOG_INFO, NULL, "shutdown: closing all connections");
	r->ending = true;
}

static void
reopen(struct run *r, int number)
{
	(void)number;
	if (dt_logger_reopen(r->logger) == DT_OK)
		dt_log(&r->logger->log, DT_LOG_INFO, NULL, "log reopened");
	else
		dt_log(&r->logger->log, DT_LOG_ERROR, NULL, "cannot reopen the log: %s",
		    strerror(errno));
}

/* Messages of a configuration that was read while the server runs. */
static void
log_report(const struct dt_config_report *report, struct dt_log *log)
{
	char text[1024];
	for (size_t i = 0; i < report->count; i++) {
		const struct dt_config_message *m = &report->messages[i];
		dt_log(log, m->severity == DT_SEVERITY_ERROR ? DT_LOG_ERROR : DT_LOG_WARNING, NULL, "%s",
		    dt_config_message_format(report, m, text, sizeof(text)));
	}
}

static void
reload(struct run *r, int number)
{
	struct dt_log *log = &r->logger->log;
	struct dt_config *config = NULL;
	struct dt_config_report report;
	(void)number;
	dt_config_report_init(&report);
	enum dt_err err = r->config->read(r->config->read_arg, &config, &report);
	if (err == DT_OK)
		err = dt_server_reload(r->server, config, &report);
	log_report(&report, log);
	if (err == DT_OK)
		dt_log(log, DT_LOG_INFO, NULL, "reloaded");
	else
		dt_log(log, DT_LOG_ERROR, NULL, "not reloaded, all goes on as before: %s", dt_err_text(err));
	dt_config_free(&config);
	dt_config_report_fini(&report);
	r->tend_at = dt_mono_add(dt_clock_now().mono, TEND_EVERY);
}

static const struct {
	int number;
	void (*handle)(struct run *r, int number);
} handlers[] = {
    {SIGTERM, end},
    {SIGINT, end},
    {SIGUSR1, reopen},
    {SIGHUP, reload},
};

static void
signal_ready(struct dt_watch *watch, uint32_t events, struct dt_now now)
{
	struct run *r = DT_CONTAINER(watch, struct run, watch);
	(void)events;
	(void)now;
	int number;
	while ((number = dt_signals_next(&r->signals)) != 0)
		for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
			if (handlers[i].number == number)
				handlers[i].handle(r, number);
}

static void
tell_address(void *arg, const char *server, const struct dtlsd_address *address)
{
	struct dt_logger *logger = arg;
	struct dt_log_context context = {.server = server};
	char text[DT_ADDR_TEXT];
	dt_log(
	    &logger->log, DT_LOG_INFO, &context, "listening on %s", dt_addr_format(address, text));
}

static void
tell_client(void *arg, const char *server, const struct dtlsd_address *address)
{
	(void)arg;
	(void)server;
	char text[DT_ADDR_TEXT];
	printf("\nTry it from another terminal; what you type comes back:\n\n"
	       "  openssl s_client -dtls1_2 -connect %s\n\n",
	    dt_addr_format(address, text));
	fflush(stdout);
}

static enum dt_err
serve(struct run *r, struct dt_loop *loop, const struct dt_config_report *report)
{
	struct dt_now now = dt_clock_now();
	if (r->control && dt_control_serve(r->control, r->server) != DT_OK) {
		dt_log(&r->logger->log, DT_LOG_ERROR, NULL, "cannot serve the control socket: %s",
		    strerror(errno));
		return DT_ERR_SYSTEM;
	}
	dt_log(&r->logger->log, DT_LOG_INFO, NULL, "dtlsd %s started", DTLSD_VERSION);
	log_report(report, &r->logger->log); /* warnings; errors would have stopped us */
	dt_server_addresses(r->server, tell_address, r->logger);
	if (r->config->dev)
		dt_server_addresses(r->server, tell_client, NULL);
	while (!r->ending) {
		now = dt_loop_turn(loop, r->tend_at, now.mono);
		if (dt_mono_reached(r->tend_at, now.mono))
			r->tend_at = dt_server_tend(r->server, now) ? dt_mono_add(now.mono, TEND_EVERY) : DT_NEVER;
	}
	return DT_OK;
}

static enum dt_err
no_signals(struct dt_logger *logger)
{
	dt_log(&logger->log, DT_LOG_ERROR, NULL, "cannot wait for signals: %s", strerror(errno));
	return DT_ERR_SYSTEM;
}

static enum dt_err
watch_signals(struct run *r, struct dt_loop *loop)
{
	dt_watch_init(&r->watch, signal_ready);
	if (dt_loop_init(loop) != DT_OK ||
	    dt_loop_add(loop, &r->watch, r->signals.fd, EPOLLIN) != DT_OK)
		return no_signals(r->logger);
	return DT_OK;
}

/* From here on a second TERM or INT ends the process at once, for a module that does not come to an
 * end; the others still have nothing to say. */
static void
unwatch_signals(struct run *r, struct dt_loop *loop)
{
	if (r->watch.fd >= 0)
		dt_loop_remove(loop, &r->watch);
	dt_loop_fini(loop);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	dt_signals_close(&r->signals);
}

/* Signals are blocked before the first thread: all of them inherit that. */
enum dt_err
dt_run(const struct dt_run_config *what, struct dt_logger *logger, struct dt_config_report *report)
{
	struct run r = {.config = what, .logger = logger, .tend_at = DT_NEVER};
	struct dt_loop loop;
	const struct dt_config *config = what->config;
	const struct dt_control_env env = {config, logger, &loop, shut_down, &r};
	const struct dt_config_log *l = &config->log;
	dt_privileges_limits(what->dev); /* who tries a module wants to debug it */
	if (dt_logger_open(logger, l->target, l->format == DT_LOG_FORMAT_JSON,
		(enum dt_log_level)l->level) != DT_OK) {
		dt_config_error_at(
		    config, report, "/log/target", "%s: %s", l->target, strerror(errno));
		return DT_ERR_CONFIG;
	}
	if (dt_signals_open(&r.signals) != DT_OK)
		return no_signals(logger);
	enum dt_err err = watch_signals(&r, &loop);
	if (err == DT_OK)
		err = dt_control_open(&env, &r.control, report);
	if (err == DT_OK)
		err = dt_server_start(config, what->dev, logger, &r.server, report);
	if (err == DT_OK)
		err = serve(&r, &loop, report);
	dt_control_close(r.control);
	unwatch_signals(&r, &loop);
	if (r.server) {
		dt_server_stop(&r.server);
		dt_log(&logger->log, DT_LOG_INFO, NULL, "ended");
	}
	dt_control_free(&r.control);
	return err;
}
