#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

#define DATAGRAM_MAX 16384u

static struct fake_host *h;
static uint8_t got[65536];
static size_t got_len;

static void
stop(void)
{
	fake_free(&h);
}

TestSuite(relay, .fini = stop);

static bool
backend_got(struct backend *b, const char *text)
{
	return backend_get(b, got, sizeof(got), &got_len, WAIT_MS) && got_len == strlen(text) &&
	       memcmp(got, text, got_len) == 0;
}

static bool
client_got(uint64_t conn, size_t n, const char *text)
{
	struct dtlsd_bytes sent = fake_sent(h, conn, n);

	return sent.len == strlen(text) && memcmp(sent.data, text, sent.len) == 0;
}

Test(relay, answers_reach_the_client_they_are_for)
{
	struct backend b = backend_new("127.0.0.1", 0);
	uint64_t conns[8];
	char text[32], peer[32];

	h = relay_host(2, "{'to': '127.0.0.1:%u'}", b.port);
	for (uint32_t i = 0; i < 8; i++) {
		snprintf(peer, sizeof(peer), "192.0.2.1:%u", 4000 + i);
		conns[i] = fake_connect(h, i % 2, peer);
	}
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 8; i++) {
			snprintf(text, sizeof(text), "%u from %u", round, i);
			cr_assert_eq(fake_data(h, conns[i], text, strlen(text)), DTLSD_DONE);
			cr_assert(backend_got(&b, text));
			backend_answer(&b, got, got_len);
		}
		for (uint32_t i = 0; i < 8; i++) {
			snprintf(text, sizeof(text), "%u from %u", round, i);
			cr_assert(wait_sent(h, conns[i], round + 1));
			cr_assert(client_got(conns[i], round, text));
		}
	}
	cr_assert_eq(fake_counter(h, "flows_opened"), 8);
	cr_assert_eq(fake_counter(h, "to_backend"), 24);
	cr_assert_eq(fake_counter(h, "to_client"), 24);
}

Test(relay, every_length_passes_both_ways_unchanged)
{
	static const size_t lengths[] = {0, 1, 1200, 1500, 16383, DATAGRAM_MAX};
	struct backend b = backend_new("127.0.0.1", 0);
	uint8_t data[DATAGRAM_MAX];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 + i / 256);
	h = relay_host(1, "{'to': '127.0.0.1:%u'}", b.port);
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		fake_data(h, conn, data, lengths[i]);
		cr_assert(backend_get(&b, got, sizeof(got), &got_len, WAIT_MS));
		cr_assert_eq(got_len, lengths[i]);
		cr_assert(memcmp(got, data, got_len) == 0);
		backend_answer(&b, got, got_len);
		cr_assert(wait_sent(h, conn, i + 1));
		cr_assert_eq(fake_sent(h, conn, i).len, lengths[i]);
		cr_assert(memcmp(fake_sent(h, conn, i).data, data, lengths[i]) == 0);
	}
}

Test(relay, an_answer_that_no_record_can_carry_is_counted_and_the_next_one_passes)
{
	struct backend b = backend_new("127.0.0.1", 0);

	h = relay_host(1, "{'to': '127.0.0.1:%u'}", b.port);
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
	fake_info(h, conn)->max_datagram = 512;
	fake_data(h, conn, "?", 1);
	cr_assert(backend_got(&b, "?"));
	backend_answer(&b, got, 513);
	backend_answer(&b, got, DATAGRAM_MAX + 1);
	backend_answer(&b, got, 60000);
	backend_answer(&b, got, 512);
	cr_assert(wait_sent(h, conn, 1));
	cr_assert_eq(fake_sent(h, conn, 0).len, 512);
	cr_assert_eq(fake_counter(h, "too_long"), 3);
}

Test(relay, a_burst_of_the_backend_is_read_in_batches)
{
	struct backend b = backend_new("127.0.0.1", 0);
	uint8_t data[4];

	h = relay_host(1, "{'to': '127.0.0.1:%u'}", b.port);
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
	fake_data(h, conn, "?", 1);
	cr_assert(backend_got(&b, "?"));
	for (uint32_t i = 0; i < 100; i++) {
		memcpy(data, &i, sizeof(data));
		backend_answer(&b, data, sizeof(data));
	}
	cr_assert_eq(fake_poll(h, WAIT_MS), 1);
	cr_assert_eq(fake_sent_count(h, conn), 32);
	cr_assert(wait_sent(h, conn, 100));
	for (uint32_t i = 0; i < 100; i++)
		cr_assert(memcmp(fake_sent(h, conn, i).data, &i, sizeof(i)) == 0);
}

Test(relay, nobody_but_the_backend_can_send_to_a_client)
{
	struct backend b = backend_new("127.0.0.1", 0), stranger = backend_new("127.0.0.1", 0);

	h = relay_host(1, "{'to': '127.0.0.1:%u'}", b.port);
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
	fake_data(h, conn, "?", 1);
	cr_assert(backend_got(&b, "?"));
	stranger.from = b.from;
	stranger.from_len = b.from_len;
	sendto(stranger.fd, "x", 1, 0, (struct sockaddr *)&stranger.from, stranger.from_len);
	backend_answer(&b, "!", 1);
	cr_assert(wait_sent(h, conn, 1));
	cr_assert(client_got(conn, 0, "!"));
	cr_assert_eq(fake_poll(h, 0), 0);
}

Test(relay, an_ipv6_backend_serves_ipv4_clients)
{
	if (!has_ipv6())
		cr_skip_test("this machine has no ::1");
	struct backend b = backend_new("::1", 0);

	h = relay_host(1, "{'to': '[::1]:%u'}", b.port);
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
	fake_data(h, conn, "?", 1);
	cr_assert(backend_got(&b, "?"));
	backend_answer(&b, "!", 1);
	cr_assert(wait_sent(h, conn, 1));
}

Test(relay, the_flow_ends_with_its_connection)
{
	struct backend b = backend_new("127.0.0.1", 0);

	h = relay_host(1, "{'to': '127.0.0.1:%u'}", b.port);
	uint64_t a = fake_connect(h, 0, "192.0.2.1:4000");
	uint64_t c = fake_connect(h, 0, "192.0.2.1:4001");
	cr_assert_eq(fake_watched(h), 2);
	fake_disconnect(h, a);
	cr_assert_eq(fake_watched(h), 1);
	cr_assert_eq(fake_counter(h, "flows_closed"), 1);
	fake_data(h, c, "still here", 10);
	cr_assert(backend_got(&b, "still here"));
}

Test(relay, a_failed_handshake_opens_no_flow)
{
	h = relay_host(1, "{'to': '127.0.0.1:9'}");
	fake_connected(h, fake_handshake(h, 0, "192.0.2.1:4000"), 402);
	cr_assert_eq(fake_watched(h), 0);
	cr_assert_eq(fake_counter(h, "flows_opened"), 0);
}

/* ---- idle flows ------------------------------------------------------------------------------ */

#define SECOND 1000000000u

Test(relay, an_idle_flow_closes_and_the_next_datagram_opens_it_again)
{
	struct backend b = backend_new("127.0.0.1", 0);

	h = relay_host(1, "{'to': '127.0.0.1:%u', 'idle_timeout': '10s'}", b.port);
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
	fake_advance(h, 10u * (uint64_t)SECOND - 1);
	cr_assert_eq(fake_watched(h), 1);
	fake_advance(h, 1);
	cr_assert_eq(fake_watched(h), 0);
	cr_assert_eq(fake_timers(h), 0);
	cr_assert(fake_alive(h, conn));
	fake_data(h, conn, "again", 5);
	cr_assert(backend_got(&b, "again"));
	backend_answer(&b, "yes", 3);
	cr_assert(wait_sent(h, conn, 1));
	cr_assert_eq(fake_counter(h, "flows_opened"), 2);
}

Test(relay, a_datagram_either_way_keeps_the_flow_open)
{
	struct backend b = backend_new("127.0.0.1", 0);

	h = relay_host(1, "{'to': '127.0.0.1:%u', 'idle_timeout': '10s'}", b.port);
	uint64_t quiet = fake_connect(h, 0, "192.0.2.1:4000");
	uint64_t busy = fake_connect(h, 0, "192.0.2.1:4001");
	for (size_t i = 1; i <= 5; i++) {
		fake_advance(h, 6u * (uint64_t)SECOND);
		if (i % 2 == 1) {
			fake_data(h, busy, "?", 1);
			cr_assert(backend_got(&b, "?"));
		} else {
			backend_answer(&b, "!", 1);
			cr_assert(wait_sent(h, busy, i / 2));
		}
	}
	cr_assert_eq(fake_watched(h), 1);
	cr_assert_eq(fake_counter(h, "flows_opened"), 2);
	cr_assert_eq(fake_counter(h, "flows_closed"), 1);
	cr_assert(fake_alive(h, quiet));
}

Test(relay, flows_close_in_the_order_in_which_they_fell_idle)
{
	uint64_t conns[200];

	h = relay_host(1, "{'to': '127.0.0.1:9', 'idle_timeout': '1000s'}");
	for (size_t i = 0; i < 200; i++) {
		conns[i] = fake_connect(h, 0, "192.0.2.1:4000");
		fake_advance(h, SECOND);
	}
	fake_disconnect(h, conns[1]);
	for (size_t i = 2; i < 200; i++) {
		/* it is 200 s; flow i falls idle at 1000 + i */
		fake_advance(h, i == 2 ? 802u * (uint64_t)SECOND : SECOND);
		cr_assert_eq(fake_counter(h, "flows_closed"), i + 1);
	}
	cr_assert_eq(fake_timers(h), 0);
}

Test(relay, many_flows_that_fall_idle_at_once_all_close)
{
	h = relay_host(1, "{'to': '127.0.0.1:9', 'idle_timeout': '1s'}");
	for (size_t i = 0; i < 200; i++)
		fake_connect(h, 0, "192.0.2.1:4000");
	fake_advance(h, SECOND);
	cr_assert_eq(fake_watched(h), 0);
	cr_assert_eq(fake_counter(h, "flows_closed"), 200);
}

Test(relay, without_an_idle_timeout_a_flow_stays)
{
	h = relay_host(1, "{'to': '127.0.0.1:9', 'idle_timeout': '0s'}");
	fake_connect(h, 0, "192.0.2.1:4000");
	fake_advance(h, 1000000u * (uint64_t)SECOND);
	cr_assert_eq(fake_watched(h), 1);
	cr_assert_eq(fake_timers(h), 0);
}

/* ---- several back-ends, several sources ------------------------------------------------------ */

#define CLIENTS 60u

/* Which of the back-ends gets what this client sends. */
static size_t
find_backend(struct backend *backends, size_t count, const char *peer)
{
	uint64_t conn = fake_connect(h, 0, peer);

	fake_data(h, conn, peer, strlen(peer));
	for (size_t i = 0; i < count; i++)
		if (backend_get(&backends[i], got, sizeof(got), &got_len, 0))
			return i;
	fake_fail("%s reached nobody", peer);
}

Test(relay, clients_spread_over_the_backends_and_stay_with_theirs)
{
	struct backend b[3];
	size_t clients[3] = {0}, home[CLIENTS];
	char peer[32];

	for (size_t i = 0; i < 3; i++)
		b[i] = backend_new("127.0.0.1", 0);
	h = relay_host(1, "{'to': ['127.0.0.1:%u', '127.0.0.1:%u', '127.0.0.1:%u']}", b[0].port,
	    b[1].port, b[2].port);
	for (size_t i = 0; i < CLIENTS; i++) {
		snprintf(peer, sizeof(peer), "10.0.%zu.%zu:4000", i / 10, i);
		home[i] = find_backend(b, 3, peer);
		clients[home[i]]++;
	}
	for (size_t i = 0; i < 3; i++)
		cr_assert(clients[i] >= 5, "back-end %zu has %zu clients", i, clients[i]);
	for (size_t i = 0; i < CLIENTS; i++) {
		snprintf(peer, sizeof(peer), "10.0.%zu.%zu:5000", i / 10, i);
		cr_assert_eq(find_backend(b, 3, peer), home[i], "another port, another home");
	}
	fake_free(&h);

	/* Back-end 1 leaves, and the others change places: only the clients of 1 move. */
	h = relay_host(1, "{'to': ['127.0.0.1:%u', '127.0.0.1:%u']}", b[2].port, b[0].port);
	for (size_t i = 0; i < CLIENTS; i++) {
		snprintf(peer, sizeof(peer), "10.0.%zu.%zu:4000", i / 10, i);
		size_t now = find_backend(b, 3, peer);
		cr_assert(now != 1 && (home[i] == 1 || now == home[i]));
	}
}

Test(relay, source_addresses_take_turns)
{
	struct backend b = backend_new("127.0.0.1", 0);
	static const char *const sources[] = {"127.0.0.2", "127.0.0.3"};

	h = relay_host(
	    1, "{'to': '127.0.0.1:%u', 'source': ['127.0.0.2', '::1', '127.0.0.3']}", b.port);
	size_t seen[2] = {0};
	for (size_t i = 0; i < 6; i++) {
		uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
		fake_data(h, conn, "?", 1);
		cr_assert(backend_got(&b, "?"));
		for (size_t s = 0; s < 2; s++)
			seen[s] += strcmp(backend_from_ip(&b), sources[s]) == 0;
		backend_answer(&b, "!", 1);
		cr_assert(wait_sent(h, conn, 1));
	}
	cr_assert(seen[0] >= 2 && seen[1] >= 2 && seen[0] + seen[1] == 6);
}

/* ---- PROXY protocol ----------------------------------------------------------------------------
 */

/* A reader of the header that shares nothing with the writer; the length of the header. */
static size_t
check_header(
    const uint8_t *p, size_t len, const struct dtlsd_address *src, const struct dtlsd_address *dst)
{
	static const uint8_t start[] = {
	    0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21};
	size_t ip = src->family == DTLSD_IPV4 ? 4 : 16;
	size_t total = 16 + 2 * ip + 4;

	cr_assert(len >= total);
	cr_assert(memcmp(p, start, sizeof(start)) == 0);
	cr_assert_eq(p[13], ip == 4 ? 0x12 : 0x22);
	cr_assert_eq(p[14] * 256 + p[15], total - 16);
	cr_assert(memcmp(p + 16, src->ip, ip) == 0);
	cr_assert(memcmp(p + 16 + ip, dst->ip, ip) == 0);
	cr_assert_eq(p[total - 4] * 256 + p[total - 3], src->port);
	cr_assert_eq(p[total - 2] * 256 + p[total - 1], dst->port);
	return total;
}

Test(relay, the_proxy_header_stands_before_each_datagram_and_tells_where_it_came_from)
{
	struct backend b = backend_new("127.0.0.1", 0);
	uint64_t x = 20240817; /* seed of a 64-bit LCG */

	h = relay_host(1, "{'to': '127.0.0.1:%u', 'proxy_protocol': true}", b.port);
	cr_log_info("seed %llu", (unsigned long long)x);
	for (unsigned round = 0; round < 500; round++) {
		uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
		struct dtlsd_conn_info *info = fake_info(h, conn);
		struct dtlsd_address *both[] = {&info->peer, &info->local};
		for (size_t i = 0; i < 2; i++) {
			uint16_t family = round % 2 == 0 ? DTLSD_IPV4 : DTLSD_IPV6;
			*both[i] = (struct dtlsd_address){.family = family};
			for (size_t k = 0; k < (family == DTLSD_IPV4 ? 4 : 16); k++) {
				x = x * 6364136223846793005u + 1442695040888963407u;
				both[i]->ip[k] = (uint8_t)(x >> 40);
			}
			both[i]->port = (uint16_t)(x >> 20);
		}
		fake_data(h, conn, "hello", 5);
		cr_assert(backend_get(&b, got, sizeof(got), &got_len, WAIT_MS));
		size_t header = check_header(got, got_len, &info->peer, &info->local);
		cr_assert_eq(got_len - header, 5);
		cr_assert(memcmp(got + header, "hello", 5) == 0);
		fake_disconnect(h, conn);
	}
}

Test(relay, the_proxy_header_follows_a_client_that_moved)
{
	struct backend b = backend_new("127.0.0.1", 0);

	h = relay_host(1, "{'to': '127.0.0.1:%u', 'proxy_protocol': true}", b.port);
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
	fake_info(h, conn)->peer = fake_address("198.51.100.7:99");
	fake_data(h, conn, "", 0);
	cr_assert(backend_get(&b, got, sizeof(got), &got_len, WAIT_MS));
	check_header(got, got_len, &fake_info(h, conn)->peer, &fake_info(h, conn)->local);
	cr_assert_eq(got_len, 28);
}

Test(relay, an_address_that_is_not_known_gives_a_header_without_addresses)
{
	struct backend b = backend_new("127.0.0.1", 0);

	h = relay_host(1, "{'to': '127.0.0.1:%u', 'proxy_protocol': true}", b.port);
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
	fake_info(h, conn)->local = (struct dtlsd_address){0};
	fake_data(h, conn, "x", 1);
	cr_assert(backend_get(&b, got, sizeof(got), &got_len, WAIT_MS));
	cr_assert_eq(got_len, 17);
	cr_assert(got[13] == 0 && got[14] == 0 && got[15] == 0 && got[16] == 'x');
}
