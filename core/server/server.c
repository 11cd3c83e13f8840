#include "server/server_state.h"

#include "base/addr.h"
#include "base/assert.h"
#include "base/mem.h"
#include "io/random.h"
#include "io/thread.h"
#include "server/privileges.h"
#include "server/stats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAILBOX_COUNT 65536u /* messages that may wait for a worker */
#define MAILBOX_BYTES (64u * 1024u * 1024u)
#define DEFERRED_MAX 65536u		    /* verdicts that may wait on a worker */
#define HANDSHAKE_MEMORY_MIN (256u * 1024u) /* bytes of a worker */

/* What the machine refused goes into the log; `errno` is that of the call that failed. */
static enum dt_err
fail(struct dt_server *s, enum dt_err err, const char *what)
{
	if (err != DT_OK && err != DT_ERR_CONFIG)
		dt_log(&s->logger->log, DT_LOG_ERROR, NULL, "cannot %s: %s", what,
		    err == DT_ERR_SYSTEM ? strerror(errno) : dt_err_text(err));
	return err;
}

/* ---- sockets ---- */

static uint8_t
dscp_of(const struct dt_config_socket *s)
{
	static const uint8_t code_points[] = {
	    [DT_TRAFFIC_BEST_EFFORT] = 0,
	    [DT_TRAFFIC_BACKGROUND] = 8,
	    [DT_TRAFFIC_EXCELLENT_EFFORT] = 40,
	    [DT_TRAFFIC_AUDIO_VIDEO] = 40,
	    [DT_TRAFFIC_VOICE] = 56,
	    [DT_TRAFFIC_CONTROL] = 56,
	};
	return s->dscp > 0 ? (uint8_t)s->dscp : code_points[-s->dscp];
}

static struct dt_udp_options
socket_options(const struct dt_server *s, const struct dt_server_address *a)
{
	const struct dt_config_server *c = dt_generation_find(s->current, a->site)->config;
	return (struct dt_udp_options){
	    .address = a->bound,
	    .reuse_port = s->worker_count > 1 || c->socket.share_port,
	    .dual_stack = c->socket.dual_stack,
	    .receive_buffer = (uint32_t)c->socket.receive_buffer,
	    .send_buffer = (uint32_t)c->socket.send_buffer,
	    .dont_fragment = c->socket.dont_fragment,
	    .dscp = dscp_of(&c->socket),
	};
}

static bool
cannot_listen(
    const struct dt_server *s, const struct dt_server_address *a, int error, struct dt_config_report *report)
{
	char pointer[128], text[DT_ADDR_TEXT], holder[128] = "";
	snprintf(pointer, sizeof(pointer), "%s/listen/%zu",
	    dt_generation_find(s->current, a->site)->config->pointer, a->place);
	bool known = error == EADDRINUSE && dt_udp_holder(&a->bound, holder, sizeof(holder));
	dt_config_error_at(s->current->config, report, pointer, "cannot listen on %s: %s%s%s%s",
	    dt_addr_format(&a->bound, text), strerror(error), known ? ", held by " : "", holder,
	    s->dev ? "; choose another with --port (make run: PORT=)" : "");
	return false;
}

static bool
list_addresses(struct dt_server *s, struct dt_config_report *report)
{
	const struct dt_generation *g = s->current;
	size_t count = 0;
	for (size_t i = 0; i < g->endpoint_count; i++)
		count += g->endpoints[i].config->listen.count;
	s->addresses = dt_alloc_array(count, sizeof(*s->addresses));
	if (!s->addresses)
		return false;
	bool good = true;
	for (size_t i = 0; i < g->endpoint_count; i++) {
		const struct dt_endpoint *e = &g->endpoints[i];
		for (uint32_t k = 0; k < e->config->listen.count; k++) {
			struct dt_server_address *a = &s->addresses[s->address_count++];
			a->site = e->site;
			a->place = k;
			a->asked = a->bound = ((const struct dtlsd_address *)e->config->listen.items)[k];
			struct dt_udp_options o = socket_options(s, a);
			int error = e->config->socket.share_port ? 0 : dt_udp_probe(&o);
			if (error)
				good = cannot_listen(s, a, error, report);
		}
	}
	return good;
}

/* Without privileges the kernel cuts buffers down to its own limit. */
static void
tell_buffers(const struct dt_server *s, const struct dt_server_address *a, const struct dt_udp *udp)
{
	const struct dt_config_server *c = dt_generation_find(s->current, a->site)->config;
	struct dt_log_context context = {.server = c->name};
	uint32_t receive, send;
	char text[DT_ADDR_TEXT];
	if (!c->socket.receive_buffer && !c->socket.send_buffer)
		return;
	dt_udp_buffers(udp, &receive, &send);
	dt_log(&s->logger->log, DT_LOG_INFO, &context,
	    "the kernel granted %s buffers of %u bytes for receiving and %u for sending",
	    dt_addr_format(&a->bound, text), receive, send);
}

/* The sockets of one worker. The first worker's tell the others what port 0 became. */
static bool
open_sockets(struct dt_server *s, uint32_t index, struct dt_intake_listen *listens,
    struct dt_config_report *report)
{
	for (size_t i = 0; i < s->address_count; i++)
		listens[i].udp.fd = -1;
	for (size_t i = 0; i < s->address_count; i++) {
		struct dt_server_address *a = &s->addresses[i];
		struct dt_udp_options o = socket_options(s, a);
		listens[i].site = a->site;
		if (dt_udp_open(&listens[i].udp, &o) != DT_OK)
			return cannot_listen(s, a, errno, report);
		a->bound = listens[i].udp.local;
		if (index == 0)
			tell_buffers(s, a, &listens[i].udp);
	}
	return true;
}

/* ---- workers ---- */

static enum dt_err
make_mailboxes(struct dt_server *s)
{
	s->mailboxes = dt_alloc_array(s->worker_count, sizeof(*s->mailboxes));
	s->mailbox_list = dt_alloc_array(s->worker_count, sizeof(*s->mailbox_list));
	if (!s->mailboxes || !s->mailbox_list)
		return DT_ERR_NOMEM;
	for (uint32_t i = 0; i < s->worker_count; i++) {
		enum dt_err err = dt_mailbox_init(&s->mailboxes[i], MAILBOX_COUNT, MAILBOX_BYTES);
		if (err != DT_OK)
			return err;
		s->mailbox_list[i] = &s->mailboxes[i];
	}
	struct dt_plugin_config plugin = {
	    s->worker_count, s->mailbox_list, &s->logger->log, DEFERRED_MAX};
	return dt_plugin_new(&plugin, &s->plugin);
}

static size_t
largest_packet(const struct dt_server *s)
{
	size_t largest = 0;
	for (size_t i = 0; i < s->current->endpoint_count; i++)
		if (s->current->endpoints[i].config->limits.packet_size > largest)
			largest = s->current->endpoints[i].config->limits.packet_size;
	return largest;
}

size_t
dt_server_handshake_memory(const struct dt_server *s, const struct dt_generation *g)
{
	size_t sum = 0;
	for (size_t i = 0; i < g->endpoint_count; i++) {
		uint64_t limit = g->endpoints[i].config->limits.handshake_memory;
		sum = limit > SIZE_MAX - sum ? SIZE_MAX : sum + limit;
	}
	size_t share = sum / s->worker_count;
	return share > HANDSHAKE_MEMORY_MIN ? share : HANDSHAKE_MEMORY_MIN;
}

static enum dt_err
make_worker(struct dt_server *s, uint32_t index, struct dt_config_report *report)
{
	enum dt_err err = DT_ERR_CONFIG;
	struct dt_intake_listen *listens = dt_alloc_array(s->address_count, sizeof(*listens));
	if (!listens)
		return DT_ERR_NOMEM;
	if (open_sockets(s, index, listens, report)) {
		struct dt_worker_config config = {
		    .index = index,
		    .generation = s->current,
		    .listens = listens,
		    .listen_count = s->address_count,
		    .plugin = s->plugin,
		    .mailboxes = s->mailbox_list,
		    .worker_count = s->worker_count,
		    .log = &s->logger->log,
		    .cookie_secret = s->cookie_secret,
		    .packet_size = s->largest_packet,
		    .handshake_memory = dt_server_handshake_memory(s, s->current),
		};
		err = fail(s, dt_worker_new(&config, &s->workers[index]), "make a worker");
	}
	for (size_t i = 0; i < s->address_count; i++)
		if (listens[i].udp.fd >= 0)
			dt_udp_close(&listens[i].udp);
	dt_free(listens);
	return err;
}

void
dt_server_steer(struct dt_server *s)
{
	if (s->worker_count > 1 && dt_worker_steer(s->workers[0], s->current) != DT_OK)
		dt_log(&s->logger->log, DT_LOG_WARNING, NULL,
		    "the kernel does not steer connection ids (%s): workers hand them over", strerror(errno));
}

static enum dt_err
make_workers(struct dt_server *s, struct dt_config_report *report)
{
	s->workers = dt_alloc_array(s->worker_count, sizeof(*s->workers));
	if (!s->workers)
		return DT_ERR_NOMEM;
	s->largest_packet = largest_packet(s);
	for (uint32_t i = 0; i < s->worker_count; i++) {
		enum dt_err err = make_worker(s, i, report);
		if (err != DT_OK)
			return err;
	}
	dt_server_steer(s);
	return DT_OK;
}

static enum dt_err
start_workers(struct dt_server *s)
{
	for (uint32_t i = 0; i < s->worker_count; i++) {
		enum dt_err err = dt_worker_start(s->workers[i]);
		if (err != DT_OK)
			return err == DT_ERR_REFUSED ? err : fail(s, err, "start a worker");
	}
	for (uint32_t i = 0; i < s->worker_count; i++)
		dt_worker_serve(s->workers[i]);
	return DT_OK;
}

static enum dt_err
check_user(const struct dt_config *config, struct dt_config_report *report)
{
	const char *user = config->user;
	if (!user || dt_privileges_find(user, NULL) != DT_ERR_GONE)
		return DT_OK;
	dt_config_error_at(config, report, "/user", "there is no user \"%s\"", user);
	return DT_ERR_CONFIG;
}

static enum dt_err
drop_privileges(struct dt_server *s, struct dt_config_report *report)
{
	const char *user = s->current->config->user;
	enum dt_err err = user ? dt_privileges_drop(user) : DT_OK;
	if (err == DT_OK)
		return DT_OK;
	const char *why = err == DT_ERR_REFUSED ? "the process could become root again, so it ends"
			  : err == DT_ERR_GONE	? "no such user"
						: strerror(errno);
	dt_config_error_at(s->current->config, report, "/user", "cannot become \"%s\": %s", user, why);
	return DT_ERR_CONFIG;
}

/* ---- the whole ---- */

static enum dt_err
new_server(
    const struct dt_config *config, bool dev, struct dt_logger *logger, struct dt_server **out)
{
	struct dt_server *s = *out = dt_alloc(sizeof(*s));
	if (!s)
		return DT_ERR_NOMEM;
	dt_sites_init(&s->sites);
	s->logger = logger;
	s->dev = dev;
	s->worker_count = config->workers ? (uint32_t)config->workers : dt_thread_cpus();
	if (s->worker_count > DT_CONN_WORKERS_MAX)
		s->worker_count = DT_CONN_WORKERS_MAX;
	dt_random(s->cookie_secret, sizeof(s->cookie_secret));
	return DT_OK;
}

static void
free_server(struct dt_server **slot)
{
	struct dt_server *s = *slot;
	for (uint32_t i = 0; s->mailbox_list && i < s->worker_count; i++)
		if (s->mailbox_list[i])
			dt_mailbox_close(s->mailbox_list[i]);
	for (uint32_t i = 0; s->workers && i < s->worker_count; i++)
		dt_worker_free(&s->workers[i]);
	while (s->current) {
		struct dt_generation *g = s->current;
		s->current = g->older;
		dt_generation_free(&g);
	}
	dt_plugin_free(&s->plugin);
	for (uint32_t i = 0; s->mailbox_list && i < s->worker_count; i++)
		if (s->mailbox_list[i])
			dt_mailbox_fini(s->mailbox_list[i]);
	dt_free(s->mailboxes);
	dt_free(s->mailbox_list);
	dt_free(s->workers);
	dt_free(s->addresses);
	dt_sites_fini(&s->sites);
	dt_free_secret(s, sizeof(*s));
	*slot = NULL;
}

/* What can be found out without leaving a trace. */
static enum dt_err
read_all(struct dt_server *s, const struct dt_config *config, struct dt_config_report *report)
{
	enum dt_err user = check_user(config, report);
	enum dt_err err = dt_generation_read(config, &s->sites, s->dev, &s->current, report);
	if (err != DT_OK)
		return err;
	s->current->number = 1;
	return user;
}

/* A start opens it first of all. */
static bool
probe_log(const struct dt_config *config, struct dt_config_report *report)
{
	const char *target = config->log.target;
	int error = strcmp(target, "stderr") != 0 ? dt_logger_probe(target) : 0;
	if (error)
		dt_config_error_at(
		    config, report, "/log/target", "%s: %s", target, strerror(error));
	return !error;
}

enum dt_err
dt_server_check(const struct dt_config *config, bool dev, struct dt_config_report *report)
{
	struct dt_server *s;
	enum dt_err err = new_server(config, dev, NULL, &s);
	if (err != DT_OK)
		return err;
	err = read_all(s, config, report);
	if (!probe_log(config, report) && err == DT_OK)
		err = DT_ERR_CONFIG;
	free_server(&s);
	return err;
}

static void
stop_workers(struct dt_server *s)
{
	for (uint32_t i = 0; s->workers && i < s->worker_count; i++)
		if (s->workers[i])
			dt_worker_stop(s->workers[i]);
	for (uint32_t i = 0; s->workers && i < s->worker_count; i++)
		if (s->workers[i])
			dt_worker_join(s->workers[i]);
}

/* In the order of what it leaves behind when a later step fails: a port in use is found before
 * files are written and modules opened. */
static enum dt_err
start(struct dt_server *s, const struct dt_config *config, struct dt_config_report *report)
{
	enum dt_err err = read_all(s, config, report);
	if (err != DT_OK)
		return err;
	if (!list_addresses(s, report))
		return report->errors ? DT_ERR_CONFIG : DT_ERR_NOMEM;
	if ((err = fail(s, make_mailboxes(s), "make the mailboxes of the workers")) != DT_OK)
		return err;
	if ((err = dt_generation_open(s->current, &s->sites, s->plugin, report)) != DT_OK)
		return err;
	if ((err = make_workers(s, report)) != DT_OK)
		return err;
	if ((err = drop_privileges(s, report)) != DT_OK)
		return err;
	return start_workers(s);
}

enum dt_err
dt_server_start(const struct dt_config *config, bool dev, struct dt_logger *logger,
    struct dt_server **out, struct dt_config_report *report)
{
	enum dt_err err = new_server(config, dev, logger, out);
	if (err != DT_OK)
		return err;
	err = start(*out, config, report);
	if (err != DT_OK) {
		stop_workers(*out);
		free_server(out);
	}
	return err;
}

void
dt_server_stop(struct dt_server **slot)
{
	struct dt_server *s = *slot;
	struct dt_counters sum;
	const struct dt_generation *g = s->current;
	for (size_t i = 0; i < g->endpoint_count; i++)
		dt_stats_log_open(&s->logger->log, &g->endpoints[i]);
	stop_workers(s);
	dt_server_counters(s, &sum);
	dt_stats_log(&s->logger->log, &sum);
	for (size_t i = 0; i < g->endpoint_count; i++)
		dt_stats_log_chain(&s->logger->log, g->endpoints[i].config->name, g->endpoints[i].chain);
	free_server(slot);
}

void
dt_server_addresses(const struct dt_server *s,
    void (*each)(void *arg, const char *server, const struct dtlsd_address *address), void *arg)
{
	for (size_t i = 0; i < s->address_count; i++)
		each(arg, s->addresses[i].site->name, &s->addresses[i].bound);
}

uint32_t
dt_server_workers(const struct dt_server *s)
{
	return s->worker_count;
}

struct dt_mailbox *
dt_server_mailbox(const struct dt_server *s, uint32_t worker)
{
	DT_ASSERT(worker < s->worker_count);
	return s->mailbox_list[worker];
}

const struct dt_endpoint *
dt_server_endpoint(const struct dt_server *s, size_t index)
{
	return index < s->current->endpoint_count ? &s->current->endpoints[index] : NULL;
}

void
dt_server_counters(const struct dt_server *s, struct dt_counters *sum)
{
	*sum = (struct dt_counters){0};
	for (uint32_t i = 0; i < s->worker_count; i++)
		dt_counters_add(sum, dt_worker_counters(s->workers[i]));
}
