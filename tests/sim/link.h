/* link.h - a network between one server and its clients that loses, repeats and reorders.
 *
 * Datagrams wait in a queue ordered by the time of their arrival; what happens to each is drawn
 * from the seed, so a run can be had again. Owner: struct sim. Threads: none.
 */
#ifndef DT_TESTS_SIM_LINK_H
#define DT_TESTS_SIM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit.h"
#include "base/time.h"
#include "pcap.h"
#include "seeded.h"

#define SIM_DELAY DT_MILLISECONDS(5)   /* of every datagram                      */
#define SIM_DETOUR DT_MILLISECONDS(80) /* at most, of one that others overtake   */

struct sim_packet {
	struct dt_mono at; /* arrives */
	uint64_t order;	   /* of sending: decides between equal times */
	uint32_t client;   /* its number, as source or as destination */
	bool to_server;
	size_t len;
	uint8_t bytes[];
};

struct sim_faults {
	unsigned loss, twice, late; /* percent of the datagrams, each way */
};

struct sim_link {
	struct seeded random;
	struct sim_faults faults;
	size_t mtu; /* longer datagrams get lost; 0 = none is too long */
	/* Sees each datagram as it is sent, may change it in place; false = it gets lost. */
	bool (*tap)(void *arg, struct sim_packet *p);
	void *tap_arg;
	struct sim_packet **heap; /* owned */
	size_t count, cap;
	uint64_t sent;
	uint32_t moves; /* of clients, each to an address of its own */
	struct sim_pcap pcap;
	struct sim_audit audit; /* of all that the server sends: a fault ends the test */
	bool unaudited;		/* for a test that looks for secrets: the audit has them, too */
};

void sim_link_init(struct sim_link *l, uint64_t seed);
void sim_link_fini(struct sim_link *l);
void sim_link_send(struct sim_link *l, uint32_t client, bool to_server, const uint8_t *bytes, size_t len);
/* As dt_tls_settings.key_log, for the capture and the audit; `arg` is the struct sim_link. */
void sim_link_key(void *arg, const char *line);
/* When the next one arrives; DT_NEVER = none is on its way. */
struct dt_mono sim_link_next(const struct sim_link *l);
/* Takes the next one; free() it. Requires: there is one. */
struct sim_packet *sim_link_take(struct sim_link *l);

#endif
