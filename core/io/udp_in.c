#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/assert.h"
#include "base/mem.h"
#include "io/udp.h"
#include "io/udp_wire.h"

#define BATCH_MAGIC 0x64747562u
#define CACHE_LINE 64u

struct dt_udp_slots {
	struct mmsghdr message[DT_UDP_BATCH];
	struct iovec buffer[DT_UDP_BATCH];
	union dt_udp_name name[DT_UDP_BATCH];
	union dt_udp_control control[DT_UDP_BATCH];
	uint8_t memory[];
};

/* The kernel overwrites lengths and flags: set them before each use. */
static void
reset_slot(struct dt_udp_slots *s, size_t i)
{
	struct msghdr *h = &s->message[i].msg_hdr;
	h->msg_namelen = sizeof(s->name[i]);
	h->msg_controllen = sizeof(s->control[i]);
	h->msg_flags = 0;
}

enum dt_err
dt_udp_batch_init(struct dt_udp_batch *b, size_t packet_size, struct dt_counters *counters)
{
	DT_ASSERT(packet_size >= 1 && packet_size <= DT_UDP_PAYLOAD_MAX);
	memset(b, 0, sizeof(*b));
	size_t stride = (packet_size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	b->slots = dt_alloc(sizeof(*b->slots) + DT_UDP_BATCH * stride);
	if (!b->slots)
		return DT_ERR_NOMEM;
	b->magic = BATCH_MAGIC;
	b->counters = counters;

	struct dt_udp_slots *s = b->slots;
	for (size_t i = 0; i < DT_UDP_BATCH; i++) {
		s->buffer[i] = (struct iovec){s->memory + i * stride, packet_size};
		s->message[i].msg_hdr = (struct msghdr){
		    .msg_name = &s->name[i],
		    .msg_iov = &s->buffer[i],
		    .msg_iovlen = 1,
		    .msg_control = s->control[i].bytes,
		};
		reset_slot(s, i);
		b->item[i].data = s->buffer[i].iov_base;
		b->item[i].capacity = packet_size;
	}
	return DT_OK;
}

void
dt_udp_batch_fini(struct dt_udp_batch *b)
{
	dt_free(b->slots);
	memset(b, 0, sizeof(*b));
}

static struct dtlsd_address
address_of_v6(const struct in6_pktinfo *info)
{
	struct dtlsd_address a;
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_addr = info->ipi6_addr};
	if (IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
		sa.sin6_scope_id = (uint32_t)info->ipi6_ifindex;
	DT_ASSERT(dt_addr_from_sockaddr((struct sockaddr *)&sa, &a) == DT_OK);
	return a;
}

/* Which of our addresses the datagram was sent to. */
static struct dtlsd_address
read_destination(struct msghdr *h, const struct dt_udp *u)
{
	struct dtlsd_address a = u->local;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			/* Not ipi_addr: that may be a broadcast address, which cannot answer. */
			memset(&a, 0, sizeof(a));
			a.family = DTLSD_IPV4;
			memcpy(a.ip, &info.ipi_spec_dst, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			a = address_of_v6(&info);
		}
	}
	a.port = u->local.port;
	return a;
}

static void
read_slot(const struct dt_udp *u, struct dt_udp_batch *b, size_t i)
{
	struct mmsghdr *m = &b->slots->message[i];
	struct dt_udp_datagram *d = &b->item[i];
	DT_ASSERT(dt_addr_from_sockaddr(&b->slots->name[i].any, &d->path.peer) == DT_OK);
	d->path.local = read_destination(&m->msg_hdr, u);
	d->len = m->msg_len;
	d->truncated = (m->msg_hdr.msg_flags & MSG_TRUNC) != 0;
	dt_count(b->counters, DT_COUNT_RECEIVED, 1);
	dt_count(b->counters, DT_COUNT_RECEIVED_BYTES, d->len);
}

size_t
dt_udp_recv(struct dt_udp *u, struct dt_udp_batch *b)
{
	DT_CHECK_MAGIC(u, DT_UDP_MAGIC);
	DT_CHECK_MAGIC(b, BATCH_MAGIC);
	for (size_t i = 0; i < b->count; i++)
		reset_slot(b->slots, i);
	b->count = 0;

	int n = recvmmsg(u->fd, b->slots->message, DT_UDP_BATCH, 0, NULL);
	if (n < 0) {
		/* Any other is the state of a network or of memory: the loop comes back. */
		DT_ASSERT(
		    errno != EBADF && errno != ENOTSOCK && errno != EFAULT && errno != EINVAL);
		return 0;
	}
	b->count = (size_t)n;
	for (size_t i = 0; i < b->count; i++)
		read_slot(u, b, i);
	return b->count;
}
