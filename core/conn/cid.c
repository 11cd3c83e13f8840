#include "conn/cid.h"

#include "io/random.h"

#include <string.h>

/* worker (1), masked slot (3), check (4) */
#define CHECK 4u
#define CHECK_LEN 4u

static uint32_t
mask_of(const struct dt_conns *conns, const uint8_t *check)
{
	uint64_t h = dt_siphash(&conns->config.hash_key, check, CHECK_LEN);
	return (uint32_t)h & (DT_CONN_SLOTS_MAX - 1);
}

void
dt_cid_make(struct dt_conn *c)
{
	uint32_t slot = (uint32_t)(c->id >> 32) & (DT_CONN_SLOTS_MAX - 1);
	c->cid[0] = (uint8_t)c->conns->config.worker;
	dt_random(c->cid + CHECK, CHECK_LEN);
	dt_write_uint(c->cid + 1, slot ^ mask_of(c->conns, c->cid + CHECK), 3);
	c->has_cid = true;
}

struct dt_conn *
dt_cid_find(struct dt_conns *conns, const uint8_t cid[DT_CID_LEN])
{
	uint32_t masked = (uint32_t)cid[1] << 16 | (uint32_t)cid[2] << 8 | cid[3];
	uint32_t slot = masked ^ mask_of(conns, cid + CHECK);
	if (cid[0] != conns->config.worker || slot >= conns->slot_count)
		return NULL;
	struct dt_conn *c = conns->slots[slot].conn;
	bool found = c && c->state != DT_CONN_CLOSED && c->has_cid && memcmp(c->cid, cid, DT_CID_LEN) == 0;
	return found ? c : NULL;
}
