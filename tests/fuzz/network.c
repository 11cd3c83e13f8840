#include "network.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "dtls/hello.h"
#include "dtls/record.h"

#define SETTLE_MAX 300u /* datagrams */
#define ELSEWHERE 1000u /* added to the number of a client: its other address */

/* Of as many bytes as both parts. */
static struct sim_packet *
join(uint32_t client, bool to_server, struct dt_span a, struct dt_span b)
{
	struct sim_packet *p = malloc(sizeof(*p) + a.len + b.len);
	DT_ASSERT(p);
	*p = (struct sim_packet){.client = client, .to_server = to_server, .len = a.len + b.len};
	if (a.len)
		memcpy(p->bytes, a.data, a.len);
	if (b.len)
		memcpy(p->bytes + a.len, b.data, b.len);
	return p;
}

static struct sim_packet *
new_packet(uint32_t client, bool to_server, const uint8_t *bytes, size_t len)
{
	return join(client, to_server, (struct dt_span){bytes, len}, (struct dt_span){NULL, 0});
}

static struct sim_packet *
copy_packet(const struct sim_packet *p)
{
	return new_packet(p->client, p->to_server, p->bytes, p->len);
}

static void
append(struct network *n, struct sim_packet *p, bool altered)
{
	if (n->count < NETWORK_WAITING)
		n->waiting[n->count++] = (struct datagram){p, altered};
	else
		free(p);
}

static struct datagram
take_first(struct network *n)
{
	struct datagram d = n->waiting[0];
	memmove(n->waiting, n->waiting + 1, --n->count * sizeof(d));
	return d;
}

static void
keep(struct network *n, struct datagram d)
{
	struct datagram *slot = &n->past[n->past_count++ % NETWORK_PAST];
	free(slot->p);
	*slot = d;
}

static bool
on_sent(void *arg, struct sim_packet *p)
{
	append(arg, copy_packet(p), false);
	return false;
}

void
network_init(struct network *n, struct sim *sim)
{
	memset(n, 0, sizeof(*n));
	n->sim = sim;
	sim->link.tap = on_sent;
	sim->link.tap_arg = n;
}

void
network_fini(struct network *n)
{
	while (n->count)
		free(take_first(n).p);
	for (size_t i = 0; i < NETWORK_PAST; i++)
		free(n->past[i].p);
}

static struct sim_client *
find_client(struct sim *sim, uint32_t number)
{
	if (number >= ELSEWHERE && number < 2 * ELSEWHERE)
		number -= ELSEWHERE;
	DT_LIST_EACH (node, next, &sim->clients) {
		struct sim_client *c = DT_CONTAINER(node, struct sim_client, node);
		if (c->number == number)
			return c;
	}
	return NULL;
}

bool
network_deliver(struct network *n)
{
	if (n->count == 0)
		return false;
	struct datagram d = take_first(n);
	struct sim_client *c = d.p->to_server ? NULL : find_client(n->sim, d.p->client);
	keep(n, (struct datagram){copy_packet(d.p), d.altered});
	if (d.p->to_server)
		sim_server_input(&n->sim->server, d.p->client, d.p->bytes, d.p->len);
	else if (c && !(c->cid && d.altered))
		sim_client_input(c, d.p);
	free(d.p);
	return true;
}

void
network_settle(struct network *n)
{
	for (unsigned i = 0; i < SETTLE_MAX && network_deliver(n); i++)
		;
}

void
network_inject(struct network *n, uint32_t client, const uint8_t *bytes, size_t len)
{
	append(n, new_packet(client, true, bytes, len), true);
}

/* ---- the first datagram ---- */

void
network_drop(struct network *n, struct dt_reader *in)
{
	(void)in;
	if (n->count)
		free(take_first(n).p);
}

void
network_postpone(struct network *n, struct dt_reader *in)
{
	(void)in;
	if (n->count) {
		struct datagram d = take_first(n);
		append(n, d.p, d.altered);
	}
}

void
network_repeat(struct network *n, struct dt_reader *in)
{
	(void)in;
	if (n->count)
		append(n, copy_packet(n->waiting[0].p), n->waiting[0].altered);
}

void
network_flip(struct network *n, struct dt_reader *in)
{
	size_t at = dt_read_uint(in, 2);
	uint8_t mask = (uint8_t)dt_read_uint(in, 1);
	if (n->count && n->waiting[0].p->len) {
		n->waiting[0].p->bytes[at % n->waiting[0].p->len] ^= mask;
		n->waiting[0].altered = true;
	}
}

/* Where the nth record begins; the first one where there are not so many. */
static size_t
nth_record(struct sim_packet *p, size_t nth)
{
	struct dt_record rec;
	size_t at = 0, start = 0;
	for (size_t i = 0; i < nth && at < p->len; i++) {
		if (dt_record_next(p->bytes, p->len, &at, &rec) == DT_RECORD_BAD)
			return start;
		start = at < p->len ? at : start;
	}
	return start;
}

void
network_lie(struct network *n, struct dt_reader *in)
{
	static const struct {
		uint8_t at, len;
	} fields[] = {
	    {0, 1}, {1, 2}, {3, 2}, {5, 6}, {9, 2}, {11, 2}, /* record: type, version, epoch, number, its end, length */
	    {13, 1}, {14, 3}, {17, 2}, {19, 3}, {22, 3},     /* fragment: type, length, message_seq, offset, length   */
	    {25, 2}, {59, 1},				     /* hello: version, session id                            */
	};
	uint8_t which = (uint8_t)dt_read_uint(in, 1), how = (uint8_t)dt_read_uint(in, 1);
	size_t field = which % (sizeof(fields) / sizeof(fields[0])), len = fields[field].len;
	uint64_t value = how & 1 ? dt_read_uint(in, 1) : dt_read_uint(in, len);
	if (n->count == 0)
		return;
	struct sim_packet *p = n->waiting[0].p;
	size_t at = nth_record(p, how >> 1 & 7) + fields[field].at;
	if (at + len > p->len)
		return;
	struct dt_reader old = dt_reader(p->bytes + at, len);
	if (how & 1) /* a little more or less */
		value = dt_read_uint(&old, len) + value - 128;
	dt_write_uint(p->bytes + at, value, len);
	n->waiting[0].altered = true;
}

/* ---- fragments ---- */

struct splitter {
	struct network *n;
	struct sim_packet *p;  /* borrowed: what is split */
	size_t size, overlap;  /* bytes of a fragment, and of it that the next one repeats */
	bool backwards, apart; /* each in a datagram of its own */
	uint8_t *out;	       /* owned */
	size_t len;
};

static void
end_datagram(struct splitter *s)
{
	if (s->len)
		append(s->n, new_packet(s->p->client, s->p->to_server, s->out, s->len), true);
	s->len = 0;
}

static void
put_piece(struct splitter *s, const struct dt_record *rec, const struct dt_fragment *f, size_t from)
{
	size_t len = f->bytes.len - from, cap = s->size + s->overlap;
	len = len < cap ? len : cap;
	uint8_t *at = s->out + s->len;
	dt_record_write_header(at, rec->type, rec->version, rec->epoch, rec->seq, DT_HS_HEADER + len);
	at += DT_RECORD_HEADER;
	at[0] = f->type;
	dt_write_uint(at + 1, f->length, 3);
	dt_write_uint(at + 4, f->message_seq, 2);
	dt_write_uint(at + 6, f->offset + from, 3);
	dt_write_uint(at + 9, len, 3);
	if (len)
		memcpy(at + DT_HS_HEADER, f->bytes.data + from, len);
	s->len += DT_RECORD_HEADER + DT_HS_HEADER + len;
	if (s->apart || s->len > 8192)
		end_datagram(s);
}

static void
split_fragment(struct splitter *s, const struct dt_record *rec, const struct dt_fragment *f)
{
	size_t pieces = f->bytes.len / s->size + 1;
	for (size_t i = 0; i < pieces; i++)
		put_piece(s, rec, f, (s->backwards ? pieces - 1 - i : i) * s->size);
}

static void
split_record(struct splitter *s, const struct dt_record *rec, const uint8_t *whole, size_t len)
{
	struct dt_reader r = dt_reader(rec->body, rec->len);
	struct dt_fragment f;
	if (rec->epoch == 0 && rec->type == DT_HANDSHAKE) {
		while (r.left && dt_fragment_read(&r, &f))
			split_fragment(s, rec, &f);
		return;
	}
	memcpy(s->out + s->len, whole, len);
	s->len += len;
}

void
network_refragment(struct network *n, struct dt_reader *in)
{
	uint8_t size = (uint8_t)dt_read_uint(in, 1), how = (uint8_t)dt_read_uint(in, 1);
	if (n->count == 0)
		return;
	struct datagram d = take_first(n);
	struct splitter s = {n, d.p, (size_t)size + 8, how >> 4, how & 1, how >> 1 & 1, NULL, 0};
	s.out = malloc(8192 + d.p->len + 1024);
	DT_ASSERT(s.out);
	struct dt_record rec;
	size_t at = 0, start = 0;
	for (; dt_record_next(d.p->bytes, d.p->len, &at, &rec) == DT_RECORD_OK; start = at)
		split_record(&s, &rec, d.p->bytes + start, at - start);
	end_datagram(&s);
	free(s.out);
	free(d.p);
}

/* ---- and others ---- */

void
network_readdress(struct network *n, struct dt_reader *in)
{
	(void)in;
	if (n->count == 0 || !n->waiting[0].p->to_server)
		return;
	uint32_t *client = &n->waiting[0].p->client;
	*client += *client < ELSEWHERE ? ELSEWHERE : -ELSEWHERE;
}

void
network_glue(struct network *n, struct dt_reader *in)
{
	(void)in;
	if (n->count < 2 || n->waiting[0].p->to_server != n->waiting[1].p->to_server)
		return;
	struct datagram a = take_first(n), b = take_first(n);
	struct dt_span first = {a.p->bytes, a.p->len}, second = {b.p->bytes, b.p->len};
	append(n, join(a.p->client, a.p->to_server, first, second), true);
	free(a.p);
	free(b.p);
}

void
network_recall(struct network *n, struct dt_reader *in)
{
	size_t i = dt_read_uint(in, 1) % NETWORK_PAST;
	const struct sim_packet *p = n->past[i].p;
	if (p)
		append(n, copy_packet(p), n->past[i].altered);
}
