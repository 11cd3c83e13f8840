/* reload.c - one configuration takes the place of another, with every connection going on.
 *
 * All that can fail comes first: the file is read, keys and modules are opened, every worker starts
 * what is new. Only then do the workers take it over, one after the other, each between two
 * datagrams. What the generation before had and the new one has not is kept until nobody needs it.
 */
#include "base/addr.h"
#include "io/clock.h"
#include "server/server_state.h"
#include "server/worker_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GENERATIONS_MAX 4u /* that are retired and still have connections */

/* ---- what takes another start ---- */

static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void
warn_of_rest(
    const struct dt_config *old, const struct dt_config *config, struct dt_config_report *report)
{
	const struct {
		bool same;
		const char *pointer;
	} rows[] = {
	    {old->workers == config->workers, "/workers"},
	    {same_text(old->user, config->user), "/user"},
	    {same_text(old->control.socket, config->control.socket), "/control/socket"},
	    {same_text(old->control.group, config->control.group), "/control/group"},
	    {same_text(old->log.target, config->log.target), "/log/target"},
	    {old->log.format == config->log.format, "/log/format"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!rows[i].same)
			dt_config_warning_at(
			    config, report, rows[i].pointer, "takes effect with the next start");
}

static bool
same_socket(const struct dt_config_socket *a, const struct dt_config_socket *b)
{
	return a->receive_buffer == b->receive_buffer && a->send_buffer == b->send_buffer &&
	       a->dual_stack == b->dual_stack && a->share_port == b->share_port &&
	       a->dont_fragment == b->dont_fragment && a->dscp == b->dscp;
}

static void
say(const struct dt_generation *g, const struct dt_endpoint *e, bool error, const char *member,
    const char *text, struct dt_config_report *report)
{
	char pointer[128];
	snprintf(pointer, sizeof(pointer), "%s%s", e->config->pointer, member);
	if (error)
		dt_config_error_at(g->config, report, pointer, "%s", text);
	else
		dt_config_warning_at(g->config, report, pointer, "%s", text);
}

static bool
same_addresses(const struct dtlsd_list *a, const struct dtlsd_list *b)
{
	for (uint32_t i = 0; i < a->count && i < b->count; i++)
		if (!dt_addr_equal(&((const struct dtlsd_address *)a->items)[i],
			&((const struct dtlsd_address *)b->items)[i]))
			return false;
	return a->count == b->count;
}

/* Sockets stay as they were opened. */
static void
compare_sockets(
    const struct dt_server *s, const struct dt_generation *g, struct dt_config_report *report)
{
	const char *later = "takes effect with the next start";
	for (size_t i = 0; i < g->endpoint_count; i++) {
		const struct dt_endpoint *e = &g->endpoints[i];
		const struct dt_endpoint *old = dt_generation_find(s->current, e->site);
		if (!old)
			say(g, e, true, "", "a new server takes another start", report);
		else if (!same_addresses(&e->config->listen, &old->config->listen))
			say(g, e, true, "/listen", "other addresses take another start", report);
		if (old && !same_socket(&e->config->socket, &old->config->socket))
			say(g, e, false, "/socket", later, report);
		if (e->config->limits.packet_size > s->largest_packet)
			say(g, e, false, "/limits/packet_size", later, report);
	}
	if (g->endpoint_count < s->current->endpoint_count)
		dt_config_error_at(
		    g->config, report, "/servers", "one server less takes another start");
}

/* ---- taking over ---- */

struct job {
	struct dt_generation *generation;
	enum dt_err err;
	size_t handshake_memory; /* bytes of a worker */
};

static void
prepare(struct dt_worker *w, void *arg)
{
	struct job *job = arg;
	job->err = dt_served_prepare(&w->served, job->generation);
}

static void
roll_back(struct dt_worker *w, void *arg)
{
	struct job *job = arg;
	dt_served_roll_back(&w->served, job->generation);
}

static void
commit(struct dt_worker *w, void *arg)
{
	struct job *job = arg;
	dt_conns_limit_handshakes(w->conns, job->handshake_memory);
	dt_worker_commit(w, job->generation);
}

/* On every worker, or on none. */
static enum dt_err
prepare_workers(struct dt_server *s, struct job *job)
{
	for (uint32_t i = 0; i < s->worker_count; i++) {
		dt_worker_do(s->workers[i], prepare, job);
		if (job->err == DT_OK)
			continue;
		while (i-- > 0)
			dt_worker_do(s->workers[i], roll_back, job);
		return job->err;
	}
	return DT_OK;
}

static void
take_over(struct dt_server *s, struct dt_generation *g)
{
	struct job job = {g, DT_OK, dt_server_handshake_memory(s, g)};
	for (uint32_t i = 0; i < s->worker_count; i++)
		dt_worker_do(s->workers[i], commit, &job);
	s->current->close_at =
	    dt_mono_add(dt_clock_now().mono, (struct dt_dur){g->config->reload_drain});
	g->number = s->current->number + 1;
	g->older = s->current;
	s->current = g;
	s->logger->log.level = g->config->log.level;
	dt_server_steer(s);
}

enum dt_err
dt_server_reload(
    struct dt_server *s, const struct dt_config *config, struct dt_config_report *report)
{
	struct dt_generation *g;
	enum dt_err err = dt_generation_read(config, &s->sites, s->dev, &g, report);
	if (err != DT_OK)
		return err;
	compare_sockets(s, g, report);
	warn_of_rest(s->current->config, config, report);
	err = report->errors ? DT_ERR_CONFIG : dt_generation_open(g, &s->sites, s->plugin, report);
	struct job job = {.generation = g};
	if (err == DT_OK)
		err = prepare_workers(s, &job);
	if (err != DT_OK) {
		dt_generation_free(&g);
		return err;
	}
	take_over(s, g);
	dt_server_tend(s, dt_clock_now());
	return DT_OK;
}

/* ---- generations that have retired ---- */

struct leaving {
	const struct dt_chain *chain;
	bool close; /* whoever is left */
	struct dt_now now;
	uint32_t left;
};

static void
leave(struct dt_worker *w, void *arg)
{
	struct leaving *l = arg;
	struct dt_service *service = dt_served_of(&w->served, l->chain);
	if (service && l->close)
		dt_conns_close_all(w->conns, service, DT_CLOSE_RELOADED, l->now);
	l->left += dt_served_leave(&w->served, l->chain);
}

/* Whether a later generation goes on with the chain. */
static bool
is_kept(const struct dt_server *s, const struct dt_generation *g, const struct dt_chain *chain)
{
	for (const struct dt_generation *later = s->current; later != g; later = later->older)
		for (size_t i = 0; i < later->endpoint_count; i++)
			if (later->endpoints[i].chain == chain)
				return true;
	return false;
}

/* True: nobody needs it any more. */
static bool
let_go(struct dt_server *s, struct dt_generation *g, bool close, struct dt_now now)
{
	uint32_t left = 0;
	for (size_t i = 0; i < g->endpoint_count; i++) {
		struct leaving l = {g->endpoints[i].chain, close, now, 0};
		if (is_kept(s, g, l.chain))
			continue;
		for (uint32_t w = 0; w < s->worker_count; w++)
			dt_worker_do(s->workers[w], leave, &l);
		left += l.left;
	}
	return left == 0 && !dt_generation_busy(g);
}

bool
dt_server_tend(struct dt_server *s, struct dt_now now)
{
	unsigned living = 0;
	for (struct dt_generation **at = &s->current->older; *at;) {
		struct dt_generation *g = *at;
		bool close = dt_mono_reached(g->close_at, now.mono) || living >= GENERATIONS_MAX;
		if (let_go(s, g, close, now)) {
			*at = g->older;
			dt_log(&s->logger->log, DT_LOG_DEBUG, NULL,
			    "generation %" PRIu64 " has ended", g->number);
			dt_generation_free(&g);
		} else {
			at = &g->older;
			living++;
		}
	}
	return living > 0;
}
