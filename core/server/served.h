/* served.h - what a worker serves: a dt_service for each living chain of each server.
 *
 * A new generation is taken over in two steps: prepare starts its new chains, and can be taken
 * back; commit cannot fail. A service whose chain stays gets the new settings in place, so its
 * connections go on under them. One whose chain is no longer configured retires: it lets nobody in,
 * and its connections go on under the old chain until they end. Owner: a worker. Threads: the
 * worker's own.
 */
#ifndef DT_SERVER_SERVED_H
#define DT_SERVER_SERVED_H

#include "plugin/worker.h"
#include "server/generation.h"

struct dt_served {
	struct dt_list node;
	struct dt_service service;
	struct dt_site *site;	/* borrowed */
	struct dt_chain *chain; /* borrowed: a generation holds it for as long as this lives */
	bool retired;
};

struct dt_served_list {
	struct dt_list list;
	struct dt_plugin_worker *plugin; /* borrowed */
};

void dt_served_init(struct dt_served_list *l, struct dt_plugin_worker *plugin);
/* Stops all chains that are left. */
void dt_served_fini(struct dt_served_list *l);

/* Starts the chains that do not run here. When one does not start nothing has changed:
 * DT_ERR_REFUSED (it is in the log), DT_ERR_NOMEM. */
enum dt_err dt_served_prepare(struct dt_served_list *l, struct dt_generation *g) DT_MUST_USE;
/* Takes back what prepare did. */
void dt_served_roll_back(struct dt_served_list *l, struct dt_generation *g);
/* From now on `g` is what is served. Requires: prepared. */
void dt_served_commit(struct dt_served_list *l, struct dt_generation *g);

/* The service that lets clients of the server in; NULL when the server is not configured now. */
struct dt_service *dt_served_find(const struct dt_served_list *l, const struct dt_site *site);
/* New handshakes: refused or not, on all that are not retired. */
void dt_served_listen(struct dt_served_list *l, bool listening);

/* The service that lets clients of the same server in; NULL when there is none. */
const struct dt_service *dt_served_now(const struct dt_served_list *l, const struct dt_service *service);
/* The service of a chain; NULL when it does not run here. */
struct dt_service *dt_served_of(const struct dt_served_list *l, const struct dt_chain *chain);
/* Connections of retired services with this chain; stops the chain when there are none. */
uint32_t dt_served_leave(struct dt_served_list *l, const struct dt_chain *chain);

#endif
