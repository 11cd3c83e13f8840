/* Flights, read back by the record reader and the reassembly. */
#include "dtls/flight.h"
#include "base/mem.h"
#include "dtls/reassembly.h"
#include "dtls/record.h"

#include "seeded.h"

#include <criterion/criterion.h>
#include <string.h>

#define DATAGRAMS 4096
#define EVENTS 64
#define AROUND_1 24u /* bytes that a record of epoch 1 adds besides its header: 8 before, 16 behind */

/* What the peer is to see, in order. */
struct event {
	enum { SAW_MESSAGE, SAW_CCS, SAW_OPAQUE } kind;
	uint16_t epoch;
	struct dt_span bytes; /* whole message or record */
};

struct wire {
	uint8_t *datagram[DATAGRAMS];
	size_t len[DATAGRAMS], cap[DATAGRAMS];
	size_t count;
	uint64_t seq;
	size_t reserve_left, record_left; /* calls until it fails */
	bool open;
};

static size_t
overhead(void *arg, uint16_t epoch)
{
	(void)arg;
	return DT_RECORD_HEADER + (epoch ? AROUND_1 : 0);
}

static size_t
write_record(void *arg, uint16_t epoch, uint8_t type, const uint8_t *payload, size_t len, uint8_t *out)
{
	struct wire *w = arg;
	if (w->record_left-- == 0)
		return 0;
	size_t before = epoch ? 8 : 0, behind = epoch ? 16 : 0;
	dt_record_write_header(
	    out, type, DT_VERSION_12, epoch, w->seq++, before + len + behind);
	out += DT_RECORD_HEADER;
	memset(out, 0xee, before);
	memcpy(out + before, payload, len);
	memset(out + before + len, 0xee, behind);
	return DT_RECORD_HEADER + before + len + behind;
}

static uint8_t *
reserve(void *arg, size_t cap)
{
	struct wire *w = arg;
	cr_assert(w->count < DATAGRAMS);
	if (w->reserve_left-- == 0)
		return NULL;
	cr_assert_not(w->open, "the one before was not committed");
	w->open = true;
	w->cap[w->count] = cap;
	return w->datagram[w->count] = malloc(cap); /* exact: the sanitizer sees a byte too many */
}

static void
commit(void *arg, size_t len)
{
	struct wire *w = arg;
	cr_assert(w->open && len > 0 && len <= w->cap[w->count]);
	w->len[w->count++] = len;
	w->open = false;
}

static struct wire *
new_wire(void)
{
	struct wire *w = calloc(1, sizeof(*w));
	w->reserve_left = w->record_left = SIZE_MAX;
	return w;
}

static void
free_wire(struct wire *w)
{
	for (size_t i = 0; i < w->count + (w->open ? 1 : 0); i++)
		free(w->datagram[i]);
	free(w);
}

static enum dt_err
send_flight(const struct dt_flight *f, struct wire *w, size_t mtu, size_t fragment_max)
{
	const struct dt_flight_out out = {w, overhead, write_record, reserve, commit};
	return dt_flight_send(f, &out, mtu, fragment_max);
}

static size_t
write_message(uint8_t *out, uint8_t type, uint16_t seq, size_t len)
{
	out[0] = type;
	dt_write_uint(out + 1, len, 3);
	dt_write_uint(out + 4, seq, 2);
	dt_write_uint(out + 6, 0, 3);
	dt_write_uint(out + 9, len, 3);
	for (size_t i = 0; i < len; i++)
		out[DT_HS_HEADER + i] = (uint8_t)(i * 13 + type);
	return DT_HS_HEADER + len;
}

static void
add_message(struct dt_flight *f, uint16_t epoch, uint8_t type, uint16_t seq, size_t len)
{
	uint8_t *m = malloc(DT_HS_HEADER + len);
	size_t n = write_message(m, type, seq, len);
	cr_assert_eq(dt_flight_add_message(f, epoch, (struct dt_span){m, n}), DT_OK);
	free(m);
}

static struct dt_record
record_at(const struct wire *w, size_t datagram, size_t *at)
{
	struct dt_record rec;
	cr_assert_eq(
	    dt_record_next(w->datagram[datagram], w->len[datagram], at, &rec), DT_RECORD_OK);
	return rec;
}

Test(flight, small_messages_share_one_datagram)
{
	struct dt_flight f;
	struct wire *w = new_wire();
	dt_flight_init(&f);
	cr_assert(dt_flight_empty(&f));
	add_message(&f, 0, 2, 1, 70);
	add_message(&f, 0, 14, 2, 0);
	cr_assert_eq(dt_flight_add_change_cipher_spec(&f, 0), DT_OK);
	add_message(&f, 1, 20, 3, 12);
	cr_assert_not(dt_flight_empty(&f));
	cr_assert_eq(send_flight(&f, w, 1200, 16384), DT_OK);
	cr_assert_eq(w->count, 1);
	static const struct {
		uint8_t type;
		uint16_t epoch;
		size_t len;
	} rows[] = {{22, 0, 12 + 70}, {22, 0, 12}, {20, 0, 1}, {22, 1, 12 + 12 + AROUND_1}};
	size_t at = 0;
	for (size_t i = 0; i < 4; i++) {
		struct dt_record rec = record_at(w, 0, &at);
		cr_assert(rec.type == rows[i].type && rec.epoch == rows[i].epoch);
		cr_assert(rec.len == rows[i].len && rec.seq == i);
	}
	cr_assert_eq(at, w->len[0]);
	dt_flight_clear(&f);
	cr_assert(dt_flight_empty(&f) && f.bytes == 0);
	free_wire(w);
}

Test(flight, sending_again_gives_the_same_messages_under_new_numbers)
{
	struct dt_flight f;
	struct wire *w = new_wire();
	dt_flight_init(&f);
	add_message(&f, 0, 11, 0, 500);
	cr_assert_eq(send_flight(&f, w, 1200, 16384), DT_OK);
	cr_assert_eq(send_flight(&f, w, 1200, 16384), DT_OK);
	cr_assert(w->count == 2 && w->len[0] == w->len[1]);
	size_t at = 0, again = 0;
	struct dt_record one = record_at(w, 0, &at), two = record_at(w, 1, &again);
	cr_assert(one.seq == 0 && two.seq == 1);
	cr_assert_eq(memcmp(one.body, two.body, one.len), 0);
	dt_flight_clear(&f);
	free_wire(w);
}

Test(flight, an_opaque_record_that_does_not_fit_starts_a_datagram_and_a_long_one_goes_alone)
{
	static const struct {
		size_t record, datagrams;
	} rows[] = {{100, 1}, {400 - 13 - 12 - 50, 1}, {400 - 13 - 12 - 50 + 1, 2}, {400, 2},
	    {401, 3}, {2000, 3}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_flight f;
		struct wire *w = new_wire();
		uint8_t *record = calloc(1, rows[i].record);
		dt_flight_init(&f);
		add_message(&f, 0, 1, 0, 50);
		dt_record_write_header(record, 23, DT_VERSION_12, 1, 0, rows[i].record - 13);
		struct dt_span span = {record, rows[i].record};
		cr_assert_eq(dt_flight_add_opaque(&f, span), DT_OK);
		if (rows[i].record > 400)
			add_message(&f, 0, 1, 1, 50);
		cr_assert_eq(send_flight(&f, w, 400, 16384), DT_OK);
		cr_assert_eq(w->count, rows[i].datagrams, "row %zu: %zu", i, w->count);
		size_t last = rows[i].datagrams == 3 ? 1 : w->count - 1;
		cr_assert_eq(memcmp(w->datagram[last] + w->len[last] - span.len, record, span.len),
		    0);
		dt_flight_clear(&f);
		free(record);
		free_wire(w);
	}
}

Test(flight, a_send_that_fails_says_so_and_keeps_what_was_framed)
{
	struct dt_flight f;
	dt_flight_init(&f);
	add_message(&f, 0, 11, 0, 1000);
	for (size_t left = 0; left < 3; left++) {
		struct wire *w = new_wire();
		w->reserve_left = left;
		cr_assert_eq(send_flight(&f, w, 300, 16384), DT_ERR_FULL);
		cr_assert_eq(w->count, left);
		free_wire(w);
		w = new_wire();
		w->record_left = left;
		cr_assert_eq(send_flight(&f, w, 300, 16384), DT_ERR_FULL);
		cr_assert_eq(w->count, left);
		free_wire(w);
	}
	dt_flight_clear(&f);
}

Test(flight, memory_that_fails_leaves_the_flight_as_it_was)
{
	struct dt_flight f;
	uint8_t m[64];
	dt_flight_init(&f);
	struct dt_span span = {m, write_message(m, 1, 0, 20)};
	dt_mem_fail_nth(1);
	cr_assert_eq(dt_flight_add_message(&f, 0, span), DT_ERR_NOMEM);
	dt_mem_fail_nth(1);
	cr_assert_eq(dt_flight_add_change_cipher_spec(&f, 0), DT_ERR_NOMEM);
	cr_assert(dt_flight_empty(&f) && f.bytes == 0);
	dt_flight_clear(&f);
}

/* ---- random flights ---- */

struct reader {
	struct dt_budget budget;
	struct dt_reassembly messages;
	const struct event *events;
	size_t seen;
};

static void
see_messages(struct reader *r, uint16_t epoch)
{
	struct dt_span m;
	while (dt_reassembly_next(&r->messages, &m)) {
		const struct event *e = &r->events[r->seen++];
		cr_assert(e->kind == SAW_MESSAGE && e->epoch == epoch);
		cr_assert(e->bytes.len == m.len && memcmp(e->bytes.data, m.data, m.len) == 0);
	}
}

static void
see_record(struct reader *r, const struct dt_record *rec, size_t fragment_max)
{
	const struct event *e = &r->events[r->seen];
	if (rec->type == DT_APPLICATION_DATA) {
		cr_assert(e->kind == SAW_OPAQUE && e->bytes.len == rec->len + DT_RECORD_HEADER);
		cr_assert_eq(
		    memcmp(rec->body - DT_RECORD_HEADER, e->bytes.data, e->bytes.len), 0);
		r->seen++;
		return;
	}
	size_t before = rec->epoch ? 8 : 0, len = rec->len - (rec->epoch ? AROUND_1 : 0);
	cr_assert(len <= fragment_max);
	if (rec->type == DT_CHANGE_CIPHER_SPEC) {
		cr_assert(e->kind == SAW_CCS && e->epoch == rec->epoch && len == 1);
		cr_assert_eq(rec->body[before], 1);
		r->seen++;
		return;
	}
	struct dt_fragment f;
	struct dt_reader bytes = dt_reader(rec->body + before, len);
	cr_assert(dt_fragment_read(&bytes, &f) && bytes.left == 0);
	cr_assert(f.bytes.len > 0 || f.length == 0);
	cr_assert_eq(dt_reassembly_add(&r->messages, &f), DT_REASSEMBLY_STORED);
	see_messages(r, rec->epoch);
}

/* The least that the next record needed, so that a datagram may have been ended before it. */
static size_t
least_of(const struct dt_record *rec)
{
	if (rec->type == DT_APPLICATION_DATA)
		return rec->len + DT_RECORD_HEADER;
	size_t least = overhead(NULL, rec->epoch);
	if (rec->type == DT_CHANGE_CIPHER_SPEC)
		return least + 1;
	return least + DT_HS_HEADER + (rec->len > least - DT_RECORD_HEADER + DT_HS_HEADER);
}

static void
check_wire(const struct wire *w, struct reader *r, size_t mtu, size_t fragment_max)
{
	uint64_t seq = 0;
	for (size_t i = 0; i < w->count; i++) {
		size_t at = 0, records = 0;
		while (at < w->len[i]) {
			struct dt_record rec = record_at(w, i, &at);
			if (records++ == 0 && i > 0)
				cr_assert(w->len[i - 1] + least_of(&rec) > mtu, "space was wasted");
			if (rec.type != DT_APPLICATION_DATA)
				cr_assert_eq(rec.seq, seq++);
			see_record(r, &rec, fragment_max);
		}
		cr_assert(w->len[i] <= mtu || records == 1);
		/* No more space is asked for than there is to send. */
		cr_assert_eq(w->cap[i], i + 1 < w->count && w->len[i] < mtu ? mtu : w->len[i]);
	}
}

static size_t
random_flight(struct seeded *rnd, struct dt_flight *f, struct event *events)
{
	size_t count = 1 + seeded_below(rnd, 12);
	uint16_t seq = 0;
	for (size_t i = 0; i < count; i++) {
		struct event *e = &events[i];
		size_t len = seeded_below(rnd, 4) ? seeded_below(rnd, 300) : seeded_below(rnd, 9000);
		uint8_t *bytes = malloc(DT_HS_HEADER + DT_RECORD_HEADER + len);
		e->epoch = (uint16_t)seeded_below(rnd, 2);
		e->kind = seeded_below(rnd, 6) ? SAW_MESSAGE : SAW_CCS;
		if (seeded_below(rnd, 8) == 0)
			e->kind = SAW_OPAQUE;
		if (e->kind == SAW_MESSAGE && seeded_below(rnd, 6) == 0)
			len = 0;
		e->bytes = (struct dt_span){bytes, DT_RECORD_HEADER + len};
		if (e->kind == SAW_MESSAGE)
			e->bytes.len = write_message(bytes, (uint8_t)(i + 1), seq++, len);
		else
			seeded_fill(rnd, bytes, DT_RECORD_HEADER + len);
		if (e->kind == SAW_OPAQUE)
			dt_record_write_header(bytes, DT_APPLICATION_DATA, DT_VERSION_12, 1, i, len);
		enum dt_err err = e->kind == SAW_MESSAGE
		    ? dt_flight_add_message(f, e->epoch, e->bytes)
		    : e->kind == SAW_CCS ? dt_flight_add_change_cipher_spec(f, e->epoch)
					 : dt_flight_add_opaque(f, e->bytes);
		cr_assert_eq(err, DT_OK);
	}
	return count;
}

Test(flight, random_flights_arrive_whole_at_every_mtu)
{
	static const size_t mtus[] = {128, 200, 256, 512, 1200, 1400, 9000, 16000};
	static const size_t maxima[] = {64, 512, 1024, 2048, 4096, 16384, 100000};
	struct seeded rnd = seeded_begin("flight");
	for (int run = 0; run < 600; run++) {
		struct dt_flight f;
		struct event events[EVENTS];
		struct wire *w = new_wire();
		dt_flight_init(&f);
		size_t count = random_flight(&rnd, &f, events);
		size_t mtu = run % 4 ? mtus[seeded_below(&rnd, 8)] : 128 + seeded_below(&rnd, 1400);
		size_t most = maxima[seeded_below(&rnd, 7)];
		cr_assert_eq(send_flight(&f, w, mtu, most), DT_OK);

		struct reader r = {.budget = {0, 1u << 20}, .events = events};
		dt_reassembly_init(&r.messages, 0, 1u << 20, &r.budget);
		check_wire(w, &r, mtu, most);
		cr_assert_eq(r.seen, count);
		dt_reassembly_fini(&r.messages);
		for (size_t i = 0; i < count; i++)
			free((void *)(uintptr_t)events[i].bytes.data);
		dt_flight_clear(&f);
		free_wire(w);
	}
}
