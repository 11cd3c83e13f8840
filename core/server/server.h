/* server.h - the whole server: endpoints, workers, what they share.
 *
 * From a configuration to a running server and back. Everything is reachable from here; there are
 * no globals.
 * Owner: the program. Threads: the main thread.
 */
#ifndef DT_SERVER_SERVER_H
#define DT_SERVER_SERVER_H

#include <stdbool.h>

#include "base/counters.h"
#include "base/time.h"
#include "config/config.h"
#include "io/mailbox.h"
#include "server/endpoint.h"
#include "server/logger.h"

struct dt_server;

/* Reads keys and certificates, opens modules and sockets, becomes the user of the configuration,
 * starts the workers. What is wrong with the configuration goes to the report (DT_ERR_CONFIG);
 * everything else into the log. `config` is held, `logger` borrowed. `dev`: a certificate is made
 * where none is given. */
enum dt_err dt_server_start(const struct dt_config *config, bool dev, struct dt_logger *logger,
    struct dt_server **out, struct dt_config_report *report) DT_MUST_USE;
/* Another configuration takes the place of the one that is served, and no connection ends. Chains that
 * changed serve new connections only; those of before go on for reload_drain at most. DT_ERR_CONFIG: the report
 * says why; DT_ERR_REFUSED: a module did not start on a worker (it is in the log), DT_ERR_NOMEM:
 * nothing has changed. `config` is held for as long as it is needed. */
enum dt_err dt_server_reload(struct dt_server *s, const struct dt_config *config,
    struct dt_config_report *report) DT_MUST_USE;
/* Asks the gates of the present configuration about all who are connected (dt_conn_may_stay()), and
 * closes whom they would refuse. Returns how many. */
uint32_t dt_server_reauthorize(struct dt_server *s);
/* Ends what earlier configurations have left behind and nobody needs. To be called about once a
 * second as long as it returns true, beginning with the next second after a reload. */
bool dt_server_tend(struct dt_server *s, struct dt_now now);
/* All that dt_server_start() can find out without leaving a trace: nothing is bound or opened. */
enum dt_err dt_server_check(
    const struct dt_config *config, bool dev, struct dt_config_report *report) DT_MUST_USE;
/* Writes into the log what is open, closes every connection with close_notify, stops the workers,
 * writes the counters into the log, frees everything. */
void dt_server_stop(struct dt_server **server);

/* The addresses that are served, with their real ports: calls `each` for every one. */
void dt_server_addresses(const struct dt_server *s,
    void (*each)(void *arg, const char *server, const struct dtlsd_address *address), void *arg);

/* ---- while it runs ---- */

uint32_t dt_server_workers(const struct dt_server *s);
/* How a worker is reached; its calls get the struct dt_worker (worker_state.h). */
struct dt_mailbox *dt_server_mailbox(const struct dt_server *s, uint32_t worker);
/* Of the current configuration, in its order; NULL behind the last. */
const struct dt_endpoint *dt_server_endpoint(const struct dt_server *s, size_t index);
/* Of all workers together, at this moment. */
void dt_server_counters(const struct dt_server *s, struct dt_counters *sum);

#endif
