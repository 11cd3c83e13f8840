/* loader.h - from the word behind "use" to a module in memory.
 *
 * A module runs with all our rights, so its file and the directory it lies in must belong to root
 * or to our own user and be writable by nobody else. The file is opened once, checked through
 * that descriptor, and that same descriptor is what gets mapped: there is no moment to swap it.
 * Nothing beyond the frozen prefix of the module's table is read until it matches.
 * A library is never unloaded, and its descriptor stays open until the process ends: the C library
 * knows it by the descriptor's path, and would take another file under the same number for it.
 * Owner: the server. Threads: main.
 */
#ifndef DT_PLUGIN_LOADER_H
#define DT_PLUGIN_LOADER_H

#include <dtlsd/module.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"

#define DT_LOADER_WHY 512u /* bytes of a message, with NUL */

struct dt_loader;

struct dt_loader_config {
	const char *const *dirs; /* copied; searched in this order */
	size_t dir_count;
	bool dev;	    /* a broken trust rule is a warning in the log, not a refusal */
	struct dt_log *log; /* borrowed */
};

enum dt_err dt_loader_new(const struct dt_loader_config *config, struct dt_loader **out) DT_MUST_USE;
/* What was loaded stays loaded. */
void dt_loader_free(struct dt_loader **loader);

/* `use`: a name ([a-z0-9_]+, "NAME.so" in one of the directories), or a path, which has a '/'.
 * The same file gives the same table each time. *out lives until the process ends.
 * DT_ERR_GONE (no such file), DT_ERR_REFUSED (trust, format, ABI), DT_ERR_INVALID (no name),
 * DT_ERR_SYSTEM, DT_ERR_NOMEM; `why` names the file, what was found and what was wanted. */
enum dt_err dt_loader_get(struct dt_loader *loader, const char *use,
    const struct dtlsd_module **out, char why[DT_LOADER_WHY]) DT_MUST_USE;

/* The module of our directories whose name is nearest to `use`, into name[cap]; false when none
 * is near. For "did you mean". */
bool dt_loader_suggest(struct dt_loader *loader, const char *use, char *name, size_t cap);

#endif
