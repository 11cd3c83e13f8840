/* cid.h - what OpenSSL's client lacks: a connection id (RFC 9146), heartbeats (RFC 6520) and return
 * routability checks (RFC 9853).
 *
 * The extensions go through OpenSSL's custom extensions. Between OpenSSL and the link stands a
 * transcoder: records of epoch 1 that go out are opened and sealed again under numbers of its own,
 * in the form with a connection id where the server gave one; what comes in is turned back, and
 * heartbeats and path challenges are taken out. The record form is that of form.h: nothing of the core's is
 * used but the table of suites and the key derivation.
 * Records of a suite that is not ours pass as they are. Owner: struct sim_client. Threads: none.
 */
#ifndef DT_TESTS_SIM_CID_H
#define DT_TESTS_SIM_CID_H

#include "client.h"
#include "dtls/protect.h"

#define SIM_RECORD_MAX 20000u /* bytes */
#define SIM_HEARTBEAT 24u
#define SIM_RRC 27u
#define SIM_RRC_LEN 9u /* bytes: a type and a cookie */

struct sim_cid {
	/* What the test wants, before sim_client_start(). */
	bool offers;		 /* extension 54 */
	uint8_t id[255], id_len; /* the client's own */
	const uint8_t *raw;	 /* borrowed: the body of extension 54 instead; NULL = as it should be */
	size_t raw_len;
	int mode;		 /* extension 15 with this byte; -1 = not offered */
	bool offers_rrc;	 /* extension 61, with a body of this many bytes: */
	uint8_t rrc_len;
	bool spoils_finished;	 /* with a wrong hash in it */
	bool keep_clear;	 /* its sealed records in the plain form all the same */
	/* At any time. */
	bool roams;	   /* from another address with each datagram */
	bool deaf;	   /* HeartbeatRequests and path challenges are not answered */
	uint8_t says;	   /* in answer to a challenge: 1 = path_response, 2 = path_drop */
	size_t padding;	   /* bytes of zeros behind the content       */

	/* What came of it. */
	bool given;		       /* the server gave an id */
	uint8_t server_id[255], server_id_len;
	int server_mode;	       /* of its extension 15; -1 = none */
	bool rrc;		       /* the server answered extension 61 */
	unsigned challenges, path_responses; /* that came */
	unsigned requests, responses;  /* heartbeats that came  */
	uint8_t heard[SIM_RECORD_MAX]; /* the last of them, whole */
	size_t heard_len;
	uint64_t next;		       /* number of the next record that goes out */

	bool keyed;
	const struct dt_suite *suite; /* static */
	struct dt_key client, server;
};

/* Before the context's first client: the extensions, for clients that have a struct sim_cid. */
void sim_cid_ctx(SSL_CTX *ctx);
/* Gives the client one, with an id of `id_len` bytes; the rest is the test's. */
struct sim_cid *sim_cid_add(struct sim_client *c, size_t id_len);
/* From another address from now on. Returns its number. */
uint32_t sim_cid_move(struct sim_client *c);

/* Whether it has keys, of a suite of ours; before its handshake is done as well. */
bool sim_cid_can_seal(const struct sim_client *c);
/* A record under the next number, in the form that was negotiated; its bytes. */
size_t sim_cid_seal(struct sim_client *c, uint8_t type, const void *data, size_t len, uint8_t *out);
/* With a connection id and this very inner plaintext. */
size_t sim_cid_seal_inner(struct sim_client *c, const void *inner, size_t len, uint8_t *out);
/* In the plain form. */
size_t sim_cid_seal_plain(struct sim_client *c, uint8_t type, const void *data, size_t len, uint8_t *out);
void sim_cid_send(struct sim_client *c, uint8_t type, const void *data, size_t len);
/* A heartbeat message with `padding` zeros, which claims `claimed` bytes of payload. */
size_t sim_heartbeat(uint8_t type, size_t claimed, const void *payload, size_t len, size_t padding, uint8_t *out);

/* A record of the server, opened in place: its real type. Fails the test when it is not authentic or
 * in the wrong form. */
uint8_t sim_cid_open(struct sim_client *c, const struct dt_record *rec, uint8_t **data, size_t *len);
/* Splits what the server sent to a client whose id has `id_len` bytes. False: the end. */
bool sim_record_next(uint8_t *bytes, size_t len, size_t *at, size_t id_len, struct dt_record *out);

/* For client.c. */
void sim_cid_write(struct sim_client *c, const uint8_t *bytes, size_t len);
/* The next record of the datagram at *at, as OpenSSL wants it; one by one, for what the first says
 * decides how the second is read. False: the end. */
bool sim_cid_read(struct sim_client *c, struct sim_packet *p, size_t *at, struct dt_span *out);

#endif
