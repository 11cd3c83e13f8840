/* Opening a port, sharing it, finding it taken. */
#include "sockets.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int
number_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);
	cr_assert_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

Test(udp_port, a_socket_never_blocks_and_does_not_survive_exec)
{
	struct dt_udp u;
	struct dt_udp_options o = {.address = address("127.0.0.1:0")};
	cr_assert_eq(dt_udp_open(&u, &o), DT_OK);
	cr_assert(fcntl(u.fd, F_GETFL) & O_NONBLOCK);
	cr_assert(fcntl(u.fd, F_GETFD) & FD_CLOEXEC);
	cr_assert_neq(u.local.port, 0);
	cr_assert_eq(number_of(u.fd, SOL_SOCKET, SO_REUSEPORT), 0);
	dt_udp_close(&u);
	dt_udp_close(&u);
}

Test(udp_port, buffer_sizes_are_set_when_asked_for)
{
	struct dt_udp u, plain;
	struct dt_udp_options o = {.address = address("127.0.0.1:0")};
	cr_assert_eq(dt_udp_open(&plain, &o), DT_OK);
	o.receive_buffer = 65536;
	o.send_buffer = 32768;
	cr_assert_eq(dt_udp_open(&u, &o), DT_OK);
	/* The kernel keeps twice the value, for its own overhead (socket(7)). */
	cr_assert_eq(number_of(u.fd, SOL_SOCKET, SO_RCVBUF), 2 * 65536);
	cr_assert_eq(number_of(u.fd, SOL_SOCKET, SO_SNDBUF), 2 * 32768);
	dt_udp_close(&u);
	dt_udp_close(&plain);

	o.receive_buffer = o.send_buffer = UINT32_MAX;
	cr_assert_eq(dt_udp_open(&u, &o), DT_OK, "too much is cut down, not refused");
	dt_udp_close(&u);
}

Test(udp_port, an_address_that_is_not_ours_is_refused_with_its_errno)
{
	struct dt_udp u;
	struct dt_udp_options o = {.address = address("192.0.2.1:0")};
	cr_assert_eq(dt_udp_open(&u, &o), DT_ERR_SYSTEM);
	cr_assert_eq(errno, EADDRNOTAVAIL);
	dt_udp_close(&u);
}

Test(udp_port, workers_share_the_port_that_the_first_one_was_given)
{
	struct dt_udp a, b;
	struct dt_udp_options o = {.address = address("127.0.0.1:0"), .reuse_port = true};
	cr_assert_eq(dt_udp_open(&a, &o), DT_OK);
	o.address = a.local;
	cr_assert_eq(dt_udp_open(&b, &o), DT_OK);
	cr_assert(dt_addr_equal(&a.local, &b.local));
	o.reuse_port = false;
	struct dt_udp c;
	cr_assert_eq(dt_udp_open(&c, &o), DT_ERR_SYSTEM);
	cr_assert_eq(errno, EADDRINUSE);
	dt_udp_close(&a);
	dt_udp_close(&b);
}

/* An address is taken by `holder`; does the probe of `wanted` on the same port say so? */
Test(udp_port, a_probe_finds_every_overlap_also_of_sockets_that_share)
{
	static const struct {
		const char *holder, *wanted;
		bool holder_dual, wanted_dual;
		int error;
	} rows[] = {
	    {"127.0.0.1:0", "127.0.0.1:0", false, false, EADDRINUSE},
	    {"127.0.0.1:0", "0.0.0.0:0", false, false, EADDRINUSE},
	    {"0.0.0.0:0", "127.0.0.1:0", false, false, EADDRINUSE},
	    {"127.0.0.1:0", "127.0.0.2:0", false, false, 0},
	    {"[::1]:0", "[::]:0", false, false, EADDRINUSE},
	    {"0.0.0.0:0", "[::]:0", false, false, 0},
	    {"0.0.0.0:0", "[::]:0", false, true, EADDRINUSE},
	    {"[::]:0", "0.0.0.0:0", true, false, EADDRINUSE},
	    {"[::]:0", "127.0.0.1:0", true, false, EADDRINUSE},
	};
	for (size_t i = 0; i < SIZE(rows); i++) {
		struct dt_udp u;
		struct dt_udp_options held = {.address = address(rows[i].holder),
		    .reuse_port = true,
		    .dual_stack = rows[i].holder_dual};
		struct dt_udp_options wanted = {.address = address(rows[i].wanted),
		    .reuse_port = true,
		    .dual_stack = rows[i].wanted_dual};
		cr_assert_eq(dt_udp_open(&u, &held), DT_OK, "row %zu: %s", i, strerror(errno));
		wanted.address.port = u.local.port;
		cr_assert_eq(dt_udp_probe(&wanted), rows[i].error, "row %zu", i);

		char name[100], pid[32];
		snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
		bool told = dt_udp_holder(&wanted.address, name, sizeof(name));
		if (rows[i].error)
			cr_assert(
			    told && strstr(name, pid), "row %zu: %s", i, told ? name : "nobody");
		dt_udp_close(&u);
		cr_assert_eq(dt_udp_probe(&wanted), 0, "row %zu: free again", i);
		cr_assert_not(dt_udp_holder(&wanted.address, name, sizeof(name)), "row %zu", i);
	}
}

Test(udp_port, a_probe_of_port_zero_finds_nothing)
{
	struct dt_udp_options o = {.address = address("127.0.0.1:0")};
	cr_assert_eq(dt_udp_probe(&o), 0);
}
