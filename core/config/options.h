/* options.h - option tables: what the types are, whether a table is sound, how to step through one.
 *
 * A table may come from a module that was built with a shorter struct dtlsd_option: only what its
 * item_size covers is read, the rest counts as 0. Threads: any.
 */
#ifndef DT_CONFIG_OPTIONS_H
#define DT_CONFIG_OPTIONS_H

#include <dtlsd/module.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Flags that only the core's own tables use. */
#define DT_OPTION_WORD                                                                             \
	0x10000u /* INTEGER: names[i] may stand for -i; PATH: names[0] stays as it is */
#define DT_OPTION_CHAIN                                                                            \
	0x20000u /* OBJECT: a struct dt_config_chain_entry, the other keys are those               \
		    of the module that "use" names */
#define DT_OPTION_STORE_TYPE 0x40000u /* ENUM: enum dt_store_type; its number stands for a name */
#define DT_OPTION_INLINE                                                                           \
	0x80000u /* SECRET: may stand in the file itself; PATH: a pkcs11: URI and PEM text         \
		    stay as they are */

#define DT_OPTIONS_DEPTH 8u	   /* tables within tables of a module */
#define DT_OPTIONS_STRUCT 1048576u /* bytes of a module's configuration struct */

struct dt_option_type {
	const char *one;      /* "a duration"                                  */
	const char *many;     /* "durations"                                   */
	const char *example;  /* JSON text, NULL where nothing needs explaining */
	uint32_t size, align; /* bytes of the C type; 0 for an object */
};

/* NULL for a type that does not exist. */
const struct dt_option_type *dt_option_type(uint32_t type);

/* The i-th option. Requires: dt_options_check() found the table sound; i < t->count. */
struct dtlsd_option dt_options_get(const struct dtlsd_options *t, uint32_t i);
/* The option with this name; false when there is none. */
bool dt_options_find(const struct dtlsd_options *t, const char *name, struct dtlsd_option *out);
/* Bytes of one value of this option: of an item when it is a list. */
size_t dt_option_size(const struct dtlsd_option *o);

/* Whether a module's table can be used: known types and flags, members inside of the struct.
 * `reserved` (may be NULL) are the options that it may not have. Else err[cap] says why. */
enum dt_err dt_options_check(const struct dtlsd_options *t, const struct dtlsd_options *reserved,
    char *err, size_t cap) DT_MUST_USE;

#endif
