/* Records with a connection id: any inner plaintext, right and wrong ids, from several addresses. What
 * comes out is what went in without its padding; only what is genuine moves the client, and an address
 * that is not proven gets little.
 *
 * An input is the head of an association (association.h), a byte of settings, and a list of operations,
 * each a byte and its arguments.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "conn/conn_state.h"
#include "established.h"

#define CLIENTS 4u /* addresses */

static uint32_t
read_client(struct dt_reader *in)
{
	return (uint32_t)dt_read_uint(in, 1) % CLIENTS;
}

/* ---- the client ---- */

/* Application data comes out once, and back as an echo where that may be sent; else nothing does. */
static void
take(struct established *e, uint32_t client, const struct sealed *s)
{
	const struct sim_diary *d = established_diary(e);
	unsigned before = d->datagrams;
	const struct sim_server *server = &e->sim->server;
	uint64_t bytes = d->bytes, held_back = server->held_back, bad = sim_drops(server, DT_DROP_BAD_RECORD);
	uint8_t type;
	size_t len;
	bool opened = established_take(e, client, s->bytes, s->len);
	bool valid = association_content(&e->a, s, &type, &len);
	bool is_data = opened && valid && type == DT_APPLICATION_DATA && len > 0;
	DT_ASSERT(!opened || sim_drops(server, DT_DROP_BAD_RECORD) == bad + !valid);
	DT_ASSERT(d->datagrams == before + is_data);
	const struct dt_conn *c = established_conn(e);
	if (!is_data)
		return;
	DT_ASSERT(d->bytes == bytes + len);
	bool echoed = c && server->held_back == held_back && len <= dt_conn_max_datagram(c);
	if (echoed) /* a move may have sent a question before */
		DT_ASSERT(e->sent <= 2 && e->type == type && e->len == len && memcmp(e->data, s->plain, len) == 0);
}

static size_t
write_content(struct dt_reader *in, uint8_t shape, uint8_t *plain)
{
	static const uint8_t types[] = {DT_APPLICATION_DATA, DT_ALERT, DT_HANDSHAKE, DT_HEARTBEAT,
	    DT_CHANGE_CIPHER_SPEC, DT_TLS12_CID, 0, DT_RETURN_ROUTABILITY_CHECK};
	size_t padding = shape & 8 ? dt_read_uint(in, 2) % DT_PLAIN_MAX : shape & 7;
	uint8_t type = types[dt_read_uint(in, 1) % 8];
	size_t len = association_bytes(in, plain, ASSOCIATION_INNER_MAX - 1);
	plain[len++] = type;
	if (padding > ASSOCIATION_INNER_MAX - len)
		padding = ASSOCIATION_INNER_MAX - len;
	memset(plain + len, 0, padding);
	return len + padding;
}

static void
client_seals(struct established *e, struct dt_reader *in)
{
	static uint8_t plain[ASSOCIATION_INNER_MAX];
	struct association *a = &e->a;
	uint8_t how = (uint8_t)dt_read_uint(in, 1);
	uint32_t client = read_client(in);
	uint64_t number = association_number(a, in);
	uint8_t id[DT_CID_LEN];
	memcpy(id, a->id, sizeof(id));
	if ((how & 7) == 6)
		id[dt_read_uint(in, 1) % DT_CID_LEN] ^= 1;
	size_t len;
	if (how & 0x20) /* anything: nothing but zeros, or nothing at all */
		len = association_bytes(in, plain, sizeof(plain));
	else
		len = write_content(in, how >> 3 & 3 ? (uint8_t)dt_read_uint(in, 1) : 0, plain);
	bool with_id = a->id_ours ^ ((how & 7) == 7);
	const struct sealed *s = association_seal(a, DT_APPLICATION_DATA, with_id ? id : NULL, number, plain, len);
	if (s && !(how & 0x40)) /* else it comes later */
		take(e, client, s);
}

static void
client_repeats(struct established *e, struct dt_reader *in)
{
	uint32_t client = read_client(in);
	const struct sealed *s = association_earlier(&e->a, in);
	if (s)
		take(e, client, s);
}

static void
client_alters(struct established *e, struct dt_reader *in)
{
	size_t len;
	uint32_t client = read_client(in);
	uint8_t *copy = association_altered(&e->a, in, &len);
	if (copy)
		established_take(e, client, copy, len);
	free(copy);
}

static void
client_sends_raw(struct established *e, struct dt_reader *in)
{
	static uint8_t raw[DT_CIPHER_MAX + 64];
	uint32_t client = read_client(in);
	size_t len = association_bytes(in, raw, sizeof(raw));
	established_take(e, client, raw, len);
}

static void
client_answers(struct established *e, struct dt_reader *in)
{
	uint8_t plain[128 + 1], type;
	uint32_t client = read_client(in);
	size_t len = established_answer(e, (uint8_t)dt_read_uint(in, 1), &type, plain);
	if (e->a.id_ours)
		plain[len++] = type;
	const struct sealed *s =
	    association_seal(&e->a, type, e->a.id_ours ? e->a.id : NULL, e->a.number, plain, len);
	if (s && e->a.number < DT_SEQ_MAX)
		e->a.number++;
	if (s)
		take(e, client, s);
}

/* ---- the server ---- */

static void
server_sends(struct established *e, struct dt_reader *in)
{
	static uint8_t data[DT_PLAIN_MAX];
	struct dt_conn *c = established_conn(e);
	size_t len = association_bytes(in, data, sizeof(data));
	if (!c)
		return;
	bool moved = c->move, too_long = len > dt_conn_max_datagram(c);
	e->sent = 0;
	enum dt_err err = dt_conn_send(c, data, len, sim_now());
	DT_ASSERT((err == DT_ERR_TOO_LONG) == too_long && (err != DT_ERR_AGAIN || moved));
	DT_ASSERT((err == DT_ERR_GONE) == !established_conn(e));
	DT_ASSERT(e->sent == (err == DT_OK) || err == DT_ERR_GONE); /* at most its good-bye */
	if (err == DT_OK)
		DT_ASSERT(e->type == DT_APPLICATION_DATA && e->len == len && memcmp(e->data, data, len) == 0);
	DT_ASSERT(established_is_modest(e));
}

static void
wait(struct established *e, struct dt_reader *in)
{
	sim_run(e->sim, DT_MILLISECONDS(100 * dt_read_uint(in, 1)));
	DT_ASSERT(established_is_modest(e));
}

static void (*const operations[])(struct established *, struct dt_reader *) = {client_seals, client_repeats,
    client_alters, client_sends_raw, client_answers, server_sends, wait};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct established e;
	struct dt_reader in = dt_reader(data, len);
	established_init(&e, &in);
	uint8_t settings = (uint8_t)dt_read_uint(&in, 1);
	e.sim->server.service.move_policy = (enum dt_move_policy)((settings & 3) % 3);
	e.sim->server.forbids_moves = settings >> 2 & 1;
	while (!in.bad && in.left)
		operations[dt_read_uint(&in, 1) % OPERATIONS](&e, &in);
	established_fini(&e);
	return 0;
}
