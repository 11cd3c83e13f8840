#include "puppet.h"

#include <criterion/criterion.h>
#include <string.h>

#include "dtls/hello.h"
#include "dtls/kdf.h"

#define FINISHED 20
#define FRAGMENT 1200u /* bytes */
#define VERIFY_LEN 12u

static bool tap(void *arg, struct sim_packet *packet);

void
sim_puppet_init(struct sim_puppet *p, struct sim *sim, struct sim_client *c)
{
	memset(p, 0, offsetof(struct sim_puppet, space));
	p->sim = sim;
	p->client = c;
	p->used = p->transcript_len = 0;
	p->budget = (struct dt_budget){.cap = 1024 * 1024};
	dt_reassembly_init(&p->from_server, 1, 256 * 1024, &p->budget); /* HelloVerifyRequest was 0 */
	dt_reassembly_init(&p->from_client, 2, 256 * 1024, &p->budget); /* and the hellos 0 and 1   */
	p->next_plain = 1000;
	p->next_sealed = 0;
	p->sending = false;
	sim->link.tap = tap;
	sim->link.tap_arg = p;
}

void
sim_puppet_fini(struct sim_puppet *p)
{
	dt_reassembly_fini(&p->from_server);
	dt_reassembly_fini(&p->from_client);
	p->sim->link.tap = NULL;
}

const uint8_t *
sim_puppet_keep(struct sim_puppet *p, const void *bytes, size_t len)
{
	cr_assert(len <= sizeof(p->space) - p->used);
	uint8_t *copy = p->space + p->used;
	memcpy(copy, bytes, len);
	p->used += len;
	return copy;
}

void
sim_puppet_insert(struct sim_puppet *p, unsigned at, struct sim_step step)
{
	cr_assert(at <= p->count && p->count < SIM_STEPS);
	memmove(&p->steps[at + 1], &p->steps[at], (p->count - at) * sizeof(step));
	p->steps[at] = step;
	p->count++;
}

void
sim_puppet_remove(struct sim_puppet *p, unsigned at)
{
	cr_assert(at < p->count);
	p->count--;
	memmove(&p->steps[at], &p->steps[at + 1], (p->count - at) * sizeof(p->steps[0]));
}

/* ---- what goes out ---- */

static void
add_to_transcript(struct sim_puppet *p, const uint8_t *bytes, size_t len)
{
	cr_assert(len <= sizeof(p->transcript) - p->transcript_len);
	memcpy(p->transcript + p->transcript_len, bytes, len);
	p->transcript_len += len;
}

static void
write_header(const struct sim_step *s, size_t offset, size_t len, uint8_t *out)
{
	out[0] = (uint8_t)s->type;
	dt_write_uint(out + 1, s->len, 3);
	dt_write_uint(out + 4, s->seq, 2);
	dt_write_uint(out + 6, offset, 3);
	dt_write_uint(out + 9, len, 3);
}

/* RFC 5246 7.4.9 */
static void
sign(struct sim_puppet *p, uint8_t out[VERIFY_LEN])
{
	uint8_t master[48], hash[EVP_MAX_MD_SIZE];
	unsigned len;
	const SSL_CIPHER *cipher = SSL_get_pending_cipher(p->client->ssl);
	const EVP_MD *md = SSL_CIPHER_get_handshake_digest(cipher ? cipher : SSL_get_current_cipher(p->client->ssl));
	SSL_SESSION_get_master_key(SSL_get_session(p->client->ssl), master, sizeof(master));
	cr_assert(EVP_Digest(p->transcript, p->transcript_len, hash, &len, md, NULL));
	enum dt_err err = dt_prf(EVP_MD_get0_name(md), (struct dt_span){master, sizeof(master)}, "client finished",
	    (struct dt_span){hash, len}, out, VERIFY_LEN);
	cr_assert(err == DT_OK);
}

static void
send_fragments(struct sim_puppet *p, const struct sim_step *s)
{
	uint8_t d[DT_RECORD_HEADER + DT_HS_HEADER + FRAGMENT];
	size_t offset = 0;
	do {
		size_t n = s->len - offset < FRAGMENT ? s->len - offset : FRAGMENT;
		dt_record_write_header(d, DT_HANDSHAKE, DT_VERSION_12, 0, p->next_plain++, DT_HS_HEADER + n);
		write_header(s, offset, n, d + DT_RECORD_HEADER);
		memcpy(d + DT_RECORD_HEADER + DT_HS_HEADER, s->body + offset, n);
		sim_link_send(&p->sim->link, p->client->number, true, d, DT_RECORD_HEADER + DT_HS_HEADER + n);
		offset += n;
	} while (offset < s->len);
}

static void
send_finished(struct sim_puppet *p, const struct sim_step *s)
{
	uint8_t d[256], message[DT_HS_HEADER + VERIFY_LEN];
	cr_assert(s->len == VERIFY_LEN);
	write_header(s, 0, s->len, message);
	memcpy(message + DT_HS_HEADER, s->body, VERIFY_LEN);
	if (p->sign)
		sign(p, message + DT_HS_HEADER);
	struct sim_forge f;
	sim_forge_init(&f, p->client);
	size_t n = sim_forge_seal(&f, DT_HANDSHAKE, p->next_sealed++, message, sizeof(message), d);
	sim_forge_fini(&f);
	sim_link_send(&p->sim->link, p->client->number, true, d, n);
}

static void
send_change(struct sim_puppet *p)
{
	uint8_t d[DT_RECORD_HEADER + 1];
	dt_record_write_header(d, DT_CHANGE_CIPHER_SPEC, DT_VERSION_12, 0, p->next_plain++, 1);
	d[DT_RECORD_HEADER] = 1;
	sim_link_send(&p->sim->link, p->client->number, true, d, sizeof(d));
}

static void
send_step(struct sim_puppet *p, const struct sim_step *s)
{
	uint8_t header[DT_HS_HEADER];
	if (s->type == SIM_CHANGE_CIPHER_SPEC) {
		send_change(p);
		return;
	}
	if (s->type == FINISHED)
		send_finished(p, s);
	else
		send_fragments(p, s);
	if (!p->sign)
		return;
	write_header(s, 0, s->len, header);
	add_to_transcript(p, header, sizeof(header));
	add_to_transcript(p, s->body, s->len);
}

static void
send_flight(struct sim_puppet *p)
{
	uint16_t seq = 2;
	p->sending = true;
	for (unsigned i = 0; i < p->count; i++) {
		struct sim_step s = p->steps[i];
		if (p->renumber && s.type != SIM_CHANGE_CIPHER_SPEC)
			s.seq = seq++;
		send_step(p, &s);
	}
	p->sending = false;
	p->done = true;
}

/* ---- what comes in ---- */

static void
collect(struct dt_reassembly *r, const struct dt_record *rec)
{
	struct dt_reader reader = dt_reader(rec->body, rec->len);
	struct dt_fragment f;
	while (reader.left && dt_fragment_read(&reader, &f))
		(void)!dt_reassembly_add(r, &f);
}

static void
take_from_server(struct sim_puppet *p, struct sim_packet *packet)
{
	struct dt_record rec;
	struct dt_span m;
	size_t at = 0;
	while (dt_record_next(packet->bytes, packet->len, &at, &rec) == DT_RECORD_OK)
		if (rec.epoch == 0 && rec.type == DT_HANDSHAKE)
			collect(&p->from_server, &rec);
	while (!p->done && dt_reassembly_next(&p->from_server, &m))
		add_to_transcript(p, m.data, m.len);
}

/* The Finished is the last message: the flight is whole. */
static void
take_finished(struct sim_puppet *p, const struct dt_record *rec)
{
	struct sim_forge f;
	struct dt_span m;
	uint8_t *plain;
	size_t len;
	while (dt_reassembly_next(&p->from_client, &m))
		sim_puppet_insert(p, p->count, (struct sim_step){m.data[0], (uint16_t)(2 + p->count),
		    sim_puppet_keep(p, m.data + DT_HS_HEADER, m.len - DT_HS_HEADER), m.len - DT_HS_HEADER});
	sim_puppet_insert(p, p->count, (struct sim_step){.type = SIM_CHANGE_CIPHER_SPEC});
	sim_forge_init(&f, p->client);
	sim_forge_open(&f, rec, &plain, &len);
	cr_assert(len == DT_HS_HEADER + VERIFY_LEN && plain[0] == FINISHED);
	sim_puppet_insert(p, p->count, (struct sim_step){FINISHED, (uint16_t)(1 + p->count),
	    sim_puppet_keep(p, plain + DT_HS_HEADER, VERIFY_LEN), VERIFY_LEN});
	sim_forge_fini(&f);
	if (p->change)
		p->change(p, p->arg);
	send_flight(p);
}

/* Hellos, data and alerts pass. */
static bool
take_from_client(struct sim_puppet *p, struct sim_packet *packet)
{
	struct dt_record rec;
	size_t at = 0;
	bool passes = true;
	while (dt_record_next(packet->bytes, packet->len, &at, &rec) == DT_RECORD_OK) {
		if (rec.epoch == 0 && rec.type == DT_HANDSHAKE && rec.body[0] == DT_HS_CLIENT_HELLO) {
			/* One record; the second one, which may be repeated, begins the transcript. */
			if (rec.body[5] == 1 && p->transcript_len == 0)
				add_to_transcript(p, rec.body, rec.len);
			continue;
		}
		if (rec.type == DT_APPLICATION_DATA || rec.type == DT_ALERT)
			continue;
		passes = false;
		if (p->done)
			continue;
		if (rec.epoch == 0 && rec.type == DT_HANDSHAKE)
			collect(&p->from_client, &rec);
		if (rec.epoch == 1 && rec.type == DT_HANDSHAKE)
			take_finished(p, &rec);
	}
	return passes;
}

static bool
tap(void *arg, struct sim_packet *packet)
{
	struct sim_puppet *p = arg;
	if (p->sending || packet->client != p->client->number)
		return true;
	if (packet->to_server)
		return take_from_client(p, packet);
	take_from_server(p, packet);
	return true;
}
