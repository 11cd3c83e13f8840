/* What a file says about the control socket, for a program that wants to find the server. */
#include "config/load.h"

#include "base/mem.h"
#include "config/json_memory.h"
#include "config/tables.h"

#include <errno.h>
#include <string.h>

static char *
find_socket(struct dt_load *l, const json_t *root)
{
	struct dt_json_place place = {NULL, "control", 0};
	struct dt_config_control control = {0};
	struct dt_target target = {&dt_config_control_table, &control};
	const json_t *object = json_object_get(root, "control");
	if (object && !json_is_object(object))
		dt_load_error(l, &place, NULL, "an object is wanted here");
	else if (object)
		dt_fill_object(l, &target, 1, object, &place, 0);
	char *socket = control.socket ? dt_copy_text(control.socket) : NULL;
	l->nomem = l->nomem || (control.socket && !socket);
	return socket;
}

enum dt_err
dt_config_find_control(const char *path, char **out, struct dt_config_report *report)
{
	static const struct dt_config_env env;
	struct dt_source source;
	struct dt_config_arena arena = {0};
	struct dt_load l = {NULL, &source, &arena, &env, report, NULL, false};
	json_t *root = NULL;
	*out = NULL;
	report->file = dt_copy_text(path);
	dt_json_begin();
	enum dt_err err = dt_source_read(&source, path, DT_CONFIG_FILE_MAX);
	if (err == DT_OK && (err = dt_load_parse(&l, &root)) == DT_OK)
		*out = find_socket(&l, root);
	json_decref(root);
	int error = errno;
	dt_config_arena_fini(&arena);
	dt_source_fini(&source);
	errno = error;
	if (l.nomem || report->nomem || !report->file || dt_json_starved())
		err = DT_ERR_NOMEM;
	else if (report->errors)
		err = DT_ERR_CONFIG;
	if (err != DT_OK)
		dt_free(*out);
	if (err != DT_OK)
		*out = NULL;
	return err;
}
