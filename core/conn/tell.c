#include "conn/tell.h"

#include "conn/conn_state.h"

void
dt_tell_error(struct dt_conn *c, int32_t code, const char *text)
{
	const struct dt_conn_events *ev = c->service->events;
	if (ev->error)
		ev->error(ev->arg, c, code, text);
}
