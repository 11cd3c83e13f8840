#include "server/catalog.h"

#include "base/assert.h"
#include "base/mem.h"
#include "io/resolve.h"
#include "plugin/loader.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct dt_catalog {
	struct dt_loader *loader; /* owned */
};

enum dt_err
dt_catalog_new(bool dev, struct dt_log *log, struct dt_catalog **out)
{
	struct dt_catalog *c = *out = dt_alloc(sizeof(*c));
	if (!c)
		return DT_ERR_NOMEM;
	struct dt_loader_config config = {.dev = dev, .log = log};
	enum dt_err err = dt_loader_new(&config, &c->loader);
	if (err != DT_OK)
		dt_catalog_free(out);
	return err;
}

void
dt_catalog_free(struct dt_catalog **slot)
{
	struct dt_catalog *c = *slot;
	if (!c)
		return;
	dt_loader_free(&c->loader);
	dt_free(c);
	*slot = NULL;
}

static enum dt_err
resolve_module(void *arg, const struct dtlsd_list *path, const char *use, struct dt_config_module *out,
    char *err, size_t cap)
{
	const struct dt_catalog *c = arg;
	char why[DT_LOADER_WHY] = "out of memory";
	const struct dtlsd_module *m;
	enum dt_err e = dt_loader_get(c->loader, path, use, &m, why);
	if (e != DT_OK) {
		snprintf(err, cap, "%s", why);
		return e;
	}
	*out = (struct dt_config_module){
	    .handle = (void *)(uintptr_t)m, .options = m->options, .finds_psk = m->psk_lookup != NULL};
	return DT_OK;
}

static const char *const *
list_modules(void *arg, const struct dtlsd_list *path)
{
	const struct dt_catalog *c = arg;
	return dt_loader_names(c->loader, path);
}

static enum dt_err
resolve_host(void *arg, const char *text, struct dtlsd_address *out, char *err, size_t cap)
{
	struct dt_resolved r;
	(void)arg;
	enum dt_err e = dt_resolve(text, &r);
	if (e != DT_OK) {
		snprintf(err, cap, "%s", r.why);
		return e;
	}
	*out = r.list[0];
	return DT_OK;
}

/* An installed daemon looks where it was installed; one that runs out of its build tree there. */
static const char *
module_directory(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0)
		return DTLSD_MODULE_DIR_INSTALL;
	self[n] = '\0';
	char *slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	return strcmp(self, DTLSD_PROGRAM_DIR_BUILD) == 0 ? DTLSD_MODULE_DIR_BUILD
							    : DTLSD_MODULE_DIR_INSTALL;
}

struct dt_config_env
dt_catalog_env(struct dt_catalog *c)
{
	return (struct dt_config_env){
	    .resolve_host = resolve_host,
	    .modules = {.resolve = resolve_module, .names = list_modules, .arg = c},
	    .module_directory = module_directory(),
	};
}
