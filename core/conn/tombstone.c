#include "conn/tombstone.h"

#include "base/assert.h"
#include "base/mem.h"
#include "dtls/record.h"

#include <string.h>

#define NUMBER_AT 3u /* in a record */
#define SLOTS 1024u
#define LIFE DT_SECONDS(10)
#define PAUSE DT_SECONDS(1)
#define FIRST_PAUSE DT_MILLISECONDS(500) /* a client's timer of a second began before we refused it */

struct dt_tombstone {
	struct dt_path path;
	uint64_t hello; /* its mark */
	struct dt_mono expires, repeat_allowed;
	uint8_t alert[DT_TOMBSTONE_ALERT];
	size_t len; /* 0 = empty slot */
};

enum dt_err
dt_tombstones_init(struct dt_tombstones *t)
{
	t->items = dt_alloc_array(SLOTS, sizeof(*t->items));
	return t->items ? DT_OK : DT_ERR_NOMEM;
}

void
dt_tombstones_fini(struct dt_tombstones *t)
{
	dt_free(t->items);
	t->items = NULL;
}

void
dt_tombstone_set(struct dt_tombstones *t, uint64_t hash, const struct dt_path *path, uint64_t hello,
    const uint8_t *alert, size_t len, struct dt_mono now)
{
	DT_ASSERT(len <= DT_TOMBSTONE_ALERT);
	struct dt_tombstone *s = &t->items[hash % SLOTS];
	s->path = *path;
	s->hello = hello;
	s->expires = dt_mono_add(now, LIFE);
	s->repeat_allowed = dt_mono_add(now, FIRST_PAUSE);
	memcpy(s->alert, alert, len);
	s->len = len;
}

static bool
stands(const struct dt_tombstone *s, const struct dt_path *path, struct dt_mono now)
{
	return s->len && dt_path_equal(&s->path, path) && !dt_mono_reached(s->expires, now);
}

bool
dt_tombstone_is_of(const struct dt_tombstones *t, uint64_t hash, const struct dt_path *path, uint64_t hello,
    struct dt_mono now)
{
	const struct dt_tombstone *s = &t->items[hash % SLOTS];
	return stands(s, path, now) && s->hello == hello;
}

/* Clients take a second record of one number for a replay. Of a sealed alert the keys are gone: it may
 * be the first that they see. */
static void
give_number(uint8_t *alert, size_t len)
{
	struct dt_reader r = dt_reader(alert, len);
	(void)dt_read_bytes(&r, NUMBER_AT);
	uint64_t number = dt_read_uint(&r, 8); /* epoch and number */
	if (!r.bad && number < DT_SEQ_MAX)
		dt_write_uint(alert + NUMBER_AT, number + 1, 8);
}

bool
dt_tombstone_find(struct dt_tombstones *t, uint64_t hash, const struct dt_path *path, struct dt_mono now,
    const uint8_t **alert, size_t *len)
{
	struct dt_tombstone *s = &t->items[hash % SLOTS];
	if (!stands(s, path, now))
		return false;
	*alert = NULL;
	*len = 0;
	if (dt_mono_reached(s->repeat_allowed, now)) {
		s->repeat_allowed = dt_mono_add(now, PAUSE);
		give_number(s->alert, s->len);
		*alert = s->alert;
		*len = s->len;
	}
	return true;
}
