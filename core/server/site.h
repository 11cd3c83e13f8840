/* site.h - what a server keeps while its configuration is exchanged: its name, its loads, its
 * secrets.
 *
 * A site is found by the name of the server; generations (generation.h) come and go.
 * Owner: struct dt_server, until the end of the process: a site that is configured no more is kept,
 * so that its last connections still count somewhere.
 * Threads: found and made on the main thread; the loads are counted by the workers.
 */
#ifndef DT_SERVER_SITE_H
#define DT_SERVER_SITE_H

#include "base/list.h"
#include "base/siphash.h"
#include "conn/table.h"
#include "dtls/tls.h"

struct dt_site {
	struct dt_list node; /* in struct dt_sites */
	char *name;	     /* owned */
	struct dt_service_load load;
	uint8_t ticket_secret[DT_TICKET_SECRET_LEN]; /* of a server without
							tls.session_reuse.ticket_key */
};

struct dt_sites {
	struct dt_list list;
	struct dt_siphash_key fingerprint_key; /* of chain entries */
};

void dt_sites_init(struct dt_sites *sites);
void dt_sites_fini(struct dt_sites *sites);
/* The site of that name, made when there is none. NULL without memory. */
struct dt_site *dt_sites_get(struct dt_sites *sites, const char *name);

#endif
