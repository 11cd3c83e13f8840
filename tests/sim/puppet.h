/* puppet.h - a client whose second flight the test writes.
 *
 * The messages of a stock client are taken out of its datagrams. Once the flight is whole the test may
 * leave out, repeat, move, change or add some; what it leaves is sent, each message in datagrams of
 * its own, under fresh record numbers. An attacker who has the keys can also sign what it sends: the
 * Finished is then made anew over the messages as they went out, which is what the server should
 * compute if it took them (without the extended master secret, else its keys differ as well).
 * For suites of ours. Owner: the test. Threads: none.
 */
#ifndef DT_TESTS_SIM_PUPPET_H
#define DT_TESTS_SIM_PUPPET_H

#include "dtls/reassembly.h"
#include "forge.h"
#include "sim.h"

#define SIM_STEPS 16u
#define SIM_CHANGE_CIPHER_SPEC 256 /* beside the types of handshake messages */

struct sim_step {
	int type;
	uint16_t seq; /* message_seq */
	const uint8_t *body;
	size_t len;
};

struct sim_puppet {
	/* The test's, before the client starts. */
	struct sim *sim;	   /* borrowed */
	struct sim_client *client; /* borrowed */
	void (*change)(struct sim_puppet *p, void *arg);
	void *arg;
	bool renumber; /* message_seq follows the order of sending: these are no repetitions */
	bool sign;     /* with renumber */

	struct sim_step steps[SIM_STEPS];
	unsigned count;
	bool done; /* the flight has been sent */

	uint8_t space[200 * 1024]; /* what steps point to */
	size_t used;
	struct dt_budget budget;
	struct dt_reassembly from_server, from_client;
	uint8_t transcript[64 * 1024];
	size_t transcript_len;
	uint64_t next_plain, next_sealed;
	bool sending;
};

/* Takes the tap of the link. */
void sim_puppet_init(struct sim_puppet *p, struct sim *sim, struct sim_client *c);
void sim_puppet_fini(struct sim_puppet *p);

/* A copy that lives as long as the puppet. */
const uint8_t *sim_puppet_keep(struct sim_puppet *p, const void *bytes, size_t len);
void sim_puppet_insert(struct sim_puppet *p, unsigned at, struct sim_step step);
void sim_puppet_remove(struct sim_puppet *p, unsigned at);

#endif
