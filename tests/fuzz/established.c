#include "established.h"

#include <string.h>

#include "base/assert.h"
#include "conn/cid.h"
#include "random.h"

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

/* Takes what the core sends off the link. */
static bool
on_sent(void *arg, struct sim_packet *p)
{
	struct established *e = arg;
	uint64_t moves = sim_counter(&e->sim->server, DT_COUNT_PATHS_MOVED);
	struct sent s;
	size_t at = 0;
	if (moves != e->moves)
		e->unproven_out = 0;
	e->unproven_out += p->len;
	e->moves = moves;
	while (association_read(&e->a, p->bytes, p->len, &at, &s)) {
		memcpy(e->data, s.data, s.len);
		e->len = s.len;
		e->type = s.type;
		e->sent++;
		if (s.type != DT_HEARTBEAT || s.len < 3 || s.data[0] != 1)
			continue;
		DT_ASSERT(s.len >= 3 + 16 && s.len - 3 - 16 <= sizeof(e->question));
		e->question_len = s.len - 3 - 16;
		memcpy(e->question, s.data + 3, e->question_len);
	}
	return false;
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

/* RFC 9146 6: only what is newest moves the path, and little goes along an unproven one. */
static void
check_path(struct established *e, const struct dt_conn *c, uint32_t before, uint32_t client, bool newest, size_t len)
{
	bool moved = client_of(c) != before;
	if (client_of(c) != client)
		len = 0; /* it came from elsewhere, too late to move the path */
	DT_ASSERT(!moved || (newest && e->a.id_ours));
	if (moved && sim_counter(&e->sim->server, DT_COUNT_PATHS_MOVED) != e->moves)
		e->unproven_out = 0; /* nothing left along it */
	e->unproven_in = moved ? len : e->unproven_in + len;
	DT_ASSERT(!c->move || e->unproven_out <= 3 * e->unproven_in);
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
	bool opens = must_open(e, c, client, s);
	sim_server_input(&e->sim->server, client, bytes, len);
	c = established_conn(e);
	if (opens)
		association_note_opened(&e->a, s->number);
	DT_ASSERT(opens || (c && e->sent == 0 && client_of(c) == from));
	if (!c)
		return opens;
	const struct dt_replay *after = &c->session.state.replay;
	DT_ASSERT(opens == (after->next != before.next || after->seen != before.seen));
	DT_ASSERT(after->next == e->a.next);
	if (opens)
		check_path(e, c, from, client, s->number >= before.next, len);
	return opens;
}
