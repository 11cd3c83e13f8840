#include "dtls/flight.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "dtls/hello.h"
#include "dtls/record.h"

enum kind { KIND_MESSAGE, KIND_CHANGE_CIPHER_SPEC, KIND_OPAQUE };

struct item {
	struct dt_list node;
	enum kind kind;
	uint16_t epoch; /* unused for KIND_OPAQUE */
	size_t len;	/* bytes */
	uint8_t bytes[];
};

/* The datagram that is being filled. */
struct filler {
	const struct dt_flight *flight;	 /* borrowed */
	const struct dt_flight_out *out; /* borrowed */
	size_t mtu, fragment_max;	 /* bytes */
	uint8_t *space;			 /* borrowed from reserve(); NULL = no datagram begun */
	size_t cap, used;		 /* bytes of it */
};

void
dt_flight_init(struct dt_flight *f)
{
	dt_list_init(&f->items);
	f->bytes = 0;
}

void
dt_flight_clear(struct dt_flight *f)
{
	DT_LIST_EACH(node, following, &f->items) {
		struct item *item = DT_CONTAINER(node, struct item, node);
		dt_list_remove(node);
		dt_free_secret(item, sizeof(*item) + item->len);
	}
	f->bytes = 0;
}

static enum dt_err
add_item(struct dt_flight *f, enum kind kind, uint16_t epoch, struct dt_span bytes)
{
	if (bytes.len > SIZE_MAX - sizeof(struct item))
		return DT_ERR_TOO_LONG;
	struct item *item = dt_alloc(sizeof(*item) + bytes.len);
	if (!item)
		return DT_ERR_NOMEM;
	item->kind = kind;
	item->epoch = epoch;
	item->len = bytes.len;
	memcpy(item->bytes, bytes.data, bytes.len);
	dt_list_append(&f->items, &item->node);
	f->bytes += sizeof(*item) + bytes.len;
	return DT_OK;
}

enum dt_err
dt_flight_add_message(struct dt_flight *f, uint16_t epoch, struct dt_span message)
{
	struct dt_reader r = dt_reader(message.data, message.len);
	struct dt_fragment whole = {0};
	bool read = dt_fragment_read(&r, &whole);
	DT_ASSERT(read && r.left == 0 && whole.bytes.len == whole.length);
	return add_item(f, KIND_MESSAGE, epoch, message);
}

enum dt_err
dt_flight_add_change_cipher_spec(struct dt_flight *f, uint16_t epoch)
{
	static const uint8_t one = 1;
	return add_item(f, KIND_CHANGE_CIPHER_SPEC, epoch, (struct dt_span){&one, 1});
}

enum dt_err
dt_flight_add_opaque(struct dt_flight *f, struct dt_span record)
{
	DT_ASSERT(record.len >= DT_RECORD_HEADER);
	return add_item(f, KIND_OPAQUE, 0, record);
}

static void
end_datagram(struct filler *w)
{
	if (w->space && w->used)
		w->out->commit(w->out->arg, w->used);
	w->space = NULL;
	w->used = 0;
}

/* Bytes of the records from `offset` of this message's body to its end, when none has to be cut for
 * want of room. */
static size_t
message_bytes(const struct filler *w, const struct item *item, size_t offset)
{
	size_t body = item->len - DT_HS_HEADER - offset, each = w->fragment_max - DT_HS_HEADER;
	size_t records = body ? (body + each - 1) / each : 1;
	return body + records * (w->out->overhead(w->out->arg, item->epoch) + DT_HS_HEADER);
}

/* The same of the whole flight, from `item` on. */
static size_t
bytes_left(const struct filler *w, const struct item *item, size_t offset)
{
	size_t bytes = 0;
	const struct dt_list *end = &w->flight->items;
	for (const struct dt_list *node = &item->node; node != end; node = node->next, offset = 0) {
		const struct item *i = DT_CONTAINER(node, const struct item, node);
		if (i->kind == KIND_MESSAGE)
			bytes += message_bytes(w, i, offset);
		else
			bytes += i->len + (i->kind == KIND_OPAQUE ? 0 : w->out->overhead(w->out->arg, i->epoch));
	}
	return bytes;
}

/* Bytes left for a record of `item`; begins a datagram when fewer than `least` fit into this one. A record
 * longer than the mtu gets a datagram of its own. 0: no space. */
static size_t
make_room(struct filler *w, const struct item *item, size_t offset, size_t least)
{
	if (w->space && w->cap - w->used >= least)
		return w->cap - w->used;
	end_datagram(w);
	w->cap = bytes_left(w, item, offset);
	if (w->cap > w->mtu)
		w->cap = least > w->mtu ? least : w->mtu;
	w->space = w->out->reserve(w->out->arg, w->cap);
	return w->space ? w->cap : 0;
}

static enum dt_err
put_record(struct filler *w, uint16_t epoch, uint8_t type, const uint8_t *payload, size_t len)
{
	size_t n = w->out->record(w->out->arg, epoch, type, payload, len, w->space + w->used);
	if (n == 0)
		return DT_ERR_FULL;
	w->used += n;
	DT_ASSERT(w->used <= w->cap);
	return DT_OK;
}

/* Sends the fragment at `offset` of a message's body and moves `offset` behind it. */
static enum dt_err
send_fragment(struct filler *w, const struct item *item, size_t *offset)
{
	size_t around = w->out->overhead(w->out->arg, item->epoch) + DT_HS_HEADER;
	size_t left = item->len - DT_HS_HEADER - *offset;
	size_t room = make_room(w, item, *offset, around + (left ? 1 : 0));
	if (room == 0)
		return DT_ERR_FULL;

	size_t len = room - around;
	if (len > w->fragment_max - DT_HS_HEADER)
		len = w->fragment_max - DT_HS_HEADER;
	if (len > left)
		len = left;

	uint8_t payload[DT_PLAIN_MAX];
	memcpy(payload, item->bytes, DT_HS_HEADER);
	dt_write_uint(payload + 6, *offset, 3);
	dt_write_uint(payload + 9, len, 3);
	memcpy(payload + DT_HS_HEADER, item->bytes + DT_HS_HEADER + *offset, len);
	*offset += len;
	return put_record(w, item->epoch, DT_HANDSHAKE, payload, DT_HS_HEADER + len);
}

static enum dt_err
send_message(struct filler *w, const struct item *item)
{
	size_t offset = 0;
	enum dt_err err;
	do {
		err = send_fragment(w, item, &offset);
	} while (err == DT_OK && offset < item->len - DT_HS_HEADER);
	return err;
}

static enum dt_err
send_change_cipher_spec(struct filler *w, const struct item *item)
{
	if (make_room(w, item, 0, w->out->overhead(w->out->arg, item->epoch) + item->len) == 0)
		return DT_ERR_FULL;
	return put_record(w, item->epoch, DT_CHANGE_CIPHER_SPEC, item->bytes, item->len);
}

static enum dt_err
send_opaque(struct filler *w, const struct item *item)
{
	if (make_room(w, item, 0, item->len) == 0)
		return DT_ERR_FULL;
	memcpy(w->space + w->used, item->bytes, item->len);
	w->used += item->len;
	return DT_OK;
}

static enum dt_err (*const send_item[])(struct filler *, const struct item *) = {
    [KIND_MESSAGE] = send_message,
    [KIND_CHANGE_CIPHER_SPEC] = send_change_cipher_spec,
    [KIND_OPAQUE] = send_opaque,
};

enum dt_err
dt_flight_send(
    const struct dt_flight *f, const struct dt_flight_out *out, size_t mtu, size_t fragment_max)
{
	DT_ASSERT(mtu >= DT_FLIGHT_MTU_MIN && fragment_max >= DT_FLIGHT_FRAGMENT_MIN);
	struct filler w = {.flight = f, .out = out, .mtu = mtu};
	w.fragment_max = fragment_max < DT_PLAIN_MAX ? fragment_max : DT_PLAIN_MAX;
	enum dt_err err = DT_OK;
	DT_LIST_EACH(node, following, &f->items) {
		const struct item *item = DT_CONTAINER(node, struct item, node);
		err = send_item[item->kind](&w, item);
		if (err != DT_OK)
			break;
	}
	end_datagram(&w); /* what is framed has used its numbers: it may as well arrive */
	return err;
}
