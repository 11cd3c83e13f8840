#include <criterion/criterion.h>
#include <string.h>

#include "fake_host.h"

static struct fake_host *h;

static void
start(void)
{
	h = fake_new(MODULE_FILE, 1);
	cr_assert_eq(fake_open(h), DTLSD_OK);
}

static void
stop(void)
{
	fake_free(&h);
}

TestSuite(echo, .init = start, .fini = stop);

Test(echo, every_datagram_comes_back_as_it_was)
{
	static const size_t lengths[] = {0, 1, 2, 1200, 16383, 16384};
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
	uint8_t data[16384];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		cr_assert_eq(fake_data(h, conn, data, lengths[i]), DTLSD_DONE);
		struct dtlsd_bytes sent = fake_sent(h, conn, i);
		cr_assert_eq(sent.len, lengths[i]);
		cr_assert(memcmp(sent.data, data, lengths[i]) == 0);
	}
	cr_assert_eq(fake_counter(h, "echoed"), 6);
	cr_assert_eq(fake_counter(h, "too_long"), 0);
}

Test(echo, a_client_gets_its_own_datagrams_only)
{
	uint64_t a = fake_connect(h, 0, "192.0.2.1:4000");
	uint64_t b = fake_connect(h, 0, "[2001:db8::1]:4000");

	fake_data(h, a, "a", 1);
	fake_data(h, b, "b", 1);
	cr_assert_eq(fake_sent_count(h, a), 1);
	cr_assert_eq(fake_sent_count(h, b), 1);
	cr_assert_eq(fake_sent(h, a, 0).data[0], 'a');
	cr_assert_eq(fake_sent(h, b, 0).data[0], 'b');
}

Test(echo, what_the_client_cannot_take_is_counted)
{
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");

	fake_info(h, conn)->max_datagram = 512;
	cr_assert_eq(fake_data(h, conn, (uint8_t[513]){0}, 513), DTLSD_DONE);
	cr_assert_eq(fake_sent_count(h, conn), 0);
	cr_assert_eq(fake_counter(h, "too_long"), 1);
}
