/* conn_data.h - what the chain keeps for a connection: one pointer for each instance.
 *
 * Made when it is first needed and held by dt_conn_user(); dies in the event `released`.
 * Threads: the worker's own. Internal to the room.
 */
#ifndef DT_PLUGIN_CONN_DATA_H
#define DT_PLUGIN_CONN_DATA_H

#include <stdint.h>

struct dt_chain_worker;
struct dt_conn;
struct dt_deferral;

struct dt_conn_item {
	void *data; /* the module's */
	void (*destroy)(void *data);
};

struct dt_conn_data {
	struct dt_deferral *deferral; /* borrowed: what it waits for, NULL = nothing */
	uint32_t count;
	struct dt_conn_item items[]; /* by index of the instance */
};

/* NULL when there is none yet. */
struct dt_conn_data *dt_conn_data_get(const struct dt_conn *c);
/* Makes it when there is none; NULL without memory. */
struct dt_conn_data *dt_conn_data_need(struct dt_conn *c, uint32_t count);
/* Runs the destructors, last instance first. */
void dt_conn_data_free(struct dt_conn *c, struct dt_chain_worker *cw);

#endif
