/* Heartbeats: a message is read only if every length in it is true, and an answer is the payload, no
 * longer than the question; what is not valid is answered by nothing. The first byte says whether the
 * rest is one message, or an association (association.h) with operations, each a byte and its arguments.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "conn/conn_state.h"
#include "dtls/heartbeat.h"
#include "established.h"

#define ANSWERS_MAX 16u /* in a second */
#define KEEP_ALIVE ((struct dt_keep_alive_config){true, DT_SECONDS(60), DT_SECONDS(2), 3})

/* ---- the message alone ---- */

static void
read_and_write(struct dt_span message)
{
	struct dt_heartbeat_message m, again;
	size_t claimed = message.len >= 3 ? (size_t)message.data[1] << 8 | message.data[2] : 0;
	bool valid = message.len >= claimed + 19 && (message.data[0] == 1 || message.data[0] == 2);
	DT_ASSERT(dt_heartbeat_read(message, &m) == valid);
	if (!valid)
		return;
	DT_ASSERT(m.type == message.data[0] && m.payload.len == claimed && m.payload.data == message.data + 3);

	uint8_t *out = malloc(claimed + DT_HEARTBEAT_OVERHEAD);
	DT_ASSERT(out);
	size_t n = dt_heartbeat_write(DT_HEARTBEAT_RESPONSE, m.payload, out);
	DT_ASSERT(n == claimed + DT_HEARTBEAT_OVERHEAD && n <= message.len);
	DT_ASSERT(dt_heartbeat_read((struct dt_span){out, n}, &again));
	DT_ASSERT(again.type == DT_HEARTBEAT_RESPONSE && again.payload.len == claimed);
	DT_ASSERT(memcmp(again.payload.data, message.data + 3, claimed) == 0);
	free(out);
}

/* ---- through a connection ---- */

struct world {
	struct established e;
	int64_t window; /* when the answers began to be counted, ns */
	unsigned answers;
};

/* Whether the core may answer now, as often as it has. */
static bool
may_answer(struct world *w)
{
	int64_t now = sim_now().mono.ns;
	if (now - w->window >= DT_SECONDS(1).ns) {
		w->window = now;
		w->answers = 0;
	}
	return w->answers++ < ANSWERS_MAX;
}

static void
check_answer(struct world *w, const uint8_t *m, size_t len)
{
	const struct established *e = &w->e;
	const struct dt_conn *c = established_conn(e);
	if (!c) /* its keys were used up */
		return;
	const struct dt_record_state *s = &c->session.state;
	size_t claimed = len >= 3 ? (size_t)m[1] << 8 | m[2] : 0, n = claimed + 19;
	bool answers = len >= n && m[0] == 1 && s->heartbeat_ours == DT_HEARTBEAT_PEER_MAY_SEND && may_answer(w);
	bool fits = n <= s->sealed_max && n + dt_session_overhead(&c->session) <= s->mtu;
	DT_ASSERT(e->sent == (answers && fits));
	if (e->sent == 0)
		return;
	DT_ASSERT(e->type == DT_HEARTBEAT && e->len == n && e->len <= len && e->data[0] == 2);
	DT_ASSERT(memcmp(e->data + 1, m + 1, 2 + claimed) == 0);
}

/* A record of the client's; false: it did not open. */
static bool
say(struct world *w, uint8_t type, uint8_t *plain, size_t len)
{
	struct association *a = &w->e.a;
	bool with_id = a->id_ours;
	if (with_id)
		plain[len++] = type;
	const struct sealed *s =
	    association_seal(a, type, with_id ? a->id : NULL, a->number, plain, len);
	if (s && a->number < DT_SEQ_MAX)
		a->number++;
	return s && established_take(&w->e, 0, s->bytes, s->len);
}

static void
client_says(struct world *w, struct dt_reader *in)
{
	static uint8_t m[ASSOCIATION_INNER_MAX];
	uint8_t how = (uint8_t)dt_read_uint(in, 1);
	size_t padding = how & 4 ? 16 : dt_read_uint(in, 1);
	m[0] = how & 1 ? 1 : (uint8_t)(how >> 4);
	size_t len = association_bytes(in, m + 3, DT_PLAIN_MAX - 300);
	dt_write_uint(m + 1, how & 2 ? len : dt_read_uint(in, 2), 2);
	memset(m + 3 + len, 0xff, padding);
	len = how & 8 ? len / 2 : 3 + len + padding; /* cut off, or as it should be */
	if (say(w, DT_HEARTBEAT, m, len))
		check_answer(w, m, len);
}

static void
client_answers(struct world *w, struct dt_reader *in)
{
	struct established *e = &w->e;
	uint8_t m[128 + 1], type;
	size_t len = established_answer(e, (uint8_t)dt_read_uint(in, 1), &type, m);
	if (say(w, type, m, len))
		DT_ASSERT(e->sent == 0 || !established_conn(e));
}

static void
client_says_else(struct world *w, struct dt_reader *in)
{
	uint8_t m[256];
	uint8_t type = (uint8_t)(20 + dt_read_uint(in, 1) % 4);
	say(w, type, m, association_bytes(in, m, sizeof(m) - 1));
}

/* Questions of the core's own are no longer than they have to be, and stop with the connection. */
static void
wait(struct world *w, struct dt_reader *in)
{
	struct established *e = &w->e;
	e->sent = 0;
	sim_run(e->sim, DT_MILLISECONDS(250 * dt_read_uint(in, 1)));
	const struct dt_conn *c = established_conn(e);
	if (c && e->sent)
		DT_ASSERT(e->type == DT_HEARTBEAT && e->len == 3 + 16 + 16 && dt_session_may_ask(&c->session));
}

static void (*const operations[])(struct world *, struct dt_reader *) = {
    client_says, client_answers, client_says_else, wait};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct world w;
	struct dt_reader in = dt_reader(data, len);
	uint8_t settings = (uint8_t)dt_read_uint(&in, 1);
	if (settings & 1) {
		read_and_write((struct dt_span){in.at, in.left});
		return 0;
	}
	established_init(&w.e, &in);
	w.window = 0;
	w.answers = 0;
	if (settings & 2)
		w.e.sim->server.service.keep_alive = KEEP_ALIVE;
	dt_conn_arm(established_conn(&w.e));
	while (!in.bad && in.left && established_conn(&w.e))
		operations[dt_read_uint(&in, 1) % OPERATIONS](&w, &in);
	established_fini(&w.e);
	return 0;
}
