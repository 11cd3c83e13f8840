/* Handshakes and echoes over a bad network: each world draws how bad, up to 30 % of loss, of
 * repetition and of reordering. Nearly all get through; what does not ends at its bound; nothing
 * stays behind, and no wrong byte is delivered.
 *
 * SIM_HANDSHAKES=… in the environment changes how many there are for each kind of handshake.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "conn/conn_state.h"
#include "dtls/alert.h"
#include "sim.h"

#if defined(__SANITIZE_ADDRESS__)
#define HANDSHAKES 200u
#else
#define HANDSHAKES 2000u
#endif

#define AT_ONCE 40u
#define IN_ONE_WORLD 200u
#define BOUND DT_SECONDS(900)
#define TICK DT_MILLISECONDS(100)
#define KEY "the key of all of them"

enum kind { PLAIN, MUTUAL, RESUMED, CBC, PSK, KINDS };

struct job {
	struct sim_client *client;
	struct dt_mono begun, asked;
	uint8_t text[1200];
	size_t len;
};

struct run {
	enum kind kind;
	struct sim *sim;
	SSL_CTX *ctx;
	SSL_SESSION *session; /* owned; RESUMED */
	struct job jobs[AT_ONCE];
	unsigned to_start, done, lost;
};

static unsigned
wanted(void)
{
	const char *text = getenv("SIM_HANDSHAKES");
	return text ? (unsigned)strtoul(text, NULL, 10) : HANDSHAKES;
}

static void
start_job(struct run *r, struct job *j)
{
	struct sim *sim = r->sim;
	r->to_start--;
	j->client = sim_add_client(sim, r->ctx);
	j->client->psk_identity = r->kind == PSK ? "everybody" : NULL;
	j->client->psk_key = KEY;
	if (r->session)
		SSL_set_session(j->client->ssl, r->session);
	j->begun = j->asked = sim_now().mono;
	j->len = 1 + seeded_below(&sim->random, sizeof(j->text));
	seeded_fill(&sim->random, j->text, j->len);
	sim_client_start(j->client);
}

static void
end_job(struct run *r, struct job *j)
{
	sim_drop_client(r->sim, j->client);
	j->client = NULL;
}

static void
check_messages(const struct job *j)
{
	DT_LIST_EACH (node, next, &j->client->messages) {
		const struct sim_message *m = DT_CONTAINER(node, struct sim_message, node);
		cr_assert(m->len == j->len && memcmp(m->bytes, j->text, j->len) == 0, "wrong bytes");
	}
}

static void
go_on(struct run *r, struct job *j)
{
	struct sim_client *c = j->client;
	struct dt_mono now = sim_now().mono;
	if (!c) {
		if (r->to_start)
			start_job(r, j);
		return;
	}
	check_messages(j);
	if (c->message_count) {
		r->done++;
		cr_assert(r->kind != RESUMED || !r->session || SSL_session_reused(c->ssl));
		sim_client_close(c);
		end_job(r, j);
	} else if (c->state >= SIM_CLOSED || dt_mono_reached(dt_mono_add(j->begun, BOUND), now)) {
		r->lost++;
		end_job(r, j);
	} else if (c->state == SIM_UP && dt_mono_reached(j->asked, now)) {
		sim_client_send(c, j->text, j->len);
		j->asked = dt_mono_add(now, DT_SECONDS(1));
	}
}

/* Verdicts that came late: every second tick those that wait are let in. */
static void
let_in(struct dt_conn *c, void *arg)
{
	(void)arg;
	if (dt_conn_waiting(c, DT_GATE_AUTH))
		dt_conn_verdict(c, DT_GATE_AUTH, true, 0, (struct dt_span){NULL, 0}, sim_now());
	else if (dt_conn_waiting(c, DT_GATE_PSK))
		dt_conn_verdict(c, DT_GATE_PSK, true, 0, (struct dt_span){(const uint8_t *)KEY, strlen(KEY)},
		    sim_now());
	else if (dt_conn_waiting(c, DT_GATE_REQUEST))
		dt_conn_verdict(c, DT_GATE_REQUEST, true, 0, (struct dt_span){NULL, 0}, sim_now());
}

static bool
busy(const struct run *r)
{
	for (size_t i = 0; i < AT_ONCE; i++)
		if (r->jobs[i].client)
			return true;
	return r->to_start != 0;
}

static void
run_jobs(struct run *r)
{
	do {
		sim_run(r->sim, TICK);
		if (seeded_below(&r->sim->random, 2))
			dt_conns_each(r->sim->server.conns, let_in, NULL);
		for (size_t i = 0; i < AT_ONCE; i++)
			go_on(r, &r->jobs[i]);
	} while (busy(r));
}

/* A session to be resumed by all others, on a link that is still good. */
static SSL_SESSION *
get_session(struct run *r)
{
	struct sim_faults faults = r->sim->link.faults;
	r->sim->link.faults = (struct sim_faults){0};
	struct sim_client *c = sim_connect(r->sim, r->ctx);
	cr_assert(c->state == SIM_UP);
	SSL_SESSION *s = SSL_get1_session(c->ssl);
	sim_client_close(c);
	sim_settle(r->sim);
	sim_drop_client(r->sim, c);
	r->sim->link.faults = faults;
	return s;
}

static void
one_world(struct run *r, unsigned count, const struct sim_identity *ca, struct seeded *draw)
{
	struct sim_options o = sim_defaults("loss");
	o.seed = seeded_next(draw) | 1;
	o.handshake_timeout = BOUND;
	o.handshake_limit = o.connection_limit = 100000;
	o.tickets = r->kind == RESUMED;
	o.psk = o.psk_only = r->kind == PSK;
	o.client_auth = r->kind == MUTUAL ? DT_CLIENT_AUTH_REQUIRED : DT_CLIENT_AUTH_NONE;
	o.client_ca = ca ? ca->cert : NULL;
	o.suites = r->kind == CBC ? "ECDHE-ECDSA-AES128-SHA256" : NULL;
	o.mtu = (uint16_t)(256 + seeded_below(draw, 1200));
	o.faults = (struct sim_faults){(unsigned)seeded_below(draw, 31), (unsigned)seeded_below(draw, 31),
	    (unsigned)seeded_below(draw, 31)};
	r->sim = sim_new(&o);
	r->sim->server.key = KEY;
	r->session = r->kind == RESUMED ? get_session(r) : NULL;
	if (seeded_below(draw, 2))
		r->sim->server.auth = r->sim->server.psk = r->sim->server.request = SIM_WAIT;
	else
		r->sim->server.psk = SIM_ACCEPT;
	r->to_start = count;
	run_jobs(r);
	/* What lost its client ends by itself. */
	sim_run(r->sim, DT_SECONDS(2000));
	cr_assert(dt_conns_count(r->sim->server.conns) == 0);
	SSL_SESSION_free(r->session);
	sim_free(r->sim);
}

static void
run_kind(enum kind kind, unsigned count, struct seeded *draw, unsigned *done, unsigned *lost)
{
	static const char *const names[] = {"full", "mutual", "resumed", "cbc", "psk"};
	struct run r = {.kind = kind};
	struct sim_identity ca, id;
	r.ctx = sim_client_ctx(NULL);
	if (kind == MUTUAL) {
		sim_identity_make(&ca, &(struct sim_cert_wish){.name = "CA", .ca = true});
		sim_identity_make(&id, &(struct sim_cert_wish){.name = "c", .issuer = &ca, .comment = 2000});
		SSL_CTX_use_certificate(r.ctx, id.cert);
		SSL_CTX_use_PrivateKey(r.ctx, id.key);
	}
	for (unsigned left = count; left;) {
		unsigned n = left < IN_ONE_WORLD ? left : IN_ONE_WORLD;
		one_world(&r, n, kind == MUTUAL ? &ca : NULL, draw);
		left -= n;
	}
	fprintf(stderr, "%s: %u handshakes and echoes done, %u ended at their bound\n", names[kind], r.done,
	    r.lost);
	*done += r.done;
	*lost += r.lost;
	if (kind == MUTUAL) {
		sim_identity_free(&id);
		sim_identity_free(&ca);
	}
	SSL_CTX_free(r.ctx);
}

/* One test for all kinds: one in a thousand may be lost, which takes thousands to say. */
Test(loss, of_ten_thousand_handshakes_and_echoes_999_in_1000_get_through)
{
	struct seeded draw = seeded_begin("loss");
	unsigned done = 0, lost = 0, each = wanted();
	for (enum kind kind = PLAIN; kind < KINDS; kind++)
		run_kind(kind, each, &draw, &done, &lost);
	unsigned allowed = KINDS * each / 1000;
	cr_assert(done + lost == KINDS * each);
	cr_assert(lost <= (allowed > 3 ? allowed : 3), "%u were lost", lost);
}
