/* control_state.h - the inside of the control socket, shared by the files control_*.c only.
 *
 * Threads: main, but for struct dt_control_returns.
 */
#ifndef DT_SERVER_CONTROL_STATE_H
#define DT_SERVER_CONTROL_STATE_H

#include "server/control_socket.h"
#include "server/control_walk.h"

#include <pthread.h>

#define DT_CONTROL_CLIENTS 128u
#define DT_CONTROL_QUEUE 262144u /* bytes of answers that wait for a client */
#define DT_CONTROL_LAST 4096u	 /* of these, kept for the line that ends an answer */
#define DT_CONTROL_TOTALS 4u

/* Walks that came back from the workers. Nothing is allocated for it: it never fails. */
struct dt_control_returns {
	pthread_mutex_t lock; /* guards the list */
	struct dt_list walks;
	int fd; /* owned eventfd */
};

struct dt_control {
	struct dt_control_env env;
	const struct dt_server *server; /* borrowed; NULL = not served */
	struct dt_mono serving_since;
	struct dt_control_owner owner;
	struct dt_control_socket socket;
	char *path; /* owned: a reload frees the configuration that named it */
	struct dt_watch watch;	/* of the socket */
	int spare;		/* owned descriptor: given up to turn somebody away */
	struct dt_list clients; /* owned */
	size_t client_count;
	struct dt_list graves; /* owned: clients that are freed when nobody can hold them */
	struct dt_control_returns returns;
	struct dt_watch returns_watch;
};

struct dt_control_request {
	struct dt_control *control;
	struct dt_control_client *client; /* borrowed; NULL = gone */
	const struct dt_control_command *command;
	struct dt_request asked;
	void *arguments; /* owned */
	uint8_t *data;	 /* owned; NULL = none */
	size_t data_cap, data_len;
	size_t rows, rows_written; /* of this call; of all */
	bool more;		   /* rows found no room */
	bool refused;		   /* the last line is in the queue */
	size_t total_count;
	struct {
		const char *name;
		uint64_t value;
	} totals[DT_CONTROL_TOTALS];
	struct dt_control_walk *walk; /* owned; NULL = none */
	void (*walk_end)(struct dt_control_request *r, const struct dt_control_walk *walk);
};

struct dt_control_client {
	struct dt_list node; /* of the clients, or of the graves */
	struct dt_control *control;
	struct dt_watch watch;
	struct dt_control_peer peer;
	char *in; /* owned: DT_REQUEST_MAX bytes */
	size_t in_len;
	bool ended;   /* it says nothing more */
	bool closing; /* once the queue is empty */
	bool dead;
	char *out;   /* owned: DT_CONTROL_QUEUE bytes, once there was something to say */
	size_t sent; /* bytes of lines.bytes */
	struct dt_lines lines;
	struct dt_control_request *request; /* owned; NULL = none runs */
};

/* control_client.c */
void dt_control_client_new(struct dt_control *c, int fd, const struct dt_control_peer *peer);
/* Does what can be done: sends, goes on with the request, takes the next line. */
void dt_control_client_go_on(struct dt_control_client *client);
void dt_control_client_close(struct dt_control_client *client);
/* Frees clients that are dead. Requires: none of their functions is on the stack. */
void dt_control_bury(struct dt_control *c);

/* control_request.c */
/* Begins with a line; client->request is set unless it is answered already. */
void dt_control_request_begin(struct dt_control_client *client, const char *line, size_t len);
/* False: it waits for a worker. It may be gone after true. */
bool dt_control_request_step(struct dt_control_request *r);
/* Its client is gone; frees it, at once or when it comes back from a worker. */
void dt_control_request_leave(struct dt_control_request *r);
void dt_control_request_free(struct dt_control_request *r);
/* A last line of its own, without a request. `id` is JSON text. */
void dt_control_say_error(
    struct dt_control_client *client, const char *id, enum dt_control_code code, const char *text);

/* control_walk.c */
/* The next piece is on its way, or the walk is over; false: it is away. */
bool dt_control_walk_step(struct dt_control_request *r);
enum dt_err dt_control_returns_init(struct dt_control_returns *t) DT_MUST_USE;
void dt_control_returns_fini(struct dt_control_returns *t);
/* The next that came back; NULL = none. */
struct dt_control_walk *dt_control_returns_take(struct dt_control_returns *t);

#endif
