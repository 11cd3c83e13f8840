/* server_state.h - the inside of a server, for server.c (start and stop) and reload.c. */
#ifndef DT_SERVER_SERVER_STATE_H
#define DT_SERVER_SERVER_STATE_H

#include "dtls/cookie.h"
#include "server/generation.h"
#include "server/server.h"
#include "server/worker.h"

struct dt_server_address {
	const struct dt_site *site;
	size_t place; /* index in its `listen` */
	struct dtlsd_address asked, bound;
};

struct dt_server {
	struct dt_logger *logger; /* borrowed */
	struct dt_sites sites;	  /* owned, like all below */
	struct dt_generation *current;
	struct dt_server_address *addresses;
	size_t address_count;
	uint32_t worker_count;
	struct dt_mailbox *mailboxes;
	struct dt_mailbox **mailbox_list;
	struct dt_worker **workers;
	struct dt_plugin *plugin;
	uint8_t cookie_secret[DT_COOKIE_SECRET_LEN];
	bool dev; /* a certificate is made where none is given */
};

#endif
