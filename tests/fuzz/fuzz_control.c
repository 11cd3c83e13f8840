/* A line of the control socket: read, and its arguments by the table of its command, or of every
 * command when it names none. What is refused has a reason; the id can always be repeated. */
#include "fuzz.h"

#include "base/assert.h"
#include "base/mem.h"
#include "config/request.h"
#include "server/control_table.h"

#include <string.h>

static void
read_arguments(struct dt_request *r, const struct dt_control_command *c)
{
	void *out = c->arguments->struct_size ? dt_alloc(c->arguments->struct_size) : NULL;
	DT_ASSERT(out || !c->arguments->struct_size);
	enum dt_err err = dt_request_arguments(r, c->arguments, out);
	DT_ASSERT(err == DT_OK || (err == DT_ERR_INVALID && r->error[0]));
	dt_free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dt_request r;
	enum dt_err err = dt_request_read(&r, (const char *)data, len);
	DT_ASSERT(r.id[0] && strlen(r.id) < DT_REQUEST_ID && !strchr(r.id, '\n'));
	DT_ASSERT(err == DT_OK || (err == DT_ERR_INVALID && r.error[0]));
	if (err == DT_OK) {
		const char *near;
		const struct dt_control_command *c = dt_control_find(r.command, &near);
		for (size_t i = 0; i < DT_CONTROL_COMMANDS; i++)
			if (!c || c == &dt_control_commands[i])
				read_arguments(&r, &dt_control_commands[i]);
	}
	dt_request_fini(&r);
	return 0;
}
