/* flight.h - a flight of handshake messages, and how it becomes datagrams.
 *
 * Holds whole messages and the ChangeCipherSpec, not records: each sending frames them afresh
 * into records with new numbers, fragments them to `mtu`, and fills as few datagrams as it can.
 * Who numbers, seals and sends is the caller's business (struct dt_flight_out).
 * Owner: the handshake, later (the last flight) the connection. Threads: none.
 * RFC 6347 4.1.1, 4.2.3, 4.2.4.
 */
#ifndef DT_DTLS_FLIGHT_H
#define DT_DTLS_FLIGHT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/list.h"
#include "base/span.h"

#define DT_FLIGHT_MTU_MIN 128u	   /* bytes */
#define DT_FLIGHT_FRAGMENT_MIN 64u /* bytes */

struct dt_flight {
	struct dt_list items; /* owned, in order */
	size_t bytes;	      /* of memory, book-keeping included */
};

struct dt_flight_out {
	void *arg;
	/* Bytes that a record of this epoch adds to its payload, header included. */
	size_t (*overhead)(void *arg, uint16_t epoch);
	/* Writes one record to out[payload + overhead]; returns its bytes, 0 = failed. */
	size_t (*record)(void *arg, uint16_t epoch, uint8_t type, const uint8_t *payload, size_t len,
	    uint8_t *out);
	/* Space for a datagram of up to `cap` bytes, or NULL (then sending stops). `cap` is what is left
	 * of the flight, or the mtu when that is less; more for an opaque record that is longer. Each is
	 * committed before the next is asked for, except one that stayed empty because record() failed. */
	uint8_t *(*reserve)(void *arg, size_t cap);
	void (*commit)(void *arg, size_t len);
};

void dt_flight_init(struct dt_flight *f);
void dt_flight_clear(struct dt_flight *f); /* frees and wipes the items */

/* A whole handshake message with its 12-byte header (one fragment). Copied. */
enum dt_err dt_flight_add_message(struct dt_flight *f, uint16_t epoch, struct dt_span message) DT_MUST_USE;
enum dt_err dt_flight_add_change_cipher_spec(struct dt_flight *f, uint16_t epoch) DT_MUST_USE;
/* A record that goes out byte for byte each time (OpenSSL's own epoch-1 records of a suite that
 * is not ours). */
enum dt_err dt_flight_add_opaque(struct dt_flight *f, struct dt_span record) DT_MUST_USE;

/* Sends it all. `mtu`: bytes of a datagram; `fragment_max`: bytes of a record's payload
 * (max_fragment_length). Requires: mtu >= DT_FLIGHT_MTU_MIN, and room in it for the overhead;
 * fragment_max >= DT_FLIGHT_FRAGMENT_MIN. DT_ERR_FULL when reserve gave NULL or record failed (the
 * peer sees a loss). */
enum dt_err dt_flight_send(const struct dt_flight *f, const struct dt_flight_out *out, size_t mtu,
    size_t fragment_max) DT_MUST_USE;

static inline bool
dt_flight_empty(const struct dt_flight *f)
{
	return dt_list_empty(&f->items);
}

/* *to (overwritten; it held nothing) takes over the items; *from is empty then. */
static inline void
dt_flight_move(struct dt_flight *to, struct dt_flight *from)
{
	dt_flight_init(to);
	if (dt_flight_empty(from))
		return;
	*to = *from;
	to->items.next->prev = to->items.prev->next = &to->items;
	dt_flight_init(from);
}

#endif
