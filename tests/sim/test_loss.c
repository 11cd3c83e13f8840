/* Handshakes and echoes over a bad network: 30 % of the datagrams get lost each way, 30 % come twice,
 * 30 % are overtaken. Every kind of cipher, of handshake and of record form; each combination is
 * counted. Nearly all get through; what does not ends at its bound; nothing stays behind, and no
 * wrong byte is delivered.
 *
 * SIM_HANDSHAKES=… in the environment changes how many there are of each combination.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "cid_world.h"
#include "conn/conn_state.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HANDSHAKES 20u
#else
#define HANDSHAKES 209u /* more than 10,000 in all */
#endif

#define MOST 3u /* lost of one combination, and of all where a thousandth is less */
#define AT_ONCE 40u
#define BOUND DT_SECONDS(900)
#define TICK DT_MILLISECONDS(100)
#define KEY "the key of all of them"
#define BAD ((struct sim_faults){30, 30, 30})

enum kind { FULL, MUTUAL, RESUMED, PSK, KINDS };

static const char *const kind_names[] = {"full", "mutual", "resumed", "psk"};

static const struct family {
	const char *name, *suite, *psk_suite;
	bool ours; /* whether its records may have a connection id */
} families[] = {
    {"AES-128-GCM", "ECDHE-ECDSA-AES128-GCM-SHA256", "PSK-AES128-GCM-SHA256", true},
    {"AES-256-GCM", "ECDHE-ECDSA-AES256-GCM-SHA384", "PSK-AES256-GCM-SHA384", true},
    {"AES-CCM", "ECDHE-ECDSA-AES128-CCM", "PSK-AES256-CCM", true},
    {"AES-CCM-8", "ECDHE-ECDSA-AES256-CCM8", "PSK-AES128-CCM8", true},
    {"ChaCha20", "ECDHE-ECDSA-CHACHA20-POLY1305", "PSK-CHACHA20-POLY1305", true},
    {"AES-CBC", "ECDHE-ECDSA-AES128-SHA256", "PSK-AES128-CBC-SHA256", false},
};
#define FAMILIES (sizeof(families) / sizeof(families[0]))

struct job {
	struct sim_client *client;
	struct dt_mono begun, asked;
	uint8_t text[1200];
	size_t len;
};

/* One combination, in a world of its own. */
struct run {
	const struct family *family;
	enum kind kind;
	bool with_id; /* the client offers one */
	struct cid_world w;
	struct sim *sim;
	SSL_SESSION *session; /* owned; RESUMED */
	struct job jobs[AT_ONCE];
	unsigned to_start, done, lost;
	uint64_t datagrams;
};

static unsigned
wanted(void)
{
	const char *text = getenv("SIM_HANDSHAKES");
	return text ? (unsigned)strtoul(text, NULL, 10) : HANDSHAKES;
}

static struct sim_client *
add_client(struct run *r)
{
	struct sim_client *c = sim_add_client(r->sim, r->w.ctx);
	c->psk_identity = r->kind == PSK ? "everybody" : NULL;
	c->psk_key = KEY;
	if (r->with_id)
		sim_cid_add(c, 1 + seeded_below(&r->sim->random, 20));
	return c;
}

static void
start_job(struct run *r, struct job *j)
{
	struct sim *sim = r->sim;
	r->to_start--;
	j->client = add_client(r);
	if (r->session) { /* a copy: who fails spoils his */
		SSL_SESSION *copy = SSL_SESSION_dup(r->session);
		SSL_set_session(j->client->ssl, copy);
		SSL_SESSION_free(copy);
	}
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
check_kind(const struct run *r, const struct sim_client *c)
{
	cr_assert(SSL_session_reused(c->ssl) == (r->kind == RESUMED));
	cr_assert_str_eq(SSL_get_cipher(c->ssl), r->kind == PSK ? r->family->psk_suite : r->family->suite);
	cr_assert(!c->cid || c->cid->given == r->family->ours);
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
		check_kind(r, c);
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
	r->sim->link.faults = (struct sim_faults){0};
	struct sim_client *c = add_client(r);
	cid_start(&r->w, c);
	SSL_SESSION *s = SSL_get1_session(c->ssl);
	sim_client_close(c);
	sim_settle(r->sim);
	sim_drop_client(r->sim, c);
	r->sim->link.faults = BAD;
	return s;
}

static void
open_world(struct run *r, const struct sim_identity *ca, const struct sim_identity *id, struct seeded *draw)
{
	struct sim_options o = cid_options("loss");
	o.seed = seeded_next(draw) | 1;
	o.handshake_timeout = BOUND;
	o.handshake_limit = o.connection_limit = 100000;
	o.tickets = r->kind == RESUMED;
	o.psk = o.psk_only = r->kind == PSK;
	o.client_auth = r->kind == MUTUAL ? DT_CLIENT_AUTH_REQUIRED : DT_CLIENT_AUTH_NONE;
	o.client_ca = ca->cert;
	o.suites = r->kind == PSK ? r->family->psk_suite : r->family->suite;
	o.mtu = (uint16_t)(256 + seeded_below(draw, 1200));
	o.faults = BAD;
	cid_world_init(&r->w, o.test, &o);
	r->sim = r->w.sim;
	cr_assert(SSL_CTX_set_cipher_list(r->w.ctx, o.suites));
	if (r->kind == MUTUAL) {
		SSL_CTX_use_certificate(r->w.ctx, id->cert);
		SSL_CTX_use_PrivateKey(r->w.ctx, id->key);
	}
	r->sim->server.key = KEY;
}

static void
run_world(struct run *r, const struct sim_identity *ca, const struct sim_identity *id, struct seeded *draw)
{
	struct sim_server *s;
	open_world(r, ca, id, draw);
	s = &r->sim->server;
	r->session = r->kind == RESUMED ? get_session(r) : NULL;
	if (seeded_below(draw, 2))
		s->auth = s->psk = s->request = SIM_WAIT;
	else
		s->psk = SIM_ACCEPT;
	r->to_start = wanted();
	run_jobs(r);
	/* What lost its client ends by itself. */
	sim_run(r->sim, DT_SECONDS(2000));
	cr_assert(dt_conns_count(s->conns) == 0);
	r->datagrams = r->sim->link.sent;
	SSL_SESSION_free(r->session);
	cid_world_fini(&r->w);
}

static void
tell(const struct run *r)
{
	const char *id = !r->with_id ? "-" : r->family->ours ? "connection id" : "id offered in vain";
	fprintf(stderr, "%-11s  %-7s  %-18s  %4u done  %2u ended at their bound  %6llu datagrams\n", r->family->name,
	    kind_names[r->kind], id, r->done, r->lost, (unsigned long long)r->datagrams);
}

/* One test for all kinds: one in a thousand may be lost, which takes thousands to say. */
Test(loss, of_ten_thousand_handshakes_and_echoes_999_in_1000_get_through)
{
	static struct run runs[FAMILIES * KINDS * 2];
	struct seeded draw = seeded_begin("loss");
	const unsigned count = sizeof(runs) / sizeof(runs[0]), each = wanted();
	unsigned done = 0, lost = 0;
	struct sim_identity ca, id;
	sim_identity_make(&ca, &(struct sim_cert_wish){.name = "CA", .ca = true});
	sim_identity_make(&id, &(struct sim_cert_wish){.name = "c", .issuer = &ca, .comment = 2000});
	for (unsigned i = 0; i < count; i++) {
		runs[i].family = &families[i / 2 / KINDS];
		runs[i].kind = (enum kind)(i / 2 % KINDS);
		runs[i].with_id = i % 2;
		run_world(&runs[i], &ca, &id, &draw);
		cr_assert(runs[i].done + runs[i].lost == each);
		done += runs[i].done;
		lost += runs[i].lost;
	}
	for (unsigned i = 0; i < count; i++)
		tell(&runs[i]);
	fprintf(stderr, "%u done, %u ended at their bound\n", done, lost);
	for (unsigned i = 0; i < count; i++)
		cr_assert(runs[i].lost <= MOST, "%u of one combination were lost", runs[i].lost);
	unsigned allowed = count * each / 1000;
	cr_assert(lost <= (allowed > MOST ? allowed : MOST), "%u were lost", lost);
	sim_identity_free(&id);
	sim_identity_free(&ca);
}
