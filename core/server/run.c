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

struct run {
	struct dt_logger *logger; /* borrowed */
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

static void
no_reload(struct run *r, int number)
{
	(void)number;
	dt_log(&r->logger->log, DT_LOG_WARNING, NULL,
	    "this version cannot reload its configuration; restart it to change something");
}

static const struct {
	int number;
	void (*handle)(struct run *r, int number);
} handlers[] = {
    {SIGTERM, end},
    {SIGINT, end},
    {SIGUSR1, reopen},
    {SIGHUP, no_reload},
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

/* Warnings; errors would have stopped us. */
static void
log_warnings(const struct dt_config_report *report, struct dt_log *log)
{
	char text[1024];
	for (size_t i = 0; i < report->count; i++)
		dt_log(log, DT_LOG_WARNING, NULL, "%s",
		    dt_config_message_format(report, &report->messages[i], text, sizeof(text)));
}

static enum dt_err
serve(struct run *r, struct dt_loop *loop, const struct dt_server *server, bool dev,
    const struct dt_config_report *report)
{
	struct dt_now now = dt_clock_now();
	if (r->control && dt_control_serve(r->control, server) != DT_OK) {
		dt_log(&r->logger->log, DT_LOG_ERROR, NULL, "cannot serve the control socket: %s",
		    strerror(errno));
		return DT_ERR_SYSTEM;
	}
	dt_log(&r->logger->log, DT_LOG_INFO, NULL, "dtlsd %s started", DTLSD_VERSION);
	log_warnings(report, &r->logger->log);
	dt_server_addresses(server, tell_address, r->logger);
	if (dev)
		dt_server_addresses(server, tell_client, NULL);
	while (!r->ending)
		now = dt_loop_turn(loop, DT_NEVER, now.mono);
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
dt_run(const struct dt_config *config, bool dev, struct dt_logger *logger,
    struct dt_config_report *report)
{
	struct run r = {.logger = logger};
	struct dt_loop loop;
	const struct dt_control_env env = {config, logger, &loop, shut_down, &r};
	struct dt_server *server = NULL;
	const struct dt_config_log *l = &config->log;
	dt_privileges_limits(dev); /* who tries a module wants to debug it */
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
		err = dt_server_start(config, dev, logger, &server, report);
	if (err == DT_OK)
		err = serve(&r, &loop, server, dev, report);
	dt_control_close(r.control);
	unwatch_signals(&r, &loop);
	if (server) {
		dt_server_stop(&server);
		dt_log(&logger->log, DT_LOG_INFO, NULL, "ended");
	}
	dt_control_free(&r.control);
	return err;
}
