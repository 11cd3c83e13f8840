#include "server/generation.h"

#include "base/mem.h"

enum dt_err
dt_generation_read(const struct dt_config *config, struct dt_sites *sites, bool dev,
    struct dt_generation **out, struct dt_config_report *report)
{
	bool good = true;
	struct dt_generation *g = *out = dt_alloc(sizeof(*g));
	if (!g)
		return DT_ERR_NOMEM;
	g->config = dt_config_hold(config);
	g->endpoints = dt_alloc_array(config->servers.count, sizeof(*g->endpoints));
	for (uint32_t i = 0; g->endpoints && i < config->servers.count; i++) {
		const struct dt_config_server *server = DT_CONFIG_SERVER(config, i);
		struct dt_site *site = dt_sites_get(sites, server->name);
		if (!site)
			break;
		struct dt_endpoint *e = &g->endpoints[g->endpoint_count++];
		good &= dt_endpoint_init(e, config, server, site, dev, report);
		good &= dt_endpoint_check_chain(e, config, report);
	}
	if (good && g->endpoint_count == config->servers.count)
		return DT_OK;
	dt_generation_free(out);
	return report->errors ? DT_ERR_CONFIG : DT_ERR_NOMEM;
}

enum dt_err
dt_generation_open(struct dt_generation *g, struct dt_sites *sites, struct dt_plugin *plugin,
    struct dt_config_report *report)
{
	for (size_t i = 0; i < g->endpoint_count; i++)
		if (!dt_endpoint_open(
			&g->endpoints[i], g->config, plugin, &sites->fingerprint_key, report))
			return DT_ERR_CONFIG;
	return DT_OK;
}

void
dt_generation_free(struct dt_generation **slot)
{
	struct dt_generation *g = *slot;
	*slot = NULL;
	if (!g)
		return;
	for (size_t i = 0; i < g->endpoint_count; i++)
		dt_endpoint_fini(&g->endpoints[i]);
	dt_free(g->endpoints);
	dt_config_free(&g->config);
	dt_free(g);
}

struct dt_endpoint *
dt_generation_find(struct dt_generation *g, const struct dt_site *site)
{
	for (size_t i = 0; i < g->endpoint_count; i++)
		if (g->endpoints[i].site == site)
			return &g->endpoints[i];
	return NULL;
}

bool
dt_generation_busy(const struct dt_generation *g)
{
	for (size_t i = 0; i < g->endpoint_count; i++)
		if (g->endpoints[i].tls->ssl_objects)
			return true;
	return false;
}
