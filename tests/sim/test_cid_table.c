/* The ids that we give out, and the way back to their connections: conn/cid.h against a plain list. */
#include <criterion/criterion.h>
#include <string.h>

#include "conn/cid.h"
#include "sim.h"

#define MANY 3000u

struct row {
	struct dt_conn *c; /* NULL = ended */
	uint8_t id[DT_CID_LEN];
};

static struct dt_conn *
new_conn(struct sim *sim, uint32_t address)
{
	struct sim_server *s = &sim->server;
	struct dt_path path = sim_path(address);
	struct dt_conn *c;
	cr_assert(dt_conns_add(s->conns, &s->listener, &path, sim_now(), &c) == DT_OK);
	dt_cid_make(c);
	return c;
}

static void
end_conn(struct dt_conn *c)
{
	struct dt_conns *conns = c->conns;
	dt_conns_enter(conns);
	dt_conns_bury(c);
	cr_assert(dt_cid_find(conns, c->cid) == NULL, "found in its grave");
	dt_conns_release(c);
	dt_conns_leave(conns);
}

static struct sim *
new_sim(const char *test)
{
	struct sim_options o = sim_defaults(test);
	o.connection_limit = MANY;
	return sim_new(&o);
}

Test(cid_table, each_id_leads_to_its_connection_until_that_ends)
{
	struct sim *sim = new_sim("ids");
	struct dt_conns *conns = sim->server.conns;
	static struct row rows[MANY];
	for (uint32_t i = 0; i < 20 * MANY; i++) {
		struct row *r = &rows[seeded_below(&sim->random, MANY)];
		cr_assert(!r->c || dt_cid_find(conns, r->id) == r->c);
		cr_assert(r->c || dt_cid_find(conns, r->id) == NULL, "an id of one that ended");
		if (r->c) {
			end_conn(r->c);
			r->c = NULL;
		} else {
			r->c = new_conn(sim, i);
			cr_assert(memcmp(r->id, r->c->cid, DT_CID_LEN) != 0);
			memcpy(r->id, r->c->cid, DT_CID_LEN);
			cr_assert(r->id[0] == conns->config.worker);
		}
	}
	for (uint32_t i = 0; i < MANY; i++) {
		cr_assert(dt_cid_find(conns, rows[i].id) == rows[i].c);
		if (rows[i].c)
			end_conn(rows[i].c);
	}
	sim_free(sim);
}

Test(cid_table, other_ids_lead_nowhere)
{
	struct sim *sim = new_sim("guesses");
	struct dt_conns *conns = sim->server.conns;
	struct dt_conn *c[100];
	for (uint32_t i = 0; i < 100; i++)
		c[i] = new_conn(sim, i);
	uint8_t id[DT_CID_LEN];
	for (uint32_t i = 0; i < 100; i++) {
		for (size_t bit = 0; bit < 8 * DT_CID_LEN; bit++) {
			memcpy(id, c[i]->cid, sizeof(id));
			id[bit / 8] ^= (uint8_t)(1u << bit % 8);
			cr_assert(dt_cid_find(conns, id) == NULL);
		}
		for (unsigned worker = 0; worker < 256; worker++) {
			memcpy(id, c[i]->cid, sizeof(id));
			id[0] = (uint8_t)worker;
			cr_assert((dt_cid_find(conns, id) != NULL) == (worker == conns->config.worker));
		}
	}
	for (int i = 0; i < 1000000; i++) {
		seeded_fill(&sim->random, id, sizeof(id));
		id[0] = (uint8_t)conns->config.worker;
		cr_assert(dt_cid_find(conns, id) == NULL);
	}
	/* One whose handshake gave none, though it has been made. */
	memcpy(id, c[0]->cid, sizeof(id));
	c[0]->has_cid = false;
	cr_assert(dt_cid_find(conns, id) == NULL);
	for (uint32_t i = 0; i < 100; i++)
		end_conn(c[i]);
	sim_free(sim);
}

/* RFC 9146 9: who sees two of them learns nothing from what they have in common. */
Test(cid_table, ids_of_one_slot_have_the_worker_in_common_and_no_more)
{
	struct sim *sim = new_sim("unlinkable");
	unsigned ones[8 * DT_CID_LEN] = {0};
	const unsigned rounds = 4000;
	for (unsigned i = 0; i < rounds; i++) {
		struct dt_conn *c = new_conn(sim, 1);
		for (size_t bit = 0; bit < 8 * DT_CID_LEN; bit++)
			ones[bit] += (unsigned)(c->cid[bit / 8] >> bit % 8) & 1u;
		end_conn(c);
	}
	for (size_t bit = 8; bit < 8 * DT_CID_LEN; bit++)
		cr_assert(ones[bit] > rounds / 2 - 250 && ones[bit] < rounds / 2 + 250, "bit %zu: %u", bit, ones[bit]);
	sim_free(sim);
}
