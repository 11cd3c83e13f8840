#include <criterion/criterion.h>

#include "sim.h"

Test(basics, handshake_echo_and_close_on_a_lossless_link)
{
	struct sim_options o = sim_defaults("basics");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	cr_assert(c->state == SIM_UP, "state %d, alert %d", (int)c->state, c->alert);
	sim_check_echo(sim, c, "hello");

	sim_client_close(c);
	sim_settle(sim);
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(d->released == 1 && d->disconnected == 1 && d->end_status == 0);
	SSL_CTX_free(ctx);
	sim_free(sim);
}
