/* control_client.c - one client: its line comes in, its queue of answers goes out. */
#include "server/control_state.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void
dt_control_client_close(struct dt_control_client *client)
{
	struct dt_control *c = client->control;
	if (client->dead)
		return;
	client->dead = true;
	int fd = client->watch.fd;
	dt_loop_remove(c->env.loop, &client->watch);
	close(fd);
	if (client->request)
		dt_control_request_leave(client->request);
	client->request = NULL;
	dt_list_remove(&client->node);
	dt_list_append(&c->graves, &client->node);
	c->client_count--;
}

void
dt_control_bury(struct dt_control *c)
{
	DT_LIST_EACH(node, next, &c->graves) {
		struct dt_control_client *client =
		    DT_CONTAINER(node, struct dt_control_client, node);
		dt_list_remove(node);
		dt_free_secret(client->in, DT_REQUEST_MAX);
		dt_free(client->out);
		dt_free(client);
	}
}

/* ---- out ---- */

static void
flush(struct dt_control_client *client)
{
	struct dt_lines *l = &client->lines;
	while (client->sent < l->len) {
		ssize_t n = send(client->watch.fd, l->bytes + client->sent, l->len - client->sent,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			dt_control_client_close(client);
		if (n < 0)
			return;
		client->sent += (size_t)n;
	}
	client->sent = l->len = 0;
}

/* ---- in ---- */

static void
receive(struct dt_control_client *client)
{
	while (!client->ended && client->in_len < DT_REQUEST_MAX) {
		ssize_t n = recv(client->watch.fd, client->in + client->in_len,
		    DT_REQUEST_MAX - client->in_len, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			dt_control_client_close(client);
		if (n < 0)
			return;
		client->ended = n == 0;
		client->in_len += (size_t)n;
	}
}

/* Begins what the next complete line asks for. False: there is none. */
static bool
take_line(struct dt_control_client *client)
{
	char *end = memchr(client->in, '\n', client->in_len);
	if (!end && client->in_len == DT_REQUEST_MAX) {
		dt_control_say_error(client, "null", DT_CONTROL_INVALID,
		    "a request is one line of less than 64 KiB");
		client->closing = true; /* nobody knows where the next one begins */
		client->in_len = 0;
		return true;
	}
	if (!end)
		return false;
	size_t len = (size_t)(end - client->in), rest = client->in_len - len - 1;
	if (len > 0)
		dt_control_request_begin(client, client->in, len);
	memmove(client->in, end + 1, rest);
	dt_wipe(client->in + rest, len + 1); /* it may have held what nobody else should see */
	client->in_len = rest;
	return true;
}

void
dt_control_client_go_on(struct dt_control_client *client)
{
	for (bool busy = true; busy && !client->dead;) {
		flush(client);
		if (client->dead)
			return;
		if (client->lines.len > 0)
			break; /* what comes next is asked for when it has read this */
		if (client->request)
			busy = dt_control_request_step(client->request);
		else if (client->closing || (!take_line(client) && client->ended))
			dt_control_client_close(client);
		else
			busy = client->request || client->lines.len > 0 ||
			       memchr(client->in, '\n', client->in_len);
	}
	if (client->dead)
		return;
	bool listens = !client->request && !client->closing && !client->ended;
	bool waits = client->lines.len > 0;
	dt_loop_change(client->control->env.loop, &client->watch,
	    (listens && !waits ? EPOLLIN : 0u) | (waits ? EPOLLOUT : 0u));
}

static void
client_ready(struct dt_watch *watch, uint32_t events, struct dt_now now)
{
	struct dt_control_client *client = DT_CONTAINER(watch, struct dt_control_client, watch);
	struct dt_control *c = client->control;
	(void)now;
	if (events & EPOLLIN)
		receive(client);
	if (!client->dead)
		dt_control_client_go_on(client);
	if (events & (EPOLLHUP | EPOLLERR))
		dt_control_client_close(client);
	dt_control_bury(c);
}

void
dt_control_client_new(struct dt_control *c, int fd, const struct dt_control_peer *peer)
{
	struct dt_control_client *client = dt_alloc(sizeof(*client));
	char *in = dt_alloc(DT_REQUEST_MAX), *out = dt_alloc(DT_CONTROL_QUEUE);
	if (client)
		dt_watch_init(&client->watch, client_ready);
	if (!client || !in || !out ||
	    dt_loop_add(c->env.loop, &client->watch, fd, EPOLLIN) != DT_OK) {
		dt_free(client);
		dt_free(in);
		dt_free(out);
		close(fd);
		return;
	}
	client->control = c;
	client->peer = *peer;
	client->in = in;
	client->out = out;
	client->lines = (struct dt_lines){.bytes = out, .cap = DT_CONTROL_QUEUE};
	dt_list_append(&c->clients, &client->node);
	c->client_count++;
}
