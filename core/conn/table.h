/* table.h - all connections of one worker: found by path, by id, and one after another.
 *
 * Also the entrance: dt_conns_input() takes a datagram from the wire, finds its connection or
 * takes it through admission (admit.c).
 * Owner: one for each worker. Threads: none.
 */
#ifndef DT_CONN_TABLE_H
#define DT_CONN_TABLE_H

#include "base/counters.h"
#include "base/log.h"
#include "base/siphash.h"
#include "conn/conn.h"
#include "conn/keep_alive.h"
#include "conn/move.h"
#include "conn/pause.h"
#include "conn/psk_file.h"
#include "dtls/cookie.h"
#include "dtls/handshake.h"
#include "io/wheel.h"

#define DT_CONN_WORKERS_MAX 128u /* the top bit of an id is 0 */
#define DT_CONN_SLOTS_MAX (1u << 24)

/* Where datagrams go: `reserve` gives space for one of up to `cap` bytes along the path, or NULL
 * when it cannot be sent now; `commit` sends its first `len` bytes at the end of the turn. */
struct dt_conn_out {
	void *arg;
	uint8_t *(*reserve)(void *arg, void *socket, const struct dt_path *path, size_t cap);
	void (*commit)(void *arg, size_t len);
};

/* How many there are, on all workers together. */
struct dt_service_load {
	_Atomic uint32_t connections, handshakes;
};

/* What one server of the configuration means to its connections. One for each worker and server;
 * `listening` is set by the worker, all else is read-only while it runs. */
struct dt_service {
	const char *name;
	const struct dt_conn_events *events;	/* borrowed */
	struct dt_tls *tls;			/* borrowed: shared by the workers */
	const struct dt_psk_file *psk_file;	/* borrowed; NULL = none */
	struct dt_dur idle_timeout;		/* 0 = never */
	struct dt_keep_alive_config keep_alive;
	bool tls_records;			/* each is logged, and told to the events */
	bool exporter;				/* secrets for dt_conn_export() are kept  */
	bool connection_id;			/* is given to clients that ask for one */
	enum dt_move_policy move_policy;
	struct dt_pause_limits pause_queue;
	struct dt_dur handshake_timeout;	/* the whole of it */
	struct dt_service_load *load;		/* borrowed: shared by the workers */
	uint32_t connection_limit, handshake_limit; /* of all workers together */
	uint64_t hellos_per_prefix, hellos_window_ns; /* budget of cookies to verify; 0 = none */
	bool listening;				/* false: no new handshakes */
	uint32_t connections;			/* of this worker that were born under it */
};

/* A socket of this worker and whom it serves. Lives as long as the worker. */
struct dt_listener {
	struct dt_service *service;
	void *socket; /* given back to dt_conn_out.reserve */
};

/* What happens to connections, for somebody who looks on. */
enum dt_conn_sight {
	DT_SIGHT_CONNECTED,    /* text: the suite */
	DT_SIGHT_REFUSED,      /* text: why, as for the two below */
	DT_SIGHT_FAILED,
	DT_SIGHT_DISCONNECTED,
	DT_SIGHT_DATA_IN,      /* bytes of a datagram, no text */
	DT_SIGHT_DATA_OUT,
};
struct dt_conn_onlooker {
	void *arg; /* borrowed */
	/* NULL = nobody. It may read the connection, and call nothing of this room. */
	void (*saw)(void *arg, const struct dt_conn *c, enum dt_conn_sight what, const char *text,
	    size_t bytes);
};

struct dt_conns_config {
	uint32_t worker;
	struct dt_wheel *wheel;		/* borrowed */
	struct dt_counters *counters;	/* borrowed */
	struct dt_log *log;		/* borrowed */
	struct dt_conn_out out;
	const uint8_t *cookie_secret;	/* DT_COOKIE_SECRET_LEN bytes, borrowed for the call */
	struct dt_siphash_key hash_key;
	size_t handshake_memory;	/* bytes that all half-open peers may hold */
	size_t last_flight_memory;	/* bytes of last flights that are kept */
	size_t pause_memory;		/* bytes of data that may wait on paused connections */
};

enum dt_err dt_conns_new(const struct dt_conns_config *config, struct dt_conns **out) DT_MUST_USE;
/* Every connection must be closed before. */
void dt_conns_free(struct dt_conns **conns);

/* One datagram. `data` has `capacity` >= len bytes and may be overwritten. */
void dt_conns_input(struct dt_conns *conns, struct dt_listener *listener, const struct dt_path *path,
    uint8_t *data, size_t len, size_t capacity, struct dt_now now);

/* The system refused a datagram of `len` bytes along this path (EMSGSIZE): its connection goes on with
 * shorter ones. One that has moved by its connection id is not found. */
void dt_conns_too_long(struct dt_conns *conns, const struct dt_path *path, size_t len);
/* It refused one for another reason, an errno: it is lost. */
void dt_conns_not_sent(struct dt_conns *conns, const struct dt_path *path, int error);

/* NULL for a stale id, or one of another worker. */
struct dt_conn *dt_conns_find(struct dt_conns *conns, uint64_t id);
static inline uint32_t
dt_conn_id_worker(uint64_t id)
{
	return (uint32_t)(id >> 56);
}

/* Calls `each` for every connection; it may close the one that it was given. */
void dt_conns_each(struct dt_conns *conns, void (*each)(struct dt_conn *c, void *arg), void *arg);
/* The same, a part at a time: from *slot on, looks at `max` places. `each` returns false when it has
 * enough: *slot stays at this connection. True: there are no more. */
bool dt_conns_each_from(struct dt_conns *conns, uint32_t *slot, uint32_t max,
    bool (*each)(struct dt_conn *c, void *arg), void *arg);
size_t dt_conns_count(const struct dt_conns *conns);

void dt_conns_look_on(struct dt_conns *conns, const struct dt_conn_onlooker *onlooker);
/* From now on half-open peers may hold so many bytes. */
void dt_conns_limit_handshakes(struct dt_conns *conns, size_t bytes);
/* Timers of established connections follow what their service says now. */
void dt_conns_rearm(struct dt_conns *conns);
/* Closes all of a service (NULL: of every service). */
void dt_conns_close_all(struct dt_conns *conns, const struct dt_service *service, enum dt_close why,
    struct dt_now now);

#endif
