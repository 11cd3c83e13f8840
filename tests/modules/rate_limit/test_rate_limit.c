#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "fake_host.h"

#define MS 1000000u
#define SECOND UINT64_C(1000000000)
#define DAY (86400 * SECOND)

static struct fake_host *h;

static void
start(void)
{
	h = fake_new(MODULE_FILE, 2);
}

static void
stop(void)
{
	fake_free(&h);
}

TestSuite(rate_limit, .init = start, .fini = stop);

static void
open_with(const char *json)
{
	fake_configure(h, json);
	cr_assert_eq(fake_check(h, 0), 0, "%s", json);
	cr_assert_eq(fake_open(h), DTLSD_OK);
}

/* How many of `count` requests pass. */
static unsigned
request(const char *peer, unsigned count)
{
	unsigned passed = 0;
	for (unsigned i = 0; i < count; i++)
		passed += fake_request(h, 0, peer) == DTLSD_NEXT;
	return passed;
}

static unsigned
send_datagrams(uint64_t conn, unsigned count)
{
	unsigned passed = 0;
	for (unsigned i = 0; i < count; i++) {
		uint32_t verdict = fake_data(h, conn, "x", 1);
		cr_assert(verdict == DTLSD_NEXT || verdict == DTLSD_DONE);
		passed += verdict == DTLSD_NEXT;
	}
	return passed;
}

Test(rate_limit, without_rates_nothing_is_limited_and_the_check_says_so)
{
	open_with("{'new_connections': {'burst': 3}}");
	cr_assert_eq(fake_complaints(h, "warning : no rate is given"), 1);
	cr_assert_eq(request("192.0.2.1:1", 1000), 1000);
	cr_assert_eq(send_datagrams(fake_connect(h, 0, "192.0.2.1:1"), 1000), 1000);
}

Test(rate_limit, connections_over_the_limit_are_refused_in_silence)
{
	struct dtlsd_request over = {.peer = fake_address("192.0.2.1:9")};
	open_with("{'new_connections': {'per_address': '5/s', 'burst': 20}}");
	cr_assert_eq(fake_complaints(h, ""), 0);
	cr_assert_eq(request("192.0.2.1:1", 19), 19);
	cr_assert_eq(request("192.0.2.1:2", 5), 1, "another port is no other client");
	cr_assert_eq(request("192.0.2.2:1", 20), 20, "another address is");
	cr_assert_eq(fake_request_with(h, 0, &over), DTLSD_REJECT);
	cr_assert_eq(over.alert, 0);
	cr_assert_eq(fake_counter(h, "connections_limited"), 5);

	fake_advance(h, 199 * MS);
	cr_assert_eq(request("192.0.2.1:1", 3), 0);
	fake_advance(h, 1 * MS);
	cr_assert_eq(request("192.0.2.1:1", 3), 1);
	fake_advance(h, 400 * DAY);
	cr_assert_eq(request("192.0.2.1:1", 30), 20);
}

Test(rate_limit, a_prefix_has_its_own_limit_and_costs_nothing_when_the_address_is_over)
{
	open_with("{'new_connections': {'per_address': '2/s', 'per_prefix': '5/s'}}");
	cr_assert_eq(request("192.0.2.1:1", 100), 2);
	cr_assert_eq(request("192.0.2.2:1", 100), 2);
	cr_assert_eq(request("192.0.2.3:1", 100), 1, "the prefix has had its five");
	cr_assert_eq(request("192.0.2.4:1", 100), 0);
	cr_assert_eq(request("192.0.3.4:1", 100), 2, "another prefix");
	cr_assert_eq(request("[2001:db8::1]:1", 100), 2);
	cr_assert_eq(request("[2001:db8::2]:1", 100), 2);
	cr_assert_eq(request("[2001:db8::3]:1", 100), 1);
	cr_assert_eq(request("[2001:db8:0:1::3]:1", 100), 2);
	/* 192.0.2.4 was refused by its prefix: its own tokens are all there. */
	fake_advance(h, 400 * MS);
	cr_assert_eq(request("192.0.2.4:1", 100), 2);
}

Test(rate_limit, the_length_of_a_prefix_is_an_option)
{
	open_with("{'new_connections': {'per_prefix': '1/s'}, 'prefix_v4': 16, 'prefix_v6': 48}");
	cr_assert_eq(request("192.0.2.1:1", 9), 1);
	cr_assert_eq(request("192.0.255.1:1", 9), 0);
	cr_assert_eq(request("192.1.0.1:1", 9), 1);
	cr_assert_eq(request("[2001:db8:0:1::1]:1", 9), 1);
	cr_assert_eq(request("[2001:db8:0:2::1]:1", 9), 0);
	cr_assert_eq(request("[2001:db8:1::1]:1", 9), 1);
}

Test(rate_limit, a_full_length_prefix_is_apart_from_the_address)
{
	open_with("{'new_connections': {'per_address': '4/s', 'per_prefix': '3/s'},"
		  " 'prefix_v4': 32}");
	cr_assert_eq(request("192.0.2.1:1", 9), 3);
}

Test(rate_limit, datagrams_over_the_limit_of_a_connection_are_dropped)
{
	open_with("{'datagrams': {'per_connection': '10/s', 'burst': 3}}");
	uint64_t a = fake_connect(h, 0, "192.0.2.1:1"), b = fake_connect(h, 0, "192.0.2.1:2");
	cr_assert_eq(send_datagrams(a, 9), 3);
	cr_assert_eq(send_datagrams(b, 9), 3);
	cr_assert_eq(fake_counter(h, "datagrams_limited"), 12);
	fake_advance(h, 100 * MS);
	cr_assert_eq(send_datagrams(a, 9), 1);
	fake_advance(h, 10 * DAY);
	cr_assert_eq(send_datagrams(a, 9), 3);
	cr_assert_eq(request("192.0.2.1:1", 100), 100, "connections are not limited");
	cr_assert(fake_alive(h, a) && fake_alive(h, b));
}

Test(rate_limit, all_three_limits_of_datagrams_hold_together)
{
	open_with("{'datagrams': {'per_connection': '2/s', 'per_address': '3/s',"
		  " 'per_prefix': '4/s'}}");
	uint64_t a = fake_connect(h, 0, "192.0.2.1:1"), b = fake_connect(h, 0, "192.0.2.1:2");
	uint64_t c = fake_connect(h, 0, "192.0.2.2:1"), d = fake_connect(h, 0, "192.0.3.1:1");
	cr_assert_eq(send_datagrams(a, 50), 2);
	cr_assert_eq(send_datagrams(b, 50), 1);
	cr_assert_eq(send_datagrams(c, 50), 1);
	cr_assert_eq(send_datagrams(d, 50), 2);
	/* b was refused by its address and c by the prefix: each kept its own tokens. Half a second
	 * gives 1 to a connection, 1.5 to an address, 2 to the prefix. */
	fake_advance(h, 500 * MS);
	cr_assert_eq(send_datagrams(c, 50), 2);
	cr_assert_eq(send_datagrams(b, 50), 0);
}

Test(rate_limit, datagrams_and_connections_of_an_address_are_counted_apart)
{
	open_with(
	    "{'datagrams': {'per_address': '3/s'}, 'new_connections': {'per_address': '2/s'}}");
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:1");
	cr_assert_eq(send_datagrams(conn, 9), 3);
	cr_assert_eq(request("192.0.2.1:1", 9), 2);
}

Test(rate_limit, each_worker_counts_for_itself)
{
	open_with("{'new_connections': {'per_address': '1/s'}}");
	cr_assert_eq(fake_request(h, 0, "192.0.2.1:1"), DTLSD_NEXT);
	cr_assert_eq(fake_request(h, 0, "192.0.2.1:1"), DTLSD_REJECT);
	cr_assert_eq(fake_request(h, 1, "192.0.2.1:2"), DTLSD_NEXT);
	cr_assert_eq(fake_request(h, 1, "192.0.2.1:2"), DTLSD_REJECT);
}

Test(rate_limit, a_full_table_forgets_the_oldest_and_counts_it)
{
	open_with("{'new_connections': {'per_address': '1/m'}, 'table_size': 16}");
	for (unsigned i = 0; i < 17; i++) {
		char peer[32];
		snprintf(peer, sizeof(peer), "192.0.2.%u:1", i);
		cr_assert_eq(request(peer, 2), 1);
	}
	cr_assert_eq(fake_counter(h, "evicted"), 1);
	cr_assert_eq(request("192.0.2.16:1", 1), 0);
	cr_assert_eq(request("192.0.2.0:1", 1), 1, "forgotten");
	cr_assert_eq(fake_counter(h, "evicted"), 2);
	fake_advance(h, 60 * SECOND);
	cr_assert_eq(request("198.51.100.1:1", 1), 1);
	cr_assert_eq(fake_counter(h, "evicted"), 2, "a full bucket is no loss");
}

Test(rate_limit, a_connection_that_cannot_be_counted_is_closed)
{
	open_with("{'datagrams': {'per_connection': '10/s'}}");
	fake_weather(h)->set_conn_data = DTLSD_NOMEM;
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:1");
	cr_assert_not(fake_alive(h, conn));
	cr_assert_eq(fake_logged(h, "out of memory"), 1);
}

Test(rate_limit, a_failed_handshake_keeps_nothing)
{
	open_with("{'datagrams': {'per_connection': '10/s'}}");
	fake_connected(h, fake_handshake(h, 0, "192.0.2.1:1"), 403);
	cr_assert_eq(fake_logged(h, ""), 0);
}

Test(rate_limit, a_rate_that_cannot_be_counted_is_an_error_at_its_place)
{
	static const struct {
		const char *json, *complaint;
	} rows[] = {
	    {"{'new_connections': {'per_address': '0/s'}}",
		"error /new_connections/per_address: a rate must be above 0"},
	    {"{'datagrams': {'per_connection': '0/s'}}", "error /datagrams/per_connection: a rate"},
	    {"{'datagrams': {'per_prefix': '1/d', 'burst': 1000000}}",
		"error /datagrams/per_prefix: too large a burst"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fake_configure(h, rows[i].json);
		cr_assert_eq(fake_check(h, 0), 1, "%s", rows[i].json);
		cr_assert_eq(fake_complaints(h, rows[i].complaint), 1, "%s", rows[i].json);
	}
	cr_assert_eq(fake_open(h), DTLSD_INVALID);
	cr_assert_eq(fake_logged(h, "/datagrams/per_prefix: too large a burst"), 1);
}
