/* describe.h - what dump, schema and manual share: a JSON builder that remembers a lack of memory.
 *
 * Threads: none.
 */
#ifndef DT_CONFIG_DESCRIBE_H
#define DT_CONFIG_DESCRIBE_H

#include <jansson.h>
#include <stdbool.h>

#include "config/config.h"
#include "config/units.h"

struct dt_builder {
	bool nomem;
};

/* Puts `v` (which is taken; NULL = no memory) under `key`. */
void dt_build_put(struct dt_builder *b, json_t *object, const char *key, json_t *v);
void dt_build_append(struct dt_builder *b, json_t *list, json_t *v);
/* Passes `v` on, and remembers when it is NULL. */
json_t *dt_build(struct dt_builder *b, json_t *v);
/* Prints and takes `v`. DT_ERR_SYSTEM: `out` cannot be written. */
enum dt_err dt_build_print(struct dt_builder *b, json_t *v, FILE *out) DT_MUST_USE;

/* A limit in the unit of the option's type. */
char *dt_describe_limit(uint32_t type, int64_t v, char buf[DT_QUANTITY_TEXT]);

/* Calls `each` for every module that can be used, in the order of their names. */
void dt_describe_modules(const struct dt_config_env *env,
    void (*each)(void *arg, const char *name, const struct dtlsd_options *options), void *arg);

#endif
