/* driver_handshake.c - commands about hellos, cookies, fragments and flights. */
#include "driver.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "dtls/cookie.h"
#include "dtls/flight.h"
#include "dtls/reassembly.h"
#include "dtls/state.h"

static void
put_head(const struct dt_hello_head *h)
{
	printf(" %u ", h->version);
	put_bytes(h->random.data, h->random.len);
	putchar(' ');
	put_bytes(h->session_id.data, h->session_id.len);
	putchar(' ');
	put_bytes(h->cookie.data, h->cookie.len);
}

/* head BYTES -> what the first fragment of a ClientHello tells */
void
do_head(void)
{
	struct bytes b = take_bytes();
	struct dt_hello_head head;
	if (!dt_hello_read_head(span_of(b), &head)) {
		fputs("malformed", stdout);
		return;
	}
	fputs("ok", stdout);
	put_head(&head);
}

/* hello BYTES -> verdict, head, suites, name, ALPN, offers, fingerprint */
void
do_hello(void)
{
	static const char *const verdicts[] = {[DT_HELLO_OK] = "ok",
	    [DT_HELLO_MALFORMED] = "malformed",
	    [DT_HELLO_VERSION] = "version"};
	static struct dt_hello h;
	struct bytes b = take_bytes();
	enum dt_hello_verdict v = dt_hello_read(span_of(b), &h);
	fputs(verdicts[v], stdout);
	if (v != DT_HELLO_OK)
		return;
	put_head(&h.head);
	putchar(' ');
	for (uint32_t i = 0; i < h.suite_count; i++)
		printf("%04x", h.suites[i]);
	printf(" name=%s ", h.server_name);
	put_bytes(h.alpn.data, h.alpn.len);
	printf(" %d%d%d%d%d ", h.offers_connection_id, h.offers_heartbeat,
	    h.offers_extended_master_secret, h.offers_ticket, h.offers_encrypt_then_mac);
	put_bytes(h.fingerprint, sizeof(h.fingerprint));
}

static struct dtlsd_address
take_address(void)
{
	struct dtlsd_address a = {.family = (uint16_t)take_number()};
	memcpy(a.ip, take_exactly(sizeof(a.ip)).data, sizeof(a.ip));
	a.port = (uint16_t)take_number();
	a.scope = (uint32_t)take_number();
	return a;
}

/* What cookies are made of: SECRET SECONDS PEER LOCAL VERSION RANDOM SESSION-ID; an address is
 * FAMILY IP PORT SCOPE. */
struct asked {
	struct dt_cookie_jar *jar; /* owned */
	struct dt_wall now;
	struct dt_path path;
	struct dt_hello_head head;
};

static struct asked
take_asked(void)
{
	struct asked a = {0};
	if (dt_cookie_jar_new(take_exactly(DT_COOKIE_SECRET_LEN).data, &a.jar) != DT_OK)
		fail("no jar");
	a.now.s = (int64_t)take_number();
	a.path.peer = take_address();
	a.path.local = take_address();
	a.head.version = (uint16_t)take_number();
	a.head.random = span_of(take_exactly(32));
	a.head.session_id = span_of(take_bytes());
	return a;
}

/* cookie ASKED -> cookie */
void
do_cookie(void)
{
	struct asked a = take_asked();
	uint8_t cookie[DT_COOKIE_LEN];
	if (dt_cookie_make(a.jar, a.now, &a.path, &a.head, cookie) != DT_OK)
		fail("dt_cookie_make");
	put_bytes(cookie, sizeof(cookie));
	dt_cookie_jar_free(&a.jar);
}

/* verify ASKED COOKIE -> 1 or 0 */
void
do_verify(void)
{
	struct asked a = take_asked();
	a.head.cookie = span_of(take_bytes());
	printf("%d", dt_cookie_verify(a.jar, a.now, &a.path, &a.head));
	dt_cookie_jar_free(&a.jar);
}

/* hvr RECORD-SEQ COOKIE -> datagram */
void
do_hvr(void)
{
	uint64_t record_seq = take_number();
	uint8_t out[DT_HVR_LEN];
	size_t n = dt_hvr_write(record_seq, take_exactly(DT_COOKIE_LEN).data, out);
	put_bytes(out, n);
}

static const char *
add_fragment(struct dt_reassembly *r, struct bytes b)
{
	static const char *const verdicts[] = {[DT_REASSEMBLY_STORED] = "stored",
	    [DT_REASSEMBLY_OLD] = "repeated",
	    [DT_REASSEMBLY_AHEAD_OF] = "ahead",
	    [DT_REASSEMBLY_CONFLICT] = "conflict",
	    [DT_REASSEMBLY_FULL] = "full"};
	struct dt_reader in = dt_reader(b.data, b.len);
	struct dt_fragment f;
	if (!dt_fragment_read(&in, &f))
		return "malformed";
	return in.left ? "trailing" : verdicts[dt_reassembly_add(r, &f)];
}

/* reassemble NEXT-SEQ CAP BUDGET FRAGMENT... -> a verdict for each, and the messages it completed
 */
void
do_reassemble(void)
{
	uint16_t next = (uint16_t)take_number();
	size_t cap = (size_t)take_number();
	struct dt_budget budget = {0, (size_t)take_number()};
	struct dt_reassembly r;
	dt_reassembly_init(&r, next, cap, &budget);
	while (more()) {
		fputs(add_fragment(&r, take_bytes()), stdout);
		struct dt_span message;
		while (dt_reassembly_next(&r, &message)) {
			putchar(':');
			put_bytes(message.data, message.len);
		}
		DT_ASSERT(r.used <= cap && budget.used <= budget.cap && r.used == budget.used);
		putchar(' ');
	}
	dt_reassembly_fini(&r);
	DT_ASSERT(budget.used == 0);
}

/* Where a flight goes to: numbered and sealed as a session does it, then printed. */
struct target {
	struct dt_record_state state;
	uint64_t owner;
	uint8_t *space;
};

static size_t
overhead(void *arg, uint16_t epoch)
{
	const struct target *t = arg;
	return dt_state_overhead(&t->state, epoch);
}

static size_t
write_record(
    void *arg, uint16_t epoch, uint8_t type, const uint8_t *payload, size_t len, uint8_t *out)
{
	struct target *t = arg;
	return dt_state_write(&t->state, pool(), t->owner, epoch, type, payload, len, out);
}

static uint8_t *
reserve(void *arg, size_t cap)
{
	struct target *t = arg;
	t->space = take_memory(cap);
	return t->space;
}

static void
commit(void *arg, size_t len)
{
	const struct target *t = arg;
	put_bytes(t->space, len);
	putchar(' ');
}

static void
take_item(struct dt_flight *f)
{
	const char *kind = take_word();
	enum dt_err err = DT_OK;
	if (strcmp(kind, "opaque") == 0) {
		err = dt_flight_add_opaque(f, span_of(take_bytes()));
	} else {
		uint16_t epoch = (uint16_t)take_number();
		err = strcmp(kind, "ccs") == 0
			  ? dt_flight_add_change_cipher_spec(f, epoch)
			  : dt_flight_add_message(f, epoch, span_of(take_bytes()));
	}
	if (err != DT_OK)
		fail("an item of a flight");
}

/* flight SUITE KEY IV MTU FRAGMENT-MAX NEXT-PLAIN NEXT-SEALED ITEM... -> datagrams, of two
 * sendings with "again" between; an item is "message EPOCH BYTES", "ccs EPOCH", "opaque RECORD". */
void
do_flight(void)
{
	const struct dt_suite *suite = take_suite();
	struct target t = {.state = {.suite = suite->id, .keyed = 1, .write = take_key(suite)},
	    .owner = new_owner()};
	dt_state_set_limits(&t.state, suite, 0, 0);
	size_t mtu = (size_t)take_number();
	size_t fragment_max = (size_t)take_number();
	t.state.next_plain = take_number();
	t.state.next_sealed = take_number();
	struct dt_flight f;
	dt_flight_init(&f);
	while (more())
		take_item(&f);
	struct dt_flight_out out = {&t, overhead, write_record, reserve, commit};
	if (dt_flight_send(&f, &out, mtu, fragment_max) != DT_OK)
		fail("dt_flight_send");
	fputs("again ", stdout);
	if (dt_flight_send(&f, &out, mtu, fragment_max) != DT_OK)
		fail("dt_flight_send, again");
	dt_flight_clear(&f);
	dt_aead_pool_forget(pool(), t.owner);
}
