/* established.h - a connection of the real core that never shook hands: an association made by hand.
 *
 * The server is the one of tests/sim; it lives as long as the program, an input has one connection of
 * it. What leaves is opened at once (association.h) and kept. Client numbers are addresses, sim_path().
 */
#ifndef DT_TESTS_FUZZ_ESTABLISHED_H
#define DT_TESTS_FUZZ_ESTABLISHED_H

#include "association.h"
#include "sim.h"

struct established {
	struct association a;
	struct sim *sim; /* borrowed: of the program */
	uint64_t id;
	/* Since sent was set to 0: records that left, and the newest of them. */
	unsigned sent;
	uint8_t type;
	uint8_t data[DT_PLAIN_MAX];
	size_t len;
	/* The newest HeartbeatRequest or path_challenge: type of its record, and what is to come back. */
	uint8_t asked, question[64];
	size_t question_len;
	/* The address that the client moved to last, and bytes from and to there since. */
	uint32_t moved_to;
	size_t moved_in, moved_out;
	uint64_t moves; /* counted until then */
	/* Of the datagram that is being read. */
	uint32_t client;
	size_t client_len;
};

/* Reads the association's head and makes the connection, from client 0. */
void established_init(struct established *e, struct dt_reader *in);
/* Closes it and checks that nothing stays behind. */
void established_fini(struct established *e);

/* NULL: it is gone. */
struct dt_conn *established_conn(const struct established *e);
struct sim_diary *established_diary(const struct established *e);

/* Whether little enough went to an address that is not proven. */
bool established_is_modest(const struct established *e);
/* Writes an answer to the newest question, right where `how` is even: its bytes, and the type of its record.
 * Bit 1: a path is dropped instead. */
size_t established_answer(const struct established *e, uint8_t how, uint8_t *type, uint8_t out[128]);

/* A datagram from this client, of which only the first record is taken. Asserts that it opens if it must
 * and only then, and what follows from that. Returns whether it opened. */
bool established_take(struct established *e, uint32_t client, const uint8_t *bytes, size_t len);

#endif
