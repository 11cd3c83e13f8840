/* One entry of a chain: the core's own keys, and those of the module that "use" names. */
#include "config/load.h"

#include "base/assert.h"
#include "base/text.h"
#include "config/options.h"

#include <string.h>

/* The surroundings say where modules are if the file does not. */
void
dt_load_module_path(struct dt_load *l)
{
	struct dtlsd_list *path = &l->config->modules.path;
	if (path->count || l->env->module_directory == NULL)
		return;
	const char **item = dt_config_arena_alloc(l->arena, sizeof(*item));
	if (item)
		*item = dt_config_arena_text(l->arena, l->env->module_directory);
	if (item == NULL || *item == NULL)
		l->nomem = true;
	else
		*path = (struct dtlsd_list){item, 1, (uint32_t)sizeof(*item)};
}

static const char *
nth_word(const void *arg, size_t i)
{
	const char *const *words = arg;
	return words[i];
}

static void
refuse_module(
    struct dt_load *l, const char *use, const char *why, const struct dt_json_place *place)
{
	const struct dt_config_modules *m = &l->env->modules;
	const char *const *names = m->names ? m->names(m->arg, &l->config->modules.path) : NULL;
	size_t count = 0;
	while (names && names[count])
		count++;
	const char *near = strchr(use, '/') ? NULL : dt_text_nearest(use, nth_word, names, count);
	char shown[DT_QUOTED], quoted[DT_QUOTED + 2];
	if (near)
		snprintf(quoted, sizeof(quoted), "\"%s\"", dt_load_shorten(near, shown));
	/* The module of that very name is there, but something is wrong with it. */
	if (near && strcmp(near, use) == 0)
		near = NULL;
	dt_load_error(
	    l, place, near ? quoted : NULL, "module \"%s\": %s", dt_load_shorten(use, shown), why);
}

/* Fills e->use and e->module; false after a complaint. */
static bool
find_module(struct dt_load *l, const char *use, const struct dt_json_place *place,
    const struct dtlsd_options *own, struct dt_config_chain_entry *e)
{
	const struct dt_config_modules *m = &l->env->modules;
	char why[256] = "no modules can be used here";
	enum dt_err err = DT_ERR_UNSUPPORTED;

	dt_load_module_path(l);
	e->use = strchr(use, '/') ? dt_load_path(l, use) : dt_config_arena_text(l->arena, use);
	if (l->nomem || e->use == NULL) {
		l->nomem = true;
		return false;
	}
	if (m->resolve)
		err = m->resolve(
		    m->arg, &l->config->modules.path, e->use, &e->module, why, sizeof(why));
	if (err == DT_OK && e->module.options)
		err = dt_options_check(e->module.options, own, why, sizeof(why));
	if (err == DT_OK)
		return true;
	e->module = (struct dt_config_module){0};
	if (err == DT_ERR_NOMEM)
		l->nomem = true;
	else
		refuse_module(l, use, why, place);
	return false;
}

/* The module's name is the entry's, if it has none of its own: "/a/b/relay.so" is "relay". */
static void
name_entry(struct dt_load *l, struct dt_config_chain_entry *e)
{
	if (e->name)
		return;
	const char *slash = strrchr(e->use, '/');
	char *name = dt_config_arena_text(l->arena, slash ? slash + 1 : e->use);
	l->nomem = l->nomem || name == NULL;
	char *dot = name && slash ? strrchr(name, '.') : NULL;
	if (dot && strcmp(dot, ".so") == 0)
		*dot = '\0';
	e->name = name;
}

void
dt_fill_chain_entry(struct dt_load *l, const struct dtlsd_option *o, const json_t *object,
    const struct dt_json_place *place, void *out)
{
	struct dt_config_chain_entry *e = out;
	struct dt_json_place at_use = {place, "use", 0};
	const char *use = json_string_value(json_object_get(object, "use"));
	struct dt_target targets[2] = {{o->fields, e}};
	size_t count = 1;

	bool found = use && use[0] && find_module(l, use, &at_use, o->fields, e);
	const char *resolved = e->use;
	if (use && !use[0])
		dt_load_error(l, &at_use, NULL, "the name of a module is wanted here");
	if (found && e->module.options) {
		e->options = dt_config_arena_alloc(l->arena, e->module.options->struct_size);
		l->nomem = l->nomem || e->options == NULL;
		targets[count++] = (struct dt_target){e->module.options, e->options};
	}
	if (l->nomem)
		return;
	dt_fill_object(l, targets, count, object, place, found ? 0 : DT_FILL_LOOSE);
	e->pointer = dt_load_pointer(l, place);
	if (!found)
		return;
	e->use = resolved;
	name_entry(l, e);
}
