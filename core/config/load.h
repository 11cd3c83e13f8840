/* load.h - what the steps of reading a configuration share.
 *
 * A step complains and goes on, so that one run tells all errors; without memory it sets `nomem`
 * and the run ends when it can. Owner: the stack of dt_config_load(). Threads: none.
 */
#ifndef DT_CONFIG_LOAD_H
#define DT_CONFIG_LOAD_H

#include <dtlsd/module.h>
#include <jansson.h>
#include <stdbool.h>

#include "config/arena.h"
#include "config/config.h"
#include "config/scan.h"
#include "config/source.h"

struct dt_config_state {
	unsigned holders; /* who will call dt_config_free() */
	struct dt_source source;
	struct dt_config_arena arena;
};

/* A place in the JSON text, linked to the place around it; NULL is the whole. */
struct dt_json_place {
	const struct dt_json_place *up; /* borrowed */
	const char *key;		/* borrowed; NULL in a list */
	size_t index;
};

struct dt_load {
	struct dt_config *config;	 /* owned by the caller; being filled */
	const struct dt_source *source;	 /* borrowed from config->state */
	struct dt_config_arena *arena;	 /* borrowed from config->state */
	const struct dt_config_env *env; /* borrowed */
	struct dt_config_report *report; /* borrowed */
	const char *defaulting; /* borrowed: name of the option whose default is read, or NULL */
	bool nomem;
};

/* JSON pointer in the arena; NULL (and nomem) without memory. */
char *dt_load_pointer(struct dt_load *l, const struct dt_json_place *place);

void dt_load_error(struct dt_load *l, const struct dt_json_place *place, const char *suggestion,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same about the key of a member, not its value. */
void dt_load_key_error(struct dt_load *l, const struct dt_json_place *place, const char *suggestion,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A message at the value that `pointer` names. */
void dt_load_message_at(const struct dt_source *source, struct dt_config_report *report,
    enum dt_severity severity, const char *pointer, const char *text);

#define DT_QUOTED 64u
/* Text of the file for a message: cut, and without control characters. Returns buf. */
const char *dt_load_shorten(const char *text, char buf[DT_QUOTED]);

/* A table and the struct that it fills. */
struct dt_target {
	const struct dtlsd_options *table;
	void *out;
};

#define DT_FILL_ABSENT 0x1u /* there is no object: defaults only, nothing is required */
#define DT_FILL_LOOSE 0x2u  /* unknown keys are not looked at */

/* Fills structs from one object (NULL with ABSENT); its keys may belong to any of the tables. */
void dt_fill_object(struct dt_load *l, const struct dt_target *targets, size_t count,
    const json_t *object, const struct dt_json_place *place, unsigned flags);
/* One chain entry: the core's keys and the module's. */
void dt_fill_chain_entry(struct dt_load *l, const struct dtlsd_option *o, const json_t *object,
    const struct dt_json_place *place, void *out);

/* A value that is no object into its C type; false after a complaint, zeros are left then. */
bool dt_convert(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out);
bool dt_convert_secret(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, void *out);
/* "a duration is wanted here, not a number" */
void dt_convert_refuse(struct dt_load *l, const struct dtlsd_option *o, const json_t *v,
    const struct dt_json_place *place, const char *suggestion);
/* Absolute, in the arena; NULL (and nomem) without memory. */
char *dt_load_path(struct dt_load *l, const char *path);

/* The source as JSON: DT_ERR_CONFIG after a complaint, DT_ERR_NOMEM. The caller owns *out.
 * Requires: dt_json_begin(). */
enum dt_err dt_load_parse(struct dt_load *l, struct json_t **out) DT_MUST_USE;

/* Makes config->modules.path what it is in effect. */
void dt_load_module_path(struct dt_load *l);

/* Whether something in the value that `pointer` names was wrong. */
bool dt_load_is_faulty(const struct dt_load *l, const char *pointer);
/* A message at the value that `pointer` names, of the configuration that is being read. */
void dt_load_tell(struct dt_load *l, enum dt_severity severity, const char *pointer,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Whether it names or is a store, but is no path. */
bool dt_load_is_store_text(const char *text);
/* Every certificate store: that it is named in one way that fits its type; what is named becomes
 * what config.h says. */
void dt_load_stores(struct dt_load *l);

/* What concerns more than one value: names, addresses, certificates and CAs. */
void dt_load_cross_check(struct dt_load *l);

#endif
