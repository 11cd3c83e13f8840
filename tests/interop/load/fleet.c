#include "fleet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FIRST_ADDRESS 0x7f010000u /* 127.1.0.0 */
#define BATCH 64u
#define BUFFER (4 * 1024 * 1024) /* bytes; an ordinary user gets what the system allows */
#define SEND_TRIES 100000u

struct control {
	_Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

struct fleet_batch {
	size_t count;
	struct mmsghdr message[BATCH];
	struct iovec buffer[BATCH];
	struct control control[BATCH];
	uint8_t data[BATCH][FLEET_DATAGRAM];
};

void
fleet_die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

int64_t
fleet_now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct fleet_batch *
new_batch(struct sockaddr_in *name)
{
	struct fleet_batch *b = calloc(1, sizeof(*b));
	if (!b)
		fleet_die("no memory");
	for (size_t i = 0; i < BATCH; i++) {
		b->buffer[i] = (struct iovec){b->data[i], FLEET_DATAGRAM};
		b->message[i].msg_hdr = (struct msghdr){
		    .msg_name = name,
		    .msg_namelen = name ? sizeof(*name) : 0,
		    .msg_iov = &b->buffer[i],
		    .msg_iovlen = 1,
		    .msg_control = b->control[i].bytes,
		    .msg_controllen = sizeof(b->control[i].bytes),
		};
	}
	return b;
}

static int
open_socket(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	int on = 1, buffer = BUFFER;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)) < 0 ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		fleet_die("socket: %s", strerror(errno));
	return fd;
}

void
fleet_open(struct fleet *f, const char *server, uint32_t ports)
{
	char host[64];
	unsigned port;
	*f = (struct fleet){.ports = ports, .server = {.sin_family = AF_INET}};
	if (sscanf(server, "%63[0-9.]:%u", host, &port) != 2 || port == 0 || port > UINT16_MAX ||
	    inet_pton(AF_INET, host, &f->server.sin_addr) != 1)
		fleet_die("%s: not an IPv4 address with a port", server);
	if (ports == 0 || ports > FLEET_PORTS_MAX)
		fleet_die("1 to %u ports", FLEET_PORTS_MAX);
	f->server.sin_port = htons((uint16_t)port);
	f->in = new_batch(NULL);
	f->out = new_batch(&f->server);
	for (uint32_t i = 0; i < ports; i++)
		f->fd[i] = open_socket();
}

void
fleet_close(struct fleet *f)
{
	for (uint32_t i = 0; i < f->ports; i++)
		close(f->fd[i]);
	free(f->in);
	free(f->out);
}

/* ---- out ---- */

static void
set_source(struct msghdr *h, uint32_t source_address)
{
	struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(source_address)};
	struct cmsghdr *c = CMSG_FIRSTHDR(h);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
}

uint8_t *
fleet_reserve(struct fleet *f, uint32_t source)
{
	uint32_t port = source % f->ports;
	if (f->out->count == BATCH || (f->out->count && f->out_port != port))
		fleet_flush(f);
	f->out_port = port;
	set_source(&f->out->message[f->out->count].msg_hdr, FIRST_ADDRESS + source / f->ports);
	return f->out->data[f->out->count];
}

void
fleet_commit(struct fleet *f, size_t len)
{
	f->out->buffer[f->out->count++].iov_len = len;
	f->sent++;
	f->sent_bytes += len;
}

void
fleet_flush(struct fleet *f)
{
	size_t done = 0;
	for (unsigned tries = 0; done < f->out->count; tries++) {
		int n = sendmmsg(f->fd[f->out_port], f->out->message + done,
		    (unsigned)(f->out->count - done), 0);
		/* What ICMP said about an earlier datagram is told here; the datagram itself is not
		 * at fault. */
		if (n < 0 && ((errno != EAGAIN && errno != ECONNREFUSED) || tries > SEND_TRIES))
			fleet_die("sendmmsg: %s", strerror(errno));
		done += n > 0 ? (size_t)n : 0;
	}
	f->out->count = 0;
}

/* ---- in ---- */

static uint32_t
read_source(const struct fleet *f, uint32_t port, struct msghdr *h)
{
	struct in_pktinfo info = {0};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			memcpy(&info, CMSG_DATA(c), sizeof(info));
	return (ntohl(info.ipi_addr.s_addr) - FIRST_ADDRESS) * f->ports + port;
}

static size_t
receive_port(struct fleet *f, uint32_t port, fleet_receiver *each, void *arg)
{
	struct fleet_batch *b = f->in;
	for (size_t i = 0; i < BATCH; i++)
		b->message[i].msg_hdr.msg_controllen = sizeof(b->control[i].bytes);
	int n = recvmmsg(f->fd[port], b->message, BATCH, 0, NULL);
	if (n < 0 && errno != EAGAIN && errno != ECONNREFUSED)
		fleet_die("recvmmsg: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		size_t len = b->message[i].msg_len;
		f->received++;
		f->received_bytes += len;
		each(arg, read_source(f, port, &b->message[i].msg_hdr), b->data[i], len);
	}
	return n > 0 ? (size_t)n : 0;
}

size_t
fleet_receive(struct fleet *f, int64_t wait_us, fleet_receiver *each, void *arg)
{
	struct pollfd fds[FLEET_PORTS_MAX];
	struct timespec wait = {wait_us / 1000000, wait_us % 1000000 * 1000};
	size_t total = 0;
	for (uint32_t i = 0; i < f->ports; i++)
		fds[i] = (struct pollfd){f->fd[i], POLLIN, 0};
	if (ppoll(fds, f->ports, &wait, NULL) < 0 && errno != EINTR)
		fleet_die("poll: %s", strerror(errno));
	for (uint32_t i = 0; i < f->ports; i++)
		if (fds[i].revents)
			total += receive_port(f, i, each, arg);
	return total;
}

uint64_t
fleet_kernel_drops(const struct fleet *f)
{
	uint64_t drops = 0;
	for (uint32_t i = 0; i < f->ports; i++) {
		uint32_t info[SK_MEMINFO_VARS];
		socklen_t len = sizeof(info);
		if (getsockopt(f->fd[i], SOL_SOCKET, SO_MEMINFO, info, &len) < 0)
			fleet_die("SO_MEMINFO: %s", strerror(errno));
		drops += info[SK_MEMINFO_DROPS];
	}
	return drops;
}
