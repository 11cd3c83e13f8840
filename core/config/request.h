/* request.h - a line of JSON that asks for something, its arguments read by an option table.
 *
 *	{"id": 7, "command": "show", "arguments": {"id": "0100000000000001"}}
 *
 * The first thing that is wrong is told in one line. Knows no command and opens no socket.
 * Owner: caller's storage between dt_request_read() and dt_request_fini(); what it gives is
 * borrowed from it. Threads: none.
 */
#ifndef DT_CONFIG_REQUEST_H
#define DT_CONFIG_REQUEST_H

#include <dtlsd/module.h>
#include <stddef.h>

#include "base/err.h"
#include "config/arena.h"
#include "config/source.h"

#define DT_REQUEST_MAX 65536u /* bytes of a line */
#define DT_REQUEST_ID 80u     /* bytes of the JSON text of an id, with NUL */

struct dt_request {
	char id[DT_REQUEST_ID]; /* to be repeated in answers: a number or a text as JSON, or "null"
				 */
	const char *command;
	char error[512];
	struct dt_source source; /* owned, like all below */
	struct dt_config_arena arena;
	struct json_t *root;
};

/* DT_ERR_INVALID: `error` says why; the id is known if the line was JSON. DT_ERR_NOMEM. Whatever
 * comes of it, dt_request_fini() is due. */
enum dt_err dt_request_read(struct dt_request *r, const char *line, size_t len) DT_MUST_USE;
/* Fills a struct of zeros. Host names are not understood: nobody may wait for a resolver here. As
 * above. Requires: dt_request_read() gave DT_OK. */
enum dt_err dt_request_arguments(
    struct dt_request *r, const struct dtlsd_options *table, void *out) DT_MUST_USE;
void dt_request_fini(struct dt_request *r);

#endif
