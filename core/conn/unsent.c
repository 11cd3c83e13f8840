/* unsent.c - datagrams of ours that the system did not take. */
#include <errno.h>

#include "conn/conn_state.h"
#include "conn/journal.h"
#include "conn/tell.h"

static void
shorten(struct dt_conn *c, size_t len)
{
	bool shorter = false;
	if (c->state == DT_CONN_ESTABLISHED)
		shorter = dt_session_too_long(&c->session, len);
	else if (c->setup && c->setup->hs)
		shorter = dt_hs_too_long(c->setup->hs, len);
	if (shorter)
		dt_journal_too_long(c, len);
}

void
dt_conns_too_long(struct dt_conns *conns, const struct dt_path *path, size_t len)
{
	struct dt_conn *c = dt_conns_find_path(conns, path);
	dt_count(conns->config.counters, DT_COUNT_PATH_TOO_SMALL, 1);
	if (c)
		shorten(c, len);
	if (c && c->beside) /* its shadow sends along the same path */
		shorten(c->beside, len);
	if (c)
		dt_tell_error(c, EMSGSIZE, "a datagram was too long for its path and is lost");
}

void
dt_conns_not_sent(struct dt_conns *conns, const struct dt_path *path, int error)
{
	struct dt_conn *c = dt_conns_find_path(conns, path);
	if (c)
		dt_tell_error(c, error, "the system did not send a datagram");
}
