/* What gets lost at the end of a handshake that negotiated a connection id, and how it comes again. */
#include <criterion/criterion.h>
#include <string.h>

#include "cid_world.h"
#include "conn/conn_state.h"
#include "dtls/alert.h"

/* Loses what begins with a record of this type, the first time. */
struct loser {
	uint8_t type;
	unsigned lost;
	uint8_t bytes[200];
	size_t len;
	bool came_again;
};

static bool
lose(void *arg, struct sim_packet *p)
{
	struct loser *l = arg;
	if (p->to_server || p->bytes[0] != l->type)
		return true;
	l->came_again |= p->len == l->len && memcmp(p->bytes, l->bytes, p->len) == 0;
	if (l->lost++)
		return true;
	cr_assert(p->len <= sizeof(l->bytes));
	memcpy(l->bytes, p->bytes, p->len);
	l->len = p->len;
	return false;
}

static void
lose_first(struct cid_world *w, struct loser *l, uint8_t type)
{
	*l = (struct loser){.type = type};
	w->sim->link.tap = lose;
	w->sim->link.tap_arg = l;
}

/* The server is done, the client is not, and asks from elsewhere: what it repeats is sealed. */
Test(cid_lost, the_last_flight_reaches_a_client_that_moved_before_it_came)
{
	static const size_t lengths[] = {0, 8, 20};
	for (size_t i = 0; i < 6; i++) {
		struct sim_options o = cid_options("last flight");
		o.move_policy = DT_MOVE_LIMITED;
		o.heartbeat = i % 2 ? DT_HEARTBEAT_PEER_MAY_SEND : DT_HEARTBEAT_OFF;
		struct cid_world w;
		struct loser l;
		cid_world_init(&w, o.test, &o);
		struct sim_client *c = cid_add(&w, lengths[i / 2]);
		c->cid->mode = 1;
		lose_first(&w, &l, DT_CHANGE_CIPHER_SPEC);
		sim_client_start(c);
		sim_settle(w.sim);
		cr_assert(l.lost == 1 && c->state == SIM_BUSY && sim_newest(&w.sim->server)->connected);
		sim_cid_move(c);
		sim_run(w.sim, DT_MILLISECONDS(1500));
		cr_assert(c->state == SIM_UP, "at once, %zu bytes of a connection id", lengths[i / 2]);
		cr_assert(sim_counter(&w.sim->server, DT_COUNT_PATHS_MOVED) == 1);
		cid_world_fini(&w);
	}
}

static struct sim_client *
resume(struct cid_world *w, SSL_SESSION *s, size_t id_len)
{
	struct sim_client *c = cid_add(w, id_len);
	SSL_set_session(c->ssl, s);
	return c;
}

Test(cid_lost, the_alert_that_ends_a_handshake_is_remembered_in_its_sealed_form_too)
{
	static const size_t lengths[] = {0, 1, 24, 25};
	for (size_t i = 0; i < 4; i++) {
		struct sim_options o = cid_options("sealed alert");
		struct cid_world w;
		struct loser l;
		o.tickets = true;
		cid_world_init(&w, o.test, &o);
		struct sim_client *c = cid_connect(&w, lengths[i]);
		SSL_SESSION *s = SSL_get1_session(c->ssl);
		sim_client_close(c);
		sim_settle(w.sim);
		c = resume(&w, s, lengths[i]);
		c->cid->spoils_finished = true;
		lose_first(&w, &l, lengths[i] ? DT_TLS12_CID : DT_ALERT);
		sim_client_start(c);
		sim_settle(w.sim);
		cr_assert(SSL_session_reused(c->ssl) && l.lost == 1 && c->state == SIM_UP);
		cr_assert(sim_newest(&w.sim->server)->status == 403);
		/* It believes that it is in, and hears that it is not as soon as it says something. */
		sim_run(w.sim, DT_SECONDS(1));
		sim_client_send(c, "long enough to be answered by an alert", 38);
		sim_settle(w.sim);
		bool remembered = lengths[i] < 25;
		cr_assert(l.came_again == remembered && sim_counter(&w.sim->server, DT_COUNT_ALERTS_REPEATED) == remembered);
		cr_assert(c->state == (remembered ? SIM_FAILED : SIM_UP) && (!remembered || c->alert == DT_ALERT_DECRYPT_ERROR));
		SSL_SESSION_free(s);
		cid_world_fini(&w);
	}
}
