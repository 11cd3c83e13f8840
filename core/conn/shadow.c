#include "conn/shadow.h"

#include "base/assert.h"

#include <string.h>

bool
dt_shadow_part(struct dt_conn *c)
{
	struct dt_conn *other = c->beside;
	if (!other)
		return true;
	c->beside = other->beside = NULL;
	if (other->linked) /* c was the shadow */
		return false;
	dt_conns_link(other);
	return false;
}

void
dt_shadow_succeed(struct dt_conn *c, struct dt_now now)
{
	struct dt_conn *live = c->beside;
	if (!live)
		return;
	DT_ASSERT(live->linked && live->state == DT_CONN_ESTABLISHED);
	dt_conn_close(live, DT_CLOSE_REPLACED, now);
	DT_ASSERT(c->linked && c->state != DT_CONN_CLOSED);
}

/* Whether a record that the live connection dropped for this may be the shadow's, whose numbers
 * begin again. */
static bool
may_be_anothers(enum dt_drop why)
{
	return why == DT_DROP_BAD_TAG || why == DT_DROP_REPLAYED || why == DT_DROP_TOO_OLD ||
	    why == DT_DROP_BAD_RECORD;
}

bool
dt_shadow_record(struct dt_conn *live, const struct dt_record *rec, const struct dt_arrival *from,
    struct dt_now now)
{
	struct dt_conn *shadow = dt_shadow_of(live);
	uint8_t body[DT_CIPHER_MAX]; /* what does not open is destroyed by the attempt */
	struct dt_record again = *rec;
	enum dt_drop why;
	DT_ASSERT(rec->epoch == 1 && rec->len <= sizeof(body));
	again.body = memcpy(body, rec->body, rec->len);
	if (dt_conn_established_record(live, rec, from, now, &why))
		return true;
	if (may_be_anothers(why) && dt_setup_retry(shadow, &again, now))
		return true;
	dt_count_drop(live->conns->config.counters, why);
	return false;
}
