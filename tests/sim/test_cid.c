/* Connection ids: what is negotiated, which records are taken, what else the handshake promises. */
#include <criterion/criterion.h>
#include <string.h>

#include "cid.h"
#include "cid_world.h"
#include "conn/conn_state.h"
#include "dtls/alert.h"

static const size_t lengths[] = {0, 1, 2, 8, 20, 32, 254, 255};
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

Test(cid, ids_of_every_length_in_every_kind_of_suite)
{
	static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
	    "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-AES256-CCM8", "ECDHE-ECDSA-CHACHA20-POLY1305"};
	for (size_t i = 0; i < LENGTHS * 5; i++) {
		struct sim_options o = cid_options("lengths of ids");
		o.suites = suites[i / LENGTHS];
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		SSL_CTX_set_cipher_list(w.ctx, o.suites);
		struct sim_client *c = cid_connect(&w, lengths[i % LENGTHS]);
		cr_assert(c->cid->given && c->cid->server_id_len == DT_CID_LEN);
		for (size_t padding = 0; padding < 300; padding += 60) {
			c->cid->padding = padding;
			sim_check_echo(w.sim, c, "by its id");
		}
		cr_assert(sim_server_send(&w.sim->server, "", 0) == DT_OK);
		sim_client_close(c);
		sim_settle(w.sim);
		struct sim_diary *d = sim_newest(&w.sim->server);
		cr_assert(d->disconnected == 1 && d->end_status == 0);
		cid_world_fini(&w);
	}
}

Test(cid, long_ids_and_small_datagrams_go_together)
{
	for (size_t i = 0; i < LENGTHS; i++) {
		struct sim_options o = cid_options("small datagrams");
		o.mtu = 256;
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		struct sim_client *c = cid_connect(&w, lengths[i]);
		sim_check_echo(w.sim, c, "x");
		cid_world_fini(&w);
	}
}

Test(cid, without_the_extended_master_secret_there_is_none)
{
	struct cid_world w;
	cid_world_init(&w, "no extended master secret", NULL);
	SSL_CTX_set_options(w.ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	struct sim_client *c = cid_connect(&w, 8);
	cr_assert(!c->cid->given);
	sim_check_echo(w.sim, c, "in the plain form");
	cid_world_fini(&w);
}

Test(cid, a_server_that_gives_none_says_nothing_of_it)
{
	struct sim_options o = cid_options("switched off");
	o.connection_id = false;
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = cid_connect(&w, 8);
	cr_assert(!c->cid->given);
	sim_check_echo(w.sim, c, "in the plain form");
	cid_world_fini(&w);
}

Test(cid, a_suite_of_openssl_has_neither_id_nor_heartbeat)
{
	struct sim_options o = cid_options("cbc");
	o.suites = "ECDHE-ECDSA-AES128-SHA256";
	o.heartbeat = DT_HEARTBEAT_PEER_MAY_SEND;
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = cid_add(&w, 8);
	c->cid->mode = 1;
	cid_start(&w, c);
	cr_assert(!c->cid->given && c->cid->server_mode == -1);
	sim_check_echo(w.sim, c, "as ever");
	cid_world_fini(&w);
}

Test(cid, a_malformed_extension_is_refused)
{
	static const uint8_t bodies[][3] = {{0}, {1}, {0, 5}, {2, 0}, {255, 0, 0}};
	static const size_t bytes[] = {0, 1, 2, 2, 3};
	for (size_t i = 0; i < 5; i++) {
		struct cid_world w;
		cid_world_init(&w, "malformed extension", NULL);
		struct sim_client *c = cid_add(&w, 8);
		c->cid->raw = bodies[i];
		c->cid->raw_len = bytes[i];
		sim_client_start(c);
		sim_settle(w.sim);
		cr_assert(c->state == SIM_FAILED && c->alert == DT_ALERT_DECODE_ERROR, "row %zu", i);
		cid_world_fini(&w);
	}
}

/* ---- which records are taken ---- */

/* Gives the server a datagram from where the client is; the replies that it causes. */
static unsigned
answers(struct cid_world *w, struct sim_client *c, const uint8_t *bytes, size_t len)
{
	uint64_t before = w->sim->server.sent;
	sim_server_input(&w->sim->server, c->number, bytes, len);
	return (unsigned)(w->sim->server.sent - before);
}

Test(cid, records_in_the_plain_form_are_dropped_where_an_id_was_negotiated)
{
	struct cid_world w;
	cid_world_init(&w, "plain form", NULL);
	struct sim_client *c = cid_connect(&w, 8);
	uint8_t d[200];
	for (int i = 0; i < 2; i++) { /* where it shook hands, and elsewhere */
		for (uint8_t type = DT_CHANGE_CIPHER_SPEC; type <= DT_HEARTBEAT; type++) {
			size_t len = sim_cid_seal_plain(c, type, "\1\0", 2, d);
			cr_assert(answers(&w, c, d, len) == 0, "type %u", type);
		}
		sim_check_echo(w.sim, c, "still here");
		sim_cid_move(c);
		sim_check_echo(w.sim, c, "and here");
	}
	cr_assert(sim_newest(&w.sim->server)->datagrams == 4 && dt_conns_count(w.sim->server.conns) == 1);
	cid_world_fini(&w);
}

Test(cid, records_with_an_id_are_dropped_where_none_was_negotiated)
{
	struct cid_world w;
	cid_world_init(&w, "id out of nowhere", NULL);
	struct sim_client *other = cid_connect(&w, 8);
	struct sim_client *c = cid_add(&w, 0);
	c->cid->offers = false;
	cid_start(&w, c);
	cr_assert(!c->cid->given);
	sim_check_echo(w.sim, c, "plain");
	uint8_t d[200];
	/* Under its own key: with an id of nobody, and with that of the other client. */
	c->cid->server_id_len = DT_CID_LEN;
	size_t len = sim_cid_seal_inner(c, "data\27", 5, d);
	cr_assert(answers(&w, c, d, len) == 0);
	cr_assert(sim_drops(&w.sim->server, DT_DROP_UNKNOWN_CID) == 1);
	memcpy(c->cid->server_id, other->cid->server_id, DT_CID_LEN);
	len = sim_cid_seal_inner(c, "data\27", 5, d);
	cr_assert(answers(&w, c, d, len) == 0);
	cr_assert(sim_drops(&w.sim->server, DT_DROP_BAD_TAG) == 1);
	sim_check_echo(w.sim, c, "plain");
	sim_check_echo(w.sim, other, "undisturbed");
	cid_world_fini(&w);
}

Test(cid, an_id_with_one_bit_changed_belongs_to_nobody)
{
	struct cid_world w;
	cid_world_init(&w, "changed id", NULL);
	struct sim_client *clients[8];
	for (size_t i = 0; i < 8; i++)
		clients[i] = cid_connect(&w, i);
	for (size_t bit = 0; bit < 8 * DT_CID_LEN; bit++) {
		struct sim_client *c = clients[bit % 8];
		uint8_t d[200];
		c->cid->server_id[bit / 8] ^= (uint8_t)(1u << bit % 8);
		size_t len = sim_cid_seal(c, DT_APPLICATION_DATA, "hi", 2, d);
		c->cid->server_id[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert(answers(&w, c, d, len) == 0);
		cr_assert(sim_drops(&w.sim->server, DT_DROP_UNKNOWN_CID) == bit + 1);
	}
	cid_world_fini(&w);
}

Test(cid, the_id_of_a_connection_that_ended_belongs_to_nobody)
{
	struct cid_world w;
	cid_world_init(&w, "stale id", NULL);
	struct sim_client *c = cid_connect(&w, 8);
	uint8_t d[200], id[DT_CID_LEN];
	size_t len = sim_cid_seal(c, DT_APPLICATION_DATA, "hi", 2, d);
	memcpy(id, c->cid->server_id, DT_CID_LEN);
	sim_client_close(c);
	sim_settle(w.sim);
	cr_assert(answers(&w, c, d, len) == 0);
	cr_assert(sim_drops(&w.sim->server, DT_DROP_UNKNOWN_CID) == 1);
	struct sim_client *next = cid_connect(&w, 8); /* in the same slot */
	cr_assert(memcmp(next->cid->server_id, id, DT_CID_LEN) != 0);
	cr_assert(answers(&w, c, d, len) == 0);
	cr_assert(sim_drops(&w.sim->server, DT_DROP_UNKNOWN_CID) == 2);
	cid_world_fini(&w);
}

Test(cid, the_form_with_an_id_is_not_taken_in_the_clear)
{
	struct cid_world w;
	cid_world_init(&w, "epoch 0", NULL);
	struct sim_client *c = cid_connect(&w, 8);
	uint8_t d[DT_RECORD_HEADER + DT_CID_LEN + 3];
	dt_record_write_header(d, DT_TLS12_CID, DT_VERSION_12, 0, 50, 3);
	memcpy(d + 11, c->cid->server_id, DT_CID_LEN);
	memcpy(d + 11 + DT_CID_LEN, "\0\3hi\27", 5);
	cr_assert(answers(&w, c, d, sizeof(d)) == 0);
	d[4] = 2; /* nor in an epoch that is not there yet */
	cr_assert(answers(&w, c, d, sizeof(d)) == 0);
	cr_assert(sim_drops(&w.sim->server, DT_DROP_BAD_EPOCH) == 2);
	sim_check_echo(w.sim, c, "undisturbed");
	cid_world_fini(&w);
}

Test(cid, each_inner_plaintext_has_its_verdict)
{
	enum { DATA = 1, NOTHING = 0 };
	static const struct {
		size_t content, zeros;
		int type; /* -1 = none at all */
		unsigned answers;
	} table[] = {
	    {0, 0, -1, NOTHING}, {0, 1, -1, NOTHING}, {0, 300, -1, NOTHING}, {0, DT_CID_INNER_MAX, -1, NOTHING},
	    {5, 0, DT_APPLICATION_DATA, DATA}, {5, 1, DT_APPLICATION_DATA, DATA},
	    {5, DT_PLAIN_MAX, DT_APPLICATION_DATA, DATA}, {0, 0, DT_APPLICATION_DATA, NOTHING},
	    {0, 40, DT_APPLICATION_DATA, NOTHING}, {DT_PLAIN_MAX, 0, DT_APPLICATION_DATA, DATA},
	    {DT_PLAIN_MAX, 255, DT_APPLICATION_DATA, DATA}, {DT_PLAIN_MAX, 256, DT_APPLICATION_DATA, NOTHING},
	    {DT_PLAIN_MAX + 1, 0, DT_APPLICATION_DATA, NOTHING}, {5, 0, DT_TLS12_CID, NOTHING},
	    {5, 7, DT_TLS12_CID, NOTHING}, {5, 0, 1, NOTHING}, {5, 0, DT_CHANGE_CIPHER_SPEC, NOTHING},
	    {1, 0, DT_CHANGE_CIPHER_SPEC, NOTHING}, {5, 0, DT_HEARTBEAT, NOTHING}, {5, 0, 26, NOTHING},
	    {5, 0, 255, NOTHING}, {5, 0, DT_ALERT, NOTHING}, {0, 0, DT_ALERT, NOTHING}, {0, 0, DT_HANDSHAKE, NOTHING},
	};
	struct sim_options o = cid_options("inner plaintexts");
	o.mtu = 16384;
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	struct sim_client *c = cid_connect(&w, 8);
	static uint8_t inner[SIM_RECORD_MAX], d[SIM_RECORD_MAX + 200];
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(inner, 0, sizeof(inner));
		memset(inner, 'x', table[i].content);
		size_t len = table[i].content + table[i].zeros + (table[i].type >= 0);
		if (table[i].type >= 0)
			inner[table[i].content] = (uint8_t)table[i].type;
		size_t n = sim_cid_seal_inner(c, inner, len, d);
		unsigned got = answers(&w, c, d, n);
		cr_assert(got == table[i].answers, "row %zu: %u", i, got);
		cr_assert(sim_newest(&w.sim->server)->disconnected == 0, "row %zu", i);
	}
	cid_world_fini(&w);
}

Test(cid, several_records_of_several_clients_share_a_datagram)
{
	struct cid_world w;
	cid_world_init(&w, "shared datagram", NULL);
	struct sim_client *a = cid_connect(&w, 3), *b = cid_connect(&w, 0);
	uint8_t d[600];
	size_t len = sim_cid_seal(a, DT_APPLICATION_DATA, "one", 3, d);
	len += sim_cid_seal(b, DT_APPLICATION_DATA, "two", 3, d + len);
	len += sim_cid_seal_plain(a, DT_APPLICATION_DATA, "not", 3, d + len);
	len += sim_cid_seal(a, DT_APPLICATION_DATA, "three", 5, d + len);
	cr_assert(answers(&w, a, d, len) == 3);
	cid_world_fini(&w);
}

/* ---- handshakes ---- */

Test(cid, resumption_negotiates_anew)
{
	static const struct {
		bool first, then;
	} table[] = {{true, true}, {true, false}, {false, true}};
	for (size_t i = 0; i < 3; i++) {
		struct sim_options o = cid_options("resumption");
		o.tickets = true;
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		struct sim_client *a = cid_add(&w, 8);
		a->cid->offers = table[i].first;
		cid_start(&w, a);
		cr_assert(a->cid->given == table[i].first);
		SSL_SESSION *s = SSL_get1_session(a->ssl);
		sim_client_close(a);
		sim_settle(w.sim);
		struct sim_client *b = cid_add(&w, 20);
		b->cid->offers = table[i].then;
		SSL_set_session(b->ssl, s);
		cid_start(&w, b);
		cr_assert(SSL_session_reused(b->ssl) && b->cid->given == table[i].then);
		cr_assert(!table[i].first || memcmp(a->cid->server_id, b->cid->server_id, DT_CID_LEN) != 0);
		sim_check_echo(w.sim, b, "again");
		if (table[i].then)
			sim_cid_move(b);
		sim_check_echo(w.sim, b, "and from elsewhere");
		SSL_SESSION_free(s);
		cid_world_fini(&w);
	}
}

Test(cid, a_pre_shared_key_goes_with_an_id)
{
	for (int right = 0; right < 2; right++) {
		struct sim_options o = cid_options("psk");
		o.psk = o.psk_only = true;
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		w.sim->server.psk = SIM_ACCEPT;
		w.sim->server.key = "the key";
		struct sim_client *c = cid_add(&w, 8);
		c->psk_identity = "device";
		c->psk_key = right ? "the key" : "another";
		sim_client_start(c);
		sim_settle(w.sim);
		cr_assert((c->state == SIM_UP) == (right == 1));
		if (right)
			sim_check_echo(w.sim, c, "shared");
		else
			cr_assert(c->alert == DT_ALERT_DECRYPT_ERROR);
		cid_world_fini(&w);
	}
}

/* Data in the form with an id, before the flight that ends with the client's Finished, or in front
 * of that in the same datagram; every datagram twice. */
struct early {
	struct cid_world *w;
	struct sim_client *client;
	bool same_datagram, done;
	size_t bytes;
};

static bool
add_early(void *arg, struct sim_packet *p)
{
	struct early *e = arg;
	static uint8_t d[SIM_RECORD_MAX], data[SIM_RECORD_MAX];
	if (e->done || !p->to_server || !e->client->cid->given || e->client->cid->next == 0)
		return true;
	e->done = true;
	memset(data, 'e', e->bytes);
	size_t len = sim_cid_seal(e->client, DT_APPLICATION_DATA, data, e->bytes, d);
	if (e->same_datagram) {
		memcpy(d + len, p->bytes, p->len);
		len += p->len;
	}
	sim_link_send(&e->w->sim->link, e->client->number, true, d, len);
	sim_link_send(&e->w->sim->link, e->client->number, true, d, len);
	return !e->same_datagram;
}

Test(cid, data_before_the_finished_is_delivered_once_after_connected)
{
	static const size_t sizes[] = {1, 1000, 5000};
	for (int row = 0; row < 12; row++) {
		struct sim_options o = cid_options("early data");
		o.mtu = 9000;
		struct cid_world w;
		cid_world_init(&w, o.test, &o);
		struct early e = {&w, cid_add(&w, 8), row & 1, false, sizes[row / 4]};
		w.sim->server.auth = row & 2 ? SIM_WAIT : SIM_ACCEPT;
		w.sim->link.tap = add_early;
		w.sim->link.tap_arg = &e;
		sim_client_start(e.client);
		sim_settle(w.sim);
		struct sim_diary *d = sim_newest(&w.sim->server);
		if (row & 2) {
			cr_assert(d->datagrams == 0 && d->connected == 0);
			sim_verdict(&w.sim->server, DT_GATE_AUTH, true, 0, NULL);
			sim_settle(w.sim);
		}
		cr_assert(e.done && e.client->state == SIM_UP, "row %d", row);
		cr_assert(d->datagrams == 1 && d->bytes == e.bytes, "row %d: %u", row, d->datagrams);
		cid_world_fini(&w);
	}
}

static bool
lose_sealed_answer(void *arg, struct sim_packet *p)
{
	unsigned *times = arg;
	bool hit = !p->to_server && *times && memchr(p->bytes, DT_CHANGE_CIPHER_SPEC, 1);
	/* The server's last flight begins with its ChangeCipherSpec. */
	if (hit)
		--*times;
	return !hit;
}

Test(cid, a_repeated_finished_gets_the_last_flight_wherever_it_comes_from)
{
	for (int moves = 0; moves < 2; moves++) {
		struct cid_world w;
		cid_world_init(&w, "last flight", NULL);
		unsigned times = 2;
		w.sim->link.tap = lose_sealed_answer;
		w.sim->link.tap_arg = &times;
		struct sim_client *c = cid_add(&w, 8);
		sim_client_start(c);
		sim_settle(w.sim);
		cr_assert(c->state == SIM_BUSY && times == 1);
		if (moves)
			sim_cid_move(c);
		sim_run(w.sim, DT_SECONDS(30));
		cr_assert(c->state == SIM_UP && times == 0);
		cr_assert(sim_counter(&w.sim->server, DT_COUNT_FLIGHTS_REPEATED) == 2);
		cr_assert(sim_counter(&w.sim->server, DT_COUNT_HANDSHAKES_STARTED) == 1);
		sim_check_echo(w.sim, c, "at last");
		cid_world_fini(&w);
	}
}

static bool
move_sealed(void *arg, struct sim_packet *p)
{
	struct sim_client *c = arg;
	if (p->to_server && c->cid->next)
		p->client = 4242;
	return true;
}

Test(cid, a_finished_from_elsewhere_is_answered_where_the_hello_came_from)
{
	struct cid_world w;
	cid_world_init(&w, "moved Finished", NULL);
	SSL_CTX_set_options(w.ctx, SSL_OP_NO_TICKET);
	struct sim_client *c = cid_add(&w, 8);
	w.sim->link.tap = move_sealed;
	w.sim->link.tap_arg = c;
	sim_client_start(c);
	sim_settle(w.sim);
	/* The ClientKeyExchange beside it found no connection there. */
	cr_assert(c->state == SIM_BUSY);
	w.sim->link.tap = NULL;
	sim_run(w.sim, DT_SECONDS(5));
	cr_assert(c->state == SIM_UP);
	sim_check_echo(w.sim, c, "here");
	cid_world_fini(&w);
}

struct copies {
	size_t count;
	struct {
		size_t len;
		uint8_t bytes[2048];
	} kept[32];
};

static bool
copy_packet(void *arg, struct sim_packet *p)
{
	struct copies *k = arg;
	if (p->to_server && k->count < 32 && p->len <= sizeof(k->kept[0].bytes)) {
		k->kept[k->count].len = p->len;
		memcpy(k->kept[k->count++].bytes, p->bytes, p->len);
	}
	return true;
}

Test(cid, what_the_handshake_was_made_of_changes_nothing_when_it_comes_again)
{
	struct cid_world w;
	static struct copies copies;
	cid_world_init(&w, "replayed handshake", NULL);
	w.sim->link.tap = copy_packet;
	w.sim->link.tap_arg = &copies;
	struct sim_client *c = cid_connect(&w, 8);
	cr_assert(copies.count == 3 || copies.count == 4, "%zu", copies.count);
	uint64_t begun = sim_counter(&w.sim->server, DT_COUNT_HANDSHAKES_STARTED);
	for (size_t i = 1; i < copies.count; i++)
		for (int n = 0; n < 20; n++)
			cr_assert(answers(&w, c, copies.kept[i].bytes, copies.kept[i].len) == 0, "datagram %zu", i);
	cr_assert(sim_counter(&w.sim->server, DT_COUNT_HANDSHAKES_STARTED) == begun);
	cr_assert(dt_conns_count(w.sim->server.conns) == 1);
	sim_check_echo(w.sim, c, "undisturbed");
	cid_world_fini(&w);
}

static bool
lose(void *arg, struct sim_packet *p)
{
	(void)arg;
	(void)p;
	return false;
}

Test(cid, a_new_client_at_the_same_address_leaves_the_old_one_to_its_id)
{
	struct cid_world w;
	cid_world_init(&w, "same address", NULL);
	struct sim_client *old = cid_connect(&w, 8);
	uint32_t address = old->number;
	sim_cid_move(old); /* out of the way, but it has sent nothing yet */
	struct sim_client *new = cid_add(&w, 8);
	new->number = address;
	cid_start(&w, new);
	cr_assert(dt_conns_count(w.sim->server.conns) == 2);
	sim_check_echo(w.sim, new, "new");
	sim_check_echo(w.sim, old, "old");
	uint8_t d[200];
	size_t len = sim_cid_seal(old, DT_APPLICATION_DATA, "back", 4, d);
	w.sim->link.tap = lose;
	cr_assert(answers(&w, new, d, len) == 1); /* both behind one address now */
	w.sim->link.tap = NULL;
	sim_check_echo(w.sim, new, "new");
	struct sim_client *plain = sim_add_client(w.sim, w.ctx);
	plain->number = address;
	sim_cid_move(new);
	sim_client_start(plain);
	sim_settle(w.sim);
	cr_assert(plain->state == SIM_UP && dt_conns_count(w.sim->server.conns) == 3);
	sim_check_echo(w.sim, plain, "without an id");
	sim_check_echo(w.sim, new, "still");
	cr_assert(sim_newest(&w.sim->server)->disconnected == 0);
	cid_world_fini(&w);
}

Test(cid, ids_are_given_under_loss_and_repetition_too)
{
	struct sim_options o = cid_options("bad network");
	o.faults = (struct sim_faults){20, 30, 30};
	o.handshake_timeout = DT_SECONDS(300);
	o.tickets = true;
	struct cid_world w;
	cid_world_init(&w, o.test, &o);
	unsigned up = 0;
	for (unsigned i = 0; i < 200; i++) {
		struct sim_client *c = cid_add(&w, lengths[i % LENGTHS]);
		sim_client_start(c);
		sim_run(w.sim, DT_SECONDS(120));
		up += c->state == SIM_UP;
		if (c->state != SIM_UP)
			continue;
		for (unsigned n = 0; n < 20 && !sim_client_got(c, "over"); n++) {
			sim_cid_move(c);
			sim_client_send(c, "over", 4);
			sim_run(w.sim, DT_SECONDS(1));
		}
		cr_assert(c->cid->given && sim_client_got(c, "over"));
		sim_client_close(c);
		sim_drop_client(w.sim, c);
		sim_settle(w.sim);
	}
	cr_assert(up >= 198, "%u of 200", up);
	cr_assert(sim_counter(&w.sim->server, DT_COUNT_HANDSHAKES_STARTED) == 200, "%llu",
	    (unsigned long long)sim_counter(&w.sim->server, DT_COUNT_HANDSHAKES_STARTED));
	cid_world_fini(&w);
}
