/* fake_conn.h - connections without a wire: what the plugin room needs of the conn room.
 *
 * A connection is made and moved by the test; what is asked of it is written down. Takes the place
 * of the conn room's own functions when it is linked before them.
 */
#ifndef FAKE_CONN_H
#define FAKE_CONN_H

#include "conn/table.h"

#define FAKE_CONNS 2048u

struct fake_verdict {
	bool given, accept;
	enum dt_gate_kind kind;
	uint8_t alert;
	char key[32]; /* as text */
};

struct dt_conn {
	uint64_t id;
	enum dt_conn_state state;
	struct dt_conns *conns;
	struct dt_service *service;
	struct dt_path path;
	struct dt_span certificate;
	struct dt_conn_traffic traffic;
	const char *suite;
	size_t max_datagram;
	void *user;
	int waiting; /* the gate, -1 = none */
	struct fake_verdict verdict;
	enum dt_close closed_why;
	/* What was sent: one line for each, "\n" behind it. */
	char sent[1024];
	size_t sent_count;
	const void *sent_from; /* where the bytes of the last one lay */
	enum dt_err send_fails; /* DT_OK = it does not */
	char asked[256];	/* what was asked for, in order: "send pause process close " */
	bool paused, has_cid;
	struct dt_negotiated negotiated;
};

/* A table of one worker. Its connections stay readable after their end, until fake_conns_free(). */
struct dt_conns *fake_conns_new(uint32_t worker);
void fake_conns_free(struct dt_conns *conns);

struct dt_conn *fake_conn_new(struct dt_conns *conns, struct dt_service *service);
/* The gates, as the conn room would ask; WAIT is remembered. */
enum dt_gate fake_ask_request(struct dt_conn *c, struct dtlsd_request *request);
enum dt_gate fake_ask_psk(struct dt_conn *c, struct dtlsd_psk *psk);
enum dt_gate fake_ask_auth(struct dt_conn *c, struct dtlsd_auth *auth);
/* Whether it may move there. */
bool fake_ask_moved(struct dt_conn *c, const struct dt_path *to);
/* ESTABLISHED, with the event. */
void fake_establish(struct dt_conn *c);

#endif
