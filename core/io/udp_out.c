#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/assert.h"
#include "base/mem.h"
#include "io/udp.h"
#include "io/udp_wire.h"

#define OUT_MAGIC 0x6474756fu
/* All slots with datagrams of 2 KiB; any single datagram fits. */
#define ARENA_BYTES (DT_UDP_OUT_SLOTS * 2048u)

_Static_assert(ARENA_BYTES >= DT_UDP_PAYLOAD_MAX, "reserve must always succeed");

struct dt_udp_out_slots {
	struct mmsghdr message[DT_UDP_OUT_SLOTS];
	struct iovec buffer[DT_UDP_OUT_SLOTS];
	union dt_udp_name name[DT_UDP_OUT_SLOTS];
	union dt_udp_control control[DT_UDP_OUT_SLOTS];
	struct dt_path path[DT_UDP_OUT_SLOTS];
	size_t used;	 /* bytes of the arena that committed datagrams take */
	size_t reserved; /* bytes behind them that the caller may write     */
	uint8_t arena[ARENA_BYTES];
};

enum dt_err
dt_udp_out_init(struct dt_udp_out *o, struct dt_udp *u, struct dt_counters *counters)
{
	memset(o, 0, sizeof(*o));
	o->slots = dt_alloc(sizeof(*o->slots));
	if (!o->slots)
		return DT_ERR_NOMEM;
	o->magic = OUT_MAGIC;
	o->udp = u;
	o->counters = counters;
	return DT_OK;
}

void
dt_udp_out_fini(struct dt_udp_out *o)
{
	dt_free(o->slots);
	memset(o, 0, sizeof(*o));
}

/* An IPv6 socket names an IPv4 address in its mapped form (RFC 4291 2.5.5.2). */
static struct in6_addr
ip_for_v6_socket(const struct dtlsd_address *a)
{
	struct in6_addr ip = {0};
	if (a->family == DTLSD_IPV6) {
		memcpy(&ip, a->ip, 16);
	} else {
		ip.s6_addr[10] = ip.s6_addr[11] = 0xff;
		memcpy(ip.s6_addr + 12, a->ip, 4);
	}
	return ip;
}

static void
write_header(struct msghdr *h, int level, int type, const void *info, size_t len)
{
	struct cmsghdr *c = h->msg_control;
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), info, len);
	h->msg_controllen = CMSG_SPACE(len);
}

static void
address_v4(struct msghdr *h, union dt_udp_name *name, const struct dt_path *p)
{
	struct in_pktinfo info = {0};
	memcpy(&info.ipi_spec_dst, p->local.ip, 4);
	write_header(h, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));

	name->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(p->peer.port)};
	memcpy(&name->v4.sin_addr, p->peer.ip, 4);
	h->msg_namelen = sizeof(name->v4);
}

static void
address_v6(struct msghdr *h, union dt_udp_name *name, const struct dt_path *p)
{
	struct in6_pktinfo info = {
	    .ipi6_addr = ip_for_v6_socket(&p->local),
	    .ipi6_ifindex = p->local.scope,
	};
	write_header(h, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));

	name->v6 = (struct sockaddr_in6){
	    .sin6_family = AF_INET6,
	    .sin6_port = htons(p->peer.port),
	    .sin6_addr = ip_for_v6_socket(&p->peer),
	    .sin6_scope_id = p->peer.scope,
	};
	h->msg_namelen = sizeof(name->v6);
}

uint8_t *
dt_udp_out_reserve(struct dt_udp_out *o, const struct dt_path *path, size_t cap)
{
	DT_CHECK_MAGIC(o, OUT_MAGIC);
	DT_ASSERT(cap <= DT_UDP_PAYLOAD_MAX && path->peer.family == path->local.family);
	struct dt_udp_out_slots *s = o->slots;
	if (o->count == DT_UDP_OUT_SLOTS || cap > ARENA_BYTES - s->used)
		dt_udp_out_flush(o);

	s->path[o->count] = *path;
	s->reserved = cap;
	return s->arena + s->used;
}

void
dt_udp_out_commit(struct dt_udp_out *o, size_t len)
{
	DT_CHECK_MAGIC(o, OUT_MAGIC);
	struct dt_udp_out_slots *s = o->slots;
	DT_ASSERT(len > 0 && len <= s->reserved);
	size_t i = o->count++;
	s->buffer[i] = (struct iovec){s->arena + s->used, len};
	s->used += len;
	s->reserved = 0;

	struct msghdr *h = &s->message[i].msg_hdr;
	*h = (struct msghdr){
	    .msg_name = &s->name[i],
	    .msg_iov = &s->buffer[i],
	    .msg_iovlen = 1,
	    .msg_control = s->control[i].bytes,
	};
	if (o->udp->family == DTLSD_IPV4)
		address_v4(h, &s->name[i], &s->path[i]);
	else
		address_v6(h, &s->name[i], &s->path[i]);
}

static size_t
count_sent(struct dt_udp_out *o, size_t from, size_t n)
{
	for (size_t i = from; i < from + n; i++) {
		dt_count(o->counters, DT_COUNT_SENT, 1);
		dt_count(o->counters, DT_COUNT_SENT_BYTES, o->slots->buffer[i].iov_len);
	}
	return n;
}

static size_t
refuse(struct dt_udp_out *o, size_t from, size_t n, int error)
{
	for (size_t i = from; i < from + n; i++) {
		dt_count(o->counters, DT_COUNT_SEND_FAILED, 1);
		if (o->failed)
			o->failed(
			    o->failed_arg, &o->slots->path[i], o->slots->buffer[i].iov_len, error);
	}
	return n;
}

void
dt_udp_out_flush(struct dt_udp_out *o)
{
	DT_CHECK_MAGIC(o, OUT_MAGIC);
	struct dt_udp_out_slots *s = o->slots;
	size_t done = 0;
	while (done < o->count) {
		size_t left = o->count - done;
		int n = sendmmsg(o->udp->fd, s->message + done, (unsigned)left, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0)
			done += count_sent(o, done, (size_t)n);
		else
			done += refuse(o, done, errno == EAGAIN ? left : 1, errno);
	}
	o->count = 0;
	s->used = 0;
	s->reserved = 0;
}
