/* cid_catch.h - the other side of a client with a connection id, by hand: what the server sends is
 * caught and opened, so that nothing is on its way; what the client sends is made and given to the
 * server, from any address.
 */
#ifndef DT_TESTS_SIM_CID_CATCH_H
#define DT_TESTS_SIM_CID_CATCH_H

#include "cid_world.h"

#define CID_QUESTIONS 8u

/* A HeartbeatRequest, a path_challenge. */
struct cid_question {
	uint32_t to; /* where it went */
	uint8_t message[64];
	size_t len;
};

struct cid_catcher {
	struct sim_client *client;
	/* Since the last cid_forget(): */
	unsigned replies, questions; /* data; heartbeats, and messages of path checks but responses */
	unsigned responses;	     /* to path challenges */
	size_t bytes;		     /* of all of them     */
	uint32_t to;		     /* where the last of them went */
	uint8_t text[2048];	     /* of the last reply  */
	size_t len;
	struct cid_question question[CID_QUESTIONS]; /* the last is question[questions - 1] */
	uint8_t response[SIM_RRC_LEN];
};

void cid_catch(struct cid_world *w, struct cid_catcher *k, struct sim_client *c);
void cid_forget(struct cid_catcher *k);
const struct cid_question *cid_asked(const struct cid_catcher *k); /* the last question */

/* A record of the client's, given to the server from an address; its bytes. */
size_t cid_give(struct cid_world *w, struct sim_client *c, uint32_t from, uint8_t type, const void *data,
    size_t len);
/* With so many bytes of data. */
size_t cid_say(struct cid_world *w, struct sim_client *c, uint32_t from, size_t bytes);
/* The answer to a heartbeat, a path_response. */
void cid_answer(struct cid_world *w, struct sim_client *c, const struct cid_question *q, uint32_t from);
/* Whether the server sends to this address. */
bool cid_is_at(struct cid_world *w, uint32_t address);

/* Clients and a server that know path checks, and heartbeats as well. */
struct sim_options cid_rrc_options(enum dt_move_policy policy);
/* One of them, connected and caught. */
struct sim_client *cid_rrc_world(struct cid_world *w, enum dt_move_policy policy, size_t id_len,
    struct cid_catcher *k);
/* A message of a path check; the bytes of its record. */
size_t cid_check(struct cid_world *w, struct sim_client *c, uint32_t from, uint8_t type, const uint8_t cookie[8]);
/* path_drop in answer to this question. */
void cid_say_left(struct cid_world *w, struct sim_client *c, const struct cid_question *q, uint32_t from);
/* Whether only so much may be sent; spends it. */
bool cid_is_limited(struct cid_world *w);

#endif
