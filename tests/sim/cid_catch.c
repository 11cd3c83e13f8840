#include "cid_catch.h"

#include <string.h>

static void
take_question(struct cid_catcher *k, uint32_t to, const uint8_t *data, size_t len)
{
	cr_assert(k->questions < CID_QUESTIONS);
	struct cid_question *q = &k->question[k->questions++];
	cr_assert(len <= sizeof(q->message));
	q->to = to;
	q->len = len;
	memcpy(q->message, data, len);
}

static void
take_record(struct cid_catcher *k, uint32_t to, struct dt_record *rec)
{
	uint8_t *data;
	size_t len;
	uint8_t type = sim_cid_open(k->client, rec, &data, &len);
	if (type == SIM_RRC)
		cr_assert(len == SIM_RRC_LEN && data[0] <= 1);
	if (type == SIM_RRC && data[0] == 1) {
		k->responses++;
		memcpy(k->response, data, len);
	} else if (type == SIM_HEARTBEAT || type == SIM_RRC) {
		take_question(k, to, data, len);
	} else {
		k->replies++;
		cr_assert(len <= sizeof(k->text));
		memcpy(k->text, data, len);
		k->len = len;
	}
}

static bool
catch_packet(void *arg, struct sim_packet *p)
{
	struct cid_catcher *k = arg;
	struct dt_record rec;
	size_t at = 0;
	if (p->to_server)
		return true;
	k->to = p->client;
	k->bytes += p->len;
	while (sim_record_next(p->bytes, p->len, &at, k->client->cid->id_len, &rec))
		take_record(k, p->client, &rec);
	return false;
}

void
cid_catch(struct cid_world *w, struct cid_catcher *k, struct sim_client *c)
{
	*k = (struct cid_catcher){.client = c};
	w->sim->link.tap = catch_packet;
	w->sim->link.tap_arg = k;
}

void
cid_forget(struct cid_catcher *k)
{
	k->replies = k->questions = k->responses = 0;
	k->bytes = 0;
}

const struct cid_question *
cid_asked(const struct cid_catcher *k)
{
	cr_assert(k->questions);
	return &k->question[k->questions - 1];
}

size_t
cid_give(struct cid_world *w, struct sim_client *c, uint32_t from, uint8_t type, const void *data, size_t len)
{
	static uint8_t d[SIM_RECORD_MAX];
	size_t n = sim_cid_seal(c, type, data, len, d);
	sim_server_input(&w->sim->server, from, d, n);
	return n;
}

size_t
cid_say(struct cid_world *w, struct sim_client *c, uint32_t from, size_t bytes)
{
	static uint8_t data[2048];
	memset(data, 's', bytes);
	return cid_give(w, c, from, DT_APPLICATION_DATA, data, bytes);
}

void
cid_answer(struct cid_world *w, struct sim_client *c, const struct cid_question *q, uint32_t from)
{
	uint8_t message[100] = {1};
	if (c->cid->rrc) {
		memcpy(message + 1, q->message + 1, SIM_RRC_LEN - 1);
		cid_give(w, c, from, SIM_RRC, message, SIM_RRC_LEN);
		return;
	}
	size_t claimed = (size_t)q->message[1] << 8 | q->message[2];
	size_t len = sim_heartbeat(2, claimed, q->message + 3, claimed, 16, message);
	cid_give(w, c, from, DT_HEARTBEAT, message, len);
}

bool
cid_is_at(struct cid_world *w, uint32_t address)
{
	struct dt_path p = sim_path(address);
	uint64_t id = sim_newest(&w->sim->server)->id;
	return dt_path_equal(dt_conn_path(dt_conns_find(w->sim->server.conns, id)), &p);
}

struct sim_options
cid_rrc_options(enum dt_move_policy policy)
{
	struct sim_options o = cid_options("path checks");
	o.move_policy = policy;
	o.heartbeat = DT_HEARTBEAT_PEER_MAY_SEND;
	return o;
}

struct sim_client *
cid_rrc_world(struct cid_world *w, enum dt_move_policy policy, size_t id_len, struct cid_catcher *k)
{
	struct sim_options o = cid_rrc_options(policy);
	cid_world_init(w, o.test, &o);
	struct sim_client *c = cid_add(w, id_len);
	c->cid->offers_rrc = true;
	c->cid->mode = 1;
	cid_start(w, c);
	cr_assert(c->cid->rrc);
	cid_catch(w, k, c);
	return c;
}

size_t
cid_check(struct cid_world *w, struct sim_client *c, uint32_t from, uint8_t type, const uint8_t cookie[8])
{
	uint8_t message[SIM_RRC_LEN] = {type};
	memcpy(message + 1, cookie, 8);
	return cid_give(w, c, from, SIM_RRC, message, sizeof(message));
}

void
cid_say_left(struct cid_world *w, struct sim_client *c, const struct cid_question *q, uint32_t from)
{
	cid_check(w, c, from, 2, q->message + 1);
}

bool
cid_is_limited(struct cid_world *w)
{
	static const uint8_t big[1400];
	for (int i = 0; i < 20; i++)
		if (sim_server_send(&w->sim->server, big, sizeof(big)) == DT_ERR_AGAIN)
			return true;
	return false;
}
