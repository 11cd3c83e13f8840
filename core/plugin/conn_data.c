#include "plugin/conn_data.h"

#include "base/mem.h"
#include "conn/conn.h"
#include "plugin/hook.h"

struct dt_conn_data *
dt_conn_data_get(const struct dt_conn *c)
{
	return dt_conn_user(c);
}

struct dt_conn_data *
dt_conn_data_need(struct dt_conn *c, uint32_t count)
{
	struct dt_conn_data *d = dt_conn_user(c);
	if (d)
		return d;
	d = dt_alloc(sizeof(*d) + count * sizeof(d->items[0]));
	if (!d)
		return NULL;
	d->count = count;
	dt_conn_set_user(c, d);
	return d;
}

void
dt_conn_data_free(struct dt_conn *c, struct dt_chain_worker *cw)
{
	struct dt_conn_data *d = dt_conn_user(c);
	if (!d)
		return;
	dt_conn_set_user(c, NULL);
	for (uint32_t i = d->count; i-- > 0;) {
		struct dt_conn_item *item = &d->items[i];
		if (!item->destroy)
			continue;
		/* A hook like any other: it may have a descriptor to unwatch. */
		dt_hook_enter(cw->seats[i], DT_HOOK_DESTROY, 0);
		item->destroy(item->data);
		dt_hook_leave(cw->seats[i]);
	}
	dt_free(d);
}
