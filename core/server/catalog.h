/* catalog.h - the modules that a configuration may use: the loader, as config wants it.
 *
 * Owner: the command that reads a configuration; must outlive it. Threads: main.
 */
#ifndef DT_SERVER_CATALOG_H
#define DT_SERVER_CATALOG_H

#include <stdbool.h>

#include "base/log.h"
#include "config/config.h"

struct dt_catalog;

/* `dev`: broken trust rules warn. `log` is borrowed. */
enum dt_err dt_catalog_new(bool dev, struct dt_log *log, struct dt_catalog **out) DT_MUST_USE;
void dt_catalog_free(struct dt_catalog **catalog);

/* The surroundings for dt_config_load(): modules, host names, the module directory. */
struct dt_config_env dt_catalog_env(struct dt_catalog *catalog);

#endif
