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
	bool dev;	    /* a broken trust rule is a warning in the log, not a refusal */
	struct dt_log *log; /* borrowed */
};

enum dt_err dt_loader_new(
    const struct dt_loader_config *config, struct dt_loader **out) DT_MUST_USE;
/* What was loaded stays loaded. */
void dt_loader_free(struct dt_loader **loader);

/* `use`: a name ([a-z0-9_]+, "NAME.so" in one of the directories, searched in this order), or a
 * path, which has a '/'. `dirs`: of const char *. The same file gives the same table each time;
 * *out lives until the process ends.
 * DT_ERR_GONE (no such file), DT_ERR_REFUSED (trust, format, ABI), DT_ERR_INVALID (no name),
 * DT_ERR_SYSTEM, DT_ERR_NOMEM; `why` names the file, what was found and what was wanted. */
enum dt_err dt_loader_get(struct dt_loader *loader, const struct dtlsd_list *dirs, const char *use,
    const struct dtlsd_module **out, char why[DT_LOADER_WHY]) DT_MUST_USE;

/* Names that dt_loader_get() may be asked for, sorted, each once, NULL-terminated: what the
 * directories hold, not whether it would load. Valid until the next call. NULL without memory. */
const char *const *dt_loader_names(struct dt_loader *loader, const struct dtlsd_list *dirs);

#endif
