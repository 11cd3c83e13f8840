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
	size_t largest_packet; /* bytes of a datagram that workers have room for */
	bool dev; /* a certificate is made where none is given */
};

/* Of one worker. Each must be able to do a handshake, however many share the limit. */
size_t dt_server_handshake_memory(const struct dt_server *s, const struct dt_generation *g);
/* Connection ids lead to their workers, when a server gives any. */
void dt_server_steer(struct dt_server *s);

#endif
