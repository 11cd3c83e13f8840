#include "established.h"

#include <string.h>

#include "base/assert.h"
#include "conn/cid.h"
#include "dtls/rrc.h"
#include "random.h"

#define NOWHERE UINT32_MAX /* no client's number */

static struct sim *
the_server(void)
{
	static struct sim *sim;
	if (sim)
		return sim;
	struct sim_options o = sim_defaults("established");
	o.seed = 1;
	o.psk = o.psk_only = true;
	o.suites = "PSK-AES128-GCM-SHA256";
	sim = sim_new(&o);
	sim->server.service.listening = false; /* what opens nothing is answered by nothing */
	return sim;
}

/* Whether the client has moved since this was looked at. */
static void
note_move(struct established *e)
{
	uint64_t moves = sim_counter(&e->sim->server, DT_COUNT_PATHS_MOVED);
	if (moves == e->moves)
		return;
	e->moves = moves;
	e->moved_to = e->client;
	e->moved_in = e->client_len;
	e->moved_out = 0;
}

static void
note_question(struct established *e, const struct sent *s)
{
	if (s->type == DT_HEARTBEAT && s->data[0] == 1) {
		DT_ASSERT(s->len >= 3 + 16 && s->len - 3 - 16 <= sizeof(e->question));
		e->question_len = s->len - 3 - 16;
		memcpy(e->question, s->data + 3, e->question_len);
	} else if (s->type == DT_RETURN_ROUTABILITY_CHECK && s->data[0] == DT_RRC_CHALLENGE) {
		DT_ASSERT(s->len == DT_RRC_LEN);
		e->question_len = DT_RRC_COOKIE;
		memcpy(e->question, s->data + 1, DT_RRC_COOKIE);
	} else {
		return;
	}
	e->asked = s->type;
}

/* Takes what the core sends off the link. */
static bool
on_sent(void *arg, struct sim_packet *p)
{
	struct established *e = arg;
	struct sent s;
	size_t at = 0;
	note_move(e);
	if (p->client == e->moved_to)
		e->moved_out += p->len;
	while (association_read(&e->a, p->bytes, p->len, &at, &s)) {
		memcpy(e->data, s.data, s.len);
		e->len = s.len;
		e->type = s.type;
		e->sent++;
		note_question(e, &s);
	}
	return false;
}

size_t
established_answer(const struct established *e, uint8_t how, uint8_t *type, uint8_t out[128])
{
	size_t n = e->question_len;
	*type = e->asked;
	memset(out, 0, 128);
	if (e->asked == DT_HEARTBEAT) {
		out[0] = 2;
		dt_write_uint(out + 1, n, 2);
		memcpy(out + 3, e->question, n);
		out[3] ^= how & 1;
		return 3 + n + 16;
	}
	out[0] = how & 2 ? DT_RRC_DROP : DT_RRC_RESPONSE;
	memcpy(out + 1, e->question, n);
	out[1] ^= how & 1;
	return 1 + n;
}

static void
make_connection(struct established *e, const struct dt_record_state *state)
{
	struct sim_server *s = &e->sim->server;
	struct dt_path path = sim_path(0);
	struct dtlsd_request request = {.size = sizeof(request)};
	struct dt_conn *c;
	dt_conns_enter(s->conns);
	DT_ASSERT(dt_conns_add(s->conns, &s->listener, &path, sim_now(), &c) == DT_OK);
	c->session.state = *state;
	c->session.suite = state->suite;
	c->state = DT_CONN_ESTABLISHED;
	c->accepted = c->connected = true;
	e->id = c->id;
	if (e->a.id_ours) {
		dt_cid_make(c);
		memcpy(e->a.id, c->cid, DT_CID_LEN);
	}
	dt_keep_alive_heard(c, sim_now());
	dt_conn_arm(c);
	s->events.request(s, c, &request);
	s->events.connected(s, c, 0, "");
	dt_conns_leave(s->conns);
}

void
established_init(struct established *e, struct dt_reader *in)
{
	struct dt_record_state state;
	memset(e, 0, sizeof(*e));
	association_init(&e->a, in, &state);
	e->sim = the_server();
	e->sim->link.unaudited = true; /* it knows no keys that were made by hand */
	struct sim_server *s = &e->sim->server;
	sim_random_begin(1);
	sim_clock_begin();
	dt_wheel_init(&s->wheel, sim_now().mono);
	s->service.keep_alive = (struct dt_keep_alive_config){0};
	e->sim->link.tap = on_sent;
	e->sim->link.tap_arg = e;
	e->moves = sim_counter(s, DT_COUNT_PATHS_MOVED);
	e->asked = DT_HEARTBEAT;
	e->moved_to = NOWHERE;
	make_connection(e, &state);
}

void
established_fini(struct established *e)
{
	sim_server_end(&e->sim->server);
	association_fini(&e->a);
}

struct dt_conn *
established_conn(const struct established *e)
{
	return dt_conns_find(e->sim->server.conns, e->id);
}

struct sim_diary *
established_diary(const struct established *e)
{
	return sim_newest(&e->sim->server);
}

static uint32_t
client_of(const struct dt_conn *c)
{
	struct dt_reader r = dt_reader(c->path.peer.ip, 4);
	return (uint32_t)dt_read_uint(&r, 4) & 0xffffff;
}

/* Whether the core must open it: genuine, fresh, in the right form, to the right connection. */
static bool
must_open(const struct established *e, const struct dt_conn *c, uint32_t client, const struct sealed *s)
{
	if (!s || !association_is_fresh(&e->a, s->number))
		return false;
	if (!e->a.id_ours)
		return s->type != DT_TLS12_CID && client == client_of(c) && s->plain_len <= DT_PLAIN_MAX;
	return s->type == DT_TLS12_CID && memcmp(s->bytes + DT_RECORD_HEADER - 2, e->a.id, DT_CID_LEN) == 0 &&
	    s->plain_len <= DT_CID_INNER_MAX;
}

bool
established_is_modest(const struct established *e)
{
	const struct dt_conn *c = established_conn(e);
	return !c || !c->move || e->moved_out <= 3 * e->moved_in;
}

/* RFC 9146 6: only what is newest moves the path, but for the checks of paths themselves. */
static void
check_path(struct established *e, uint32_t before, const struct sealed *s, bool newest)
{
	const struct dt_conn *c = established_conn(e);
	uint8_t type;
	size_t len;
	if (client_of(c) != before)
		DT_ASSERT(e->a.id_ours && (newest ||
		    (association_content(&e->a, s, &type, &len) && type == DT_RETURN_ROUTABILITY_CHECK)));
	DT_ASSERT(established_is_modest(e));
}

/* Whether its keys may be used up by one more record, and its answers. */
static bool
may_end(const struct dt_conn *c)
{
	const struct dt_record_state *s = &c->session.state;
	return s->seal_limit - s->next_sealed <= 5 || (s->forgery_limit && s->forgery_limit - s->forgeries <= 2);
}

static size_t
first_record(const uint8_t *bytes, size_t len)
{
	struct dt_record rec;
	size_t at = 0;
	dt_record_next((uint8_t *)(uintptr_t)bytes, len, &at, &rec); /* only reads */
	return at;
}

bool
established_take(struct established *e, uint32_t client, const uint8_t *bytes, size_t len)
{
	struct dt_conn *c = established_conn(e);
	len = first_record(bytes, len);
	const struct sealed *s = association_find(&e->a, bytes, len);
	e->sent = 0;
	if (!c) {
		sim_server_input(&e->sim->server, client, bytes, len);
		DT_ASSERT(e->sent == 0);
		return false;
	}
	struct dt_replay before = c->session.state.replay;
	uint32_t from = client_of(c);
	bool opens = must_open(e, c, client, s), ends = may_end(c);
	e->client = client;
	e->client_len = len;
	if (opens && client == e->moved_to)
		e->moved_in += len;
	sim_server_input(&e->sim->server, client, bytes, len);
	note_move(e);
	c = established_conn(e);
	if (opens)
		association_note_opened(&e->a, s->number);
	DT_ASSERT(opens || (c && e->sent == 0 && client_of(c) == from) || (!c && ends));
	if (!c)
		return opens;
	const struct dt_replay *after = &c->session.state.replay;
	DT_ASSERT(opens == (after->next != before.next || after->seen != before.seen));
	DT_ASSERT(after->next == e->a.next);
	if (opens)
		check_path(e, from, s, s->number >= before.next);
	return opens;
}
