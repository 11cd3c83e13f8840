#include "config/describe.h"

#include "base/mem.h"
#include "config/json_memory.h"
#include "config/options.h"
#include "config/tables.h"

#include <inttypes.h>

json_t *
dt_build(struct dt_builder *b, json_t *v)
{
	b->nomem = b->nomem || v == NULL;
	return v;
}

void
dt_build_put(struct dt_builder *b, json_t *object, const char *key, json_t *v)
{
	if (json_object_set_new(object, key, v) != 0)
		b->nomem = true;
}

void
dt_build_append(struct dt_builder *b, json_t *list, json_t *v)
{
	if (json_array_append_new(list, v) != 0)
		b->nomem = true;
}

enum dt_err
dt_build_print(struct dt_builder *b, json_t *v, FILE *out)
{
	char *text = b->nomem ? NULL : json_dumps(v, JSON_INDENT(2));
	json_decref(v);
	enum dt_err err = DT_OK;
	if (text == NULL || dt_json_starved())
		err = DT_ERR_NOMEM;
	else if (fprintf(out, "%s\n", text) < 0 || fflush(out) != 0)
		err = DT_ERR_SYSTEM;
	dt_free(text);
	return err;
}

char *
dt_describe_limit(uint32_t type, int64_t v, char buf[DT_QUANTITY_TEXT])
{
	if (type == DTLSD_OPT_DURATION)
		return dt_duration_format(v, buf);
	if (type == DTLSD_OPT_SIZE)
		return dt_size_format((uint64_t)v, buf);
	snprintf(buf, DT_QUANTITY_TEXT, "%" PRId64, v);
	return buf;
}

void
dt_describe_modules(const struct dt_config_env *env,
    void (*each)(void *arg, const char *name, const struct dtlsd_options *options), void *arg)
{
	const struct dt_config_modules *m = &env->modules;
	const struct dtlsd_list path = {&env->module_directory, env->module_directory ? 1 : 0,
	    (uint32_t)sizeof(env->module_directory)};
	const char *const *names = m->names ? m->names(m->arg, &path) : NULL;
	static const struct dtlsd_options none = {.item_size = sizeof(struct dtlsd_option)};
	char why[256];
	for (; names && *names; names++) {
		struct dt_config_module module = {0};
		if (m->resolve(m->arg, &path, *names, &module, why, sizeof(why)) != DT_OK)
			continue;
		const struct dtlsd_options *options = module.options ? module.options : &none;
		if (dt_options_check(options, &dt_config_entry_table, why, sizeof(why)) == DT_OK)
			each(arg, *names, options);
	}
}
