/* trust.h - opens a module's file so that what is checked is what will be loaded.
 *
 * Threads: main. Internal to the room.
 */
#ifndef DT_PLUGIN_TRUST_H
#define DT_PLUGIN_TRUST_H

#include <stddef.h>
#include <sys/stat.h>

#include "base/err.h"

struct dt_trusted {
	int fd; /* owned by the caller; -1 unless DT_OK */
	struct stat st;
	char distrust[256]; /* which rule is broken and by what; "" = none */
};

/* Opens dir/file. The directory may be a link, the file may not. A broken rule does not fail: it is
 * written to `distrust`. DT_ERR_GONE: no such file or directory. DT_ERR_REFUSED: no regular file,
 * `why` says. DT_ERR_SYSTEM: `why` says. */
enum dt_err dt_trusted_open(
    const char *dir, const char *file, struct dt_trusted *out, char *why, size_t cap) DT_MUST_USE;

#endif
