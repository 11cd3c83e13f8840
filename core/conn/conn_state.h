/* conn_state.h - the inside of a connection, shared by the files of this room only. */
#ifndef DT_CONN_CONN_STATE_H
#define DT_CONN_CONN_STATE_H

#include "base/list.h"
#include "conn/spent.h"
#include "conn/table.h"
#include "conn/tombstone.h"
#include "dtls/exporter.h"
#include "dtls/session.h"
#include "io/wheel.h"

#define DT_CONN_MAGIC 0x636f6e6eu
#define DT_CONNS_MAGIC 0x636f6e73u
#define DT_NO_GATE (-1)
/* What a handshake costs beside the bytes that are counted: OpenSSL's object and buffers, the keys
 * and the certificate of the client. The heap grows by 45 to 50 KiB while a handshake waits for the
 * client's answer, by 55 KiB once its certificate has been read (OpenSSL 3.0, mallinfo2()). */
#define DT_HANDSHAKE_COST (56u * 1024u)

/* What a connection needs until it is established. */
struct dt_setup {
	struct dt_reassembly parts;  /* of the ClientHello; empty once it is whole           */
	uint8_t *message;	     /* owned: the whole ClientHello, for as long as it waits */
	size_t message_len;
	struct dt_hello hello;	     /* points into message                                   */
	uint64_t record_seq;	     /* of the record that brought its first fragment         */
	struct dt_handshake *hs;     /* owned; NULL until the request was accepted            */
	struct dt_mono give_up;	     /* the whole handshake must be done by then              */
	bool heard;		     /* something of use came after our first flight          */
};

/* What only some connections have: one block, texts behind it. */
struct dt_conn_cold {
	struct dt_span certificate; /* DER of the leaf  */
	char *server_name;	    /* NULL = none      */
	char *psk_identity;	    /* escaped; or NULL */
	struct dt_span raw_identity; /* the same, as the client sent it */
};

struct dt_conn {
	uint32_t magic;
	uint8_t state;	   /* enum dt_conn_state                                  */
	int8_t gate;	   /* enum dt_gate_kind that waits for its verdict; DT_NO_GATE */
	bool accepted;	   /* the request was: `connected` is owed or given        */
	bool connected;	   /* with status 0: `disconnected` is owed                */
	bool linked;	   /* found by its path; with a connection id only until it moves or another
			      client comes from there; a shadow is not (shadow.h) */
	bool keys_told; /* that they are half used up */
	bool has_cid;
	uint8_t cid[DT_CID_LEN]; /* ours, RFC 9146 */
	struct dt_move *move;	 /* owned; NULL = the path is proven */
	uint8_t moves_refused;	 /* since `moves_refused_from`, see move.c */
	struct dt_mono moves_refused_from;
	uint64_t id;
	uint64_t hello_mark; /* keyed hash of the random of its hello: tells a repeated hello from a
				new one */
	struct dt_path path;
	struct dt_conns *conns;	       /* borrowed: outlives it                     */
	struct dt_listener *listener;  /* borrowed: outlives it                     */
	struct dt_service *service;    /* borrowed: of the listener when it was born; outlives it */
	struct dt_conn *next;	       /* in its bucket                             */
	struct dt_conn *beside;	       /* borrowed: its shadow, or whose shadow it is; NULL = none */
	struct dt_timer timer;	       /* repetition and end of the handshake; idle */
	struct dt_setup *setup;	       /* owned; NULL once established              */
	struct dt_session session;     /* once established                          */
	struct dt_flight last_flight;  /* see last_flight.h                         */
	struct dt_list last_node;
	struct dt_mono last_expires, repeat_allowed;
	struct dt_conn_cold *cold;     /* owned; NULL = nothing of that             */
	struct dt_mono born, active;
	struct dt_keep_alive keep_alive;
	struct dt_pause pause;
	struct dt_conn_traffic traffic;
	struct dt_exporter *exporter;  /* owned; NULL = gone, or never there */
	void *user; /* the chain's */
};

struct dt_slot {
	struct dt_conn *conn; /* NULL = free */
	uint32_t generation;  /* of the next connection here */
	uint32_t next_free;
};

/* Where a datagram came in. */
struct dt_arrival {
	struct dt_listener *listener;
	const struct dt_path *path;
};

struct dt_conns {
	uint32_t magic;
	struct dt_conns_config config;
	struct dt_conn_onlooker onlooker;
	struct dt_aead_pool *pool;     /* owned */
	struct dt_cookie_jar *cookies; /* owned */
	struct dt_budget handshake_memory;
	uint64_t datagrams; /* that were read */
	struct dt_hs_worker hs_worker;
	struct dt_slot *slots; /* owned */
	uint32_t slot_count, slot_cap, free_slot; /* free_slot: UINT32_MAX = none */
	struct dt_conn **buckets; /* owned */
	size_t bucket_count, count;
	struct dt_list last_flights; /* conns by age of their last flight */
	size_t last_flight_bytes;
	size_t pause_bytes; /* of data that waits on all paused connections */
	struct dt_tombstones tombstones;
	struct dt_spent_hellos spent;
	struct dt_prefix_budget *prefixes; /* owned */
	struct dt_mono keys_tell; /* no word about used-up keys before this: forgeries are cheap */
	struct dt_conn *graves;	/* closed, freed when nobody can hold them any more */
	unsigned depth;		/* calls of this room on the stack */
	struct dt_conn *sending; /* whose datagram it is; NULL = of a path alone */
	struct dt_listener *sending_listener;
	const struct dt_path *sending_path;
	uint8_t *sending_at;
	bool sending_alert;
	uint8_t alert[DT_TOMBSTONE_ALERT]; /* the last alert that went out */
	size_t alert_len;
	struct dt_path alert_path;
};

/* A wire that leads to the path of a connection. Good until the next call. */
struct dt_wire dt_conn_wire(struct dt_conn *c);
struct dt_wire dt_path_wire(struct dt_conns *conns, struct dt_listener *listener,
    const struct dt_path *path);

/* table.c */
struct dt_conn *dt_conns_find_path(struct dt_conns *conns, const struct dt_path *path);
/* A slot, an id, a place in the table; state REQUESTED. DT_ERR_FULL at limits.connections. */
enum dt_err dt_conns_add(struct dt_conns *conns, struct dt_listener *listener,
    const struct dt_path *path, struct dt_now now, struct dt_conn **out) DT_MUST_USE;
/* The same without a place: the shadow of a live connection. Requires: that is linked and has none. */
enum dt_err dt_conns_add_shadow(struct dt_conn *live, struct dt_now now, struct dt_conn **out) DT_MUST_USE;
/* Its path leads to it. Requires: to nobody until now. */
void dt_conns_link(struct dt_conn *c);
/* Its path leads to nobody from now on. */
void dt_conns_unlink(struct dt_conn *c);
/* State CLOSED, off its path, keys and handshake gone; the last events still find it by its id. */
void dt_conns_bury(struct dt_conn *c);
/* After them: the id is void; the memory goes when the outermost call of this room returns. */
void dt_conns_release(struct dt_conn *c);
/* Every entrance of the room stands between these two. */
void dt_conns_enter(struct dt_conns *conns);
void dt_conns_leave(struct dt_conns *conns);
uint64_t dt_hello_mark(const struct dt_conns *conns, struct dt_span random);
/* The hello with this mark is not good for another handshake on this path, or is no longer. */
void dt_hello_spend(struct dt_conns *conns, const struct dt_path *path, uint64_t mark, struct dt_mono now);
bool dt_hello_spent(const struct dt_conns *conns, const struct dt_path *path, uint64_t mark, struct dt_mono now);

/* admit.c: a record of a path that has no connection, or a ClientHello on one that has. True: it
 * was of use; else *why says what its datagram is to be counted as. */
bool dt_admit(struct dt_conns *conns, struct dt_listener *listener, const struct dt_path *path,
    const struct dt_record *rec, size_t datagram_len, struct dt_now now, enum dt_drop *why);

/* setup.c */
/* Begins with the first record of a hello whose cookie was right. False: no memory. */
bool dt_setup_begin(struct dt_conn *c, const struct dt_record *rec, struct dt_now now);
/* A record for a connection that is not established. True: of use. */
bool dt_setup_record(struct dt_conn *c, const struct dt_record *rec, struct dt_now now);
/* The same for a record of epoch 1 that was dropped once: it is not counted again. */
bool dt_setup_retry(struct dt_conn *c, const struct dt_record *rec, struct dt_now now);
void dt_setup_timer(struct dt_conn *c, struct dt_now now);
void dt_setup_free(struct dt_conn *c);
/* Goes on from what a gate said. */
void dt_setup_verdict(struct dt_conn *c, enum dt_gate_kind kind, bool accept, uint8_t alert,
    struct dt_span key, struct dt_now now);
/* Ends it, with `connected` if that is owed. */
void dt_setup_fail(struct dt_conn *c, enum dt_close why, const char *detail, struct dt_now now);

/* gate.c: asks the owner of the events. */
enum dt_gate dt_gate_request(struct dt_conn *c, uint8_t *alert);
enum dt_gate dt_gate_psk(struct dt_conn *c, struct dt_span identity, struct dtlsd_psk *psk);
enum dt_gate dt_gate_auth(struct dt_conn *c, uint8_t *alert);
/* What fits a refusal that named no alert. */
uint8_t dt_gate_auth_alert(struct dt_conn *c, uint8_t alert);

/* conn.c */
/* `from`: NULL for a record that was held until now. False: it was of no use, and *why says what it
 * is to be counted as. */
bool dt_conn_established_record(struct dt_conn *c, const struct dt_record *rec,
    const struct dt_arrival *from, struct dt_now now, enum dt_drop *why);
void dt_conn_give_data(struct dt_conn *c, uint8_t *data, size_t len, size_t capacity, struct dt_now now);
/* To the owner of the events, now. */
void dt_conn_deliver(struct dt_conn *c, uint8_t *data, size_t len, size_t capacity);
/* For what is next: idle, keep-alive. */
void dt_conn_arm(struct dt_conn *c);
void dt_conn_established_timer(struct dt_conn *c, struct dt_now now);
void dt_conn_forget_exporter(struct dt_conn *c);
enum dt_err dt_conn_keep_facts(struct dt_conn *c, const char *server_name, struct dt_span certificate,
    struct dt_span identity) DT_MUST_USE;

#endif
