#include "plugin/plugin.h"

#include "base/assert.h"
#include "base/mem.h"
#include "conn/table.h"
#include "plugin/instance.h"
#include "plugin/hearing.h"

#define PLUGIN_MAGIC 0x6474706cu

enum dt_err
dt_plugin_new(const struct dt_plugin_config *config, struct dt_plugin **out)
{
	uint32_t workers = config->worker_count;
	DT_ASSERT(workers > 0 && workers <= DT_CONN_WORKERS_MAX);
	struct dt_plugin *p = dt_alloc(sizeof(*p) + workers * sizeof(p->shared[0]));
	if (!p)
		return DT_ERR_NOMEM;
	p->magic = PLUGIN_MAGIC;
	p->worker_count = workers;
	p->log = config->log;
	dt_list_init(&p->chains);
	for (uint32_t w = 0; w < workers; w++) {
		p->shared[w].mailbox = config->mailboxes[w];
		if (dt_tokens_init(&p->shared[w].tokens, w, config->defer_limit) != DT_OK) {
			dt_plugin_free(&p);
			return DT_ERR_NOMEM;
		}
	}
	dt_hearing_begin(p);
	*out = p;
	return DT_OK;
}

void
dt_plugin_free(struct dt_plugin **plugin)
{
	struct dt_plugin *p = *plugin;
	*plugin = NULL;
	if (!p)
		return;
	DT_CHECK_MAGIC(p, PLUGIN_MAGIC);
	DT_ASSERT(dt_list_empty(&p->chains));
	dt_hearing_end(p);
	for (struct dtlsd_instance *inst = p->instances, *next; inst; inst = next) {
		next = inst->next;
		dt_instance_free(inst);
	}
	for (uint32_t w = 0; w < p->worker_count; w++) {
		DT_ASSERT(!p->shared[w].worker);
		dt_tokens_fini(&p->shared[w].tokens);
	}
	p->magic = 0;
	dt_free(p);
}

uint32_t
dt_plugin_deferred(const struct dt_plugin *plugin)
{
	uint32_t sum = 0;
	for (uint32_t w = 0; w < plugin->worker_count; w++)
		sum +=
		    atomic_load_explicit(&plugin->shared[w].tokens.waiting, memory_order_relaxed);
	return sum;
}
