/* Every message of the client left out, repeated or moved, and messages that belong to nobody put
 * in between: who is let in is told by a rule of five lines, and nobody else is. */
#include <criterion/criterion.h>
#include <string.h>

#include "puppet.h"

#define FINISHED 20
#define GCM "ECDHE-ECDSA-AES128-GCM-SHA256"

struct flow {
	const char *name;
	const char *suite;
	enum dt_client_auth client_auth;
	bool certificate, psk, resumed;
	int types[8]; /* of the client's second flight; 0 = the end */
};

static const struct flow flows[] = {
    {"ecdhe", GCM, DT_CLIENT_AUTH_NONE, false, false, false, {16, SIM_CHANGE_CIPHER_SPEC, FINISHED}},
    {"psk", "PSK-AES128-CCM8", DT_CLIENT_AUTH_NONE, false, true, false, {16, SIM_CHANGE_CIPHER_SPEC, FINISHED}},
    {"mutual", GCM, DT_CLIENT_AUTH_REQUIRED, true, false, false,
	{11, 16, 15, SIM_CHANGE_CIPHER_SPEC, FINISHED}},
    {"no certificate", "ECDHE-ECDSA-CHACHA20-POLY1305", DT_CLIENT_AUTH_REQUESTED, false, false, false,
	{11, 16, SIM_CHANGE_CIPHER_SPEC, FINISHED}},
    {"resumed", "ECDHE-ECDSA-AES256-GCM-SHA384", DT_CLIENT_AUTH_REQUIRED, true, false, true,
	{SIM_CHANGE_CIPHER_SPEC, FINISHED}},
};
#define FLOWS (sizeof(flows) / sizeof(flows[0]))

enum kind { AS_IT_IS, SKIP, REPEAT, MOVE, INSERT };

struct mutation {
	enum kind kind;
	unsigned which, where;
	struct sim_step foreign;
	bool renumber, sign;
};

struct world {
	const struct flow *flow;
	struct sim *sim; /* owned */
	SSL_CTX *ctx;	 /* owned */
	SSL_SESSION *session; /* owned; resumed */
	struct sim_identity ca, id; /* owned */
	const struct mutation *now;
	unsigned length; /* of the flight as the client wrote it */
	bool admissible;
};

/* ---- the rule ---- */

/* Messages in the order of their numbers, each number once, up to the first Finished: they are those
 * of the flow, and the change of the cipher was said. Where two have the same number the first to
 * come counts. */
static bool
is_admissible(const struct world *w, const struct sim_puppet *p)
{
	const int *expected = w->flow->types;
	bool change = false;
	uint16_t seq = 2;
	for (unsigned i = 0; i < p->count; i++)
		change |= p->steps[i].type == SIM_CHANGE_CIPHER_SPEC;
	for (unsigned k = 0; expected[k]; k++) {
		const struct sim_step *found = NULL;
		uint16_t number = 2;
		if (expected[k] == SIM_CHANGE_CIPHER_SPEC)
			continue;
		for (unsigned i = 0; i < p->count && !found; i++) {
			if (p->steps[i].type == SIM_CHANGE_CIPHER_SPEC)
				continue;
			if ((p->renumber ? number++ : p->steps[i].seq) == seq)
				found = &p->steps[i];
		}
		if (!found || found->type != expected[k])
			return false;
		seq++;
	}
	return change;
}

static void
mutate(struct sim_puppet *p, void *arg)
{
	struct world *w = arg;
	const struct mutation *m = w->now;
	struct sim_step step = p->steps[m->which];
	w->length = p->count;
	for (unsigned i = 0; i < p->count; i++)
		cr_assert(p->steps[i].type == w->flow->types[i], "%s: message %u is %d", w->flow->name, i,
		    p->steps[i].type);
	switch (m->kind) {
	case AS_IT_IS:
		break;
	case SKIP:
		sim_puppet_remove(p, m->which);
		break;
	case REPEAT:
		sim_puppet_insert(p, m->where, step);
		break;
	case MOVE:
		sim_puppet_remove(p, m->which);
		sim_puppet_insert(p, m->where, step);
		break;
	case INSERT:
		sim_puppet_insert(p, m->where, m->foreign);
		break;
	}
	w->admissible = is_admissible(w, p);
}

/* ---- one run ---- */

static struct sim_client *
add_client(struct world *w, bool sign)
{
	struct sim_client *c = sim_add_client(w->sim, w->ctx);
	if (w->flow->psk) {
		c->psk_identity = "device";
		c->psk_key = "key";
	}
	if (w->session) {
		SSL_SESSION *copy = SSL_SESSION_dup(w->session); /* a client that fails spoils its own */
		SSL_set_session(c->ssl, copy);
		SSL_SESSION_free(copy);
	}
	if (sign)
		SSL_set_options(c->ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	return c;
}

/* Data under the right keys, of one who should not be in. */
static void
send_data(struct sim_puppet *p)
{
	struct sim_forge f;
	uint8_t d[256];
	sim_forge_init(&f, p->client);
	size_t len = sim_forge_seal(&f, DT_APPLICATION_DATA, 60, "let me in", 9, d);
	sim_forge_fini(&f);
	sim_link_send(&p->sim->link, p->client->number, true, d, len);
	sim_settle(p->sim);
}

static void
play(struct world *w, const struct mutation *m)
{
	static struct sim_puppet p;
	struct sim_client *c = add_client(w, m->sign);
	w->now = m;
	sim_puppet_init(&p, w->sim, c);
	p.change = mutate;
	p.arg = w;
	p.renumber = m->renumber;
	p.sign = m->sign;
	sim_client_start(c);
	sim_settle(w->sim);
	cr_assert(p.done, "%s: no flight", w->flow->name);
	bool resumed = SSL_session_reused(c->ssl);
	cr_assert(resumed == w->flow->resumed);
	struct sim_diary *d = sim_newest(&w->sim->server);
	const char *numbers = m->renumber ? "numbered anew" : "with its numbers";
	bool let_in = d->connected == 1 && d->status == 0;
	cr_assert(let_in == w->admissible, "%s, kind %d, %u to %u, type %d, %s, signed %d: let in %d, %s", w->flow->name,
	    (int)m->kind, m->which, m->where, m->foreign.type, numbers, m->sign, let_in, d->text);
	send_data(&p);
	cr_assert(d->datagrams == (let_in ? 1 : 0), "%s: %u datagrams", w->flow->name, d->datagrams);
	cr_assert(!let_in || c->state == SIM_UP);
	sim_puppet_fini(&p);
	sim_drop_client(w->sim, c);
	sim_run(w->sim, DT_SECONDS(61));
	cr_assert(let_in || d->released == 1);
	dt_conns_close_all(w->sim->server.conns, NULL, DT_CLOSE_LOCAL, sim_now());
	sim_settle(w->sim);
	sim_forget(&w->sim->server);
	cr_assert(sim_diary_count(&w->sim->server) == 0 && w->sim->server.tls->ssl_objects == 0);
}

/* As it is; numbered anew; numbered anew and signed. */
static void
play_each_way(struct world *w, struct mutation m)
{
	for (int way = 0; way < 3; way++) {
		m.renumber = way >= 1;
		m.sign = way == 2;
		/* What the server's Finished said is not in a puppet's transcript. */
		if (!m.sign || !w->flow->resumed)
			play(w, &m);
	}
}

static SSL_SESSION *
get_session(struct world *w)
{
	struct sim_client *c = sim_connect(w->sim, w->ctx);
	cr_assert(c->state == SIM_UP);
	SSL_SESSION *s = SSL_get1_session(c->ssl);
	sim_client_close(c);
	sim_settle(w->sim);
	sim_drop_client(w->sim, c);
	sim_forget(&w->sim->server);
	return s;
}

static void
world_init(struct world *w, const struct flow *f)
{
	*w = (struct world){.flow = f};
	sim_identity_make(&w->ca, &(struct sim_cert_wish){.name = "CA", .ca = true});
	sim_identity_make(&w->id, &(struct sim_cert_wish){.name = "client", .issuer = &w->ca});
	struct sim_options o = sim_defaults(f->name);
	o.suites = f->suite;
	o.psk = o.psk_only = f->psk;
	o.tickets = f->resumed;
	o.client_auth = f->client_auth;
	o.client_ca = w->ca.cert;
	w->sim = sim_new(&o);
	w->sim->server.psk = SIM_ACCEPT;
	w->sim->server.key = "key";
	w->ctx = sim_client_ctx(f->suite);
	if (f->certificate) {
		SSL_CTX_use_certificate(w->ctx, w->id.cert);
		SSL_CTX_use_PrivateKey(w->ctx, w->id.key);
	}
	w->session = f->resumed ? get_session(w) : NULL;
	play_each_way(w, (struct mutation){.kind = AS_IT_IS});
	cr_assert(w->admissible);
}

static void
world_fini(struct world *w)
{
	SSL_SESSION_free(w->session);
	SSL_CTX_free(w->ctx);
	sim_free(w->sim);
	sim_identity_free(&w->id);
	sim_identity_free(&w->ca);
}

/* ---- the products ---- */

Test(state_machine, every_message_left_out)
{
	for (size_t i = 0; i < FLOWS; i++) {
		struct world w;
		world_init(&w, &flows[i]);
		for (unsigned which = 0; which < w.length; which++)
			play_each_way(&w, (struct mutation){.kind = SKIP, .which = which});
		world_fini(&w);
	}
}

Test(state_machine, every_message_repeated_in_every_place)
{
	for (size_t i = 0; i < FLOWS; i++) {
		struct world w;
		world_init(&w, &flows[i]);
		unsigned length = w.length;
		for (unsigned which = 0; which < length; which++)
			for (unsigned where = 0; where <= length; where++)
				play_each_way(&w, (struct mutation){.kind = REPEAT, .which = which, .where = where});
		world_fini(&w);
	}
}

Test(state_machine, every_message_moved_to_every_place)
{
	for (size_t i = 0; i < FLOWS; i++) {
		struct world w;
		world_init(&w, &flows[i]);
		unsigned length = w.length;
		for (unsigned which = 0; which < length; which++)
			for (unsigned where = 0; where < length; where++)
				play_each_way(&w, (struct mutation){.kind = MOVE, .which = which, .where = where});
		world_fini(&w);
	}
}

Test(state_machine, messages_of_every_kind_put_in_between)
{
	static const int types[] = {0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 22, 23, 24, 67, 254, 255};
	static const uint8_t body[64];
	static const size_t lengths[] = {0, 4, 64};
	for (size_t i = 0; i < FLOWS; i++) {
		struct world w;
		world_init(&w, &flows[i]);
		unsigned length = w.length;
		for (size_t k = 0; k < sizeof(types) / sizeof(types[0]) * 3; k++)
			for (unsigned where = 0; where <= length; where++) {
				struct mutation m = {.kind = INSERT, .where = where, .renumber = true};
				m.foreign = (struct sim_step){types[k / 3], 0, body, lengths[k % 3]};
				m.sign = !flows[i].resumed;
				play(&w, &m);
			}
		world_fini(&w);
	}
}
