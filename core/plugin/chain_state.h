/* chain_state.h - the inside of a chain, shared by chain.c (its instances, on the main thread) and
 * chain_worker.c (their seats on a worker).
 */
#ifndef DT_PLUGIN_CHAIN_STATE_H
#define DT_PLUGIN_CHAIN_STATE_H

#include "plugin/chain.h"
#include "plugin/instance.h"

#define DT_CHAIN_MAGIC 0x64746368u

struct dt_chain {
	uint32_t magic;
	uint32_t holders;	  /* who will call dt_chain_free()               */
	struct dt_list node;	  /* in dt_plugin.chains                         */
	struct dt_plugin *plugin; /* borrowed */
	char *server;		  /* owned */
	uint32_t count;
	uint32_t opened;		   /* instances that are open: the first ones */
	struct dtlsd_instance **instances; /* owned array; the plugin owns the items  */
	struct dt_chain_worker **workers;  /* owned array; each worker owns its item  */
};

#endif
