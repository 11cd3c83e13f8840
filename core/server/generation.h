/* generation.h - one configuration come to life: the endpoints of all its servers.
 *
 * A reload makes a new one. It becomes the current one once every worker has taken it over; the one
 * before lives on for as long as handshakes or connections need what is in it.
 * Owner: struct dt_server. Threads: made and freed on the main thread; the workers read it.
 */
#ifndef DT_SERVER_GENERATION_H
#define DT_SERVER_GENERATION_H

#include "server/endpoint.h"

struct dt_generation {
	uint64_t number;	       /* from 1 */
	struct dt_config *config;      /* held */
	struct dt_endpoint *endpoints; /* owned */
	size_t endpoint_count;
	struct dt_generation *older; /* owned: retired, and still needed by somebody; NULL = none */
	struct dt_mono close_at;     /* retired: who is left then is sent away */
};

/* Reads all that the configuration names; leaves no trace outside of the process. DT_ERR_CONFIG:
 * the report says why. DT_ERR_NOMEM. */
enum dt_err dt_generation_read(const struct dt_config *config, struct dt_sites *sites, bool dev,
    struct dt_generation **out, struct dt_config_report *report) DT_MUST_USE;
/* Opens files and modules. DT_ERR_CONFIG. */
enum dt_err dt_generation_open(struct dt_generation *g, struct dt_sites *sites,
    struct dt_plugin *plugin, struct dt_config_report *report) DT_MUST_USE;
/* Also one that was not opened; no worker uses it. */
void dt_generation_free(struct dt_generation **g);

/* The endpoint of a server; NULL when it is not configured here. */
struct dt_endpoint *dt_generation_find(struct dt_generation *g, const struct dt_site *site);
/* Whether handshakes, or connections whose records are OpenSSL's, still hold on to it. */
bool dt_generation_busy(const struct dt_generation *g);

#endif
