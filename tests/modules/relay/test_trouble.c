#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "world.h"

#define SECOND 1000000000u

static struct fake_host *h;
static uint8_t got[65536];
static size_t got_len;

static void
stop(void)
{
	fake_free(&h);
}

TestSuite(relay_trouble, .fini = stop);

/* ---- a back-end that is down --------------------------------------------------------------------
 */

Test(relay_trouble, a_backend_that_is_down_is_counted_told_once_a_second_and_found_when_back)
{
	struct backend b = backend_new("127.0.0.1", 0);

	close(b.fd);
	h = relay_host(1, "{'to': '127.0.0.1:%u'}", b.port);
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
	for (uint64_t i = 1; i <= 20; i++) {
		cr_assert_eq(fake_data(h, conn, "?", 1), DTLSD_DONE);
		cr_assert(wait_counter(h, "backend_refused", i));
	}
	cr_assert_eq(fake_logged(h, "back-end 127.0.0.1:"), 1);
	cr_assert_eq(fake_logged(h, "Connection refused"), 1);

	fake_advance(h, SECOND);
	fake_data(h, conn, "?", 1);
	cr_assert(wait_counter(h, "backend_refused", 21));
	cr_assert_eq(fake_logged(h, "(20 times since"), 1);
	cr_assert(fake_alive(h, conn));

	b = backend_new("127.0.0.1", b.port);
	fake_data(h, conn, "back?", 5);
	cr_assert(backend_get(&b, got, sizeof(got), &got_len, WAIT_MS));
	cr_assert_eq(got_len, 5);
	backend_answer(&b, "yes", 3);
	cr_assert(wait_sent(h, conn, 1));
}

Test(relay_trouble, the_word_about_an_earlier_datagram_does_not_cost_the_next_one)
{
	struct backend b = backend_new("127.0.0.1", 0);

	close(b.fd);
	h = relay_host(1, "{'to': '127.0.0.1:%u'}", b.port);
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
	/* Loopback: the refusal is there when the call returns, and nobody has read it yet. */
	fake_data(h, conn, "lost", 4);
	b = backend_new("127.0.0.1", b.port);
	fake_data(h, conn, "kept", 4);
	cr_assert(backend_get(&b, got, sizeof(got), &got_len, WAIT_MS));
	cr_assert(got_len == 4 && memcmp(got, "kept", 4) == 0);
	cr_assert_eq(fake_counter(h, "backend_refused"), 1);
	cr_assert_eq(fake_counter(h, "to_backend"), 2);
}

Test(relay_trouble, no_way_to_the_backend_is_told_and_refuses_nobody)
{
	h = relay_host(1, "{'to': '127.0.0.1:9', 'source': '192.0.2.77'}");
	cr_assert_eq(fake_request(h, 0, "192.0.2.1:4000"), DTLSD_NEXT);
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
	cr_assert_eq(fake_data(h, conn, "?", 1), DTLSD_DONE);
	cr_assert_eq(fake_counter(h, "backend_refused"), 3);
	cr_assert_eq(fake_counter(h, "backend_dropped"), 1);
	cr_assert_eq(fake_logged(h, "Cannot assign requested address"), 1);
}

/* ---- nothing left -------------------------------------------------------------------------------
 */

static rlim_t
count_descriptors(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return (rlim_t)fd;
}

Test(relay_trouble, without_descriptors_new_clients_are_refused_and_old_ones_served)
{
	struct backend b = backend_new("127.0.0.1", 0);
	struct rlimit limit;

	h = relay_host(1, "{'to': '127.0.0.1:%u', 'idle_timeout': '10s'}", b.port);
	uint64_t old = fake_connect(h, 0, "192.0.2.1:4000");
	cr_assert_eq(fake_request(h, 0, "192.0.2.1:4001"), DTLSD_NEXT);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	rlim_t before = limit.rlim_cur;
	limit.rlim_cur = count_descriptors();
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);

	for (unsigned i = 0; i < 10; i++)
		cr_assert_eq(fake_request(h, 0, "192.0.2.1:4001"), DTLSD_REJECT);
	cr_assert_eq(fake_counter(h, "refused_no_descriptor"), 10);
	cr_assert_eq(fake_logged(h, "no descriptor left"), 1);
	fake_data(h, old, "?", 1);
	cr_assert(backend_get(&b, got, sizeof(got), &got_len, WAIT_MS));

	/* One that was in its handshake already: let in, its datagrams dropped. */
	uint64_t late = fake_connect(h, 0, "192.0.2.1:4002");
	cr_assert_eq(fake_data(h, late, "late", 4), DTLSD_DONE);
	cr_assert_eq(fake_counter(h, "backend_dropped"), 1);

	limit.rlim_cur = before;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(fake_request(h, 0, "192.0.2.1:4001"), DTLSD_NEXT);
	fake_data(h, late, "late", 4);
	cr_assert(backend_get(&b, got, sizeof(got), &got_len, WAIT_MS));
	cr_assert(got_len == 4 && memcmp(got, "late", 4) == 0);
}

Test(relay_trouble, asking_whether_a_client_can_be_served_costs_no_descriptor)
{
	h = relay_host(1, "{'to': '127.0.0.1:9'}");
	rlim_t before = count_descriptors();
	for (unsigned i = 0; i < 100; i++)
		cr_assert_eq(fake_request(h, 0, "192.0.2.1:4000"), DTLSD_NEXT);
	cr_assert_eq(count_descriptors(), before);
}

Test(relay_trouble, a_source_without_ports_hands_over_to_the_next_and_the_last_one_refuses)
{
	struct backend b = backend_new("127.0.0.1", 0);

	h = relay_host(1, "{'to': '127.0.0.1:%u', 'source': ['127.77.0.1', '127.77.0.2']}", b.port);
	take_ports("127.77.0.1");
	for (unsigned i = 0; i < 4; i++) {
		cr_assert_eq(fake_request(h, 0, "192.0.2.1:4000"), DTLSD_NEXT);
		fake_data(h, fake_connect(h, 0, "192.0.2.1:4000"), "?", 1);
		cr_assert(backend_get(&b, got, sizeof(got), &got_len, WAIT_MS));
		cr_assert_str_eq(backend_from_ip(&b), "127.77.0.2");
	}
	take_ports("127.77.0.2");
	for (unsigned i = 0; i < 10; i++)
		cr_assert_eq(fake_request(h, 0, "192.0.2.1:4000"), DTLSD_REJECT);
	cr_assert_eq(fake_counter(h, "refused_no_port"), 10);
	cr_assert_eq(fake_logged(h, "no source port left"), 1);
	give_ports_back();
	cr_assert_eq(fake_request(h, 0, "192.0.2.1:4000"), DTLSD_NEXT);
}

Test(relay_trouble, without_a_source_the_ports_of_the_system_can_run_out_too)
{
	h = relay_host(1, "{'to': '127.0.0.1:9'}");
	take_ports(NULL);
	cr_assert_eq(fake_request(h, 0, "192.0.2.1:4000"), DTLSD_REJECT);
	cr_assert_eq(fake_counter(h, "refused_no_port"), 1);
	give_ports_back();
	cr_assert_eq(fake_request(h, 0, "192.0.2.1:4000"), DTLSD_NEXT);
}

Test(relay_trouble, a_host_without_memory_costs_datagrams_and_no_descriptor)
{
	h = relay_host(1, "{'to': '127.0.0.1:9'}");
	rlim_t before = count_descriptors();
	fake_weather(h)->watch = DTLSD_NOMEM;
	uint64_t conn = fake_connect(h, 0, "192.0.2.1:4000");
	fake_data(h, conn, "?", 1);
	cr_assert_eq(fake_counter(h, "backend_dropped"), 1);
	cr_assert_eq(count_descriptors(), before);

	fake_weather(h)->set_conn_data = DTLSD_NOMEM;
	uint64_t other = fake_connect(h, 0, "192.0.2.1:4001");
	fake_data(h, other, "?", 1);
	cr_assert_eq(fake_counter(h, "backend_dropped"), 2);
	cr_assert_eq(fake_counter(h, "flows_opened"), 0);
}

Test(relay_trouble, a_timer_that_could_not_start_is_started_with_the_next_flow)
{
	h = relay_host(1, "{'to': '127.0.0.1:9', 'idle_timeout': '10s'}");
	fake_weather(h)->no_timers = true;
	fake_connect(h, 0, "192.0.2.1:4000");
	fake_weather(h)->no_timers = false;
	fake_advance(h, 20u * (uint64_t)SECOND);
	cr_assert_eq(fake_watched(h), 1);
	fake_connect(h, 0, "192.0.2.1:4001");
	fake_advance(h, 1);
	cr_assert_eq(fake_watched(h), 1);
	cr_assert_eq(fake_counter(h, "flows_closed"), 1);
}

/* ---- the configuration test
 * ----------------------------------------------------------------------- */

struct check_case {
	const char *json;
	int64_t connections;
	size_t errors;
	const char *says; /* NULL = nothing at all */
};

Test(relay_trouble, the_configuration_test_finds_what_would_not_work)
{
	static const struct check_case cases[] = {
	    {"{'to': '127.0.0.1:5683'}", 0, 0, NULL},
	    {"{'to': '127.0.0.1:5683'}", 500, 0, NULL},
	    {"{'to': ['127.0.0.1:1', '[::1]:1']}", 500, 0, NULL},
	    {"{'to': '127.0.0.1:1', 'source': ['127.0.0.1', '127.0.0.2']}", 500, 0, NULL},
	    {"{'to': []}", 0, 1, "error /to: at least one"},
	    {"{'to': '127.0.0.1:0'}", 0, 1, "error /to: a back-end needs a port"},
	    {"{'to': ['127.0.0.1:1', '127.0.0.1:0']}", 0, 1, "error /to/1: a back-end needs"},
	    {"{'to': ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:1']}", 0, 0,
		"warning /to/2: this back-end is in the list already"},
	    {"{'to': '127.0.0.1:1', 'source': '::1'}", 0, 1,
		"error /source: a back-end is IPv4, and no source"},
	    {"{'to': ['127.0.0.1:1', '[::1]:1'], 'source': '127.0.0.1'}", 0, 1,
		"error /source: a back-end is IPv6, and no source"},
	    {"{'to': '127.0.0.1:1', 'source': ['127.0.0.1', '192.0.2.77']}", 0, 0,
		"warning /source/1: this machine has no such address"},
	    {"{'to': '127.0.0.1:1'}", 1001, 0,
		"warning : limits.connections is 1001, but each "
		"connection takes a descriptor here"},
	    {"{'to': '127.0.0.1:1'}", 64513, 0, "source port"},
	    {"{'to': '127.0.0.1:1', 'source': '127.0.0.1'}", 64513, 0,
		"warning /source: limits.connections is 64513"},
	    {"{'to': '127.0.0.1:1', 'source': ['127.0.0.1', '127.0.0.2', '127.0.0.3']}", 64513, 0,
		"descriptor"},
	};
	struct rlimit limit = {1000, 1000};

	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		h = fake_new(MODULE_FILE, 1);
		fake_configure(h, cases[i].json);
		cr_assert_eq(
		    fake_check(h, cases[i].connections), cases[i].errors, "%s", cases[i].json);
		if (cases[i].says != NULL)
			cr_assert(fake_complaints(h, cases[i].says) > 0, "%s", cases[i].json);
		else
			cr_assert_eq(fake_complaints(h, ""), 0, "%s", cases[i].json);
		fake_free(&h);
	}
}

Test(relay_trouble, enough_sources_silence_the_warning_about_ports)
{
	h = fake_new(MODULE_FILE, 1);
	fake_configure(h, "{'to': '127.0.0.1:1', 'source': ['127.0.0.1', '127.0.0.2', "
			  "'127.0.0.3', '127.0.0.4']}");
	fake_check(h, 65536);
	cr_assert_eq(fake_complaints(h, "source port"), 0);
}
