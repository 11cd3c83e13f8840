#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_host.h"

static struct fake_host *h;

static void
start(void)
{
	h = fake_new(MODULE_FILE, 1);
}

static void
stop(void)
{
	fake_free(&h);
}

TestSuite(ip_access, .init = start, .fini = stop);

static void
write_file(char *path, const char *content)
{
	int fd = mkstemp(path);
	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, content, strlen(content)), (ssize_t)strlen(content));
	close(fd);
}

Test(ip_access, without_options_nobody_may_connect_and_the_check_says_so)
{
	cr_assert_eq(fake_check(h, 0), 0);
	cr_assert_eq(fake_complaints(h, "no client may connect"), 1);
	cr_assert_eq(fake_open(h), DTLSD_OK);
	cr_assert_eq(fake_request(h, 0, "127.0.0.1:1"), DTLSD_REJECT);
	cr_assert_eq(fake_request(h, 0, "[::1]:1"), DTLSD_REJECT);
}

Test(ip_access, a_refusal_is_silent_and_both_verdicts_are_counted)
{
	struct dtlsd_request request = {.peer = fake_address("192.0.2.1:7")};
	fake_configure(h, "{'allow': ['10.0.0.0/8', '2001:db8::/32'], 'deny': '10.9.0.0/16'}");
	cr_assert_eq(fake_check(h, 0), 0);
	cr_assert_eq(fake_complaints(h, ""), 0);
	cr_assert_eq(fake_open(h), DTLSD_OK);

	cr_assert_eq(fake_request_with(h, 0, &request), DTLSD_REJECT);
	cr_assert_eq(request.alert, 0);
	cr_assert_eq(fake_request(h, 0, "10.8.255.255:7"), DTLSD_NEXT);
	cr_assert_eq(fake_request(h, 0, "10.9.0.0:7"), DTLSD_REJECT);
	cr_assert_eq(fake_request(h, 0, "[2001:db8::1]:7"), DTLSD_NEXT);
	cr_assert_eq(fake_request(h, 0, "[2001:db9::1]:7"), DTLSD_REJECT);
	cr_assert_eq(fake_counter(h, "allowed"), 2);
	cr_assert_eq(fake_counter(h, "denied"), 3);
}

Test(ip_access, a_client_is_not_followed_to_an_address_from_which_it_might_not_connect)
{
	fake_configure(h, "{'allow': ['10.0.0.0/8', '2001:db8::/32'], 'deny': '10.9.0.0/16'}");
	cr_assert_eq(fake_open(h), DTLSD_OK);
	uint64_t conn = fake_connect(h, 0, "10.8.0.1:7");
	cr_assert_eq(fake_peer_moved(h, conn, "10.8.0.1:8"), DTLSD_NEXT);
	cr_assert_eq(fake_peer_moved(h, conn, "10.9.0.1:8"), DTLSD_REJECT);
	cr_assert_eq(fake_peer_moved(h, conn, "192.0.2.1:8"), DTLSD_REJECT);
	cr_assert_eq(fake_peer_moved(h, conn, "[2001:db8::1]:8"), DTLSD_NEXT);
	cr_assert_eq(fake_peer_moved(h, conn, "[2001:db9::1]:8"), DTLSD_REJECT);
	cr_assert_eq(fake_counter(h, "moves_denied"), 3);
	cr_assert_eq(fake_counter(h, "denied"), 0);
}

Test(ip_access, with_default_allow_only_the_denied_are_refused)
{
	fake_configure(h, "{'deny': '192.0.2.0/24', 'allow': '192.0.2.7', 'default': 'allow'}");
	cr_assert_eq(fake_check(h, 0), 0);
	cr_assert_eq(fake_open(h), DTLSD_OK);
	cr_assert_eq(fake_request(h, 0, "192.0.1.255:1"), DTLSD_NEXT);
	cr_assert_eq(fake_request(h, 0, "192.0.2.6:1"), DTLSD_REJECT);
	cr_assert_eq(fake_request(h, 0, "192.0.2.7:1"), DTLSD_NEXT);
}

Test(ip_access, a_configuration_that_lets_everybody_in_is_warned_of)
{
	fake_configure(h, "{'allow': '10.0.0.0/8', 'default': 'allow'}");
	cr_assert_eq(fake_check(h, 0), 0);
	cr_assert_eq(fake_complaints(h, "warning : nothing is denied"), 1);
}

Test(ip_access, a_prefix_in_both_lists_is_warned_of_at_its_place_and_denied)
{
	fake_configure(h, "{'allow': ['10.0.0.0/8', '11.0.0.0/8'],"
			  " 'deny': ['12.0.0.0/8', '11.0.0.0/8']}");
	cr_assert_eq(fake_check(h, 0), 0);
	cr_assert_eq(
	    fake_complaints(h, "warning /allow/1: the same prefix stands in deny (item 1)"), 1);
	cr_assert_eq(fake_open(h), DTLSD_OK);
	cr_assert_eq(fake_request(h, 0, "11.1.1.1:1"), DTLSD_REJECT);
}

Test(ip_access, many_prefixes_in_both_lists_are_summed_up)
{
	char path[] = "/tmp/ip_access_XXXXXX", json[128], content[64 * 16];
	size_t len = 0;
	for (int i = 0; i < 64; i++)
		len += (size_t)snprintf(content + len, sizeof(content) - len, "10.%d.0.0/16\n", i);
	write_file(path, content);
	snprintf(json, sizeof(json), "{'allow_file': '%s', 'deny_file': '%s'}", path, path);
	fake_configure(h, json);
	cr_assert_eq(fake_check(h, 0), 0);
	cr_assert_eq(fake_complaints(h, "warning /allow_file/0: the same prefix"), 10);
	cr_assert_eq(fake_complaints(h, "warning : 64 prefixes are both"), 1);
	unlink(path);
}

Test(ip_access, files_add_to_the_lists)
{
	char allow[] = "/tmp/ip_access_XXXXXX", deny[] = "/tmp/ip_access_XXXXXX", json[256];
	write_file(allow, "# fleet\n10.0.0.0/8\n2001:db8::/32 # lab\n");
	write_file(deny, "10.1.0.0/16\n");
	snprintf(json, sizeof(json),
	    "{'allow': '192.0.2.1', 'allow_file': ['%s'], 'deny_file': '%s'}", allow, deny);
	fake_configure(h, json);
	cr_assert_eq(fake_check(h, 0), 0);
	cr_assert_eq(fake_open(h), DTLSD_OK);
	unlink(allow);
	unlink(deny);
	cr_assert_eq(fake_request(h, 0, "192.0.2.1:1"), DTLSD_NEXT);
	cr_assert_eq(fake_request(h, 0, "10.2.0.0:1"), DTLSD_NEXT);
	cr_assert_eq(fake_request(h, 0, "10.1.0.0:1"), DTLSD_REJECT);
	cr_assert_eq(fake_request(h, 0, "[2001:db8::]:1"), DTLSD_NEXT);
}

Test(ip_access, a_bad_line_is_an_error_of_the_check_and_keeps_the_instance_from_opening)
{
	char good[] = "/tmp/ip_access_XXXXXX", bad[] = "/tmp/ip_access_XXXXXX", text[256];
	write_file(good, "10.0.0.0/8\n");
	write_file(bad, "10.0.0.0/8\n10.0.0.0/80\n");
	snprintf(text, sizeof(text), "{'deny_file': ['%s', '%s', '/nonexistent']}", good, bad);
	fake_configure(h, text);

	cr_assert_eq(fake_check(h, 0), 2);
	snprintf(text, sizeof(text), "error /deny_file/1: %s:2: the prefix length", bad);
	cr_assert_eq(fake_complaints(h, text), 1);
	cr_assert_eq(fake_complaints(h, "error /deny_file/2: /nonexistent: No such file"), 1);

	cr_assert_eq(fake_open(h), DTLSD_INVALID);
	snprintf(text, sizeof(text), "/deny_file/1: %s:2: the prefix length", bad);
	cr_assert_eq(fake_logged(h, text), 1);
	unlink(good);
	unlink(bad);
}

Test(ip_access, takes_a_hundred_thousand_prefixes)
{
	char path[] = "/tmp/ip_access_XXXXXX", json[128];
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	cr_assert(f);
	for (unsigned i = 0; i < 100000; i++)
		fprintf(f, "10.%u.%u.%u/31\n", i >> 14 & 255, i >> 6 & 255, (i & 63) * 4);
	fclose(f);
	snprintf(json, sizeof(json), "{'allow_file': '%s'}", path);
	fake_configure(h, json);
	cr_assert_eq(fake_check(h, 0), 0);
	cr_assert_eq(fake_open(h), DTLSD_OK);
	unlink(path);
	for (unsigned i = 0; i < 1000; i++) {
		char peer[64];
		snprintf(peer, sizeof(peer), "10.%u.%u.%u:1", i % 6, i % 256, i % 256);
		cr_assert_eq(
		    fake_request(h, 0, peer), i % 4 < 2 ? DTLSD_NEXT : DTLSD_REJECT, "%s", peer);
	}
}
