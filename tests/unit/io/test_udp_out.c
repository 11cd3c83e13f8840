#include "sockets.h"

#include <signal.h>

#include "base/mem.h"

static struct end server, client;
static struct dt_path to_server;

static struct {
	unsigned calls;
	struct dt_path path;
	size_t len;
	int error;
} refused;

static void
note_refusal(void *arg, const struct dt_path *path, size_t len, int error)
{
	cr_assert_eq(arg, &refused);
	refused.calls++;
	refused.path = *path;
	refused.len = len;
	refused.error = error;
}

static void
open_both(void)
{
	struct dt_udp_options o = {.address = address("127.0.0.1:0"), .receive_buffer = 200000};
	open_end(&server, &o, 2048);
	open_on(&client, "127.0.0.1:0");
	to_server = path_to(&client, "127.0.0.1", server.udp.local.port);
}

static void
close_both(void)
{
	close_end(&client);
	close_end(&server);
}

TestSuite(udp_out, .init = open_both, .fini = close_both);

Test(udp_out, nothing_leaves_before_the_flush_and_what_was_only_reserved_never_does)
{
	uint8_t *room = dt_udp_out_reserve(&client.out, &to_server, 100);
	memset(room, 'x', 100);
	put(&client, &to_server, "ab", 2);
	dt_udp_out_reserve(&client.out, &to_server, 100);
	cr_assert_eq(client.out.count, 1);
	cr_assert(is_empty(&server));

	dt_udp_out_flush(&client.out);
	cr_assert_eq(client.out.count, 0);
	cr_assert_eq(receive(&server), 1);
	cr_assert_eq(server.in.item[0].len, 2);
	cr_assert_arr_eq(server.in.item[0].data, "ab", 2);
	dt_udp_out_flush(&client.out);
	cr_assert(is_empty(&server));
	cr_assert_eq(counted(&client, DT_COUNT_SENT), 1);
	cr_assert_eq(counted(&client, DT_COUNT_SENT_BYTES), 2);
}

Test(udp_out, a_commit_may_be_shorter_than_the_reserve)
{
	uint8_t *room = dt_udp_out_reserve(&client.out, &to_server, 1000);
	memcpy(room, "abc", 3);
	dt_udp_out_commit(&client.out, 3);
	put(&client, &to_server, "de", 2);
	dt_udp_out_flush(&client.out);
	cr_assert_eq(receive(&server), 2);
	cr_assert_eq(server.in.item[0].len, 3);
	cr_assert_arr_eq(server.in.item[0].data, "abc", 3);
	cr_assert_eq(server.in.item[1].len, 2);
	cr_assert_arr_eq(server.in.item[1].data, "de", 2);
}

Test(udp_out, a_full_batch_flushes_itself_by_count)
{
	for (uint8_t i = 0; i < DT_UDP_OUT_SLOTS; i++)
		put(&client, &to_server, &i, 1);
	cr_assert(is_empty(&server));
	put(&client, &to_server, "z", 1);
	cr_assert_eq(client.out.count, 1);
	for (size_t got = 0; got < DT_UDP_OUT_SLOTS;) {
		size_t n = receive(&server);
		for (size_t i = 0; i < n; i++)
			cr_assert_eq(server.in.item[i].data[0], got + i);
		got += n;
	}
	cr_assert(is_empty(&server));
	cr_assert_eq(counted(&client, DT_COUNT_SENT), DT_UDP_OUT_SLOTS);
}

Test(udp_out, a_full_batch_flushes_itself_by_bytes)
{
	static uint8_t bytes[40000];
	struct end large;
	struct dt_udp_options o = {.address = address("127.0.0.1:0"), .receive_buffer = 400000};
	open_end(&large, &o, DT_UDP_PAYLOAD_MAX);
	struct dt_path p = path_to(&client, "127.0.0.1", large.udp.local.port);
	for (uint8_t i = 0; i < 4; i++) {
		bytes[0] = bytes[sizeof(bytes) - 1] = i;
		put(&client, &p, bytes, sizeof(bytes));
	}
	cr_assert_eq(client.out.count, 1, "three of 40,000 bytes fit");
	dt_udp_out_flush(&client.out);
	for (size_t got = 0; got < 4;) {
		size_t n = receive(&large);
		for (size_t i = 0; i < n; i++, got++) {
			cr_assert_eq(large.in.item[i].len, sizeof(bytes));
			cr_assert_eq(large.in.item[i].data[0], got);
			cr_assert_eq(large.in.item[i].data[sizeof(bytes) - 1], got);
		}
	}
	close_end(&large);
}

Test(udp_out, one_that_the_kernel_refuses_does_not_hold_up_the_others)
{
	static const uint8_t too_long[65510];
	client.out.failed = note_refusal;
	client.out.failed_arg = &refused;
	put(&client, &to_server, "a", 1);
	put(&client, &to_server, too_long, sizeof(too_long));
	put(&client, &to_server, "b", 1);
	dt_udp_out_flush(&client.out);
	cr_assert_eq(receive(&server), 2);
	cr_assert_eq(server.in.item[0].data[0], 'a');
	cr_assert_eq(server.in.item[1].data[0], 'b');
	cr_assert_eq(refused.calls, 1);
	cr_assert_eq(refused.error, EMSGSIZE);
	cr_assert_eq(refused.len, sizeof(too_long));
	cr_assert(dt_path_equal(&refused.path, &to_server));
	cr_assert_eq(counted(&client, DT_COUNT_SENT), 2);
	cr_assert_eq(counted(&client, DT_COUNT_SEND_FAILED), 1);
}

Test(udp_out, every_place_of_a_refused_one_leaves_the_rest_in_order)
{
	static const uint8_t too_long[65510];
	for (unsigned bad = 0; bad < 4; bad++) {
		for (uint8_t i = 0; i < 4; i++)
			put(&client, &to_server, i == bad ? too_long : &i,
			    i == bad ? sizeof(too_long) : 1);
		dt_udp_out_flush(&client.out);
		cr_assert_eq(receive(&server), 3, "place %u", bad);
		for (unsigned i = 0, got = 0; i < 4; i++)
			if (i != bad)
				cr_assert_eq(server.in.item[got++].data[0], i, "place %u", bad);
	}
}

Test(udp_out, a_port_that_nobody_serves_is_no_error_and_hinders_nobody)
{
	struct end gone;
	open_on(&gone, "127.0.0.1:0");
	struct dt_path nowhere = path_to(&client, "127.0.0.1", gone.udp.local.port);
	close_end(&gone);
	for (int round = 0; round < 3; round++) {
		put(&client, &nowhere, "x", 1);
		put(&client, &to_server, "y", 1);
		dt_udp_out_flush(&client.out);
		cr_assert_eq(receive(&server), 1);
	}
	cr_assert(is_empty(&client));
	cr_assert_eq(counted(&client, DT_COUNT_SEND_FAILED), 0);
}

Test(udp_out, a_source_address_that_is_not_ours_is_refused)
{
	struct dt_path p = to_server;
	p.local = address("192.0.2.1:1");
	client.out.failed = note_refusal;
	client.out.failed_arg = &refused;
	put(&client, &p, "x", 1);
	dt_udp_out_flush(&client.out);
	cr_assert_eq(refused.calls, 1);
	cr_assert(is_empty(&server));
}

Test(udp_out, without_memory_there_is_no_batch_and_nothing_to_clean)
{
	struct dt_udp_out o;
	dt_mem_fail_nth(1);
	cr_assert_eq(dt_udp_out_init(&o, &client.udp, &client.counters), DT_ERR_NOMEM);
	dt_udp_out_fini(&o);
	dt_udp_out_fini(&o);
}

Test(udp_out, committing_more_than_was_reserved_is_a_programmer_error, .signal = SIGABRT)
{
	dt_udp_out_reserve(&client.out, &to_server, 10);
	dt_udp_out_commit(&client.out, 11);
}

Test(udp_out, committing_twice_is_a_programmer_error, .signal = SIGABRT)
{
	dt_udp_out_reserve(&client.out, &to_server, 10);
	dt_udp_out_commit(&client.out, 1);
	dt_udp_out_commit(&client.out, 1);
}

Test(udp_out, a_path_of_two_families_is_a_programmer_error, .signal = SIGABRT)
{
	struct dt_path p = {.peer = address("[::1]:5"), .local = address("127.0.0.1:5")};
	dt_udp_out_reserve(&client.out, &p, 10);
}
