/* An established session: what the client sealed opens once, nothing else ever does; what is sent is
 * numbered upwards, keeps its limits and says what was to be said.
 *
 * An input is the head of an association (association.h) and a list of operations, each a byte and its
 * arguments.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "association.h"
#include "base/assert.h"
#include "dtls/alert.h"
#include "dtls/extensions.h"
#include "dtls/heartbeat.h"
#include "dtls/hello.h"
#include "dtls/session.h"
#include "random.h"

#define CORE 1u /* the owner of its keys */
#define DATAGRAM_MAX 40000u

struct world {
	struct association a;
	struct dt_session session;
	struct dt_aead_pool *pool;
	struct dt_wire wire;
	uint8_t *out; /* owned: being written */
	size_t out_cap;
	/* The records that it sent since they were counted last, and the newest of them. */
	unsigned sent;
	uint8_t type, *data;
	size_t len;
};

/* ---- what it sends ---- */

/* Exactly as long as was asked for, so that the sanitizer sees a byte too many. */
static uint8_t *
reserve(void *arg, size_t cap)
{
	struct world *w = arg;
	DT_ASSERT(cap > 0 && cap <= DATAGRAM_MAX);
	free(w->out);
	w->out = malloc(cap);
	DT_ASSERT(w->out);
	w->out_cap = cap;
	return w->out;
}

static void
check_sent(struct world *w, uint8_t *datagram, size_t len)
{
	struct sent s;
	size_t at = 0;
	while (association_read(&w->a, datagram, len, &at, &s)) {
		DT_ASSERT(s.len <= w->session.state.fragment_max);
		free(w->data);
		w->data = malloc(s.len + 1);
		DT_ASSERT(w->data);
		memcpy(w->data, s.data, s.len);
		w->len = s.len;
		w->type = s.type;
		w->sent++;
	}
}

static void
commit(void *arg, size_t len)
{
	struct world *w = arg;
	DT_ASSERT(w->out && len > 0 && len <= w->out_cap);
	check_sent(w, w->out, len);
	free(w->out);
	w->out = NULL;
}

static bool
said(const struct world *w, uint8_t type, const uint8_t *data, size_t len)
{
	return w->sent == 1 && w->type == type && w->len == len && (len == 0 || memcmp(w->data, data, len) == 0);
}

/* Records that it still may send. */
static uint64_t
numbers_left(const struct world *w)
{
	const struct dt_record_state *s = &w->session.state;
	return s->seal_limit - s->next_sealed;
}

static void
send_data(struct world *w, struct dt_reader *in)
{
	static uint8_t data[DT_PLAIN_MAX];
	size_t len = association_bytes(in, data, dt_session_max(&w->session));
	bool exhausted = numbers_left(w) <= 1;
	DT_ASSERT(!exhausted || dt_session_key_use(&w->session) == DT_KEY_USED_UP);
	size_t cap = len + dt_session_overhead(&w->session);
	uint8_t *out = malloc(cap);
	DT_ASSERT(out);
	size_t n = dt_session_seal(&w->session, w->pool, CORE, data, len, out);
	DT_ASSERT(n == (exhausted ? 0 : cap));
	if (n)
		check_sent(w, out, n);
	free(out);
	DT_ASSERT(exhausted ? w->sent == 0 : said(w, DT_APPLICATION_DATA, data, len));
}

static void
send_alert(struct world *w, struct dt_reader *in)
{
	uint8_t alert[2];
	alert[0] = (uint8_t)dt_read_uint(in, 1);
	alert[1] = (uint8_t)dt_read_uint(in, 1);
	bool exhausted = numbers_left(w) == 0;
	dt_session_send_alert(&w->session, w->pool, CORE, alert[0], alert[1], &w->wire);
	DT_ASSERT(exhausted ? w->sent == 0 : said(w, DT_ALERT, alert, sizeof(alert)));
}

static void
heartbeat(struct world *w, uint8_t type, struct dt_span payload)
{
	const struct dt_record_state *s = &w->session.state;
	size_t len = payload.len + 3 + 16;
	bool fits = len <= s->sealed_max && len + dt_session_overhead(&w->session) <= s->mtu;
	bool may = fits && numbers_left(w) > 1;
	bool left = dt_session_send_heartbeat(&w->session, w->pool, CORE, type, payload, &w->wire);
	DT_ASSERT(left == may && w->sent == may);
	if (!left)
		return;
	DT_ASSERT(w->type == DT_HEARTBEAT && w->len == len && w->data[0] == type);
	DT_ASSERT((size_t)w->data[1] << 8 == (payload.len & 0xff00) && w->data[2] == (payload.len & 0xff));
	DT_ASSERT(payload.len == 0 || memcmp(w->data + 3, payload.data, payload.len) == 0);
}

static void
send_heartbeat(struct world *w, struct dt_reader *in)
{
	static uint8_t payload[DT_PLAIN_MAX];
	uint8_t type = dt_read_uint(in, 1) & 1 ? DT_HEARTBEAT_REQUEST : DT_HEARTBEAT_RESPONSE;
	size_t len = association_bytes(in, payload, sizeof(payload));
	heartbeat(w, type, (struct dt_span){payload, len});
}

/* A message of `len` bytes as the last flight, which goes out again. */
static void
repeat_flight(struct world *w, struct dt_reader *in)
{
	uint8_t message[DT_HS_HEADER + 2048] = {DT_HS_CLIENT_HELLO};
	size_t len = dt_read_uint(in, 2) % 2048;
	struct dt_flight f;
	dt_write_uint(message + 1, len, 3);
	dt_write_uint(message + 9, len, 3);
	dt_flight_init(&f);
	DT_ASSERT(dt_flight_add_message(&f, 1, (struct dt_span){message, DT_HS_HEADER + len}) == DT_OK);
	enum dt_err err = dt_session_repeat(&w->session, w->pool, CORE, &f, &w->wire);
	DT_ASSERT(err == DT_OK || numbers_left(w) <= 1);
	DT_ASSERT(err != DT_OK || (w->sent > 0 && w->type == DT_HANDSHAKE));
	dt_flight_clear(&f);
}

static void
send_path_check(struct world *w, struct dt_reader *in)
{
	uint8_t message[DT_RRC_LEN] = {(uint8_t)(dt_read_uint(in, 1) % 3)};
	dt_write_uint(message + 1, dt_read_uint(in, 8), 8);
	if (!dt_session_checks_paths(&w->session))
		return;
	bool exhausted = numbers_left(w) <= 1;
	bool left = dt_session_send_path(&w->session, w->pool, CORE, (enum dt_rrc_type)message[0], message + 1, &w->wire);
	DT_ASSERT(left == !exhausted && w->sent == left);
	DT_ASSERT(!left || said(w, DT_RETURN_ROUTABILITY_CHECK, message, sizeof(message)));
}

/* The system did not take a datagram of so many bytes: everything becomes shorter, nothing longer. */
static void
refuse_length(struct world *w, struct dt_reader *in)
{
	size_t max = dt_session_max(&w->session), mtu = w->session.state.mtu;
	size_t len = dt_read_uint(in, 2);
	dt_session_too_long(&w->session, len);
	DT_ASSERT(dt_session_max(&w->session) <= max && w->session.state.mtu <= mtu);
}

/* ---- what comes in ---- */

static void
check_heartbeat(struct world *w, const struct dt_session_event *e, const uint8_t *plain, size_t len)
{
	const struct dt_record_state *s = &w->session.state;
	size_t claimed = len >= 3 ? (size_t)plain[1] << 8 | plain[2] : 0;
	bool valid = len >= 3 && claimed + 3 + 16 <= len && (plain[0] == 1 || plain[0] == 2);
	uint8_t mode = len && plain[0] == 1 ? s->heartbeat_ours : s->heartbeat_peers;
	valid = valid && s->heartbeat_ours != DT_HEARTBEAT_OFF && mode == DT_HEARTBEAT_PEER_MAY_SEND;
	if (!valid) {
		DT_ASSERT(e->kind == DT_SESSION_DROPPED);
		return;
	}
	DT_ASSERT(e->kind == (plain[0] == 1 ? DT_SESSION_HEARTBEAT_REQUEST : DT_SESSION_HEARTBEAT_RESPONSE));
	DT_ASSERT(e->len == claimed && (claimed == 0 || memcmp(e->data, plain + 3, claimed) == 0));
	if (e->kind == DT_SESSION_HEARTBEAT_REQUEST) {
		heartbeat(w, DT_HEARTBEAT_RESPONSE, (struct dt_span){e->data, e->len});
		DT_ASSERT(w->sent == 0 || w->len <= len);
	}
}

static void
check_alert(const struct dt_session_event *e, const uint8_t *plain, size_t len)
{
	if (len != 2)
		DT_ASSERT(e->kind == DT_SESSION_DROPPED);
	else if (plain[1] == 0)
		DT_ASSERT(e->kind == DT_SESSION_CLOSE_NOTIFY);
	else
		DT_ASSERT(e->alert == plain[1] &&
		    e->kind == (plain[0] == 2 ? DT_SESSION_FATAL_ALERT : DT_SESSION_WARNING));
}

static void
check_path_check(const struct world *w, const struct dt_session_event *e, const uint8_t *plain, size_t len)
{
	static const enum dt_session_kind kinds[] = {
	    DT_SESSION_PATH_CHALLENGE, DT_SESSION_PATH_RESPONSE, DT_SESSION_PATH_DROP};
	if (!w->session.state.rrc || len == 0 || (plain[0] <= 2 && len != 9))
		DT_ASSERT(e->kind == DT_SESSION_DROPPED);
	else if (plain[0] > 2)
		DT_ASSERT(e->kind == DT_SESSION_PATH_UNKNOWN);
	else
		DT_ASSERT(e->kind == kinds[plain[0]] && e->len == 8 && memcmp(e->data, plain + 1, 8) == 0);
}

/* What the client said in a record that opened. */
static void
check_event(struct world *w, const struct dt_session_event *e, uint8_t type, const uint8_t *plain, size_t len)
{
	switch (type) {
	case DT_APPLICATION_DATA:
		DT_ASSERT(e->kind == DT_SESSION_DATA && e->len == len);
		DT_ASSERT(len == 0 || memcmp(e->data, plain, len) == 0);
		break;
	case DT_ALERT:
		check_alert(e, plain, len);
		break;
	case DT_HEARTBEAT:
		check_heartbeat(w, e, plain, len);
		break;
	case DT_RETURN_ROUTABILITY_CHECK:
		check_path_check(w, e, plain, len);
		break;
	case DT_HANDSHAKE:
		DT_ASSERT(e->kind == DT_SESSION_DROPPED || (len >= DT_HS_HEADER &&
		    e->kind == (plain[0] == 20 ? DT_SESSION_FINISHED_AGAIN : DT_SESSION_RENEGOTIATION)));
		break;
	default:
		DT_ASSERT(e->kind == DT_SESSION_DROPPED);
		break;
	}
}

/* Whether the core must open it, being genuine, in the form that was agreed on, and not too long. */
static bool
must_open(const struct world *w, const struct sealed *s)
{
	bool with_id = s->type == DT_TLS12_CID;
	return association_is_fresh(&w->a, s->number) && with_id == w->a.id_ours &&
	    s->plain_len <= (with_id ? DT_CID_INNER_MAX : DT_PLAIN_MAX);
}

static void
take_record(struct world *w, const struct dt_record *rec, const uint8_t *bytes, size_t len)
{
	const struct sealed *s = association_find(&w->a, bytes, len);
	const struct dt_record_state *state = &w->session.state;
	struct dt_replay before = state->replay;
	uint64_t forgeries = state->forgeries;
	struct dt_session_event e = dt_session_open(&w->session, w->pool, CORE, rec, &w->wire);
	bool opened = before.next != state->replay.next || before.seen != state->replay.seen;
	DT_ASSERT(w->sent == 0);
	DT_ASSERT(opened == (s && must_open(w, s)));
	DT_ASSERT(state->forgeries == forgeries + (e.kind == DT_SESSION_DROPPED && e.drop == DT_DROP_BAD_TAG));
	if (!opened) {
		DT_ASSERT(e.kind == DT_SESSION_DROPPED);
		return;
	}
	association_note_opened(&w->a, s->number);
	DT_ASSERT(state->replay.next == w->a.next);
	uint8_t type;
	size_t n;
	if (association_content(&w->a, s, &type, &n))
		check_event(w, &e, type, s->plain, n);
	else
		DT_ASSERT(e.kind == DT_SESSION_DROPPED && e.drop == DT_DROP_BAD_RECORD);
}

static void
take(struct world *w, const uint8_t *datagram, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	DT_ASSERT(copy);
	memcpy(copy, datagram, len);
	struct dt_record rec;
	size_t at = 0, start = 0;
	enum dt_record_verdict v;
	for (; (v = dt_record_next(copy, len, &at, &rec)) == DT_RECORD_OK || v == DT_RECORD_SKIP; start = at) {
		w->sent = 0;
		if (v == DT_RECORD_OK)
			take_record(w, &rec, datagram + start, at - start);
	}
	free(copy);
}

/* ---- operations ---- */

static void
client_seals(struct world *w, struct dt_reader *in)
{
	static uint8_t plain[ASSOCIATION_INNER_MAX];
	uint8_t how = (uint8_t)dt_read_uint(in, 1);
	uint8_t type = (uint8_t)(DT_CHANGE_CIPHER_SPEC + how % 8); /* one of them is none */
	uint64_t number = association_number(&w->a, in);
	bool with_id = w->a.id_ours ^ (how >> 7);
	size_t len = association_bytes(in, plain, sizeof(plain) - 1);
	if (with_id)
		plain[len++] = type;
	const struct sealed *s = association_seal(&w->a, type, with_id ? w->a.id : NULL, number, plain, len);
	if (s && !(how >> 6 & 1)) /* else it comes later */
		take(w, s->bytes, s->len);
}

static void
client_repeats(struct world *w, struct dt_reader *in)
{
	const struct sealed *s = association_earlier(&w->a, in);
	if (s)
		take(w, s->bytes, s->len);
}

static void
client_alters(struct world *w, struct dt_reader *in)
{
	size_t len;
	uint8_t *copy = association_altered(&w->a, in, &len);
	if (copy)
		take(w, copy, len);
	free(copy);
}

static void
client_sends_raw(struct world *w, struct dt_reader *in)
{
	static uint8_t raw[DT_CIPHER_MAX + 64];
	size_t len = association_bytes(in, raw, sizeof(raw));
	take(w, raw, len);
}

static void
client_glues(struct world *w, struct dt_reader *in)
{
	const struct sealed *s = association_earlier(&w->a, in), *t = association_earlier(&w->a, in);
	if (!s)
		return;
	uint8_t *both = malloc(s->len + t->len);
	DT_ASSERT(both);
	memcpy(both, s->bytes, s->len);
	memcpy(both + s->len, t->bytes, t->len);
	take(w, both, s->len + t->len);
	free(both);
}

static void (*const operations[])(struct world *, struct dt_reader *) = {client_seals, client_repeats,
    client_alters, client_sends_raw, client_glues, send_data, send_alert, send_heartbeat, repeat_flight,
    send_path_check, refuse_length};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dt_reader in = dt_reader(data, len);
	struct world w = {.wire = {&w, reserve, commit, NULL}};
	sim_random_begin(1);
	association_init(&w.a, &in, &w.session.state);
	w.session.suite = w.a.suite->id;
	DT_ASSERT(dt_aead_pool_new(2, &w.pool) == DT_OK);
	while (!in.bad && in.left) {
		w.sent = 0;
		operations[dt_read_uint(&in, 1) % OPERATIONS](&w, &in);
	}
	dt_session_fini(&w.session, w.pool, CORE);
	dt_aead_pool_free(&w.pool);
	association_fini(&w.a);
	free(w.out);
	free(w.data);
	return 0;
}
