#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "fake_host.h"

#define WORKERS 4u
#define CLIENTS 12u

static struct fake_host *h;
static uint64_t conns[CLIENTS];

static void
start(void)
{
	char peer[32];

	h = fake_new(MODULE_FILE, WORKERS);
	cr_assert_eq(fake_open(h), DTLSD_OK);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		snprintf(peer, sizeof(peer), "192.0.2.1:%u", 4000 + i);
		conns[i] = fake_connect(h, i % WORKERS, peer);
	}
}

static void
stop(void)
{
	fake_free(&h);
}

TestSuite(broadcast, .init = start, .fini = stop);

Test(broadcast, all_others_on_all_workers_get_what_one_sends)
{
	cr_assert_eq(fake_data(h, conns[5], "hello", 5), DTLSD_DONE);
	cr_assert_eq(fake_run(h), WORKERS);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		cr_assert_eq(fake_sent_count(h, conns[i]), i == 5 ? 0 : 1);
		if (i != 5)
			cr_assert(memcmp(fake_sent(h, conns[i], 0).data, "hello", 5) == 0);
	}
	cr_assert_eq(fake_counter(h, "received"), 1);
	cr_assert_eq(fake_counter(h, "sent"), CLIENTS - 1);
}

Test(broadcast, each_receiver_sees_the_order_of_the_sender)
{
	for (uint8_t i = 0; i < 50; i++)
		fake_data(h, conns[0], &i, 1);
	fake_run(h);
	for (uint32_t k = 1; k < CLIENTS; k++)
		for (uint8_t i = 0; i < 50; i++)
			cr_assert_eq(fake_sent(h, conns[k], i).data[0], i);
}

Test(broadcast, who_is_not_established_gets_nothing)
{
	uint64_t half_open = fake_handshake(h, 1, "192.0.2.9:1");

	fake_data(h, conns[0], "x", 1);
	fake_run(h);
	cr_assert_eq(fake_sent_count(h, half_open), 0);
}

Test(broadcast, a_sender_that_left_meanwhile_is_still_heard)
{
	fake_data(h, conns[0], "bye", 3);
	fake_disconnect(h, conns[0]);
	fake_run(h);
	cr_assert_eq(fake_counter(h, "sent"), CLIENTS - 1);
}

Test(broadcast, lengths_from_nothing_to_a_full_record_pass)
{
	static const size_t lengths[] = {0, 1, 16383, 16384};
	static uint8_t data[16384];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 13);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		fake_data(h, conns[0], data, lengths[i]);
		fake_run(h);
		cr_assert_eq(fake_sent(h, conns[1], i).len, lengths[i]);
		cr_assert(memcmp(fake_sent(h, conns[1], i).data, data, lengths[i]) == 0);
	}
}

Test(broadcast, what_is_too_long_is_dropped_and_counted)
{
	static const uint8_t data[16385];

	cr_assert_eq(fake_data(h, conns[0], data, sizeof(data)), DTLSD_DONE);
	cr_assert_eq(fake_run(h), 0);
	cr_assert_eq(fake_counter(h, "too_long"), 1);

	fake_info(h, conns[3])->max_datagram = 512;
	fake_data(h, conns[0], data, 513);
	fake_run(h);
	cr_assert_eq(fake_counter(h, "too_long"), 2);
	cr_assert_eq(fake_counter(h, "sent"), CLIENTS - 2);
	cr_assert_eq(fake_sent_count(h, conns[3]), 0);
}

Test(broadcast, a_full_mailbox_is_counted)
{
	fake_weather(h)->post = DTLSD_AGAIN;
	cr_assert_eq(fake_data(h, conns[0], "x", 1), DTLSD_DONE);
	fake_weather(h)->post = DTLSD_OK;
	cr_assert_eq(fake_run(h), 0);
	cr_assert_eq(fake_counter(h, "queue_full"), 1);
}
