#include "association.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cid.h"
#include "dtls/extensions.h"
#include "form.h"

static const struct dt_suite *
pick_suite(uint64_t index)
{
	size_t count = 0;
	while (dt_suite_at(count))
		count++;
	return dt_suite_at(index % count);
}

/* Near the end of what a key may seal, or at the start. */
static uint64_t
pick_first_sent(uint64_t limit, uint8_t choice)
{
	const uint64_t table[] = {0, 1, limit - 4, limit - 1};
	return table[choice % 4];
}

static uint64_t
pick_first_opened(uint8_t choice)
{
	static const uint64_t table[] = {0, 1, 63, 64, 65, UINT64_C(1) << 32, DT_SEQ_MAX - 64, DT_SEQ_MAX};
	return table[choice % 8];
}

void
association_init(struct association *a, struct dt_reader *in, struct dt_record_state *state)
{
	static const uint16_t fragments[] = {16384, 512, 1024, 4096};
	static const uint8_t modes[] = {DT_HEARTBEAT_PEER_MAY_SEND, DT_HEARTBEAT_PEER_MAY_NOT_SEND,
	    DT_HEARTBEAT_OFF, DT_HEARTBEAT_PEER_MAY_SEND};
	static const uint16_t mtus[] = {1400, 256, 16384, 600};
	static const uint16_t limits[] = {0, 0, 64, 600}; /* RFC 8449: bytes of content */
	memset(a, 0, sizeof(*a));
	a->suite = pick_suite(dt_read_uint(in, 1));
	uint8_t forms = (uint8_t)dt_read_uint(in, 1), sizes = (uint8_t)dt_read_uint(in, 1);
	uint8_t numbers = (uint8_t)dt_read_uint(in, 1);
	a->id_peers_len = (uint8_t)dt_read_uint(in, 1);
	a->id_ours = forms & 1;
	memset(&a->client, 0xc1, sizeof(a->client));
	memset(&a->server, 0x5e, sizeof(a->server));
	memset(a->id, 0x1d, sizeof(a->id));
	for (size_t i = 0; i < a->id_peers_len; i++)
		a->id_peers[i] = (uint8_t)(i + 1);
	a->base = a->next = a->number = pick_first_opened((uint8_t)(numbers >> 2));
	a->read_max = limits[sizes >> 6];
	uint16_t sealed_max = limits[sizes >> 4 & 3];
	*state = (struct dt_record_state){
	    .suite = a->suite->id,
	    .fragment_max = fragments[sizes % 4],
	    .sealed_max = sealed_max && sealed_max < fragments[sizes % 4] ? sealed_max : fragments[sizes % 4],
	    .read_max = a->read_max,
	    .mtu = mtus[sizes >> 2 & 3],
	    .keyed = 1,
	    .heartbeat_ours = modes[forms >> 1 & 3],
	    .heartbeat_peers = modes[forms >> 3 & 3],
	    .cid_ours = a->id_ours,
	    .cid_len = a->id_peers_len,
	    .rrc = forms >> 5 & 1 && a->id_ours,
	    .replay = {a->base, UINT64_MAX},
	    .read = a->client,
	    .write = a->server,
	};
	memcpy(state->cid, a->id_peers, a->id_peers_len);
	dt_state_set_limits(state, a->suite, 0, 0);
	a->seal_limit = state->seal_limit;
	state->next_sealed = a->next_sent = pick_first_sent(a->seal_limit, numbers);
	if (forms >> 6 & 1 && state->forgery_limit)
		state->forgeries = state->forgery_limit - 2;
}

void
association_fini(struct association *a)
{
	for (size_t i = 0; i < a->count; i++) {
		free(a->records[i].plain);
		free(a->records[i].bytes);
	}
}

/* ---- the client ---- */

uint64_t
association_number(struct association *a, struct dt_reader *in)
{
	uint8_t how = (uint8_t)dt_read_uint(in, 1);
	uint64_t back = how < 0xe0 ? how - 0xbfu : 60u + (how & 15);
	if (how >= 0xf0)
		a->number += UINT64_C(1) << (how & 15) * 3;
	if (a->number > DT_SEQ_MAX)
		a->number = DT_SEQ_MAX;
	if (how < 0xc0 || how >= 0xf0)
		return a->number < DT_SEQ_MAX ? a->number++ : DT_SEQ_MAX;
	return a->number > back ? a->number - back : 0;
}

size_t
association_bytes(struct dt_reader *in, uint8_t *out, size_t cap)
{
	size_t len = dt_read_uint(in, 1);
	if (len >= 0xf0) {
		len = dt_read_uint(in, 2) % (cap + 1);
		memset(out, (int)dt_read_uint(in, 1), len);
		return len;
	}
	len = len < in->left ? len : in->left;
	len = len < cap ? len : cap;
	struct dt_span s = dt_read_bytes(in, len);
	if (s.len)
		memcpy(out, s.data, s.len);
	return s.len;
}

const struct sealed *
association_seal(struct association *a, uint8_t type, const uint8_t *id, uint64_t number,
    const uint8_t *plain, size_t len)
{
	if (a->count == ASSOCIATION_RECORDS)
		return NULL;
	struct sim_form f = {.type = id ? DT_TLS12_CID : type, .id = id, .id_len = DT_CID_LEN};
	struct sealed *s = &a->records[a->count++];
	*s = (struct sealed){.number = number, .type = f.type, .plain_len = len};
	s->plain = malloc(len + 1);
	s->bytes = malloc(len + 300);
	DT_ASSERT(s->plain && s->bytes && len <= ASSOCIATION_INNER_MAX);
	memcpy(s->plain, plain, len);
	dt_write_uint(f.number, UINT64_C(1) << 48 | number, 8);
	s->len = sim_form_seal(a->suite, &a->client, &f, s->plain, len, s->bytes);
	return s;
}

const struct sealed *
association_earlier(const struct association *a, struct dt_reader *in)
{
	size_t i = dt_read_uint(in, 1);
	return a->count ? &a->records[i % a->count] : NULL;
}

uint8_t *
association_altered(const struct association *a, struct dt_reader *in, size_t *len)
{
	const struct sealed *s = association_earlier(a, in);
	size_t at = dt_read_uint(in, 2);
	uint8_t mask = (uint8_t)dt_read_uint(in, 1);
	if (!s)
		return NULL;
	uint8_t *copy = malloc(s->len);
	DT_ASSERT(copy);
	memcpy(copy, s->bytes, s->len);
	copy[at % s->len] ^= mask;
	*len = mask ? s->len : at % s->len;
	return copy;
}

bool
association_content(const struct association *a, const struct sealed *s, uint8_t *type, size_t *len)
{
	*type = s->type;
	*len = s->plain_len;
	if (a->read_max && s->plain_len > a->read_max)
		return false;
	if (s->type != DT_TLS12_CID)
		return true;
	while (*len && s->plain[*len - 1] == 0)
		--*len;
	if (*len == 0)
		return false;
	*type = s->plain[--*len];
	return *type != DT_TLS12_CID && *len <= DT_PLAIN_MAX;
}

const struct sealed *
association_find(const struct association *a, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->records[i].len == len && memcmp(a->records[i].bytes, bytes, len) == 0)
			return &a->records[i];
	return NULL;
}

bool
association_is_fresh(const struct association *a, uint64_t number)
{
	if (number < a->base || (number < a->next && a->next - 1 - number >= 64))
		return false;
	for (size_t i = 0; i < a->opened_count; i++)
		if (a->opened[i] == number)
			return false;
	return true;
}

void
association_note_opened(struct association *a, uint64_t number)
{
	DT_ASSERT(association_is_fresh(a, number) && a->opened_count < ASSOCIATION_RECORDS);
	a->opened[a->opened_count++] = number;
	if (number >= a->next)
		a->next = number + 1;
}

/* ---- the core ---- */

bool
association_read(struct association *a, uint8_t *datagram, size_t len, size_t *at, struct sent *out)
{
	struct dt_record rec;
	if (!sim_record_next(datagram, len, at, a->id_peers_len, &rec))
		return false;
	DT_ASSERT(rec.epoch == 1 && rec.version == DT_VERSION_12);
	DT_ASSERT(rec.seq >= a->next_sent);
	a->next_sent = rec.seq + 1;

	struct sim_form f = {.type = rec.type, .id_len = a->id_peers_len};
	DT_ASSERT((rec.type == DT_TLS12_CID) == (a->id_peers_len != 0));
	if (a->id_peers_len) {
		DT_ASSERT(memcmp(rec.cid, a->id_peers, a->id_peers_len) == 0);
		f.id = a->id_peers;
	}
	dt_write_uint(f.number, UINT64_C(1) << 48 | rec.seq, 8);
	uint8_t *plain = rec.body + a->suite->explicit_len;
	DT_ASSERT(sim_form_open(a->suite, &a->server, &f, rec.body, rec.len, plain, &out->len));
	DT_ASSERT(!a->id_peers_len || out->len > 0);
	out->data = plain;
	out->type = a->id_peers_len ? plain[--out->len] : rec.type;
	DT_ASSERT(out->len <= DT_PLAIN_MAX);
	DT_ASSERT(rec.seq < a->seal_limit - (out->type != DT_ALERT)); /* the last number says good-bye */
	return true;
}
