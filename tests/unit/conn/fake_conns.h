/* fake_conns.h - a table of connections without a server around it: nothing is ever sent, and no
 * handshake begun. Owner: the test.
 */
#ifndef DT_TESTS_FAKE_CONNS_H
#define DT_TESTS_FAKE_CONNS_H

#include "conn/conn_state.h"

struct fake_conns {
	struct dt_wheel wheel;
	struct dt_counters counters;
	struct dt_service_load load;
	struct dt_service service;
	struct dt_listener listener;
	struct dt_conns *conns; /* owned */
};

enum dt_err fake_conns_init(struct fake_conns *f, uint32_t worker, size_t last_flight_memory);
void fake_conns_fini(struct fake_conns *f); /* ends what is left */

struct dt_path fake_path(uint32_t number);
struct dt_conn *fake_conn(struct fake_conns *f, uint32_t path); /* NULL: no room */
void fake_end(struct dt_conn *c);

#endif
