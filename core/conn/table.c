#include "conn/table.h"

#include "base/assert.h"
#include "base/mem.h"
#include "conn/budget.h"
#include "conn/cid.h"
#include "conn/conn_state.h"
#include "conn/journal.h"
#include "conn/last_flight.h"
#include "conn/shadow.h"
#include "conn/tell.h"

#include <string.h>

#define AEAD_CONTEXTS 1024u /* keyed cipher contexts of a worker: 512 busy connections */
#define FIRST_SLOTS 64u
#define NO_SLOT UINT32_MAX

enum dt_err
dt_conns_new(const struct dt_conns_config *config, struct dt_conns **out)
{
	DT_ASSERT(config->worker < DT_CONN_WORKERS_MAX);
	enum dt_err err = DT_ERR_NOMEM;
	struct dt_conns *conns = dt_alloc(sizeof(*conns));
	*out = NULL;
	if (!conns)
		return err;
	conns->magic = DT_CONNS_MAGIC;
	conns->config = *config;
	conns->config.cookie_secret = NULL;
	conns->free_slot = NO_SLOT;
	conns->handshake_memory.cap = config->handshake_memory;
	dt_list_init(&conns->last_flights);
	conns->bucket_count = FIRST_SLOTS;
	conns->buckets = dt_alloc_array(conns->bucket_count, sizeof(struct dt_conn *));
	conns->prefixes = dt_prefix_budget_new();
	if (!conns->buckets || !conns->prefixes)
		goto fail;
	if ((err = dt_tombstones_init(&conns->tombstones)) != DT_OK)
		goto fail;
	if ((err = dt_aead_pool_new(AEAD_CONTEXTS, &conns->pool)) != DT_OK)
		goto fail;
	if ((err = dt_cookie_jar_new(config->cookie_secret, &conns->cookies)) != DT_OK)
		goto fail;
	conns->hs_worker =
	    (struct dt_hs_worker){conns->pool, &conns->handshake_memory, config->counters, &conns->datagrams};
	*out = conns;
	return DT_OK;
fail:
	dt_conns_free(&conns);
	return err;
}

void
dt_conns_free(struct dt_conns **slot)
{
	struct dt_conns *conns = *slot;
	if (!conns)
		return;
	DT_CHECK_MAGIC(conns, DT_CONNS_MAGIC);
	DT_ASSERT(conns->count == 0 && conns->depth == 0);
	dt_cookie_jar_free(&conns->cookies);
	dt_aead_pool_free(&conns->pool);
	dt_tombstones_fini(&conns->tombstones);
	dt_free(conns->prefixes);
	dt_free(conns->buckets);
	dt_free(conns->slots);
	dt_free(conns);
	*slot = NULL;
}

/* ---- by path ---- */

static uint64_t
path_hash(const struct dt_conns *conns, const struct dt_path *path)
{
	return dt_siphash(&conns->config.hash_key, path, sizeof(*path));
}

uint64_t
dt_hello_mark(const struct dt_conns *conns, struct dt_span random)
{
	return dt_siphash(&conns->config.hash_key, random.data, random.len);
}

void
dt_hello_spend(struct dt_conns *conns, const struct dt_path *path, uint64_t mark, struct dt_mono now)
{
	dt_spent_add(&conns->spent, path_hash(conns, path) ^ mark, now);
}

bool
dt_hello_spent(const struct dt_conns *conns, const struct dt_path *path, uint64_t mark, struct dt_mono now)
{
	return dt_spent_has(&conns->spent, path_hash(conns, path) ^ mark, now);
}

static struct dt_conn **
bucket_of(const struct dt_conns *conns, const struct dt_path *path)
{
	return &conns->buckets[path_hash(conns, path) & (conns->bucket_count - 1)];
}

struct dt_conn *
dt_conns_find_path(struct dt_conns *conns, const struct dt_path *path)
{
	struct dt_conn *c = *bucket_of(conns, path);
	while (c && !dt_path_equal(&c->path, path))
		c = c->next;
	return c;
}

/* Twice the buckets; without memory the chains just get longer. */
static void
grow_buckets(struct dt_conns *conns)
{
	size_t old_count = conns->bucket_count;
	struct dt_conn **old = conns->buckets;
	struct dt_conn **bigger = dt_alloc_array(old_count * 2, sizeof(*bigger));
	if (!bigger)
		return;
	conns->buckets = bigger;
	conns->bucket_count = old_count * 2;
	for (size_t i = 0; i < old_count; i++) {
		struct dt_conn *c = old[i], *next;
		for (; c; c = next) {
			next = c->next;
			struct dt_conn **b = bucket_of(conns, &c->path);
			c->next = *b;
			*b = c;
		}
	}
	dt_free(old);
}

/* ---- by id ---- */

static enum dt_err
grow_slots(struct dt_conns *conns)
{
	uint32_t cap = conns->slot_cap ? conns->slot_cap * 2 : FIRST_SLOTS;
	if (cap > DT_CONN_SLOTS_MAX)
		return DT_ERR_FULL;
	struct dt_slot *bigger = dt_resize(conns->slots, cap * sizeof(*bigger));
	if (!bigger)
		return DT_ERR_NOMEM;
	conns->slots = bigger;
	conns->slot_cap = cap;
	return DT_OK;
}

static enum dt_err
take_slot(struct dt_conns *conns, struct dt_conn *c)
{
	uint32_t i = conns->free_slot;
	if (i != NO_SLOT) {
		conns->free_slot = conns->slots[i].next_free;
	} else {
		if (conns->slot_count == conns->slot_cap) {
			enum dt_err err = grow_slots(conns);
			if (err != DT_OK)
				return err;
		}
		i = conns->slot_count++;
		conns->slots[i].generation = 1;
	}
	struct dt_slot *s = &conns->slots[i];
	s->conn = c;
	c->id = (uint64_t)conns->config.worker << 56 | (uint64_t)i << 32 | s->generation;
	return DT_OK;
}

static uint32_t
slot_of(uint64_t id)
{
	return (uint32_t)(id >> 32) & (DT_CONN_SLOTS_MAX - 1);
}

/* A slot whose generations are used up is never taken again: an id is not given twice. */
static void
give_slot(struct dt_conns *conns, uint64_t id)
{
	struct dt_slot *s = &conns->slots[slot_of(id)];
	s->conn = NULL;
	if (s->generation == UINT32_MAX)
		return;
	s->generation++;
	s->next_free = conns->free_slot;
	conns->free_slot = slot_of(id);
}

struct dt_conn *
dt_conns_find(struct dt_conns *conns, uint64_t id)
{
	DT_CHECK_MAGIC(conns, DT_CONNS_MAGIC);
	uint32_t i = slot_of(id);
	if (dt_conn_id_worker(id) != conns->config.worker || i >= conns->slot_count)
		return NULL;
	struct dt_slot *s = &conns->slots[i];
	return s->conn && s->generation == (uint32_t)id ? s->conn : NULL;
}

/* ---- birth and death ---- */

static void
timer_fired(struct dt_timer *timer, struct dt_now now)
{
	struct dt_conn *c = DT_CONTAINER(timer, struct dt_conn, timer);
	struct dt_conns *conns = c->conns;
	dt_conns_enter(conns);
	if (c->state == DT_CONN_ESTABLISHED)
		dt_conn_established_timer(c, now);
	else
		dt_setup_timer(c, now);
	dt_conns_leave(conns);
}

void
dt_conns_link(struct dt_conn *c)
{
	DT_ASSERT(!c->linked);
	struct dt_conn **b = bucket_of(c->conns, &c->path);
	c->next = *b;
	*b = c;
	c->linked = true;
}

/* Belongs to no path, and to no count of its service. */
static enum dt_err
new_conn(struct dt_conns *conns, struct dt_listener *listener, const struct dt_path *path, struct dt_now now,
    struct dt_conn **out)
{
	enum dt_err err = DT_ERR_NOMEM;
	struct dt_conn *c = dt_alloc(sizeof(*c));
	if (!c || (err = take_slot(conns, c)) != DT_OK) {
		dt_free(c);
		return err;
	}
	c->magic = DT_CONN_MAGIC;
	c->state = DT_CONN_REQUESTED;
	c->gate = DT_NO_GATE;
	c->path = *path;
	c->conns = conns;
	c->listener = listener;
	c->service = listener->service;
	c->service->connections++;
	c->born = c->active = now.mono;
	dt_timer_init(&c->timer, timer_fired);
	dt_flight_init(&c->last_flight);
	dt_list_init(&c->last_node);
	if (conns->count >= conns->bucket_count)
		grow_buckets(conns);
	conns->count++;
	*out = c;
	return DT_OK;
}

enum dt_err
dt_conns_add(struct dt_conns *conns, struct dt_listener *listener, const struct dt_path *path,
    struct dt_now now, struct dt_conn **out)
{
	const struct dt_service *s = listener->service;
	enum dt_err err = DT_ERR_FULL;
	/* Counted first: two workers may reach for the last place at once. */
	if (s->load->connections++ < s->connection_limit)
		err = new_conn(conns, listener, path, now, out);
	if (err == DT_OK)
		dt_conns_link(*out);
	else
		s->load->connections--;
	return err;
}

enum dt_err
dt_conns_add_shadow(struct dt_conn *live, struct dt_now now, struct dt_conn **out)
{
	DT_ASSERT(live->linked && !live->beside);
	enum dt_err err = new_conn(live->conns, live->listener, &live->path, now, out);
	if (err == DT_OK) {
		live->beside = *out;
		(*out)->beside = live;
	}
	return err;
}

void
dt_conns_unlink(struct dt_conn *c)
{
	if (!c->linked)
		return;
	struct dt_conn **at = bucket_of(c->conns, &c->path);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->linked = false;
}

void
dt_conns_bury(struct dt_conn *c)
{
	struct dt_conns *conns = c->conns;
	DT_ASSERT(c->state != DT_CONN_CLOSED);
	c->state = DT_CONN_CLOSED;
	dt_timer_cancel(&c->timer);
	dt_setup_free(c);
	dt_last_flight_drop(c);
	dt_session_fini(&c->session, conns->pool, c->id);

	dt_conn_forget_exporter(c);
	dt_move_free(c);
	dt_conns_unlink(c);
	conns->count--;
	if (dt_shadow_part(c))
		c->service->load->connections--;
}

void
dt_conns_release(struct dt_conn *c)
{
	struct dt_conns *conns = c->conns;
	DT_ASSERT(c->state == DT_CONN_CLOSED && conns->depth > 0);
	give_slot(conns, c->id);
	c->service->connections--;
	c->next = conns->graves;
	conns->graves = c;
}

void
dt_conns_enter(struct dt_conns *conns)
{
	DT_CHECK_MAGIC(conns, DT_CONNS_MAGIC);
	conns->depth++;
}

void
dt_conns_leave(struct dt_conns *conns)
{
	if (--conns->depth > 0)
		return;
	while (conns->graves) {
		struct dt_conn *c = conns->graves;
		conns->graves = c->next;
		dt_free(c->cold);
		dt_free_secret(c, sizeof(*c));
	}
}

/* ---- the wire ---- */

static uint8_t *
reserve(void *arg, size_t cap)
{
	struct dt_conns *conns = arg;
	struct dt_conn_out *out = &conns->config.out;
	if (conns->sending && !dt_move_allows(conns->sending, cap))
		return NULL;
	conns->sending_at =
	    out->reserve(out->arg, conns->sending_listener->socket, conns->sending_path, cap);
	return conns->sending_at;
}

static void
mark_alert(void *arg)
{
	((struct dt_conns *)arg)->sending_alert = true;
}

static void
commit(void *arg, size_t len)
{
	struct dt_conns *conns = arg;
	struct dt_conn_out *out = &conns->config.out;
	if (conns->sending_alert && len <= sizeof(conns->alert)) {
		memcpy(conns->alert, conns->sending_at, len);
		conns->alert_len = len;
		conns->alert_path = *conns->sending_path;
	}
	conns->sending_alert = false;
	if (conns->sending) {
		dt_move_sent(conns->sending, len);
		dt_tell_sent(conns->sending, conns->sending_at, len);
	}
	out->commit(out->arg, len);
}

struct dt_wire
dt_path_wire(struct dt_conns *conns, struct dt_listener *listener, const struct dt_path *path)
{
	conns->sending = NULL;
	conns->sending_listener = listener;
	conns->sending_path = path;
	return (struct dt_wire){conns, reserve, commit, mark_alert};
}

struct dt_wire
dt_conn_wire(struct dt_conn *c)
{
	struct dt_wire wire = dt_path_wire(c->conns, c->listener, &c->path);
	c->conns->sending = c;
	return wire;
}

/* ---- in ---- */

/* Whose a record is that came to this connection: its own, or in the clear its shadow's. NULL: a
 * hello that may open a new association; admission judges it. */
static struct dt_conn *
owner_of(struct dt_conn *c, const struct dt_record *rec)
{
	struct dt_conn *shadow = dt_shadow_of(c), *speaks = shadow ? shadow : c;
	struct dt_reader r = dt_reader(rec->body, rec->len);
	struct dt_fragment f;
	struct dt_hello_head head;
	if (rec->epoch != 0)
		return c;
	if (rec->type != DT_HANDSHAKE || !dt_fragment_read(&r, &f))
		return speaks;
	if (f.type != DT_HS_CLIENT_HELLO || f.offset != 0)
		return speaks;
	if (!dt_hello_read_head(f.bytes, &head) || head.cookie.len == 0)
		return NULL;
	uint64_t mark = dt_hello_mark(c->conns, head.random);
	if (mark == c->hello_mark)
		return c;
	return shadow && mark == shadow->hello_mark ? shadow : NULL;
}

static void
drop(struct dt_conns *conns, enum dt_drop why)
{
	dt_count_drop(conns->config.counters, why);
}

static bool
take_record(struct dt_conn *c, const struct dt_record *rec, const struct dt_arrival *from, struct dt_now now)
{
	enum dt_drop why;
	if (c->state != DT_CONN_ESTABLISHED)
		return dt_setup_record(c, rec, now);
	if (rec->epoch == 1 && dt_shadow_of(c))
		return dt_shadow_record(c, rec, from, now);
	if (dt_conn_established_record(c, rec, from, now, &why))
		return true;
	drop(c->conns, why);
	return false;
}

/* Whose record it is: by our connection id where it carries one, else by its path. */
static struct dt_conn *
find_conn(struct dt_conns *conns, struct dt_listener *listener, const struct dt_path *path,
    const struct dt_record *rec)
{
	if (!rec->cid)
		return dt_conns_find_path(conns, path);
	struct dt_conn *c = dt_cid_find(conns, rec->cid);
	return c && c->service->load == listener->service->load ? c : NULL; /* of that server */
}

/* Every record of the datagram; the connection may change (a new hello) or end on the way. */
static bool
take_records(struct dt_conns *conns, struct dt_listener *listener, const struct dt_path *path,
    uint8_t *data, size_t len, struct dt_now now)
{
	const struct dt_arrival from = {listener, path};
	struct dt_record rec;
	size_t at = 0;
	bool used = false, judged = false;
	enum dt_drop why = DT_DROP_NOTHING_USED;
	enum dt_record_verdict v;
	while ((v = dt_record_next(data, len, &at, &rec)) != DT_RECORD_END) {
		if (v != DT_RECORD_OK) {
			drop(conns, DT_DROP_BAD_RECORD);
			if (v == DT_RECORD_BAD)
				break;
			continue;
		}
		dt_count(conns->config.counters, DT_COUNT_RECORDS, 1);
		struct dt_conn *c = find_conn(conns, listener, path, &rec);
		if (rec.cid && !c)
			drop(conns, DT_DROP_UNKNOWN_CID);
		if (c && (c = owner_of(c, &rec))) {
			dt_tell_record(c, &rec);
			used |= take_record(c, &rec, &from, now);
		} else if (!judged) {
			/* Once for a datagram: it is answered by one that is shorter, not by many. */
			judged = true;
			used |= dt_admit(conns, listener, path, &rec, len, now, &why);
		}
	}
	if (!used)
		drop(conns, why);
	return used;
}

void
dt_conns_input(struct dt_conns *conns, struct dt_listener *listener, const struct dt_path *path,
    uint8_t *data, size_t len, size_t capacity, struct dt_now now)
{
	DT_ASSERT(len <= capacity);
	if (len == 0) {
		drop(conns, DT_DROP_EMPTY);
		return;
	}
	if (!dt_record_looks_like_dtls(data, len)) {
		drop(conns, DT_DROP_NOT_DTLS);
		return;
	}
	dt_conns_enter(conns);
	conns->datagrams++;
	if (take_records(conns, listener, path, data, len, now))
		dt_count(conns->config.counters, DT_COUNT_HANDLED, 1);
	dt_last_flights_expire(conns, now.mono);
	dt_conns_leave(conns);
}
