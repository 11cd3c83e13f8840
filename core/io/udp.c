#include "io/udp.h"

#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/assert.h"
#include "io/udp_wire.h"

static int
set_number(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Beyond rmem_max and wmem_max needs CAP_NET_ADMIN; without it the kernel cuts to them. */
static int
set_buffer(int fd, int forced, int plain, uint32_t bytes)
{
	if (bytes == 0)
		return 0;
	/* The kernel doubles the value. */
	int value = bytes > INT_MAX / 2 ? INT_MAX / 2 : (int)bytes;
	if (set_number(fd, SOL_SOCKET, forced, value) == 0)
		return 0;
	return set_number(fd, SOL_SOCKET, plain, value);
}

/* The flag and the class stand in each packet. A dual-stack socket sends packets of both kinds. */
static int
set_packets(int fd, const struct dt_udp_options *o)
{
	int traffic_class = o->dscp << 2; /* the two bits of ECN are below it */
	bool v6 = o->address.family == DTLSD_IPV6, v4 = !v6 || o->dual_stack;
	if (v4 &&
	    (set_number(fd, IPPROTO_IP, IP_MTU_DISCOVER,
		 o->dont_fragment ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT) < 0 ||
		set_number(fd, IPPROTO_IP, IP_TOS, traffic_class) < 0))
		return -1;
	if (v6 &&
	    (set_number(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
		 o->dont_fragment ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT) < 0 ||
		set_number(fd, IPPROTO_IPV6, IPV6_TCLASS, traffic_class) < 0))
		return -1;
	return 0;
}

static int
set_options(int fd, const struct dt_udp_options *o)
{
	if (o->address.family == DTLSD_IPV6) {
		if (set_number(fd, IPPROTO_IPV6, IPV6_V6ONLY, !o->dual_stack) < 0 ||
		    set_number(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0)
			return -1;
	} else if (set_number(fd, IPPROTO_IP, IP_PKTINFO, 1) < 0) {
		return -1;
	}
	if (set_packets(fd, o) < 0)
		return -1;
	if (set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, o->receive_buffer) < 0)
		return -1;
	return set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, o->send_buffer);
}

/* A port that the kernel chooses must be nobody's, also not one that others share: it is shared
 * only once it is ours. */
static int
bind_socket(int fd, const struct dt_udp_options *o)
{
	struct sockaddr_storage ss;
	socklen_t len = dt_addr_to_sockaddr(&o->address, &ss);
	bool before = o->reuse_port && o->address.port != 0;
	if (before && set_number(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&ss, len) < 0)
		return -1;
	return o->reuse_port && !before ? set_number(fd, SOL_SOCKET, SO_REUSEPORT, 1) : 0;
}

/* A bound socket, or -1 with errno. */
static int
open_bound(const struct dt_udp_options *o)
{
	DT_ASSERT(o->address.family == DTLSD_IPV4 || o->address.family == DTLSD_IPV6);
	int family = o->address.family == DTLSD_IPV4 ? AF_INET : AF_INET6;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (set_options(fd, o) == 0 && bind_socket(fd, o) == 0)
		return fd;

	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* The kernel chose the port, if it was 0. */
static void
read_local(struct dt_udp *u)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	DT_ASSERT(getsockname(u->fd, (struct sockaddr *)&ss, &len) == 0);
	DT_ASSERT(dt_addr_from_sockaddr((struct sockaddr *)&ss, &u->local) == DT_OK);
}

enum dt_err
dt_udp_open(struct dt_udp *u, const struct dt_udp_options *options)
{
	memset(u, 0, sizeof(*u));
	u->fd = open_bound(options);
	if (u->fd < 0)
		return DT_ERR_SYSTEM;
	u->magic = DT_UDP_MAGIC;
	u->family = options->address.family;
	read_local(u);
	return DT_OK;
}

static uint32_t
buffer_of(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);
	DT_ASSERT(getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0);
	return (uint32_t)value / 2; /* the kernel tells the double of what one asks for */
}

void
dt_udp_buffers(const struct dt_udp *u, uint32_t *receive, uint32_t *send)
{
	*receive = buffer_of(u->fd, SO_RCVBUF);
	*send = buffer_of(u->fd, SO_SNDBUF);
}

void
dt_udp_close(struct dt_udp *u)
{
	if (u->magic != DT_UDP_MAGIC)
		return;
	close(u->fd);
	u->fd = -1;
	u->magic = 0;
}

int
dt_udp_probe(const struct dt_udp_options *options)
{
	struct dt_udp_options alone = *options;
	alone.reuse_port = false;
	int fd = open_bound(&alone);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* A load beyond the end of a datagram ends the program with 0, the first socket: the length is
 * looked at first. */
enum dt_err
dt_udp_steer(struct dt_udp *u, uint8_t type, uint32_t offset)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
	    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, offset, 0, 4),
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type, 0, 2),
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offset),
	    BPF_STMT(BPF_RET | BPF_A, 0),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX), /* no such socket: the kernel's own hash */
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	return setsockopt(u->fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) == 0
	    ? DT_OK
	    : DT_ERR_SYSTEM;
}
