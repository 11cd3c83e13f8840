/* hello.h - ClientHellos as no stock client writes them, and what comes back.
 *
 * A knock takes the tap of the link: what the server sends to anybody is kept for the test and gets
 * lost. Owner: the test. Threads: none.
 */
#ifndef DT_TESTS_SIM_HELLO_H
#define DT_TESTS_SIM_HELLO_H

#include "dtls/cookie.h"
#include "sim.h"

#define SIM_HELLO_BYTES 2048u /* of a datagram with one, at most */

struct sim_hello {
	uint8_t random[32];
	struct dt_span session_id, cookie;
	const uint16_t *suites; /* NULL = one that the server has */
	size_t suite_count;
	struct dt_span compressions; /* NULL = null */
	struct dt_span extensions;   /* NULL = groups, signatures, renegotiation_info */
	bool no_extensions;	     /* not even their length */
	uint16_t message_seq;
	uint64_t number; /* of the record */
};

/* With a random from the simulation. */
struct sim_hello sim_hello_new(struct sim *sim);
/* One record; its bytes. */
size_t sim_hello_write(const struct sim_hello *h, uint8_t *out);

struct sim_knock {
	struct sim *sim; /* borrowed */
	uint64_t bytes_in, bytes_back;
	unsigned datagrams_back;
	uint8_t answer[2048]; /* the first datagram that came back */
	size_t answer_len;
	uint8_t cookie[DT_COOKIE_LEN];
	bool got_cookie;
};

void sim_knock_init(struct sim_knock *k, struct sim *sim);
/* Gives the server a datagram; what came back to the last one is forgotten. */
void sim_knock_bytes(struct sim_knock *k, uint32_t from, const void *bytes, size_t len);
void sim_knock_hello(struct sim_knock *k, uint32_t from, const struct sim_hello *h);
/* Fetches a cookie first, and says the hello with it. */
void sim_knock_twice(struct sim_knock *k, uint32_t from, struct sim_hello h);

/* The body of an extension of the ServerHello that begins the answer; NULL = it is not there.
 * `compression` may be NULL. Fails the test when there is no ServerHello. */
struct dt_span sim_server_extension(const struct sim_knock *k, uint16_t type, uint8_t *compression);
/* The description of the alert that is the answer; -1 = it is none. */
int sim_answered_alert(const struct sim_knock *k);

#endif
