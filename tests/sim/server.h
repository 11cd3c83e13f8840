/* server.h - the server's end of a simulation: the real core, with an echo above it.
 *
 * A struct dt_conns with one service and one listener, fed by the simulated link. Its events keep
 * a diary of every connection and check their order; its gates say what the test wants. Replies
 * are sent, and verdicts given, after the call of the core has returned, as the real chain does.
 * Owner: struct sim. Threads: none.
 */
#ifndef DT_TESTS_SIM_SERVER_H
#define DT_TESTS_SIM_SERVER_H

#include "certs.h"
#include "conn/table.h"
#include "link.h"

#define SIM_TEXT 200u /* bytes */
#define SIM_STEP_BYTES 200u
#define SIM_LABEL "EXPERIMENTAL sim"

enum sim_verdict { SIM_INHERIT, SIM_ACCEPT, SIM_REJECT, SIM_WAIT };

/* What a test may want otherwise; sim_defaults() gives the rest. */
struct sim_options {
	const char *test;   /* its name, printed with the seed */
	const char *suites; /* NULL = the server's default */
	bool rsa;	    /* the server's certificate is RSA, else P-256 */
	const struct sim_identity *identity; /* borrowed; NULL = one is made */
	bool psk_only;	    /* no certificate at all */
	bool psk;
	bool tickets;
	size_t chain_bytes; /* of further certificates that the server sends along */
	enum dt_client_auth client_auth;
	X509 *client_ca; /* borrowed; NULL = none */
	uint8_t trust_id;
	bool tls_records, exporter;
	struct dt_dur ticket_lifetime, idle_timeout, handshake_timeout;
	uint16_t mtu;
	uint16_t record_size_limit; /* the server's own */
	uint64_t records_per_key, forgeries_per_key;
	uint32_t connection_limit, handshake_limit;
	uint64_t hellos_per_prefix;
	size_t handshake_memory, last_flight_memory, pause_memory;
	struct dt_pause_limits pause_queue;
	enum dt_heartbeat_mode heartbeat;
	struct dt_keep_alive_config keep_alive;
	bool connection_id;
	enum dt_move_policy move_policy;
	struct sim_faults faults;
	uint64_t seed; /* 0 = drawn, or from the environment (seeded.h) */
};

/* What the events told of one connection. */
struct sim_diary {
	struct dt_list node;
	struct sim_server *server;
	uint64_t id;
	unsigned asked, identities, auths, connected, disconnected, released; /* calls */
	unsigned connected_as, disconnected_as; /* the how manieth event of the server it was */
	int32_t status, end_status;
	char text[SIM_TEXT], end_text[SIM_TEXT];
	char identity[SIM_TEXT];
	char subject[SIM_TEXT]; /* of the certificate shown to the gate, "" = none */
	int32_t verify_code;
	uint32_t chain_count;
	bool resumed, recommended;
	unsigned datagrams;
	uint64_t bytes;
	unsigned moves; /* that it was asked about */
	struct dt_path moved_to;
	char steps[SIM_STEP_BYTES]; /* of its handshake: a letter each, see on_status() */
	char step_text[SIM_TEXT];
	unsigned records_in, records_out; /* that it was told of, as all below */
	uint64_t last_out;		  /* number of the last record of epoch 1 */
	uint8_t exported[32];		  /* within connected */
	enum dt_err export_err;
	unsigned errors;
	int32_t error;	 /* the last one */
	char error_text[SIM_TEXT];
};

/* Where a callback closes its connection, against the rules. */
enum sim_place { SIM_NOWHERE, SIM_IN_REQUEST, SIM_IN_PSK, SIM_IN_AUTH, SIM_IN_CONNECTED, SIM_IN_DATA };

struct sim_server {
	struct sim_link *link; /* borrowed */
	struct dt_wheel wheel;
	struct dt_counters counters;
	struct dt_service_load load;
	struct dt_tls *tls;   /* owned */
	X509_STORE *trust;    /* owned; NULL = none */
	struct dt_service service;
	struct dt_listener listener;
	struct dt_conns *conns; /* owned */
	struct dt_conn_events events;
	struct dt_list diaries; /* owned, oldest first */
	struct dt_list replies; /* owned, to be sent after the call */

	enum sim_verdict request, psk, auth; /* what the gates say */
	uint8_t alert;			     /* with a REJECT */
	const char *key;		     /* with a PSK ACCEPT; NULL = the file decides */
	enum sim_place closes;
	bool forbids_moves;
	bool mute; /* data gets no echo */
	const char *rewrites; /* what data that goes out is replaced by; NULL = nothing, "" = it is kept */
	unsigned pauses_at; /* within data_in of this datagram the connection is paused; 0 = never */
	unsigned events_told;

	uint64_t received, sent, sent_bytes; /* datagrams */
	uint64_t held_back;		     /* replies that were not sent: too much for an unproven path */
	size_t kernel_mtu;		     /* longer datagrams are refused (EMSGSIZE); 0 = none */
	size_t refused[64], refused_count;   /* bytes of those; told when the turn ends */
	uint8_t out[65536];
	size_t out_cap; /* bytes of it that were asked for */
	struct dt_path out_path;
};

void sim_server_init(struct sim_server *s, struct sim_link *link, const struct sim_options *o);
/* Closes what is left, and checks that nothing stays behind; it may go on. */
void sim_server_end(struct sim_server *s);
/* Ends it. */
void sim_server_fini(struct sim_server *s);

struct dt_path sim_path(uint32_t client);
void sim_server_input(struct sim_server *s, uint32_t client, const uint8_t *bytes, size_t len);
struct dt_mono sim_server_next(struct sim_server *s);
void sim_server_timers(struct sim_server *s);

/* The diary of the newest connection; NULL = there was none. */
struct sim_diary *sim_newest(struct sim_server *s);
size_t sim_diary_count(const struct sim_server *s);
/* Forgets those of connections that are gone. */
void sim_forget(struct sim_server *s);
/* The verdict that the newest connection waits for. */
void sim_verdict(struct sim_server *s, enum dt_gate_kind kind, bool accept, uint8_t alert, const char *key);
/* Requires: an established newest connection. */
enum dt_err sim_server_send(struct sim_server *s, const void *data, size_t len) DT_MUST_USE;
void sim_server_close(struct sim_server *s, enum dt_close why);

/* Of the newest connection. */
void sim_pause(struct sim_server *s);
void sim_process(struct sim_server *s);

uint64_t sim_counter(const struct sim_server *s, enum dt_counter which);
uint64_t sim_drops(const struct sim_server *s, enum dt_drop why);
size_t sim_handshake_memory(const struct sim_server *s); /* bytes charged now */
size_t sim_last_flight_bytes(const struct sim_server *s);

#endif
