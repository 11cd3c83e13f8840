#include "hello.h"

#include <criterion/criterion.h>
#include <string.h>

#include "dtls/record.h"

#define SERVER_HELLO 2u

struct sim_hello
sim_hello_new(struct sim *sim)
{
	struct sim_hello h = {0};
	seeded_fill(&sim->random, h.random, sizeof(h.random));
	return h;
}

static uint8_t *
put(uint8_t *at, struct dt_span bytes, size_t width)
{
	dt_write_uint(at, bytes.len, width);
	if (bytes.len)
		memcpy(at + width, bytes.data, bytes.len);
	return at + width + bytes.len;
}

static uint8_t *
put_suites(uint8_t *at, const struct sim_hello *h)
{
	static const uint16_t usual[] = {0xc02b, 0x00a8}; /* with a certificate, with a key */
	const uint16_t *suites = h->suites ? h->suites : usual;
	size_t count = h->suites ? h->suite_count : 2;
	dt_write_uint(at, 2 * count, 2);
	for (size_t i = 0; i < count; i++)
		dt_write_uint(at + 2 + 2 * i, suites[i], 2);
	return at + 2 + 2 * count;
}

size_t
sim_hello_write(const struct sim_hello *h, uint8_t *out)
{
	static const uint8_t null[] = {0};
	static const uint8_t usual[] = {0, 10, 0, 6, 0, 4, 0, 29, 0, 23, 0, 13, 0, 4, 0, 2, 4, 3, 0xff, 1, 0, 1, 0};
	uint8_t *body = out + DT_RECORD_HEADER + DT_HS_HEADER, *at = body;
	dt_write_uint(at, DT_VERSION_12, 2);
	memcpy(at + 2, h->random, 32);
	at = put(at + 34, h->session_id, 1);
	at = put(at, h->cookie, 1);
	at = put_suites(at, h);
	at = put(at, h->compressions.data ? h->compressions : (struct dt_span){null, 1}, 1);
	if (!h->no_extensions)
		at = put(at, h->extensions.data ? h->extensions : (struct dt_span){usual, sizeof(usual)}, 2);
	size_t len = (size_t)(at - body);
	cr_assert(len <= SIM_HELLO_BYTES - DT_RECORD_HEADER - DT_HS_HEADER);
	dt_record_write_header(out, DT_HANDSHAKE, DT_VERSION_12, 0, h->number, DT_HS_HEADER + len);
	uint8_t *m = out + DT_RECORD_HEADER;
	m[0] = DT_HS_CLIENT_HELLO;
	dt_write_uint(m + 1, len, 3);
	dt_write_uint(m + 4, h->message_seq, 2);
	dt_write_uint(m + 6, 0, 3);
	dt_write_uint(m + 9, len, 3);
	return DT_RECORD_HEADER + DT_HS_HEADER + len;
}

static bool
catch(void *arg, struct sim_packet *p)
{
	struct sim_knock *k = arg;
	if (p->to_server)
		return true;
	if (k->datagrams_back++ == 0) {
		cr_assert(p->len <= sizeof(k->answer));
		memcpy(k->answer, p->bytes, p->len);
		k->answer_len = p->len;
	}
	k->bytes_back += p->len;
	if (p->len == DT_HVR_LEN && p->bytes[DT_RECORD_HEADER] == DT_HS_HELLO_VERIFY_REQUEST) {
		memcpy(k->cookie, p->bytes + DT_HVR_LEN - DT_COOKIE_LEN, DT_COOKIE_LEN);
		k->got_cookie = true;
	}
	return false;
}

void
sim_knock_init(struct sim_knock *k, struct sim *sim)
{
	memset(k, 0, sizeof(*k));
	k->sim = sim;
	sim->link.tap = catch;
	sim->link.tap_arg = k;
}

void
sim_knock_bytes(struct sim_knock *k, uint32_t from, const void *bytes, size_t len)
{
	k->answer_len = 0;
	k->datagrams_back = 0;
	k->bytes_in += len;
	sim_server_input(&k->sim->server, from, bytes, len);
}

void
sim_knock_hello(struct sim_knock *k, uint32_t from, const struct sim_hello *h)
{
	uint8_t d[SIM_HELLO_BYTES];
	sim_knock_bytes(k, from, d, sim_hello_write(h, d));
}

void
sim_knock_twice(struct sim_knock *k, uint32_t from, struct sim_hello h)
{
	k->got_cookie = false;
	sim_knock_hello(k, from, &h);
	cr_assert(k->got_cookie);
	h.cookie = (struct dt_span){k->cookie, sizeof(k->cookie)};
	h.message_seq = 1;
	h.number++;
	sim_knock_hello(k, from, &h);
}

struct dt_span
sim_server_extension(const struct sim_knock *k, uint16_t type, uint8_t *compression)
{
	cr_assert(k->answer_len && k->answer[0] == DT_HANDSHAKE && k->answer[DT_RECORD_HEADER] == SERVER_HELLO,
	    "no ServerHello: %zu bytes, alert %d", k->answer_len, sim_answered_alert(k));
	struct dt_reader r = dt_reader(k->answer + DT_RECORD_HEADER, k->answer_len - DT_RECORD_HEADER);
	struct dt_fragment f;
	cr_assert(dt_fragment_read(&r, &f));
	r = dt_reader(f.bytes.data, f.bytes.len);
	dt_read_bytes(&r, 34);
	dt_read_vector(&r, 1);
	dt_read_uint(&r, 2);
	uint8_t method = (uint8_t)dt_read_uint(&r, 1);
	if (compression)
		*compression = method;
	struct dt_span extensions = dt_read_vector(&r, 2);
	struct dt_span found = {NULL, 0};
	r = dt_reader(extensions.data, extensions.len);
	while (r.left && !r.bad) {
		uint64_t this = dt_read_uint(&r, 2);
		struct dt_span body = dt_read_vector(&r, 2);
		if (this == type)
			found = body;
	}
	return found;
}

int
sim_answered_alert(const struct sim_knock *k)
{
	return k->answer_len == DT_RECORD_HEADER + 2 && k->answer[0] == DT_ALERT ? k->answer[DT_RECORD_HEADER + 1] : -1;
}
