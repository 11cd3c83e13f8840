/* control.h - the control socket: a unix socket on which the operator's programs ask and order.
 *
 * Requests and answers are lines of JSON:
 *	{"id":1,"command":"stats","arguments":{"all":true}}
 *	{"id":1,"row":{…}}		no, one or many
 *	{"id":1,"ok":true,…}		or {"id":1,"error":{"code":"…","text":"…"}}
 * One request of a client after the other. It runs on the loop of the main thread and reaches the
 * workers through their mailboxes only. Every client has a bounded line, and a bounded queue of
 * answers: one that does not read is not asked what comes next, and holds up nobody.
 * Who may: root, the user of the server, members of control.group; the mode of the socket says so,
 * and what the kernel knows of the peer is looked at as well.
 * Owner: dt_run(). Threads: main.
 */
#ifndef DT_SERVER_CONTROL_H
#define DT_SERVER_CONTROL_H

#include "config/config.h"
#include "io/loop.h"
#include "server/logger.h"

struct dt_control;
struct dt_server;

struct dt_control_env {
	const struct dt_config *config; /* borrowed, like all here */
	struct dt_logger *logger;
	struct dt_loop *loop;
	void (*shut_down)(void *arg); /* somebody ordered the end */
	void *arg;
};

/* Makes the socket; *out is NULL when the configuration has none. To be called before the
 * privileges are dropped. DT_ERR_CONFIG: the report says why. */
enum dt_err dt_control_open(const struct dt_control_env *env, struct dt_control **out,
    struct dt_config_report *report) DT_MUST_USE;
/* From here on clients are answered. `server` is borrowed until dt_control_close(). */
enum dt_err dt_control_serve(struct dt_control *c, const struct dt_server *server) DT_MUST_USE;
/* Sends the clients away and removes the socket. NULL is fine, here and below. */
void dt_control_close(struct dt_control *c);
/* After dt_server_stop(): workers may hold parts of it until then. */
void dt_control_free(struct dt_control **c);

/* What can be found out without making it. */
enum dt_err dt_control_check(
    const struct dt_config *config, struct dt_config_report *report) DT_MUST_USE;

#endif
