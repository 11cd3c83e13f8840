/* broadcast - what one client sends, all other clients of the server get.
 *
 * A worker reaches its own connections only, so each datagram is posted to every worker, its own
 * included: all receivers get the datagrams of one sender in the order in which it sent them.
 * What is on its way is bounded by the mailboxes of the workers; a full one costs the datagram.
 */
#include <dtlsd/module.h>
#include <stdlib.h>
#include <string.h>

#define DATAGRAM_MAX 16384u /* a DTLS record carries no more (RFC 6347 4.1) */

enum { RECEIVED, SENT, QUEUE_FULL, TOO_LONG };

static const struct dtlsd_counter counters[] = {
    [RECEIVED] = {"received", "datagrams taken from a client"},
    [SENT] = {"sent", "copies sent to the other clients"},
    [QUEUE_FULL] = {"queue_full", "datagrams that some workers had no place for"},
    [TOO_LONG] = {"too_long", "copies longer than what their client takes"},
};

/* What travels to the workers: the sender, then the datagram. */
struct parcel {
	uint64_t sender;
	uint8_t data[DATAGRAM_MAX];
};
#define HEAD_LEN offsetof(struct parcel, data)

static int32_t
worker_start(const struct dtlsd_ctx *c, void **worker_data)
{
	(void)c;
	*worker_data = malloc(sizeof(struct parcel));
	return *worker_data != NULL ? DTLSD_OK : DTLSD_NOMEM;
}

static void
worker_stop(const struct dtlsd_ctx *c)
{
	free(c->worker_data);
}

struct delivery {
	uint64_t sender;
	const uint8_t *data;
	size_t len;
	uint64_t sent, too_long;
};

static void
deliver_to(const struct dtlsd_ctx *c, uint64_t conn, void *arg)
{
	struct delivery *d = arg;

	if (conn == d->sender)
		return;
	int32_t answer = c->host->send(c, conn, d->data, d->len);
	d->sent += answer == DTLSD_OK;
	d->too_long += answer == DTLSD_TOO_LONG;
}

static void
deliver(const struct dtlsd_ctx *c, void *data, size_t len)
{
	struct delivery d = {.data = (const uint8_t *)data + HEAD_LEN, .len = len - HEAD_LEN};

	memcpy(&d.sender, data, sizeof(d.sender)); /* the copy of the host may not be aligned */
	c->host->for_each_conn(c, deliver_to, &d);
	c->host->count(c, SENT, d.sent);
	c->host->count(c, TOO_LONG, d.too_long);
}

static uint32_t
data_in(const struct dtlsd_ctx *c, struct dtlsd_datagram *datagram)
{
	struct parcel *parcel = c->worker_data;

	c->host->count(c, RECEIVED, 1);
	if (datagram->len > DATAGRAM_MAX) { /* a module before this one may have made it grow */
		c->host->count(c, TOO_LONG, 1);
		return DTLSD_DONE;
	}
	parcel->sender = c->conn;
	memcpy(parcel->data, datagram->data, datagram->len);
	if (c->host->post(c, UINT32_MAX, deliver, parcel, HEAD_LEN + datagram->len) < 0)
		c->host->count(c, QUEUE_FULL, 1);
	return DTLSD_DONE;
}

DTLSD_MODULE(.name = "broadcast", .version = "1.0", .counters = counters,
    .counter_count = sizeof(counters) / sizeof(counters[0]), .counter_size = sizeof(counters[0]),
    .worker_start = worker_start, .worker_stop = worker_stop, .data_in = data_in);
