/* Where OpenSSL's handshake ends and our records begin: one counter and one window, from the first
 * record of epoch 1 on. RFC 6347 4.1, 4.2.4. */
#include <criterion/criterion.h>
#include <string.h>

#include "conn/conn_state.h"
#include "forge.h"
#include "sim.h"

#define GCM "ECDHE-ECDSA-AES128-GCM-SHA256"
#define CBC "ECDHE-ECDSA-AES128-SHA256"

/* The numbers that the server uses in epoch 1, and the client's Finished. */
struct witness {
	uint64_t next;
	unsigned out_of_line, finished; /* records */
	uint8_t type_of_first;
	unsigned lose;			/* the next datagrams of the server with a record of epoch 1 */
	uint8_t client_finished[2000];
	size_t len;
};

static bool
watch(void *arg, struct sim_packet *p)
{
	struct witness *w = arg;
	struct dt_record rec;
	size_t at = 0;
	bool sealed = false;
	while (dt_record_next(p->bytes, p->len, &at, &rec) == DT_RECORD_OK) {
		if (rec.epoch == 0)
			continue;
		sealed = true;
		if (p->to_server && rec.type == DT_HANDSHAKE && w->len == 0) {
			memcpy(w->client_finished, p->bytes, p->len);
			w->len = p->len;
		}
		if (p->to_server)
			continue;
		w->type_of_first = w->next ? w->type_of_first : rec.type;
		w->finished += rec.type == DT_HANDSHAKE;
		w->out_of_line += rec.seq != w->next++;
	}
	if (p->to_server || !sealed || !w->lose)
		return true;
	w->lose--;
	return false;
}

static struct dt_conn *
conn_of(struct sim *sim)
{
	return dt_conns_find(sim->server.conns, sim_newest(&sim->server)->id);
}

Test(seam, numbers_run_without_a_gap_from_the_finished_on)
{
	static const char *const suites[] = {GCM, "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-CCM8"};
	for (unsigned i = 0; i < 6; i++) {
		struct sim_options o = sim_defaults("numbers");
		o.tickets = i >= 3;
		struct sim *sim = sim_new(&o);
		struct witness w = {.lose = i};
		sim->link.tap = watch;
		sim->link.tap_arg = &w;
		SSL_CTX *ctx = sim_client_ctx(suites[i % 3]);
		struct sim_client *c = sim_connect(sim, ctx);
		sim_run(sim, DT_SECONDS(60));
		cr_assert(c->state == SIM_UP);
		for (int n = 0; n < 5; n++)
			sim_check_echo(sim, c, "in line");
		cr_assert(w.type_of_first == DT_HANDSHAKE && w.out_of_line == 0, "%u out of line", w.out_of_line);
		cr_assert(w.finished == 1 + i, "the Finished was sent %u times", w.finished);
		cr_assert(conn_of(sim)->session.state.next_sealed == w.next && w.next == 1u + i + 5);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(seam, a_replayed_finished_is_a_replay)
{
	struct sim_options o = sim_defaults("replayed Finished");
	struct sim *sim = sim_new(&o);
	struct witness w = {0};
	sim->link.tap = watch;
	sim->link.tap_arg = &w;
	SSL_CTX *ctx = sim_client_ctx(GCM);
	struct sim_client *c = sim_connect(sim, ctx);
	struct sim_diary *d = sim_newest(&sim->server);
	uint64_t sent = sim->server.sent, replayed = sim_drops(&sim->server, DT_DROP_REPLAYED);
	for (int i = 0; i < 100; i++) {
		sim_server_input(&sim->server, c->number, w.client_finished, w.len);
		sim_run(sim, DT_MILLISECONDS(100));
	}
	cr_assert(sim->server.sent == sent, "it was answered");
	cr_assert(sim_drops(&sim->server, DT_DROP_REPLAYED) == replayed + 100);
	cr_assert(d->datagrams == 0 && d->disconnected == 0 && sim_diary_count(&sim->server) == 1);
	sim_check_echo(sim, c, "once");
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(seam, on_a_suite_of_openssls_nothing_of_ours_is_ever_sealed)
{
	struct sim_options o = sim_defaults("cbc");
	o.suites = CBC;
	o.tickets = true;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	for (int n = 0; n < 5; n++)
		sim_check_echo(sim, c, "by OpenSSL");
	const struct dt_session *s = &conn_of(sim)->session;
	cr_assert(s->engine && !s->state.keyed && s->state.replay.next == 0); /* without keys of ours */
	SSL_CTX_free(ctx);
	sim_free(sim);
}
