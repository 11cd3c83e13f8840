/* events.h - what a connection tells the world above it, and how it is answered.
 *
 * conn knows no module: it calls this table, which `plugin` fills and `server` hands over. A call
 * never frees the connection it was given. What the callee wants done to a connection it asks for
 * after the call has returned (dt_conn_send(), dt_conn_close(), the verdicts in conn.h), never
 * from within.
 * Threads: the worker's own.
 */
#ifndef DT_CONN_EVENTS_H
#define DT_CONN_EVENTS_H

#include <dtlsd/module.h>
#include <stdbool.h>

#include "base/path.h"

struct dt_conn;

enum dt_gate {
	DT_GATE_ACCEPT,
	DT_GATE_REJECT,
	DT_GATE_WAIT, /* the verdict comes later, through dt_conn_verdict() */
};

enum dt_gate_kind { DT_GATE_REQUEST, DT_GATE_PSK, DT_GATE_AUTH };

struct dt_conn_events {
	void *arg; /* borrowed */
	/* The gates. On REJECT the event's `alert` says what to send (0: silence for a request,
	 * what fits the verification for a certificate). psk: ACCEPT with key_len > 0 gives the key,
	 * ACCEPT with key_len 0 says that no module knew the identity nor objected (the server's own
	 * file of identities decides), REJECT that it is refused. */
	enum dt_gate (*request)(void *arg, struct dt_conn *c, struct dtlsd_request *request);
	enum dt_gate (*psk_lookup)(void *arg, struct dt_conn *c, struct dtlsd_psk *psk);
	enum dt_gate (*client_auth)(void *arg, struct dt_conn *c, struct dtlsd_auth *auth);
	/* Once for each accepted request. */
	void (*connected)(void *arg, struct dt_conn *c, int32_t status, const char *text);
	/* data[len] may be rewritten up to `capacity`. */
	void (*data_in)(void *arg, struct dt_conn *c, uint8_t *data, size_t len, size_t capacity);
	/* The client now comes from `to`; false: it is still answered where it was, and this is asked again
	 * with its next newest record from there, a few times in a second. May be NULL. */
	bool (*peer_moved)(void *arg, struct dt_conn *c, const struct dt_path *to);
	/* Once, after a connected of status 0. */
	void (*disconnected)(void *arg, struct dt_conn *c, int32_t status, const char *text);
	/* The last call for this connection: its module data dies, waiting verdicts are void. */
	void (*released)(void *arg, struct dt_conn *c);

	/* All below may be NULL: nobody wants to know, and nothing is done for it. */

	/* Something went wrong that ends nothing; `code` is an errno. */
	void (*error)(void *arg, struct dt_conn *c, int32_t code, const char *text);
	/* In the middle of things: the callee looks, and asks for nothing but what it is told. */
	void (*tls_status)(void *arg, struct dt_conn *c, const struct dtlsd_tls_status *event);
	/* data[*len] is about to be sealed; it may be rewritten up to `capacity`. False: it is not sent. */
	bool (*data_out)(void *arg, struct dt_conn *c, uint8_t *data, size_t *len, size_t capacity);
};

#endif
