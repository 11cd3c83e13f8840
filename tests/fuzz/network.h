/* network.h - the link of a simulation in the hands of an input: datagrams wait in a queue until it says
 * what happens to the first of them.
 *
 * What goes to the server may be altered at will. A client with a connection id (tests/sim/cid.h) judges
 * the server and gets what that sent or nothing. Owner: the target; one for a simulation.
 */
#ifndef DT_TESTS_FUZZ_NETWORK_H
#define DT_TESTS_FUZZ_NETWORK_H

#include "sim.h"

#define NETWORK_WAITING 64u /* datagrams; more get lost */
#define NETWORK_PAST 16u

struct datagram {
	struct sim_packet *p; /* owned */
	bool altered;
};

struct network {
	struct sim *sim; /* borrowed */
	struct datagram waiting[NETWORK_WAITING], past[NETWORK_PAST];
	size_t count;
	size_t past_count; /* ever: the newest stand at past_count - 1 modulo NETWORK_PAST */
};

/* From now on it takes everything off the link. */
void network_init(struct network *n, struct sim *sim);
void network_fini(struct network *n);

/* Delivers the first; false: there is none. */
bool network_deliver(struct network *n);
/* Delivers all, and what comes of that, up to a bound. */
void network_settle(struct network *n);
void network_inject(struct network *n, uint32_t client, const uint8_t *bytes, size_t len);

/* Each does to the first datagram what the input says, or nothing. */
void network_drop(struct network *n, struct dt_reader *in);
void network_postpone(struct network *n, struct dt_reader *in);
void network_repeat(struct network *n, struct dt_reader *in);
void network_flip(struct network *n, struct dt_reader *in);
/* A field of a record's or a fragment's header says something else. */
void network_lie(struct network *n, struct dt_reader *in);
/* Its handshake messages go in smaller fragments, which may overlap, backwards, each for itself. */
void network_refragment(struct network *n, struct dt_reader *in);
/* From the other address of its client, or back from there; what the server sends there arrives. */
void network_readdress(struct network *n, struct dt_reader *in);
/* It and the one behind it become one. */
void network_glue(struct network *n, struct dt_reader *in);
/* One that was delivered before waits again. */
void network_recall(struct network *n, struct dt_reader *in);

#endif
