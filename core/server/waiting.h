/* waiting.h - datagrams of clients that are not in yet: they wait while others have their turn.
 *
 * First in, first out. Bounded by bytes: a storm of new clients fills this, and not the kernel's
 * buffer, where it would stand before the datagrams of those who are in.
 * Owner: a worker. Threads: none.
 */
#ifndef DT_SERVER_WAITING_H
#define DT_SERVER_WAITING_H

#include "base/list.h"
#include "io/udp.h"

struct dt_waiting {
	struct dt_list items;	/* owned */
	size_t bytes, cap;	/* book-keeping included */
	struct dt_waiting_item *given; /* owned: what dt_waiting_next() gave last; NULL = nothing */
};

void dt_waiting_init(struct dt_waiting *w, size_t cap);
void dt_waiting_fini(struct dt_waiting *w);

/* Copies it to the end. DT_ERR_FULL, DT_ERR_NOMEM: it was not taken. `socket` is borrowed. */
enum dt_err dt_waiting_add(struct dt_waiting *w, void *socket,
    const struct dt_udp_datagram *datagram) DT_MUST_USE;
/* The one that has waited longest, and its socket; NULL when none does. Borrowed until the next
 * call; its bytes may be rewritten. */
const struct dt_udp_datagram *dt_waiting_next(struct dt_waiting *w, void **socket);

static inline bool
dt_waiting_empty(const struct dt_waiting *w)
{
	return dt_list_empty(&w->items);
}

#endif
