/* client.h - a client of a simulation: OpenSSL as it comes, its datagrams on the simulated link.
 *
 * Its repetition timer runs on the simulated clock. Owner: struct sim. Threads: none.
 */
#ifndef DT_TESTS_SIM_CLIENT_H
#define DT_TESTS_SIM_CLIENT_H

#include <openssl/ssl.h>

#include "base/list.h"
#include "base/span.h"
#include "link.h"

enum sim_client_state { SIM_NEW, SIM_BUSY, SIM_UP, SIM_CLOSED, SIM_FAILED };

struct sim_message {
	struct dt_list node;
	size_t len;
	uint8_t bytes[];
};

struct sim_client {
	struct dt_list node;
	struct sim_link *link; /* borrowed */
	uint32_t number;       /* stands in its address; another one: it has moved */
	SSL *ssl;	       /* owned; settings are the test's until sim_client_start() */
	enum sim_client_state state;
	struct dt_span next_in;	    /* borrowed: what OpenSSL reads next */
	struct dt_mono deadline;    /* of OpenSSL's timer */
	bool lenient;		    /* another association may answer it, or a forger: no failure */
	int alert, warning;	    /* last fatal alert, last warning from the server; -1 = none */
	struct dt_list messages;    /* owned: what came in */
	size_t message_count;
	const char *psk_identity, *psk_key; /* borrowed */
	struct sim_cid *cid; /* owned; NULL = it has neither connection id nor heartbeats (cid.h) */
};

SSL_CTX *sim_client_ctx(const char *suites); /* NULL = OpenSSL's default; checks no certificate */

void sim_client_start(struct sim_client *c);
void sim_client_send(struct sim_client *c, const void *data, size_t len);
/* close_notify */
void sim_client_close(struct sim_client *c);
/* Whether the newest message is this text. */
bool sim_client_got(const struct sim_client *c, const char *text);

/* Lets go of the messages that came so far; message_count stays. */
void sim_client_forget(struct sim_client *c);

/* For struct sim. */
void sim_client_init(struct sim_client *c, struct sim_link *link, uint32_t number, SSL_CTX *ctx);
void sim_client_fini(struct sim_client *c);
void sim_client_input(struct sim_client *c, struct sim_packet *p);
void sim_client_timer(struct sim_client *c);

#endif
