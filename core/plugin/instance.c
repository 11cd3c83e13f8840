#include "plugin/instance.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "plugin/post.h"

static const struct dtlsd_counter own_counters[DT_OWN_COUNTERS] = {
#define X(name, text, doc) {text, doc},
#include "plugin/own_counters.def"
#undef X
};

/* Rows of workers do not share a cache line with more than one neighbour's end. */
#define ROW_ITEMS 8u

void
dt_instance_free(struct dtlsd_instance *inst)
{
	for (uint32_t w = 0; w < inst->plugin->worker_count; w++)
		dt_post_drop_early(&inst->places[w]);
	dt_free(inst->counters);
	dt_free(inst->name);
	dt_free(inst->server);
	dt_free(inst);
}

static size_t
row_length(const struct dtlsd_instance *inst)
{
	return (dt_instance_counter_count(inst) + ROW_ITEMS - 1) / ROW_ITEMS * ROW_ITEMS;
}

enum dt_err
dt_instance_new(struct dt_plugin *plugin, const struct dtlsd_module *module, const char *server,
    const char *name, struct dtlsd_instance **out)
{
	uint32_t workers = plugin->worker_count;
	struct dtlsd_instance *inst = dt_alloc(sizeof(*inst) + workers * sizeof(inst->places[0]));
	if (!inst)
		return DT_ERR_NOMEM;
	inst->magic = DT_INSTANCE_MAGIC;
	inst->plugin = plugin;
	inst->module = &inst->table;
	inst->origin = module;
	memcpy(&inst->table, module, module->size < sizeof(inst->table) ? module->size : sizeof(inst->table));
	inst->name = dt_copy_text(name);
	inst->server = dt_copy_text(server);
	inst->counters = dt_alloc_array(workers * row_length(inst), sizeof(inst->counters[0]));
	if (!inst->name || !inst->server || !inst->counters) {
		dt_instance_free(inst);
		return DT_ERR_NOMEM;
	}
	inst->next = plugin->instances;
	plugin->instances = inst;
	*out = inst;
	return DT_OK;
}

void
dt_instance_retire(struct dtlsd_instance *inst)
{
	dt_free(inst->counters);
	inst->counters = NULL;
}

uint32_t
dt_instance_counter_count(const struct dtlsd_instance *inst)
{
	return inst->module->counter_count + DT_OWN_COUNTERS;
}

const struct dtlsd_counter *
dt_instance_counter(const struct dtlsd_instance *inst, uint32_t i)
{
	const struct dtlsd_module *m = inst->module;
	if (i >= m->counter_count)
		return &own_counters[i - m->counter_count];
	/* The element may be longer than ours in a module of a later minor version. */
	const char *table = (const char *)m->counters;
	return (const struct dtlsd_counter *)(const void *)(table + (size_t)i * m->counter_size);
}

uint64_t
dt_instance_counter_sum(const struct dtlsd_instance *inst, uint32_t i)
{
	size_t row = row_length(inst);
	uint64_t sum = 0;
	for (uint32_t w = 0; w < inst->plugin->worker_count; w++)
		sum += atomic_load_explicit(&inst->counters[w * row + i], memory_order_relaxed);
	return sum;
}

void
dt_instance_set(struct dtlsd_instance *inst, uint32_t worker, uint32_t i, uint64_t value)
{
	DT_ASSERT(i < dt_instance_counter_count(inst));
	atomic_store_explicit(
	    &inst->counters[worker * row_length(inst) + i], value, memory_order_relaxed);
}

void
dt_instance_count(struct dtlsd_instance *inst, uint32_t worker, uint32_t i, uint64_t n)
{
	DT_ASSERT(i < dt_instance_counter_count(inst));
	_Atomic uint64_t *c = &inst->counters[worker * row_length(inst) + i];
	uint64_t v = atomic_load_explicit(c, memory_order_relaxed);
	atomic_store_explicit(c, v + n, memory_order_relaxed);
}
