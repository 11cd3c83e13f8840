/* reassembly.h - handshake messages out of fragments: any split, any order, overlaps, duplicates.
 *
 * Memory follows the bytes that arrived, never a claimed length: what is stored (book-keeping
 * included) is charged to the reassembly's own cap and to a budget that all of a worker share.
 * Messages come out whole, in order of message_seq, each once.
 * Owner: one for each handshake. Threads: none. RFC 6347 4.2.2, 4.2.3.
 */
#ifndef DT_DTLS_REASSEMBLY_H
#define DT_DTLS_REASSEMBLY_H

#include "base/err.h"
#include "base/list.h"
#include "dtls/hello.h"

/* Bytes that all half-open peers of a worker may hold together. */
struct dt_budget {
	size_t used, cap; /* bytes */
};

struct dt_reassembly {
	uint16_t next_seq;	   /* message_seq that comes out next           */
	size_t used, cap;	   /* bytes                                      */
	struct dt_list messages;   /* owned: partial messages, by message_seq    */
	struct dt_budget *budget;  /* borrowed: of the worker                    */
	uint8_t *whole;		   /* owned: the message given out last          */
	size_t whole_len;
};

#define DT_REASSEMBLY_AHEAD 8u /* message_seq further ahead than this is dropped */

enum dt_reassembly_verdict {
	DT_REASSEMBLY_STORED,
	DT_REASSEMBLY_OLD,	/* message_seq already given out: a repeated flight        */
	DT_REASSEMBLY_AHEAD_OF, /* too far ahead, dropped                                  */
	DT_REASSEMBLY_CONFLICT, /* other type or length than this message_seq had, dropped */
	DT_REASSEMBLY_FULL,	/* over a cap, or no memory: dropped                       */
};

void dt_reassembly_init(struct dt_reassembly *r, uint16_t next_seq, size_t cap, struct dt_budget *budget);
void dt_reassembly_fini(struct dt_reassembly *r); /* gives everything back to the budget */

enum dt_reassembly_verdict dt_reassembly_add(struct dt_reassembly *r, const struct dt_fragment *f);

/* The next whole message, with a header that says it is one fragment; borrowed until the next
 * call for `r`. False: it is not complete yet (or memory for joining it is short; try later). */
bool dt_reassembly_next(struct dt_reassembly *r, struct dt_span *message);

#endif
