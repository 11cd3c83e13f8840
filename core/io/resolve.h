/* resolve.h - from "host:port" to addresses.
 *
 * Blocks for as long as the system's resolver does: for the configuration, never on a worker.
 * Threads: any.
 */
#ifndef DT_IO_RESOLVE_H
#define DT_IO_RESOLVE_H

#include <dtlsd/module.h>
#include <stddef.h>

#include "base/err.h"

#define DT_RESOLVE_MAX 16u

struct dt_resolved {
	size_t count;
	struct dtlsd_address list[DT_RESOLVE_MAX]; /* in the resolver's order, each once */
	const char *why;			   /* static text: what went wrong      */
};

/* "127.0.0.1:80", "[::1]:80", "localhost:80". DT_ERR_INVALID when the text has no such form,
 * DT_ERR_GONE when the name has no address, DT_ERR_AGAIN when the resolver could not tell,
 * DT_ERR_SYSTEM for all else; `why` is set then. More than DT_RESOLVE_MAX are left out. */
enum dt_err dt_resolve(const char *text, struct dt_resolved *out) DT_MUST_USE;

#endif
