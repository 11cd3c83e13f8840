/* relay - hands the datagrams of each connection to a back-end over plain UDP, and its answers
 * back to the client.
 *
 * A flow is the connected UDP socket of one connection, so the kernel itself sorts the answers:
 * what arrives on a socket is for the client it belongs to, and nobody but the back-end can send
 * to it. It opens with the connection, closes when idle, and opens again at the next datagram.
 */
#include "relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 32u	       /* datagrams read at once                               */
#define DATAGRAM_MAX 16384u    /* a DTLS record carries no more (RFC 6347 4.1)         */
#define CLOSE_MAX 64u	       /* idle flows closed in one turn                        */
#define TELL_EVERY 1000000000u /* ns; a log line per worker and back-end at most this often */

static const struct dtlsd_option option_items[] = {
    {.name = "to",
	.type = DTLSD_OPT_ADDRESS,
	.flags = DTLSD_OPT_LIST | DTLSD_OPT_REQUIRED,
	.offset = offsetof(struct relay_config, to),
	.doc = "The back-ends; each client address always has the same one."},
    {.name = "source",
	.type = DTLSD_OPT_IP,
	.flags = DTLSD_OPT_LIST,
	.offset = offsetof(struct relay_config, source),
	.def = "[]",
	.doc = "Addresses to send from, in turn; each gives about 28,000 connections a port. "
	       "Empty: the system chooses one."},
    {.name = "idle_timeout",
	.type = DTLSD_OPT_DURATION,
	.offset = offsetof(struct relay_config, idle_timeout),
	.def = "\"5m\"",
	.max = INT64_MAX,
	.doc = "Closes the socket towards the back-end after this long without a datagram; the "
	       "next one opens it again, from another port. 0s: never."},
    {.name = "proxy_protocol",
	.type = DTLSD_OPT_BOOLEAN,
	.offset = offsetof(struct relay_config, proxy_protocol),
	.def = "false",
	.doc = "Puts a PROXY protocol v2 header with the address of the client in front of every "
	       "datagram to the back-end."},
};
static const struct dtlsd_options options = DTLSD_OPTIONS(option_items, struct relay_config);

enum {
	FLOWS_OPENED,
	FLOWS_CLOSED,
	REFUSED_NO_DESCRIPTOR,
	REFUSED_NO_PORT,
	BACKEND_REFUSED,
	BACKEND_DROPPED,
	TO_BACKEND,
	TO_CLIENT,
	TOO_LONG,
	CLIENT_DROPPED,
};
static const struct dtlsd_counter counters[] = {
    [FLOWS_OPENED] = {"flows_opened", "sockets opened towards a back-end"},
    [FLOWS_CLOSED] = {"flows_closed", "sockets closed, with their connection or idle"},
    [REFUSED_NO_DESCRIPTOR] = {"refused_no_descriptor", "new connections without a descriptor"},
    [REFUSED_NO_PORT] = {"refused_no_port", "new connections without a source port"},
    [BACKEND_REFUSED] = {"backend_refused", "errors from a back-end or the way to it"},
    [BACKEND_DROPPED] = {"backend_dropped", "datagrams that could not be sent to a back-end"},
    [TO_BACKEND] = {"to_backend", "datagrams sent to a back-end"},
    [TO_CLIENT] = {"to_client", "datagrams of a back-end sent to their client"},
    [TOO_LONG] = {"too_long", "datagrams too long for the other side, dropped"},
    [CLIENT_DROPPED] = {"client_dropped", "datagrams of a back-end whose client was leaving"},
};

struct flow {
	struct flow *older, *newer; /* among the open flows of the worker */
	uint64_t used_at;	    /* ns; the last datagram either way   */
	uint32_t backend;
	int fd; /* owned; -1 = closed, and in no list */
};

/* When to speak again about one thing that keeps happening. */
struct teller {
	uint64_t next_at; /* ns */
	uint64_t silent;  /* times since the last line */
};

struct worker {
	struct flow *oldest, *newest; /* borrowed: the connections own them */
	uint64_t idle_timer;	      /* 0 = not started */
	uint32_t turn;		      /* of the source addresses */
	struct teller lack;
	struct mmsghdr messages[BATCH];
	struct iovec slices[BATCH];
	uint8_t bytes[BATCH][DATAGRAM_MAX];
	struct teller tellers[]; /* one per back-end */
};

static const struct relay_config *
config_of(const struct dtlsd_ctx *c)
{
	return c->config;
}

static const struct relay_backend *
backend_of(const struct dtlsd_ctx *c, uint32_t index)
{
	const struct relay *r = c->data;

	return &r->backends[index];
}

/* ---- instance and worker ------------------------------------------------------------------ */

static int32_t
open_instance(const struct dtlsd_ctx *c, void **data)
{
	struct relay *r = relay_new(config_of(c));

	if (r == NULL)
		return DTLSD_NOMEM;
	*data = r;
	return DTLSD_OK;
}

static void
close_instance(const struct dtlsd_ctx *c)
{
	free(c->data);
}

static int32_t
worker_start(const struct dtlsd_ctx *c, void **worker_data)
{
	const struct relay *r = c->data;
	struct worker *w = calloc(1, sizeof(*w) + r->backend_count * sizeof(struct teller));

	if (w == NULL)
		return DTLSD_NOMEM;
	for (size_t i = 0; i < BATCH; i++) {
		w->slices[i] = (struct iovec){w->bytes[i], DATAGRAM_MAX};
		w->messages[i].msg_hdr.msg_iov = &w->slices[i];
		w->messages[i].msg_hdr.msg_iovlen = 1;
	}
	*worker_data = w;
	return DTLSD_OK;
}

static void
worker_stop(const struct dtlsd_ctx *c)
{
	struct worker *w = c->worker_data;

	if (w->idle_timer != 0)
		c->host->timer_stop(c, w->idle_timer);
	free(w);
}

/* ---- trouble is told ---------------------------------------------------------------------- */

static void
tell(const struct dtlsd_ctx *c, struct teller *t, const char *what, const char *whom, int error)
{
	uint64_t now = c->host->now(c);
	char text[256];

	t->silent++;
	if (now < t->next_at)
		return;
	snprintf(text, sizeof(text), "%s%s: %s (%llu times since this was last said)", what, whom,
	    strerror(error), (unsigned long long)t->silent);
	c->host->log(c, DTLSD_LOG_WARNING, text);
	t->silent = 0;
	t->next_at = now + TELL_EVERY;
}

static void
tell_backend(const struct dtlsd_ctx *c, uint32_t backend, int error)
{
	struct worker *w = c->worker_data;

	c->host->count(c, BACKEND_REFUSED, 1);
	tell(c, &w->tellers[backend], "back-end ", backend_of(c, backend)->text, error);
}

static void
tell_lack(const struct dtlsd_ctx *c, uint32_t backend, int error)
{
	struct worker *w = c->worker_data;

	switch (relay_lack_of(error)) {
	case RELAY_NO_DESCRIPTOR:
		tell(c, &w->lack, "no descriptor left for a back-end socket", "", error);
		return;
	case RELAY_NO_PORT:
		tell(c, &w->lack, "no source port left towards back-end ",
		    backend_of(c, backend)->text, error);
		return;
	case RELAY_NO_WAY:
		tell_backend(c, backend, error);
		return;
	}
}

/* ---- the flows of a worker, oldest first --------------------------------------------------- */

static void
link_newest(struct worker *w, struct flow *f)
{
	f->newer = NULL;
	f->older = w->newest;
	if (w->newest != NULL)
		w->newest->newer = f;
	else
		w->oldest = f;
	w->newest = f;
}

static void
unlink_flow(struct worker *w, struct flow *f)
{
	if (f->older != NULL)
		f->older->newer = f->newer;
	else
		w->oldest = f->newer;
	if (f->newer != NULL)
		f->newer->older = f->older;
	else
		w->newest = f->older;
}

static void
touch_flow(const struct dtlsd_ctx *c, struct flow *f)
{
	f->used_at = c->host->now(c);
	unlink_flow(c->worker_data, f);
	link_newest(c->worker_data, f);
}

static void
close_flow(const struct dtlsd_ctx *c, struct flow *f)
{
	unlink_flow(c->worker_data, f);
	c->host->unwatch(c, f->fd);
	close(f->fd);
	f->fd = -1;
	c->host->count(c, FLOWS_CLOSED, 1);
}

static void idle_fired(const struct dtlsd_ctx *c, void *unused);

/* One timer for all flows of a worker: the oldest is the next to become idle. */
static void
arm_idle_timer(const struct dtlsd_ctx *c)
{
	struct worker *w = c->worker_data;
	uint64_t idle = (uint64_t)config_of(c)->idle_timeout;

	if (idle == 0 || w->idle_timer != 0 || w->oldest == NULL)
		return;
	uint64_t now = c->host->now(c), unused_for = now - w->oldest->used_at;
	w->idle_timer =
	    c->host->timer_start(c, unused_for < idle ? idle - unused_for : 0, idle_fired, NULL);
}

static void
idle_fired(const struct dtlsd_ctx *c, void *unused)
{
	struct worker *w = c->worker_data;
	uint64_t idle = (uint64_t)config_of(c)->idle_timeout;
	uint64_t now = c->host->now(c);

	(void)unused;
	w->idle_timer = 0;
	for (unsigned n = 0; n < CLOSE_MAX && w->oldest != NULL; n++) {
		if (now - w->oldest->used_at < idle)
			break;
		close_flow(c, w->oldest);
	}
	arm_idle_timer(c);
}

/* ---- from the back-end to the client ------------------------------------------------------- */

static void
answer_client(const struct dtlsd_ctx *c, uint64_t conn, const struct mmsghdr *m)
{
	const struct dtlsd_host *host = c->host;

	if ((m->msg_hdr.msg_flags & MSG_TRUNC) != 0) {
		host->count(c, TOO_LONG, 1);
		return;
	}
	switch (host->send(c, conn, m->msg_hdr.msg_iov->iov_base, m->msg_len)) {
	case DTLSD_OK:
		host->count(c, TO_CLIENT, 1);
		return;
	case DTLSD_TOO_LONG:
		host->count(c, TOO_LONG, 1);
		return;
	default:
		host->count(c, CLIENT_DROPPED, 1);
	}
}

_Static_assert(sizeof(void *) >= sizeof(uint64_t), "the id of a connection travels as an argument");

/* `arg` is the id of the connection: an event that comes late finds no flow, or a closed one. */
static void
read_backend(const struct dtlsd_ctx *c, int fd, void *arg)
{
	uint64_t conn = (uint64_t)(uintptr_t)arg;
	struct worker *w = c->worker_data;
	struct flow *f = c->host->conn_data(c, conn);

	if (f == NULL || f->fd != fd)
		return;
	int n = recvmmsg(fd, w->messages, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			tell_backend(c, f->backend, errno);
		return;
	}
	touch_flow(c, f);
	for (int i = 0; i < n; i++)
		answer_client(c, conn, &w->messages[i]);
}

/* ---- from the client to the back-end ------------------------------------------------------- */

static bool
open_flow(const struct dtlsd_ctx *c, struct flow *f)
{
	struct worker *w = c->worker_data;
	int fd = relay_connect(config_of(c), backend_of(c, f->backend), w->turn++);

	if (fd < 0) {
		tell_lack(c, f->backend, errno);
		return false;
	}
	if (c->host->watch(c, fd, read_backend, (void *)(uintptr_t)c->conn) != DTLSD_OK) {
		close(fd);
		return false;
	}
	f->fd = fd;
	f->used_at = c->host->now(c);
	link_newest(w, f);
	c->host->count(c, FLOWS_OPENED, 1);
	arm_idle_timer(c);
	return true;
}

/* The flow of this connection, made when there is none; NULL without memory. */
static struct flow *
need_flow(const struct dtlsd_ctx *c)
{
	struct flow *f = c->host->conn_data(c, c->conn);
	struct dtlsd_conn_info info = {.size = sizeof(info)};

	if (f != NULL)
		return f;
	if (c->host->conn_info(c, c->conn, &info) != DTLSD_OK)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->fd = -1;
	f->backend = relay_choose(c->data, &info.peer);
	if (c->host->set_conn_data(c, c->conn, f, free) != DTLSD_OK) {
		free(f);
		return NULL;
	}
	return f;
}

static ssize_t
send_backend(const struct dtlsd_ctx *c, const struct flow *f, const struct dtlsd_datagram *d)
{
	uint8_t header[RELAY_PROXY_HEADER];
	struct iovec slices[2] = {{header, 0}, {d->data, d->len}};
	struct msghdr message = {.msg_iov = slices, .msg_iovlen = 2};
	struct dtlsd_conn_info info = {.size = sizeof(info)};

	if (config_of(c)->proxy_protocol) {
		/* Never without the header: the client could write one of its own then. */
		if (c->host->conn_info(c, c->conn, &info) != DTLSD_OK) {
			errno = ENOTCONN;
			return -1;
		}
		slices[0].iov_len = relay_proxy_header(&info.peer, &info.local, header);
	}
	ssize_t n = sendmsg(f->fd, &message, MSG_DONTWAIT);
	if (n >= 0 || errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE)
		return n;
	/* This is what came back for an earlier datagram; this one has not left yet. */
	tell_backend(c, f->backend, errno);
	return sendmsg(f->fd, &message, MSG_DONTWAIT);
}

static uint32_t
data_in(const struct dtlsd_ctx *c, struct dtlsd_datagram *d)
{
	struct flow *f = need_flow(c);

	if (f == NULL || (f->fd < 0 && !open_flow(c, f))) {
		c->host->count(c, BACKEND_DROPPED, 1);
		return DTLSD_DONE;
	}
	touch_flow(c, f);
	if (send_backend(c, f, d) >= 0)
		c->host->count(c, TO_BACKEND, 1);
	else
		c->host->count(c, errno == EMSGSIZE ? TOO_LONG : BACKEND_DROPPED, 1);
	return DTLSD_DONE;
}

/* ---- the life of a connection --------------------------------------------------------------- */

/* Tries what `connected` will need: whom we cannot serve is better refused now, in silence, so
 * that it asks again, than let in and not served. Those already in are not touched. */
static uint32_t
connection_request(const struct dtlsd_ctx *c, struct dtlsd_request *request)
{
	struct worker *w = c->worker_data;
	uint32_t backend = relay_choose(c->data, &request->peer);
	int fd = relay_connect(config_of(c), backend_of(c, backend), w->turn);

	if (fd >= 0) {
		close(fd);
		return DTLSD_NEXT;
	}
	enum relay_lack lack = relay_lack_of(errno);
	tell_lack(c, backend, errno);
	if (lack == RELAY_NO_WAY)
		return DTLSD_NEXT; /* ways come back */
	c->host->count(c, lack == RELAY_NO_PORT ? REFUSED_NO_PORT : REFUSED_NO_DESCRIPTOR, 1);
	return DTLSD_REJECT;
}

static void
connected(const struct dtlsd_ctx *c, const struct dtlsd_connected *event)
{
	struct flow *f;

	if (event->status != 0)
		return;
	f = need_flow(c);
	if (f != NULL)
		open_flow(c, f); /* where it fails now, the first datagram tries again */
}

static void
disconnected(const struct dtlsd_ctx *c, const struct dtlsd_disconnected *event)
{
	struct flow *f = c->host->conn_data(c, c->conn);

	(void)event;
	if (f != NULL && f->fd >= 0)
		close_flow(c, f);
}

DTLSD_MODULE(.name = "relay", .version = "1.0", .options = &options, .counters = counters,
    .counter_count = sizeof(counters) / sizeof(counters[0]), .counter_size = sizeof(counters[0]),
    .check = relay_check, .open = open_instance, .close = close_instance,
    .worker_start = worker_start, .worker_stop = worker_stop,
    .connection_request = connection_request, .connected = connected, .data_in = data_in,
    .disconnected = disconnected);
