#include "sockets.h"

#include "base/mem.h"
#include "seeded.h"

static struct end server, client;

/* Sends one datagram and lets it be answered; both ends must see the same two addresses. */
static void
ask_and_answer(const char *client_on, const char *server_ip)
{
	open_on(&client, client_on);
	struct dt_path p = path_to(&client, server_ip, server.udp.local.port);
	put(&client, &p, "ping", 4);
	dt_udp_out_flush(&client.out);

	cr_assert_eq(receive(&server), 1);
	const struct dt_udp_datagram *d = &server.in.item[0];
	cr_assert_eq(d->len, 4);
	cr_assert_arr_eq(d->data, "ping", 4);
	cr_assert(dt_addr_equal(&d->path.peer, &client.udp.local), "peer");
	cr_assert(dt_addr_equal(&d->path.local, &p.peer), "the address that was asked");

	put(&server, &d->path, "pong", 4);
	dt_udp_out_flush(&server.out);
	cr_assert_eq(receive(&client), 1);
	cr_assert_arr_eq(client.in.item[0].data, "pong", 4);
	cr_assert(dt_addr_equal(&client.in.item[0].path.peer, &p.peer), "the answer's source");
	close_end(&client);
}

Test(udp_in, an_ipv4_loopback_socket_is_asked_and_answers)
{
	open_on(&server, "127.0.0.1:0");
	ask_and_answer("127.0.0.1:0", "127.0.0.1");
	close_end(&server);
}

Test(udp_in, an_ipv6_loopback_socket_is_asked_and_answers)
{
	open_on(&server, "[::1]:0");
	ask_and_answer("[::1]:0", "::1");
	close_end(&server);
}

Test(udp_in, a_wildcard_socket_answers_from_the_address_that_was_asked)
{
	open_on(&server, "0.0.0.0:0");
	ask_and_answer("127.0.0.9:0", "127.0.0.5");
	ask_and_answer("127.0.0.9:0", "127.200.1.1");
	close_end(&server);
	open_on(&server, "[::]:0");
	ask_and_answer("[::1]:0", "::1");
	close_end(&server);
}

Test(udp_in, a_dual_stack_socket_has_ipv4_peers_with_ipv4_addresses)
{
	struct dt_udp_options o = {.address = address("[::]:0"), .dual_stack = true};
	open_end(&server, &o, 2048);
	ask_and_answer("127.0.0.9:0", "127.0.0.5");
	ask_and_answer("[::1]:0", "::1");
	close_end(&server);
}

Test(udp_in, a_datagram_over_the_packet_size_is_marked_and_never_silently_cut)
{
	static const struct {
		size_t len, kept;
		bool truncated;
	} rows[] = {{1, 1, false}, {99, 99, false}, {100, 100, false}, {101, 100, true},
	    {1400, 100, true}, {2, 2, false}};
	static const uint8_t bytes[1400] = {[0] = 7, [99] = 8, [100] = 9};
	struct dt_udp_options o = {.address = address("127.0.0.1:0")};
	open_end(&server, &o, 100);
	open_on(&client, "127.0.0.1:0");
	struct dt_path p = path_to(&client, "127.0.0.1", server.udp.local.port);
	for (size_t i = 0; i < SIZE(rows); i++) {
		put(&client, &p, bytes, rows[i].len);
		dt_udp_out_flush(&client.out);
		cr_assert_eq(receive(&server), 1);
		const struct dt_udp_datagram *d = &server.in.item[0];
		cr_assert_eq(d->len, rows[i].kept, "row %zu", i);
		cr_assert_eq(d->truncated, rows[i].truncated, "row %zu", i);
		cr_assert_eq(d->capacity, 100);
		cr_assert_arr_eq(d->data, bytes, d->len);
	}
	close_end(&client);
	close_end(&server);
}

Test(udp_in, the_longest_datagram_arrives_whole)
{
	static uint8_t bytes[65507]; /* 65,535 less an IPv4 and a UDP header */
	struct dt_udp_options o = {.address = address("127.0.0.1:0"), .receive_buffer = 200000};
	open_end(&server, &o, DT_UDP_PAYLOAD_MAX);
	open_on(&client, "127.0.0.1:0");
	memset(bytes, 0xa5, sizeof(bytes));
	struct dt_path p = path_to(&client, "127.0.0.1", server.udp.local.port);
	put(&client, &p, bytes, sizeof(bytes));
	dt_udp_out_flush(&client.out);
	cr_assert_eq(receive(&server), 1);
	cr_assert_eq(server.in.item[0].len, sizeof(bytes));
	cr_assert_not(server.in.item[0].truncated);
	cr_assert_arr_eq(server.in.item[0].data, bytes, sizeof(bytes));
	close_end(&client);
	close_end(&server);
}

Test(udp_in, an_empty_datagram_is_a_datagram)
{
	open_on(&server, "127.0.0.1:0");
	open_on(&client, "127.0.0.1:0");
	struct sockaddr_storage to;
	socklen_t len = dt_addr_to_sockaddr(&server.udp.local, &to);
	cr_assert_eq(sendto(client.udp.fd, "", 0, 0, (struct sockaddr *)&to, len), 0);
	cr_assert_eq(receive(&server), 1);
	cr_assert_eq(server.in.item[0].len, 0);
	cr_assert_not(server.in.item[0].truncated);
	close_end(&client);
	close_end(&server);
}

Test(udp_in, a_burst_comes_in_batches_in_order_and_is_counted)
{
	open_on(&server, "127.0.0.1:0");
	open_on(&client, "127.0.0.1:0");
	cr_assert(is_empty(&server));
	struct dt_path p = path_to(&client, "127.0.0.1", server.udp.local.port);
	for (uint8_t i = 0; i < DT_UDP_BATCH + 8; i++)
		put(&client, &p, (uint8_t[]){i, i, i}, 3);
	dt_udp_out_flush(&client.out);

	cr_assert_eq(receive(&server), DT_UDP_BATCH);
	for (size_t i = 0; i < DT_UDP_BATCH; i++)
		cr_assert_eq(server.in.item[i].data[2], i);
	cr_assert_eq(receive(&server), 8);
	for (size_t i = 0; i < 8; i++)
		cr_assert_eq(server.in.item[i].data[0], DT_UDP_BATCH + i);
	cr_assert(is_empty(&server));
	cr_assert_eq(counted(&server, DT_COUNT_RECEIVED), DT_UDP_BATCH + 8);
	cr_assert_eq(counted(&server, DT_COUNT_RECEIVED_BYTES), 3 * (DT_UDP_BATCH + 8));
	close_end(&client);
	close_end(&server);
}

Test(udp_in, one_batch_serves_sockets_of_both_families_in_turn)
{
	static const char *const ips[] = {"127.0.0.1", "::1"};
	static struct end ends[2];
	open_on(&ends[0], "127.0.0.1:0");
	open_on(&ends[1], "[::1]:0");
	for (size_t i = 0; i < 6; i++) {
		struct end *e = &ends[i % 2];
		struct dt_path to_self = path_to(e, ips[i % 2], e->udp.local.port);
		put(e, &to_self, "x", 1);
		dt_udp_out_flush(&e->out);
		cr_assert_eq(dt_udp_recv(&e->udp, &ends[0].in), 1);
		cr_assert(dt_path_equal(&ends[0].in.item[0].path, &to_self), "turn %zu", i);
	}
	close_end(&ends[0]);
	close_end(&ends[1]);
}

Test(udp_in, random_datagrams_arrive_as_they_were_sent)
{
	static uint8_t sent[2048];
	struct seeded seed = seeded_begin(__func__);
	open_on(&server, "0.0.0.0:0");
	open_on(&client, "127.0.0.1:0");
	for (int round = 0; round < 2000; round++) {
		char ip[DT_ADDR_TEXT];
		snprintf(ip, sizeof(ip), "127.%u.%u.%u", (unsigned)(seeded_below(&seed, 256)),
		    (unsigned)(seeded_below(&seed, 256)), 1 + (unsigned)(seeded_below(&seed, 254)));
		size_t len = 1 + seeded_below(&seed, sizeof(sent));
		seeded_fill(&seed, sent, len);
		struct dt_path p = path_to(&client, ip, server.udp.local.port);
		put(&client, &p, sent, len);
		dt_udp_out_flush(&client.out);

		cr_assert_eq(receive(&server), 1);
		const struct dt_udp_datagram *d = &server.in.item[0];
		cr_assert_eq(d->len, len);
		cr_assert_arr_eq(d->data, sent, len);
		cr_assert(dt_addr_equal(&d->path.local, &p.peer), "%s", ip);
		cr_assert(dt_addr_equal(&d->path.peer, &client.udp.local));
	}
	close_end(&client);
	close_end(&server);
}

Test(udp_in, without_memory_there_is_no_batch_and_nothing_to_clean)
{
	struct dt_udp_batch b;
	struct dt_counters counters;
	dt_mem_fail_nth(1);
	cr_assert_eq(dt_udp_batch_init(&b, 2048, &counters), DT_ERR_NOMEM);
	dt_udp_batch_fini(&b);
	dt_udp_batch_fini(&b);
}
