/* worker.h - one thread that owns its sockets, its connections and its time.
 *
 * Workers share nothing but what is read-only (the endpoints) and the counts of their loads. The
 * main thread makes a worker, sockets included, starts its thread, and reaches it through its
 * mailbox only.
 * Owner: struct dt_server. Threads: new, start, stop and free on the main thread.
 */
#ifndef DT_SERVER_WORKER_H
#define DT_SERVER_WORKER_H

#include "base/counters.h"
#include "io/mailbox.h"
#include "plugin/plugin.h"
#include "server/generation.h"
#include "server/intake.h"

struct dt_worker;

struct dt_worker_config {
	uint32_t index;
	struct dt_generation *generation; /* borrowed, like all below: what it starts with */
	struct dt_intake_listen *listens;
	size_t listen_count;
	struct dt_plugin *plugin;
	struct dt_mailbox *const *mailboxes; /* of all workers, by index */
	uint32_t worker_count;
	struct dt_log *log;
	const uint8_t *cookie_secret;
	size_t packet_size, handshake_memory;
};

/* DT_ERR_SYSTEM, errno. */
enum dt_err dt_worker_new(
    const struct dt_worker_config *config, struct dt_worker **out) DT_MUST_USE;
/* The thread has ended or never began. */
void dt_worker_free(struct dt_worker **worker);

/* Starts the thread and waits until its modules have started; nobody is served yet.
 * DT_ERR_REFUSED: one did not (it is in the log), and the thread has ended. DT_ERR_SYSTEM, errno.
 */
enum dt_err dt_worker_start(struct dt_worker *w) DT_MUST_USE;
/* Now the clients, once every worker has started. */
void dt_worker_serve(struct dt_worker *w);
/* Tells it to do what its mailbox holds, to close every connection with close_notify and to end.
 * Never fails. Also for one that was not started. */
void dt_worker_stop(struct dt_worker *w);
void dt_worker_join(struct dt_worker *w);

/* Does a job on the worker's thread, between two datagrams, and waits for its end: a job must be
 * short. Requires: dt_worker_serve() was called, dt_worker_stop() was not. */
void dt_worker_do(struct dt_worker *w, void (*job)(struct dt_worker *w, void *arg), void *arg);
/* Within a job: takes over a generation that dt_served_prepare() has prepared. */
void dt_worker_commit(struct dt_worker *w, struct dt_generation *g);

/* Lets the kernel bring records with a connection id to the worker that gave it. To be called on
 * one worker when the sockets of all have been made. DT_ERR_SYSTEM: they are handed over from worker
 * to worker then. */
enum dt_err dt_worker_steer(struct dt_worker *w, struct dt_generation *g) DT_MUST_USE;

/* Threads: any, while the worker exists. */
const struct dt_counters *dt_worker_counters(const struct dt_worker *w);

#endif
