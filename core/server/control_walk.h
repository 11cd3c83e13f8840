/* control_walk.h - a command goes to the workers, piece by piece, and comes back with rows.
 *
 * A piece is one call through the mailbox of one worker: it looks at a bounded number of
 * connections, for a bounded time. The next one is asked for when the client has read what the last
 * one gave. So the longest answer to the slowest client takes a few kilobytes, and no worker waits.
 * Owner: the request. It belongs to the worker while it is there, and always comes back: by the
 * worker, or when its mailbox is closed; its client may be gone by then.
 * Threads: as marked.
 */
#ifndef DT_SERVER_CONTROL_WALK_H
#define DT_SERVER_CONTROL_WALK_H

#include "base/list.h"
#include "conn/table.h"
#include "server/control_command.h"

#define DT_CONTROL_PIECE 32768u /* bytes of rows */

struct dt_control_walk;
struct dt_worker;

/* On the worker, for each connection that the filter lets through. It may close this one. False: no
 * room for its row; it is seen again in the next piece. */
typedef bool dt_control_visit(struct dt_control_walk *walk, struct dt_worker *w, struct dt_conn *c);

struct dt_control_walk {
	struct dt_list node;		    /* in what came back */
	struct dt_control_returns *returns; /* borrowed */
	struct dt_control_request *request; /* borrowed: whose it is; main thread */
	const char *id;			    /* of the request, for its rows */
	const void *arguments;		    /* read-only */
	dt_control_visit *visit;
	const struct dt_control_filter *filter; /* NULL: all */
	uint64_t only;	       /* this connection; 0 = all that the filter lets through */
	const char *only_text; /* as it was asked for */
	const uint8_t *data;   /* what is to be sent; of the request */
	size_t data_len;
	uint32_t worker, slot; /* where it goes on */
	bool away;	       /* at the worker; main thread */
	bool worker_done;
	enum dt_err error;	     /* of the last one; set by visit */
	uint64_t seen, done, failed; /* connections; counted by visit, but for `seen` */
	struct dt_lines lines;	     /* rows of this piece */
	char bytes[DT_CONTROL_PIECE];
};

/* Begins one. `filter` NULL: every connection. `end` is called on the main thread when all workers
 * were visited, to add totals or to refuse; NULL = none. */
void dt_control_walk_all(struct dt_control_request *r, dt_control_visit *visit,
    const struct dt_control_filter *filter,
    void (*end)(struct dt_control_request *r, const struct dt_control_walk *walk));
/* The same for one connection, by its id in text. It is refused when there is none. */
void dt_control_walk_one(struct dt_control_request *r, dt_control_visit *visit, const char *id,
    void (*end)(struct dt_control_request *r, const struct dt_control_walk *walk));

#endif
