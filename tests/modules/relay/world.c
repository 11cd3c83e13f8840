#include "world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

bool
has_ipv6(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	if (fd >= 0)
		close(fd);
	return has;
}

struct backend
backend_new(const char *ip, uint16_t port)
{
	struct backend b = {.fd = -1};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool is_v4 = inet_pton(AF_INET, ip, &v4.sin_addr) == 1;
	int room = 1 << 22;

	if (!is_v4 && inet_pton(AF_INET6, ip, &v6.sin6_addr) != 1)
		fake_fail("no address: %s", ip);
	b.fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (b.fd < 0 || bind(b.fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
			    is_v4 ? sizeof(v4) : sizeof(v6)) != 0)
		fake_fail("back-end on %s: %s", ip, strerror(errno));
	setsockopt(b.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	struct sockaddr_storage own;
	socklen_t len = sizeof(own);
	getsockname(b.fd, (struct sockaddr *)&own, &len);
	memcpy(&v4, &own, sizeof(v4)); /* the port is at the same place in both families */
	b.port = ntohs(v4.sin_port);
	return b;
}

bool
backend_get(struct backend *b, uint8_t *out, size_t cap, size_t *len, int wait_ms)
{
	struct pollfd p = {b->fd, POLLIN, 0};

	if (poll(&p, 1, wait_ms) != 1)
		return false;
	b->from_len = sizeof(b->from);
	ssize_t n = recvfrom(b->fd, out, cap, 0, (struct sockaddr *)&b->from, &b->from_len);
	*len = n < 0 ? 0 : (size_t)n;
	return n >= 0;
}

void
backend_answer(struct backend *b, const void *data, size_t len)
{
	ssize_t n = sendto(b->fd, data, len, 0, (struct sockaddr *)&b->from, b->from_len);

	if (n != (ssize_t)len)
		fake_fail("the back-end cannot answer: %s", strerror(errno));
}

uint16_t
backend_from_port(const struct backend *b)
{
	struct sockaddr_in v4;

	memcpy(&v4, &b->from, sizeof(v4));
	return ntohs(v4.sin_port);
}

const char *
backend_from_ip(const struct backend *b)
{
	static char text[INET_ADDRSTRLEN];
	struct sockaddr_in v4;

	memcpy(&v4, &b->from, sizeof(v4));
	return inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
}

struct fake_host *
relay_host(uint32_t workers, const char *format, ...)
{
	struct fake_host *h = fake_new(MODULE_FILE, workers);
	char json[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(json, sizeof(json), format, args);
	va_end(args);
	fake_configure(h, json);
	if (fake_open(h) != DTLSD_OK)
		fake_fail("relay does not open");
	return h;
}

bool
wait_sent(struct fake_host *h, uint64_t conn, size_t count)
{
	while (fake_sent_count(h, conn) < count)
		if (fake_poll(h, WAIT_MS) == 0)
			return false;
	return true;
}

bool
wait_counter(struct fake_host *h, const char *name, uint64_t value)
{
	while (fake_counter(h, name) < value)
		if (fake_poll(h, WAIT_MS) == 0)
			return false;
	return fake_counter(h, name) == value;
}

static struct {
	struct in_addr used_up[4];
	size_t count;
	bool unbound; /* nor for a socket that is not bound */
} ports;

void
take_ports(const char *source)
{
	if (source == NULL) {
		ports.unbound = true;
		return;
	}
	if (ports.count == sizeof(ports.used_up) / sizeof(ports.used_up[0]) ||
	    inet_pton(AF_INET, source, &ports.used_up[ports.count++]) != 1)
		fake_fail("cannot take the ports of %s", source);
}

void
give_ports_back(void)
{
	ports.count = 0;
	ports.unbound = false;
}

__attribute__((visibility("default"))) int
bind(int fd, const struct sockaddr *address, socklen_t len)
{
	struct sockaddr_in v4 = {0};

	memcpy(&v4, address, len < sizeof(v4) ? len : sizeof(v4));
	for (size_t i = 0; i < ports.count; i++) {
		if (v4.sin_family != AF_INET || v4.sin_addr.s_addr != ports.used_up[i].s_addr)
			continue;
		errno = EADDRINUSE;
		return -1;
	}
	return (int)syscall(SYS_bind, fd, address, len);
}

__attribute__((visibility("default"))) int
connect(int fd, const struct sockaddr *address, socklen_t len)
{
	if (ports.unbound) {
		errno = EAGAIN;
		return -1;
	}
	return (int)syscall(SYS_connect, fd, address, len);
}
