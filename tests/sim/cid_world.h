/* cid_world.h - a simulation whose server gives connection ids, and clients that ask for one. */
#ifndef DT_TESTS_SIM_CID_WORLD_H
#define DT_TESTS_SIM_CID_WORLD_H

#include <criterion/criterion.h>

#include "cid.h"
#include "sim.h"

struct cid_world {
	struct sim *sim; /* owned */
	SSL_CTX *ctx;	 /* owned */
};

static inline struct sim_options
cid_options(const char *test)
{
	struct sim_options o = sim_defaults(test);
	o.connection_id = true;
	o.move_policy = DT_MOVE_TRUST;
	return o;
}

/* `o` NULL: cid_options(). */
static inline void
cid_world_init(struct cid_world *w, const char *test, const struct sim_options *o)
{
	struct sim_options usual = cid_options(test);
	w->sim = sim_new(o ? o : &usual);
	w->ctx = sim_client_ctx(NULL);
	sim_cid_ctx(w->ctx);
}

static inline void
cid_world_fini(struct cid_world *w)
{
	SSL_CTX_free(w->ctx);
	w->sim->link.tap = NULL; /* the clients, whom it may know, go first */
	sim_free(w->sim);
}

static inline struct sim_client *
cid_add(struct cid_world *w, size_t id_len)
{
	struct sim_client *c = sim_add_client(w->sim, w->ctx);
	sim_cid_add(c, id_len);
	return c;
}

static inline void
cid_start(struct cid_world *w, struct sim_client *c)
{
	sim_client_start(c);
	sim_settle(w->sim);
	cr_assert(c->state == SIM_UP, "state %d, alert %d", (int)c->state, c->alert);
}

static inline struct sim_client *
cid_connect(struct cid_world *w, size_t id_len)
{
	struct sim_client *c = cid_add(w, id_len);
	cid_start(w, c);
	return c;
}

#endif
