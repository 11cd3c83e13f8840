#include "dtls/reassembly.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

/* Neighbours are joined into one chunk up to this size: fragments of one byte do not cost a chunk
 * each, and joining never copies much. */
#define CHUNKS_MAX 1024u /* of one message, after joining */
#define JOIN_MAX 4096u /* bytes */

struct chunk {
	struct dt_list node;
	size_t offset, len; /* bytes of the message's body */
	uint8_t bytes[];
};

struct partial {
	struct dt_list node;
	uint8_t type;
	uint16_t message_seq;
	uint32_t length;       /* claimed, bytes of the body */
	size_t have;	       /* bytes in `chunks` */
	struct dt_list chunks; /* owned, by offset; they do not overlap */
	unsigned chunk_count;
};

void
dt_reassembly_init(struct dt_reassembly *r, uint16_t next_seq, size_t cap, struct dt_budget *budget)
{
	*r = (struct dt_reassembly){.next_seq = next_seq, .cap = cap, .budget = budget};
	dt_list_init(&r->messages);
}

static bool
charge(struct dt_reassembly *r, size_t bytes)
{
	DT_ASSERT(r->used <= r->cap);
	if (bytes > r->cap - r->used)
		return false;
	if (r->budget->used > r->budget->cap || bytes > r->budget->cap - r->budget->used)
		return false;
	r->used += bytes;
	r->budget->used += bytes;
	return true;
}

static void
give_back(struct dt_reassembly *r, size_t bytes)
{
	DT_ASSERT(r->used >= bytes && r->budget->used >= bytes);
	r->used -= bytes;
	r->budget->used -= bytes;
}

static void *
alloc_charged(struct dt_reassembly *r, size_t bytes)
{
	if (!charge(r, bytes))
		return NULL;
	void *p = dt_alloc(bytes);
	if (!p)
		give_back(r, bytes);
	return p;
}

static struct chunk *
chunk_of(struct dt_list *node)
{
	return DT_CONTAINER(node, struct chunk, node);
}

static struct partial *
partial_of(struct dt_list *node)
{
	return DT_CONTAINER(node, struct partial, node);
}

static void
free_partial(struct dt_reassembly *r, struct partial *p)
{
	DT_LIST_EACH(node, following, &p->chunks) {
		give_back(r, sizeof(struct chunk) + chunk_of(node)->len);
		dt_free(chunk_of(node));
	}
	dt_list_remove(&p->node);
	give_back(r, sizeof(*p));
	dt_free(p);
}

static void
free_whole(struct dt_reassembly *r)
{
	give_back(r, r->whole_len);
	dt_free(r->whole);
	r->whole = NULL;
	r->whole_len = 0;
}

void
dt_reassembly_fini(struct dt_reassembly *r)
{
	DT_LIST_EACH(node, following, &r->messages)
		free_partial(r, partial_of(node));
	free_whole(r);
	DT_ASSERT(r->used == 0);
}

/* The first node whose message_seq is not below `seq`; the list itself when there is none. */
static struct dt_list *
seek(struct dt_reassembly *r, uint16_t seq)
{
	DT_LIST_EACH(node, following, &r->messages)
		if (partial_of(node)->message_seq >= seq)
			return node;
	return &r->messages;
}

static struct partial *
new_partial(struct dt_reassembly *r, const struct dt_fragment *f, struct dt_list *before)
{
	struct partial *p = alloc_charged(r, sizeof(*p));
	if (!p)
		return NULL;
	p->type = f->type;
	p->message_seq = f->message_seq;
	p->length = f->length;
	dt_list_init(&p->chunks);
	dt_list_append(before, &p->node);
	return p;
}

/* Moves the bytes of `b` to the end of `a` where they touch and are few. */
static void
join_chunks(struct dt_reassembly *r, struct partial *p, struct dt_list *a, struct dt_list *b)
{
	if (a == &p->chunks || b == &p->chunks)
		return;
	struct chunk *left = chunk_of(a), *right = chunk_of(b);
	if (left->offset + left->len != right->offset || left->len + right->len > JOIN_MAX)
		return;
	struct chunk *joined = dt_resize(left, sizeof(*left) + left->len + right->len);
	if (!joined)
		return; /* two chunks do as well */
	joined->node.prev->next = joined->node.next->prev = &joined->node;
	memcpy(joined->bytes + joined->len, right->bytes, right->len);
	joined->len += right->len;
	dt_list_remove(&right->node);
	dt_free(right);
	p->chunk_count--;
	give_back(r, sizeof(struct chunk));
}

/* Stores bytes that no chunk has yet, in front of `before`. */
static bool
add_chunk(struct dt_reassembly *r, struct partial *p, size_t offset, struct dt_span bytes,
    struct dt_list *before)
{
	/* Each fragment walks over the chunks: crumbs with gaps between them would buy much work. */
	if (p->chunk_count >= CHUNKS_MAX)
		return false;
	struct chunk *c = alloc_charged(r, sizeof(*c) + bytes.len);
	if (!c)
		return false;
	p->chunk_count++;
	c->offset = offset;
	c->len = bytes.len;
	memcpy(c->bytes, bytes.data, bytes.len);
	dt_list_append(before, &c->node);
	p->have += bytes.len;
	struct dt_list *left = c->node.prev;
	join_chunks(r, p, &c->node, before); /* may move `c` */
	join_chunks(r, p, left, left->next);
	return true;
}

/* Stores what is new of bytes at `offset`. What came first stays: a later fragment that says
 * otherwise is a repetition gone wrong, or an attack. */
static bool
fill_gaps(struct dt_reassembly *r, struct partial *p, size_t offset, struct dt_span bytes)
{
	size_t end = offset + bytes.len;
	struct dt_list *node = p->chunks.next;
	while (offset < end) {
		bool last = node == &p->chunks;
		if (!last && chunk_of(node)->offset <= offset) {
			size_t covered = chunk_of(node)->offset + chunk_of(node)->len;
			size_t skip = covered > offset ? covered - offset : 0;
			skip = skip < bytes.len ? skip : bytes.len;
			bytes = (struct dt_span){bytes.data + skip, bytes.len - skip};
			offset += skip;
			node = node->next;
			continue;
		}
		size_t stop = last || chunk_of(node)->offset > end ? end : chunk_of(node)->offset;
		struct dt_span part = {bytes.data, stop - offset};
		bytes = (struct dt_span){bytes.data + part.len, bytes.len - part.len};
		/* `node` may be joined to the part, and gone: begin anew behind what is there. */
		if (!add_chunk(r, p, offset, part, node))
			return false;
		offset = stop;
		node = p->chunks.next;
	}
	return true;
}

enum dt_reassembly_verdict
dt_reassembly_add(struct dt_reassembly *r, const struct dt_fragment *f)
{
	DT_ASSERT(f->offset <= f->length && f->bytes.len <= f->length - f->offset);
	if (f->message_seq < r->next_seq)
		return DT_REASSEMBLY_OLD;
	/* The last number is never taken, so that next_seq does not turn over. */
	if (f->message_seq - r->next_seq > (int)DT_REASSEMBLY_AHEAD || f->message_seq == UINT16_MAX)
		return DT_REASSEMBLY_AHEAD_OF;

	struct dt_list *at = seek(r, f->message_seq);
	struct partial *p = at == &r->messages ? NULL : partial_of(at);
	if (p && p->message_seq != f->message_seq)
		p = NULL;
	if (p && (p->type != f->type || p->length != f->length))
		return DT_REASSEMBLY_CONFLICT;
	if (f->length > r->cap)
		return DT_REASSEMBLY_FULL; /* would never be complete */
	if (f->bytes.len == 0 && f->length != 0)
		return DT_REASSEMBLY_STORED; /* says nothing, costs nothing */
	if (!p)
		p = new_partial(r, f, at);
	return p && fill_gaps(r, p, f->offset, f->bytes) ? DT_REASSEMBLY_STORED
							 : DT_REASSEMBLY_FULL;
}

static void
write_whole(const struct partial *p, uint8_t *out)
{
	out[0] = p->type;
	dt_write_uint(out + 1, p->length, 3);
	dt_write_uint(out + 4, p->message_seq, 2);
	dt_write_uint(out + 6, 0, 3);
	dt_write_uint(out + 9, p->length, 3);
	DT_LIST_EACH(node, following, &p->chunks) {
		const struct chunk *c = chunk_of(node);
		memcpy(out + DT_HS_HEADER + c->offset, c->bytes, c->len);
	}
}

bool
dt_reassembly_next(struct dt_reassembly *r, struct dt_span *message)
{
	free_whole(r);
	struct dt_list *first = r->messages.next;
	if (first == &r->messages)
		return false;
	struct partial *p = partial_of(first);
	if (p->message_seq != r->next_seq || p->have != p->length)
		return false;

	size_t len = DT_HS_HEADER + p->length;
	uint8_t *whole = dt_alloc(len);
	if (!whole)
		return false;
	write_whole(p, whole);
	free_partial(r, p);
	/* Less than its parts gave back just now, so never refused: others may have taken the budget
	 * over its cap meanwhile. */
	r->used += len;
	r->budget->used += len;
	r->whole = whole;
	r->whole_len = len;
	r->next_seq++;
	*message = (struct dt_span){whole, len};
	return true;
}
