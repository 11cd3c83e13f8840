#include "server/site.h"

#include <string.h>

#include "base/mem.h"
#include "io/random.h"

void
dt_sites_init(struct dt_sites *sites)
{
	dt_list_init(&sites->list);
	dt_random(&sites->fingerprint_key, sizeof(sites->fingerprint_key));
}

static void
free_site(struct dt_site *site)
{
	dt_free(site->name);
	dt_free_secret(site, sizeof(*site));
}

void
dt_sites_fini(struct dt_sites *sites)
{
	DT_LIST_EACH(node, next, &sites->list)
		free_site(DT_CONTAINER(node, struct dt_site, node));
	dt_list_init(&sites->list);
}

struct dt_site *
dt_sites_get(struct dt_sites *sites, const char *name)
{
	DT_LIST_EACH(node, next, &sites->list) {
		struct dt_site *site = DT_CONTAINER(node, struct dt_site, node);
		if (strcmp(site->name, name) == 0)
			return site;
	}
	struct dt_site *site = dt_alloc(sizeof(*site));
	if (!site)
		return NULL;
	site->name = dt_copy_text(name);
	if (!site->name) {
		free_site(site);
		return NULL;
	}
	dt_random(site->ticket_secret, sizeof(site->ticket_secret));
	dt_list_append(&sites->list, &site->node);
	return site;
}
