#include "plugin/chain_state.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "config/config.h"
#include "plugin/host.h"

/* ---- check ---------------------------------------------------------------------------------- */

struct complaints {
	dt_chain_complain *complain;
	void *arg; /* borrowed */
	size_t errors;
};

static void
take_error(const struct dtlsd_check *check, const char *pointer, const char *text)
{
	struct complaints *to = check->opaque;
	to->errors++;
	to->complain(to->arg, true, pointer ? pointer : "", text ? text : "refused by the module");
}

static void
take_warning(const struct dtlsd_check *check, const char *pointer, const char *text)
{
	struct complaints *to = check->opaque;
	to->complain(to->arg, false, pointer ? pointer : "", text ? text : "");
}

size_t
dt_chain_check(const struct dtlsd_module *module, const void *config, int64_t connection_limit,
    dt_chain_complain *complain, void *arg)
{
	struct complaints to = {complain, arg, 0};
	struct dtlsd_check check = {.size = sizeof(check),
	    .config = config,
	    .config_error = take_error,
	    .config_warning = take_warning,
	    .opaque = &to,
	    .connection_limit = connection_limit};
	if (module->check)
		module->check(&check);
	return to.errors;
}

/* ---- open and close ------------------------------------------------------------------------- */

static void
prepare(struct dtlsd_instance *inst, const struct dt_chain_entry *entry)
{
	inst->slow_hook = entry->slow_hook;
	inst->defer_timeout = entry->defer_timeout;
	inst->defer_accept = entry->defer_accept;
	inst->fingerprint = entry->fingerprint;
	inst->config = entry->owner ? dt_config_hold(entry->owner) : NULL;
	inst->ctx = (struct dtlsd_ctx){.host = &dt_host,
	    .instance = inst,
	    .config = entry->config,
	    .worker = UINT32_MAX,
	    .worker_count = inst->plugin->worker_count};
}

static void
end(struct dtlsd_instance *inst)
{
	atomic_store(&inst->closed, true);
	dt_instance_retire(inst);
	dt_config_free(&inst->config);
}

/* An instance that was made and did not open has ended as well: its threads may call us. */
static enum dt_err
open_instance(struct dt_chain *chain, const struct dt_chain_entry *entry,
    struct dtlsd_instance **out, char why[DT_CHAIN_WHY])
{
	struct dtlsd_instance *inst;
	enum dt_err err =
	    dt_instance_new(chain->plugin, entry->module, chain->server, entry->name, &inst);
	if (err != DT_OK) {
		snprintf(why, DT_CHAIN_WHY, "module %s: %s", entry->name, dt_err_text(err));
		return err;
	}
	prepare(inst, entry);
	int32_t code =
	    entry->module->open ? entry->module->open(&inst->ctx, &inst->ctx.data) : DTLSD_OK;
	if (code == DTLSD_OK) {
		*out = inst;
		return DT_OK;
	}
	end(inst);
	snprintf(why, DT_CHAIN_WHY,
	    "module %s refused to start: open returned %d; its own reason is in the log",
	    entry->name, code);
	return DT_ERR_REFUSED;
}

static void
leave_instance(struct dtlsd_instance *inst)
{
	if (--inst->chains > 0)
		return;
	if (inst->module->close)
		inst->module->close(&inst->ctx);
	end(inst);
}

/* ---- what lives already --------------------------------------------------------------------- */

static bool
is_alike(const struct dtlsd_instance *inst, const struct dt_chain_entry *entry)
{
	return entry->fingerprint && inst->fingerprint == entry->fingerprint &&
	       inst->origin == entry->module;
}

static bool
has_entries(const struct dt_chain *chain, const struct dt_chain_entry *entries, size_t count)
{
	for (size_t i = 0; i < count && i < chain->count; i++)
		if (!is_alike(chain->instances[i], &entries[i]))
			return false;
	return chain->count == count && count > 0;
}

static struct dtlsd_instance *
find_in(const struct dt_chain *chain, const struct dt_chain_entry *entry)
{
	for (uint32_t i = 0; i < chain->opened; i++)
		if (is_alike(chain->instances[i], entry))
			return chain->instances[i];
	return NULL;
}

static struct dt_chain *
find_chain(struct dt_plugin *plugin, const char *server, const struct dt_chain_entry *entries,
    size_t count)
{
	DT_LIST_EACH(node, next, &plugin->chains) {
		struct dt_chain *chain = DT_CONTAINER(node, struct dt_chain, node);
		if (strcmp(chain->server, server) == 0 && has_entries(chain, entries, count))
			return chain;
	}
	return NULL;
}

static struct dtlsd_instance *
find_instance(const struct dt_chain *of, const struct dt_chain_entry *entry)
{
	DT_LIST_EACH(node, next, &of->plugin->chains) {
		const struct dt_chain *chain = DT_CONTAINER(node, struct dt_chain, node);
		struct dtlsd_instance *inst =
		    strcmp(chain->server, of->server) == 0 ? find_in(chain, entry) : NULL;
		if (inst)
			return inst;
	}
	return NULL;
}

/* ---- a chain -------------------------------------------------------------------------------- */

static struct dt_chain *
new_chain(struct dt_plugin *plugin, const char *server, size_t count)
{
	struct dt_chain *chain = dt_alloc(sizeof(*chain));
	if (!chain)
		return NULL;
	chain->magic = DT_CHAIN_MAGIC;
	chain->holders = 1;
	chain->plugin = plugin;
	chain->count = (uint32_t)count;
	chain->server = dt_copy_text(server);
	chain->instances = dt_alloc_array(count, sizeof(struct dtlsd_instance *));
	chain->workers = dt_alloc_array(plugin->worker_count, sizeof(struct dt_chain_worker *));
	dt_list_append(&plugin->chains, &chain->node);
	if (!chain->server || !chain->instances || !chain->workers)
		dt_chain_free(&chain);
	return chain;
}

enum dt_err
dt_chain_new(struct dt_plugin *plugin, const char *server, const struct dt_chain_entry *entries,
    size_t count, struct dt_chain **out, struct dt_chain_failure *failure)
{
	DT_ASSERT(count <= UINT32_MAX);
	failure->entry = count;
	failure->why[0] = '\0';
	struct dt_chain *chain = find_chain(plugin, server, entries, count);
	if (chain) {
		chain->holders++;
		*out = chain;
		return DT_OK;
	}
	if (!(chain = new_chain(plugin, server, count))) {
		snprintf(failure->why, DT_CHAIN_WHY, "%s", dt_err_text(DT_ERR_NOMEM));
		return DT_ERR_NOMEM;
	}
	for (; chain->opened < chain->count; chain->opened++) {
		const struct dt_chain_entry *entry = &entries[chain->opened];
		struct dtlsd_instance *inst = find_instance(chain, entry);
		enum dt_err err = inst ? DT_OK : open_instance(chain, entry, &inst, failure->why);
		if (err != DT_OK) {
			failure->entry = chain->opened;
			dt_chain_free(&chain);
			return err;
		}
		inst->chains++;
		chain->instances[chain->opened] = inst;
	}
	*out = chain;
	return DT_OK;
}

void
dt_chain_free(struct dt_chain **slot)
{
	struct dt_chain *chain = *slot;
	*slot = NULL;
	if (!chain)
		return;
	DT_CHECK_MAGIC(chain, DT_CHAIN_MAGIC);
	if (--chain->holders > 0)
		return;
	for (uint32_t w = 0; chain->workers && w < chain->plugin->worker_count; w++)
		DT_ASSERT(!chain->workers[w]);
	while (chain->opened > 0)
		leave_instance(chain->instances[--chain->opened]);
	dt_list_remove(&chain->node);
	dt_free(chain->server);
	dt_free(chain->instances);
	dt_free(chain->workers);
	chain->magic = 0;
	dt_free(chain);
}

/* ---- counters ------------------------------------------------------------------------------- */

void
dt_chain_counters(const struct dt_chain *chain,
    void (*each)(void *arg, const struct dt_chain_counter *counter), void *arg)
{
	for (uint32_t i = 0; i < chain->count; i++) {
		const struct dtlsd_instance *inst = chain->instances[i];
		for (uint32_t k = 0; k < dt_instance_counter_count(inst); k++) {
			const struct dtlsd_counter *info = dt_instance_counter(inst, k);
			struct dt_chain_counter c = {.instance = inst->name,
			    .name = info->name,
			    .doc = info->doc,
			    .value = dt_instance_counter_sum(inst, k)};
			each(arg, &c);
		}
	}
}
