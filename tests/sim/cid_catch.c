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
