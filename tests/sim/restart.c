#include "restart.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "conn/conn_state.h"

/* Of the server: each client names its own. */
#define SUITES                                                                                     \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA256:PSK-AES128-CCM8:"                  \
	"ECDHE-PSK-CHACHA20-POLY1305:PSK-AES128-CBC-SHA256"

static bool
is_proven_hello(const struct sim_packet *p)
{
	/* of OpenSSL: one record, message_seq 1 */
	return p->bytes[0] == DT_HANDSHAKE && p->bytes[13] == DT_HS_CLIENT_HELLO && p->bytes[18] == 1;
}

static void
keep_hello(struct restart *r, const struct sim_packet *p)
{
	if (!is_proven_hello(p) || r->hello_count == RESTART_HELLOS)
		return;
	struct restart_hello *h = &r->hellos[r->hello_count];
	cr_assert(p->len <= sizeof(h->bytes));
	h->len = p->len;
	memcpy(h->bytes, p->bytes, p->len);
	if (!r->hello_count || h->len != h[-1].len || memcmp(h->bytes + 25, h[-1].bytes + 25, h->len - 25) != 0)
		r->hello_count++; /* not the last one repeated */
}

static bool
route(void *arg, struct sim_packet *p)
{
	struct restart *r = arg;
	if (p->to_server && r->new && p->client == r->new->number)
		p->client = r->path;
	if (p->client != r->path)
		return true;
	if (p->to_server) {
		keep_hello(r, p);
		return true;
	}
	struct sim_diary *after = restart_after(r);
	bool clear = p->bytes[3] == 0 && p->bytes[4] == 0; /* epoch */
	bool done = after && after->connected && after->status == 0;
	if (after && !done && !clear && p->bytes[0] == DT_ALERT)
		return false; /* of either, and neither needs it */
	if (!r->before || !(clear || done))
		return true;
	if (!r->new)
		return false;
	p->client = r->new->number;
	return true;
}

static struct sim_client *
add(struct restart *r, SSL_CTX *ctx)
{
	struct sim_client *c = sim_add_client(r->sim, ctx);
	if (r->kind->psk) {
		c->psk_identity = "both";
		c->psk_key = RESTART_KEY;
	}
	if (r->session) {
		/* a copy: OpenSSL voids the session of a connection that was not shut down */
		SSL_SESSION *copy = SSL_SESSION_dup(r->session);
		cr_assert(SSL_set_session(c->ssl, copy));
		SSL_SESSION_free(copy);
	}
	return c;
}

void
restart_init(struct restart *r, const struct restart_kind *kind, const struct sim_options *o)
{
	struct sim_options mine = o ? *o : sim_defaults(kind->name);
	*r = (struct restart){.kind = kind, .ctx = sim_client_ctx(kind->before), .new_ctx = sim_client_ctx(kind->after)};
	mine.suites = SUITES;
	mine.psk = kind->psk;
	mine.tickets = kind->tickets;
	if (kind->connection_limit)
		mine.connection_limit = kind->connection_limit;
	r->sim = sim_new(&mine);
	r->sim->server.psk = SIM_ACCEPT;
	r->sim->server.key = RESTART_KEY;
	r->sim->link.tap = route;
	r->sim->link.tap_arg = r;
	r->old = add(r, r->ctx);
	r->path = r->old->number;
	sim_client_start(r->old);
	sim_run(r->sim, DT_SECONDS(1));
	while (r->old->state == SIM_BUSY) /* a bad network */
		sim_run(r->sim, DT_SECONDS(10));
	cr_assert(r->old->state == SIM_UP, "%s: state %d, alert %d", kind->name, (int)r->old->state, r->old->alert);
	r->before = r->seen = sim_newest(&r->sim->server);
	if (kind->tickets)
		r->session = SSL_SESSION_dup(SSL_get0_session(r->old->ssl));
}

void
restart_fini(struct restart *r)
{
	r->sim->link.tap = NULL;
	SSL_SESSION_free(r->session);
	SSL_CTX_free(r->ctx);
	SSL_CTX_free(r->new_ctx);
	sim_free(r->sim);
}

void
restart_crash(struct restart *r)
{
	sim_drop_client(r->sim, r->old);
	r->old = NULL;
}

void
restart_begin(struct restart *r)
{
	if (r->new)
		sim_drop_client(r->sim, r->new);
	r->seen = sim_newest(&r->sim->server);
	r->new = add(r, r->new_ctx);
	sim_client_start(r->new);
}

void
restart_begin_shadow(struct restart *r)
{
	restart_begin(r);
	sim_run(r->sim, DT_MILLISECONDS(16)); /* hello, cookie, hello: 5 ms each */
}

struct sim_diary *
restart_after(struct restart *r)
{
	struct sim_diary *newest = sim_newest(&r->sim->server);
	return newest != r->seen ? newest : NULL;
}

void
restart_check_replaced(struct restart *r)
{
	struct sim_server *s = &r->sim->server;
	struct sim_diary *after = restart_after(r), *before = r->before;
	const char *name = r->kind->name;
	cr_assert(r->new->state == SIM_UP, "%s: state %d, alert %d", name, (int)r->new->state, r->new->alert);
	cr_assert(after && after->id != before->id && after->connected == 1 && after->status == 0);
	cr_assert(before->disconnected == 1 && before->released == 1, "%s", name);
	cr_assert(before->end_status == ECONNRESET, "%s: %s", name, before->end_text);
	cr_assert(before->disconnected_as < after->connected_as, "%s: connected before the end of the old", name);
	cr_assert(dt_conns_count(s->conns) == 1 && s->load.connections == 1 && s->load.handshakes == 0);
	cr_assert(!r->kind->tickets || SSL_session_reused(r->new->ssl));
	sim_check_echo(r->sim, r->new, "the new one");
	cr_assert(dt_conns_find(s->conns, before->id) == NULL);
}

void
restart_check_untouched(struct restart *r)
{
	cr_assert(r->before->disconnected == 0, "%s: %s", r->kind->name, r->before->end_text);
	cr_assert(dt_conns_find(r->sim->server.conns, r->before->id) != NULL);
	sim_check_echo(r->sim, r->old, "the old one");
}

void
restart_inject(struct restart *r, const uint8_t *bytes, size_t len)
{
	sim_server_input(&r->sim->server, r->path, bytes, len);
}

void
restart_replay(struct restart *r, size_t hello)
{
	cr_assert(hello < r->hello_count);
	restart_inject(r, r->hellos[hello].bytes, r->hellos[hello].len);
}

void
restart_verdict(struct restart *r, enum dt_gate_kind kind, bool accept, uint8_t alert)
{
	sim_verdict(&r->sim->server, kind, accept, alert, kind == DT_GATE_PSK ? RESTART_KEY : NULL);
}
