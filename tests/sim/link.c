#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "clock.h"

void
sim_link_init(struct sim_link *l, uint64_t seed)
{
	*l = (struct sim_link){.random = {seed}};
	sim_pcap_open(&l->pcap);
	sim_audit_init(&l->audit);
}

void
sim_link_fini(struct sim_link *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->heap[i]);
	free(l->heap);
	l->heap = NULL;
	l->count = l->cap = 0;
	sim_pcap_close(&l->pcap);
	sim_audit_fini(&l->audit);
}

static bool
earlier(const struct sim_packet *a, const struct sim_packet *b)
{
	return a->at.ns != b->at.ns ? a->at.ns < b->at.ns : a->order < b->order;
}

static void
swap(struct sim_packet **a, struct sim_packet **b)
{
	struct sim_packet *t = *a;
	*a = *b;
	*b = t;
}

static void
push(struct sim_link *l, struct sim_packet *p)
{
	if (l->count == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->heap = realloc(l->heap, l->cap * sizeof(*l->heap));
		DT_ASSERT(l->heap);
	}
	size_t i = l->count++;
	l->heap[i] = p;
	for (; i && earlier(l->heap[i], l->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&l->heap[i], &l->heap[(i - 1) / 2]);
}

static struct sim_packet *
new_packet(struct sim_link *l, uint32_t client, bool to_server, const uint8_t *bytes, size_t len)
{
	struct sim_packet *p = malloc(sizeof(*p) + len);
	DT_ASSERT(p);
	*p = (struct sim_packet){dt_mono_add(sim_now().mono, SIM_DELAY), l->sent++, client, to_server, len};
	memcpy(p->bytes, bytes, len);
	return p;
}

static bool
happens(struct sim_link *l, unsigned percent)
{
	return percent && seeded_below(&l->random, 100) < percent;
}

static void
dispatch(struct sim_link *l, struct sim_packet *p)
{
	if (happens(l, l->faults.loss)) {
		free(p);
		return;
	}
	if (happens(l, l->faults.late))
		p->at.ns += (int64_t)seeded_below(&l->random, (uint64_t)SIM_DETOUR.ns);
	push(l, p);
}

void
sim_link_key(void *arg, const char *line)
{
	struct sim_link *l = arg;
	sim_pcap_key(&l->pcap, line);
	if (!l->unaudited)
		sim_audit_secret(&l->audit, line);
}

static void
audit(struct sim_link *l, uint32_t client, const uint8_t *bytes, size_t len)
{
	enum sim_fault fault = sim_audit_sent(&l->audit, client, bytes, len);
	if (fault != SIM_CLEAN)
		fprintf(stderr, "to client %u: %s\n", client, sim_fault_texts[fault]);
	DT_ASSERT(fault == SIM_CLEAN);
}

void
sim_link_send(struct sim_link *l, uint32_t client, bool to_server, const uint8_t *bytes, size_t len)
{
	sim_pcap_write(&l->pcap, client, to_server, bytes, len);
	if (!to_server && !l->unaudited)
		audit(l, client, bytes, len);
	struct sim_packet *p = new_packet(l, client, to_server, bytes, len);
	if ((l->mtu && len > l->mtu) || (l->tap && !l->tap(l->tap_arg, p))) {
		free(p);
		return;
	}
	if (happens(l, l->faults.twice))
		dispatch(l, new_packet(l, p->client, to_server, p->bytes, p->len));
	dispatch(l, p);
}

struct dt_mono
sim_link_next(const struct sim_link *l)
{
	return l->count ? l->heap[0]->at : DT_NEVER;
}

struct sim_packet *
sim_link_take(struct sim_link *l)
{
	DT_ASSERT(l->count);
	struct sim_packet *first = l->heap[0];
	l->heap[0] = l->heap[--l->count];
	for (size_t i = 0;;) {
		size_t least = i, left = 2 * i + 1;
		for (size_t k = left; k < left + 2 && k < l->count; k++)
			if (earlier(l->heap[k], l->heap[least]))
				least = k;
		if (least == i)
			break;
		swap(&l->heap[i], &l->heap[least]);
		i = least;
	}
	return first;
}
