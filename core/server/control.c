#include "server/control.h"

#include "base/mem.h"
#include "io/clock.h"
#include "server/control_state.h"
#include "server/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- who may ---- */

static enum dt_err
find_owner(
    const struct dt_config *config, struct dt_control_owner *out, struct dt_config_report *report)
{
	const char *group = config->control.group;
	*out = (struct dt_control_owner){geteuid(), (gid_t)-1};
	/* A user who is not there is complained about by the start of the server. */
	if (config->user && dt_privileges_find(config->user, &out->uid) != DT_OK)
		out->uid = geteuid();
	if (!group)
		return DT_OK;
	errno = 0;
	const struct group *g = getgrnam(group);
	if (g) {
		out->group = g->gr_gid;
		return DT_OK;
	}
	dt_config_error_at(config, report, "/control/group", "there is no group \"%s\"", group);
	return DT_ERR_CONFIG;
}

static enum dt_err
complain(const struct dt_config *config, struct dt_config_report *report, const char *why)
{
	dt_config_error_at(
	    config, report, "/control/socket", "%s: %s", config->control.socket, why);
	return DT_ERR_CONFIG;
}

enum dt_err
dt_control_check(const struct dt_config *config, struct dt_config_report *report)
{
	struct dt_control_owner owner;
	char why[256];
	if (!config->control.socket)
		return DT_OK;
	enum dt_err err = find_owner(config, &owner, report);
	if (dt_control_socket_probe(config->control.socket, why, sizeof(why)) != DT_OK)
		err = complain(config, report, why);
	return err;
}

/* ---- in comes somebody ---- */

/* Says why in one line that fits into any socket, and hangs up. */
static void
turn_away(struct dt_control *c, int fd, enum dt_control_code code, const char *text)
{
	char bytes[512];
	struct dt_control_client nobody = {
	    .control = c, .lines = {.bytes = bytes, .cap = sizeof(bytes)}};
	dt_control_say_error(&nobody, "null", code, text);
	(void)send(fd, bytes, nobody.lines.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void
admit(struct dt_control *c, int fd)
{
	struct dt_control_peer peer;
	if (!dt_control_socket_allows(fd, &c->owner, &peer)) {
		dt_log(&c->env.logger->log, DT_LOG_WARNING, NULL,
		    "control: user %u, process %d may not use the socket: turned away",
		    (unsigned)peer.uid, (int)peer.pid);
		turn_away(c, fd, DT_CONTROL_DENIED,
		    "you may not use this socket: it is for root, "
		    "the user of the server, and control.group");
	} else if (c->client_count >= DT_CONTROL_CLIENTS) {
		turn_away(c, fd, DT_CONTROL_BUSY, "too many clients of the control socket");
	} else {
		dt_control_client_new(c, fd, &peer);
	}
}

/* Without a descriptor the client would stay in the backlog, and the loop would be told of it for
 * ever: one that is kept for this takes it out. */
static void
turn_away_by_spare(struct dt_control *c)
{
	close(c->spare);
	int fd = accept4(c->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		close(fd);
	c->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
socket_ready(struct dt_watch *watch, uint32_t events, struct dt_now now)
{
	struct dt_control *c = DT_CONTAINER(watch, struct dt_control, watch);
	(void)events;
	(void)now;
	int fd = accept4(c->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		admit(c, fd);
	else if (errno == EMFILE || errno == ENFILE)
		turn_away_by_spare(c);
}

static void
walk_is_back(struct dt_control_walk *walk)
{
	struct dt_control_request *r = walk->request;
	walk->away = false;
	if (r->client)
		dt_control_client_go_on(r->client);
	else
		dt_control_request_free(r);
}

static void
returns_ready(struct dt_watch *watch, uint32_t events, struct dt_now now)
{
	struct dt_control *c = DT_CONTAINER(watch, struct dt_control, returns_watch);
	struct dt_control_walk *walk;
	(void)events;
	(void)now;
	while ((walk = dt_control_returns_take(&c->returns)) != NULL)
		walk_is_back(walk);
	dt_control_bury(c);
}

/* ---- the whole ---- */

enum dt_err
dt_control_open(
    const struct dt_control_env *env, struct dt_control **out, struct dt_config_report *report)
{
	char why[256];
	*out = NULL;
	if (!env->config->control.socket)
		return DT_OK;
	struct dt_control *c = dt_alloc(sizeof(*c));
	if (!c)
		return DT_ERR_NOMEM;
	c->env = *env;
	c->socket.fd = -1;
	dt_list_init(&c->clients);
	dt_list_init(&c->graves);
	dt_watch_init(&c->watch, socket_ready);
	dt_watch_init(&c->returns_watch, returns_ready);
	c->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	c->path = dt_copy_text(env->config->control.socket);
	enum dt_err err = dt_control_returns_init(&c->returns);
	if (err == DT_OK && !c->path)
		err = DT_ERR_NOMEM;
	if (err == DT_OK)
		err = find_owner(env->config, &c->owner, report);
	if (err == DT_OK && dt_control_socket_open(&c->socket, c->path,
				&c->owner, why, sizeof(why)) != DT_OK)
		err = complain(env->config, report, why);
	if (err != DT_OK)
		dt_control_free(&c);
	*out = c;
	return err;
}

enum dt_err
dt_control_serve(struct dt_control *c, const struct dt_server *server)
{
	c->server = server;
	c->serving_since = dt_clock_now().mono;
	enum dt_err err = dt_loop_add(c->env.loop, &c->watch, c->socket.fd, EPOLLIN);
	if (err == DT_OK)
		err = dt_loop_add(c->env.loop, &c->returns_watch, c->returns.fd, EPOLLIN);
	return err;
}

void
dt_control_close(struct dt_control *c)
{
	if (!c)
		return;
	dt_loop_remove(c->env.loop, &c->watch);
	dt_loop_remove(c->env.loop, &c->returns_watch);
	dt_control_socket_close(&c->socket);
	DT_LIST_EACH(node, next, &c->clients)
		dt_control_client_close(DT_CONTAINER(node, struct dt_control_client, node));
	dt_control_bury(c);
}

void
dt_control_free(struct dt_control **slot)
{
	struct dt_control *c = *slot;
	struct dt_control_walk *walk;
	*slot = NULL;
	if (!c)
		return;
	while ((walk = dt_control_returns_take(&c->returns)) != NULL)
		walk_is_back(walk);
	dt_control_returns_fini(&c->returns);
	if (c->spare >= 0)
		close(c->spare);
	dt_free(c->path);
	dt_free(c);
}
