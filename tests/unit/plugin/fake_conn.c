#include "fake_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dt_conns {
	uint32_t worker;
	uint32_t count; /* made so far */
	struct dt_conn *conn[FAKE_CONNS];
};

struct dt_conns *
fake_conns_new(uint32_t worker)
{
	struct dt_conns *conns = calloc(1, sizeof(*conns));
	conns->worker = worker;
	return conns;
}

void
fake_conns_free(struct dt_conns *conns)
{
	for (uint32_t i = 0; i < conns->count; i++)
		free(conns->conn[i]);
	free(conns);
}

struct dt_conn *
fake_conn_new(struct dt_conns *conns, struct dt_service *service)
{
	struct dt_conn *c = calloc(1, sizeof(*c));
	uint32_t slot = conns->count++;
	if (slot >= FAKE_CONNS)
		abort();
	conns->conn[slot] = c;
	c->id = (uint64_t)conns->worker << 56 | (uint64_t)slot << 32 | (slot + 1);
	c->conns = conns;
	c->service = service;
	c->waiting = -1;
	c->max_datagram = 1000;
	c->path.peer = (struct dtlsd_address){
	    .family = DTLSD_IPV4, .port = (uint16_t)(1000 + slot), .ip = {192, 0, 2, 1}};
	c->path.local =
	    (struct dtlsd_address){.family = DTLSD_IPV4, .port = 5684, .ip = {127, 0, 0, 1}};
	return c;
}

static enum dt_gate
remember(struct dt_conn *c, enum dt_gate_kind kind, enum dt_gate gate)
{
	c->waiting = gate == DT_GATE_WAIT ? (int)kind : -1;
	return gate;
}

enum dt_gate
fake_ask_request(struct dt_conn *c, struct dtlsd_request *request)
{
	const struct dt_conn_events *ev = c->service->events;
	return remember(c, DT_GATE_REQUEST, ev->request(ev->arg, c, request));
}

enum dt_gate
fake_ask_psk(struct dt_conn *c, struct dtlsd_psk *psk)
{
	const struct dt_conn_events *ev = c->service->events;
	c->state = DT_CONN_HANDSHAKE;
	return remember(c, DT_GATE_PSK, ev->psk_lookup(ev->arg, c, psk));
}

enum dt_gate
fake_ask_auth(struct dt_conn *c, struct dtlsd_auth *auth)
{
	const struct dt_conn_events *ev = c->service->events;
	c->state = DT_CONN_HANDSHAKE;
	return remember(c, DT_GATE_AUTH, ev->client_auth(ev->arg, c, auth));
}

bool
fake_ask_moved(struct dt_conn *c, const struct dt_path *to)
{
	const struct dt_conn_events *ev = c->service->events;
	return ev->peer_moved(ev->arg, c, to);
}

void
fake_establish(struct dt_conn *c)
{
	const struct dt_conn_events *ev = c->service->events;
	c->state = DT_CONN_ESTABLISHED;
	ev->connected(ev->arg, c, 0, "OK");
}

/* ---- the functions of the conn room --------------------------------------------------------- */

uint64_t
dt_conn_id(const struct dt_conn *c)
{
	return c->id;
}

enum dt_conn_state
dt_conn_state(const struct dt_conn *c)
{
	return c->state;
}

const struct dt_path *
dt_conn_path(const struct dt_conn *c)
{
	return &c->path;
}

const struct dt_service *
dt_conn_service(const struct dt_conn *c)
{
	return c->service;
}

const struct dt_conn_traffic *
dt_conn_traffic(const struct dt_conn *c)
{
	return &c->traffic;
}

struct dt_mono
dt_conn_born(const struct dt_conn *c)
{
	(void)c;
	return (struct dt_mono){0};
}

struct dt_mono
dt_conn_active(const struct dt_conn *c)
{
	(void)c;
	return (struct dt_mono){500};
}

const char *
dt_conn_suite(const struct dt_conn *c)
{
	return c->suite;
}

const char *
dt_conn_server_name(const struct dt_conn *c)
{
	(void)c;
	return "example.org";
}

const char *
dt_conn_psk_identity(const struct dt_conn *c)
{
	(void)c;
	return NULL;
}

struct dt_span
dt_conn_certificate(const struct dt_conn *c)
{
	return c->certificate;
}

size_t
dt_conn_max_datagram(const struct dt_conn *c)
{
	return c->max_datagram;
}

void *
dt_conn_user(const struct dt_conn *c)
{
	return c->user;
}

void
dt_conn_set_user(struct dt_conn *c, void *user)
{
	c->user = user;
}

static void
note(struct dt_conn *c, const char *what)
{
	size_t used = strlen(c->asked);
	snprintf(c->asked + used, sizeof(c->asked) - used, "%s ", what);
}

void
dt_conn_pause(struct dt_conn *c)
{
	note(c, "pause");
	c->paused = true;
}

void
dt_conn_pause_ahead(struct dt_conn *c)
{
	note(c, "ahead");
}

void
dt_conn_process(struct dt_conn *c)
{
	note(c, "process");
	c->paused = false;
}

bool
dt_conn_paused(const struct dt_conn *c)
{
	return c->paused;
}

void
dt_conn_negotiated(const struct dt_conn *c, struct dt_negotiated *out)
{
	*out = c->negotiated;
}

bool
dt_conn_has_cid(const struct dt_conn *c)
{
	return c->has_cid;
}

enum dt_err
dt_conn_export(const struct dt_conn *c, const char *label, struct dt_span context, uint8_t *out, size_t len)
{
	if (c->state != DT_CONN_ESTABLISHED)
		return DT_ERR_UNSUPPORTED;
	memset(out, context.data ? (int)context.len : label[0], len);
	return DT_OK;
}

enum dt_err
dt_conn_send(struct dt_conn *c, const uint8_t *data, size_t len, struct dt_now now)
{
	(void)now;
	if (c->state != DT_CONN_ESTABLISHED)
		return DT_ERR_GONE;
	if (c->send_fails != DT_OK)
		return c->send_fails;
	note(c, "send");
	const struct dt_conn_events *ev = c->service->events;
	uint8_t space[1024];
	if (ev->data_out) {
		memcpy(space, data, len);
		if (!ev->data_out(ev->arg, c, space, &len, c->max_datagram))
			return DT_OK;
		data = space;
	}
	size_t used = strlen(c->sent);
	snprintf(c->sent + used, sizeof(c->sent) - used, "%.*s\n", (int)len, (const char *)data);
	c->sent_count++;
	c->sent_from = data;
	return DT_OK;
}

void
dt_conn_close(struct dt_conn *c, enum dt_close why, struct dt_now now)
{
	const struct dt_conn_events *ev = c->service->events;
	enum dt_conn_state was = c->state;
	(void)now;
	if (was == DT_CONN_CLOSED)
		return;
	note(c, "close");
	c->state = DT_CONN_CLOSED;
	c->waiting = -1;
	c->closed_why = why;
	if (was == DT_CONN_ESTABLISHED)
		ev->disconnected(ev->arg, c, 0, "closed");
	else if (was == DT_CONN_HANDSHAKE)
		ev->connected(ev->arg, c, 403, "failed");
	ev->released(ev->arg, c);
	c->id = 0; /* cannot be found any more */
}

bool
dt_conn_waiting(const struct dt_conn *c, enum dt_gate_kind kind)
{
	return c->waiting == (int)kind;
}

void
dt_conn_verdict(struct dt_conn *c, enum dt_gate_kind kind, bool accept, uint8_t alert,
    struct dt_span key, struct dt_now now)
{
	(void)now;
	if (!dt_conn_waiting(c, kind) || c->verdict.given)
		abort();
	c->waiting = -1;
	c->verdict =
	    (struct fake_verdict){.given = true, .accept = accept, .kind = kind, .alert = alert};
	snprintf(c->verdict.key, sizeof(c->verdict.key), "%.*s", (int)key.len,
	    key.len ? (const char *)key.data : "");
}

struct dt_conn *
dt_conns_find(struct dt_conns *conns, uint64_t id)
{
	uint32_t slot = (uint32_t)(id >> 32) & 0xffffff;
	if (dt_conn_id_worker(id) != conns->worker || slot >= conns->count)
		return NULL;
	return id && conns->conn[slot]->id == id ? conns->conn[slot] : NULL;
}

void
dt_conns_each(struct dt_conns *conns, void (*each)(struct dt_conn *c, void *arg), void *arg)
{
	for (uint32_t i = 0; i < conns->count; i++)
		if (conns->conn[i]->id)
			each(conns->conn[i], arg);
}
