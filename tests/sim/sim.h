/* sim.h - a whole simulation: one server, its clients, the link between them, the clock.
 *
 * The server is the real core, a client is OpenSSL as it comes. Nothing sleeps: time is moved to
 * the next thing that is due. Owner: the test. Threads: none.
 */
#ifndef DT_TESTS_SIM_SIM_H
#define DT_TESTS_SIM_SIM_H

#include "client.h"
#include "clock.h"
#include "link.h"
#include "server.h"

struct sim {
	struct seeded random;
	struct sim_link link;
	struct sim_server server;
	struct dt_list clients; /* owned */
	uint32_t next_client;
};

struct sim_options sim_defaults(const char *test);
struct sim *sim_new(const struct sim_options *o);
/* Ends the clients and the server, and checks that nothing stays behind. */
void sim_free(struct sim *sim);

/* Not started yet. `ctx` is borrowed for the call. */
struct sim_client *sim_add_client(struct sim *sim, SSL_CTX *ctx);
void sim_drop_client(struct sim *sim, struct sim_client *c);

/* Goes on for so long. */
void sim_run(struct sim *sim, struct dt_dur time);
/* Goes on until no datagram is on its way; timers that are due later do not count. */
void sim_settle(struct sim *sim);

/* A client of this context that has shaken hands; or, with `wants`, failed. */
struct sim_client *sim_connect(struct sim *sim, SSL_CTX *ctx);
/* Sends a text and checks that it comes back. */
void sim_check_echo(struct sim *sim, struct sim_client *c, const char *text);

#endif
