/* intake.h - the sockets of a worker: what comes in and whom it is for, and what goes out.
 *
 * Records of clients that are in already go first. All others have a bounded share of a turn and
 * wait when it is used up (waiting.h). A datagram with the connection id of another worker is
 * handed over through that worker's mailbox.
 * Owner: a worker. Threads: the worker's own, but for init, steer and fini.
 */
#ifndef DT_SERVER_INTAKE_H
#define DT_SERVER_INTAKE_H

#include "base/counters.h"
#include "conn/table.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "io/udp.h"
#include "plugin/worker.h"
#include "server/served.h"
#include "server/waiting.h"

/* A socket to serve: made by the server, one for each worker and address. */
struct dt_intake_listen {
	const struct dt_site *site; /* whose it is */
	struct dt_udp udp;  /* the intake takes it over */
};

struct dt_intake_config {
	uint32_t worker, worker_count;
	struct dt_mailbox *const
	    *mailboxes; /* borrowed, like all below: of all workers, by index */
	struct dt_counters *counters;
	struct dt_intake_listen *listens;
	size_t listen_count;
	size_t packet_size; /* the largest of all endpoints */
};

struct dt_intake_socket {
	struct dt_intake *intake; /* borrowed */
	struct dt_udp udp;	  /* owned, like all below */
	struct dt_udp_out out;
	struct dt_watch watch;
	const struct dt_site *site; /* borrowed */
	struct dt_listener listener;
	size_t packet_size; /* limits.packet_size of its endpoint */
};

struct dt_intake {
	uint32_t worker, worker_count;
	struct dt_mailbox *const *mailboxes; /* borrowed, like all of these */
	struct dt_counters *counters;
	struct dt_conns *conns; /* set by the worker before the first turn */
	struct dt_plugin_worker *plugin;

	struct dt_intake_socket *sockets; /* owned, like all below */
	size_t socket_count;
	struct dt_udp_batch batch;
	struct dt_waiting waiting;
	struct dt_dur spent_on_new;	  /* clients, in this turn */
	struct dt_intake_socket *sending; /* whose datagram was reserved last */
};

/* DT_ERR_NOMEM, DT_ERR_SYSTEM: dt_intake_fini() is due as well. */
enum dt_err dt_intake_init(struct dt_intake *in, const struct dt_intake_config *config) DT_MUST_USE;
/* Also for one that is half made or all zero. */
void dt_intake_fini(struct dt_intake *in);

/* From here on its sockets are read. DT_ERR_SYSTEM. */
enum dt_err dt_intake_watch(struct dt_intake *in, struct dt_loop *loop) DT_MUST_USE;
void dt_intake_unwatch(struct dt_intake *in, struct dt_loop *loop);
/* What the sockets serve from now on. */
void dt_intake_serve(struct dt_intake *in, const struct dt_served_list *served, struct dt_generation *g);
/* As dt_udp_steer(), on every socket whose server gives connection ids. */
enum dt_err dt_intake_steer(struct dt_intake *in, struct dt_generation *g) DT_MUST_USE;

/* Where the connections of this worker send to. */
struct dt_conn_out dt_intake_out(struct dt_intake *in);

/* At the end of a turn: those who wait have what is left of their share. */
void dt_intake_take_waiting(struct dt_intake *in, struct dt_now now);
/* At the very end: what was sent goes to the kernel. */
void dt_intake_flush(struct dt_intake *in);

#endif
