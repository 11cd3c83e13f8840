/* spoof.c - clients that mean no good, in great numbers.
 *
 *     spoof --server 127.0.0.1:4433 --hellos 1000000 --sources 100000 --rate 60000
 *     spoof --server 127.0.0.1:4433 --begin 100000 --rate 10000
 *
 * --hellos: ClientHellos without a valid cookie (none, a random one, one of a wrong length); what
 * comes back is counted. --begin: proves each address with the cookie that it was given, begins a
 * handshake, and sends parts of messages that claim up to 2^24 bytes; never finishes.
 * Prints what happened as one line of JSON.
 */
#include "fleet.h"
#include "forge.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BURST 128u	    /* datagrams between two looks at the clock and at what came back */
#define LAST_ANSWERS_US 300000

struct options {
	const char *server;
	uint32_t hellos, begin, sources, ports, rate, skip;
};

struct attack {
	struct options o;
	struct fleet fleet;
	uint64_t cookies, others; /* HelloVerifyRequests; other datagrams that came back */
	uint64_t begun;
	size_t smallest_hello, largest_answer; /* bytes */
};

static uint32_t
number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	if (*end || end == text || n > UINT32_MAX)
		fleet_die("%s: not a number", text);
	return (uint32_t)n;
}

static const struct option names[] = {
    {"server", required_argument, NULL, 's'},
    {"hellos", required_argument, NULL, 'h'},
    {"begin", required_argument, NULL, 'b'},
    {"sources", required_argument, NULL, 'n'},
    {"skip", required_argument, NULL, 'k'}, /* number of the first source */
    {"ports", required_argument, NULL, 'p'}, /* sources = addresses times ports */
    {"rate", required_argument, NULL, 'r'}, /* datagrams in a second */
    {NULL, 0, NULL, 0},
};

static struct options
read_options(int argc, char **argv)
{
	struct options o = {.sources = 100000, .ports = 10, .rate = 50000};
	int name;
	while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (name) {
		case 's': o.server = optarg; break;
		case 'h': o.hellos = number(optarg); break;
		case 'b': o.begin = number(optarg); break;
		case 'n': o.sources = number(optarg); break;
		case 'k': o.skip = number(optarg); break;
		case 'p': o.ports = number(optarg); break;
		case 'r': o.rate = number(optarg); break;
		default: exit(2);
		}
	}
	if (!o.server || optind != argc || !o.rate || !o.hellos == !o.begin)
		fleet_die("--server ADDRESS:PORT, a rate, and either --hellos or --begin");
	if (!o.ports || !o.sources || o.sources % o.ports)
		fleet_die("every address is used with every port: so many sources there must be");
	return o;
}

/* ---- hellos without a proof ---- */

static void
count_answer(void *arg, uint32_t source, uint8_t *data, size_t len)
{
	struct attack *a = arg;
	struct forge_bytes cookie;
	(void)source;
	if (len > a->largest_answer)
		a->largest_answer = len;
	if (forge_read_cookie(data, len, &cookie))
		a->cookies++;
	else
		a->others++;
}

/* Seven of eight bring no cookie, the others one that is not theirs. */
static void
send_unproven(struct attack *a, uint32_t i)
{
	static const uint8_t wrong[32] = {1, 2, 3};
	static const size_t lengths[] = {20, 32, 1, 20};
	/* Neighbours in time share a port, so that they go out in one call. */
	uint32_t burst = i / BURST, port = burst % a->o.ports;
	uint32_t address = (burst / a->o.ports * BURST + i % BURST) % (a->o.sources / a->o.ports);
	uint32_t source = a->o.skip + address * a->o.ports + port;
	struct forge_bytes cookie = {wrong, i % 8 == 7 ? lengths[i / 8 % 4] : 0};
	struct forge_hello hello = {.random_seed = i, .cookie = cookie};
	size_t len = forge_hello(&hello, fleet_reserve(&a->fleet, source));
	fleet_commit(&a->fleet, len);
	if (len < a->smallest_hello)
		a->smallest_hello = len;
}

/* ---- handshakes that never end ---- */

/* What the liar of this number sends behind its hello. */
static void
send_lies(struct attack *a, uint32_t source)
{
	static const struct forge_part lies[][2] = {
	    /* type, claimed length, offset, bytes: far beyond what anybody keeps */
	    {{FORGE_CERTIFICATE, 0xffffff, 0, 1000}, {FORGE_CERTIFICATE, 0xffffff, 0xffffff - 1000, 1000}},
	    /* as long as what may be kept, both ends of it */
	    {{FORGE_CERTIFICATE, 100000, 0, 1100}, {FORGE_CERTIFICATE, 100000, 98900, 1100}},
	    {{FORGE_KEY_EXCHANGE, 65536, 0, 1}, {FORGE_KEY_EXCHANGE, 65536, 2, 1}},
	    /* a claim of nothing, and a Finished before its time */
	    {{FORGE_KEY_EXCHANGE, 0xffffff, 5, 0}, {FORGE_FINISHED, 0xfffffe, 0, 1200}},
	};
	for (size_t i = 0; i < 2; i++) {
		uint8_t *out = fleet_reserve(&a->fleet, source);
		fleet_commit(&a->fleet, forge_part(&lies[source % 4][i], out));
	}
}

/* The cookie came: begin. Every fifth brings the hello itself in parts, and never the rest. */
static void
begin(void *arg, uint32_t source, uint8_t *data, size_t len)
{
	struct attack *a = arg;
	struct forge_hello hello = {.random_seed = source, .second = true};
	if (!forge_read_cookie(data, len, &hello.cookie)) {
		a->others++;
		return;
	}
	a->cookies++;
	if (source % 5 == 0)
		hello.claimed = source % 10 ? 15000 : 0xffffff;
	uint8_t *out = fleet_reserve(&a->fleet, source);
	fleet_commit(&a->fleet, forge_hello(&hello, out));
	send_lies(a, source);
	a->begun++;
}

static void
send_first(struct attack *a, uint32_t i)
{
	uint32_t source = a->o.skip + i % a->o.sources;
	struct forge_hello hello = {.random_seed = source};
	uint8_t *out = fleet_reserve(&a->fleet, source);
	fleet_commit(&a->fleet, forge_hello(&hello, out));
}

/* ---- the whole ---- */

/* Sends `count` at the asked rate; behind it after a pause, it does not hurry. */
static void
attack(struct attack *a, uint32_t count, void (*send_one)(struct attack *, uint32_t),
    fleet_receiver *answered)
{
	int64_t interval = (int64_t)1000000 * BURST / a->o.rate, due = fleet_now_us();
	for (uint32_t i = 0; i < count;) {
		for (uint32_t k = 0; k < BURST && i < count; k++)
			send_one(a, i++);
		fleet_flush(&a->fleet);
		int64_t now = fleet_now_us();
		due = due + interval > now - interval ? due + interval : now;
		do {
			fleet_receive(&a->fleet, due > now ? due - now : 0, answered, a);
			fleet_flush(&a->fleet);
			now = fleet_now_us();
		} while (now < due);
	}
	while (fleet_receive(&a->fleet, LAST_ANSWERS_US, answered, a))
		fleet_flush(&a->fleet);
}

static void
report(const struct attack *a, double seconds)
{
	const struct fleet *f = &a->fleet;
	printf("{\"sent\": %ju, \"sent_bytes\": %ju, \"received\": %ju, \"received_bytes\": %ju, "
	       "\"cookies\": %ju, \"others\": %ju, \"begun\": %ju, \"smallest_hello\": %zu, "
	       "\"largest_answer\": %zu, \"seconds\": %.3f, \"kernel_drops\": %ju}\n",
	    (uintmax_t)f->sent, (uintmax_t)f->sent_bytes, (uintmax_t)f->received,
	    (uintmax_t)f->received_bytes, (uintmax_t)a->cookies, (uintmax_t)a->others,
	    (uintmax_t)a->begun, a->smallest_hello, a->largest_answer, seconds,
	    (uintmax_t)fleet_kernel_drops(f));
}

int
main(int argc, char **argv)
{
	struct attack a = {.o = read_options(argc, argv), .smallest_hello = SIZE_MAX};
	struct fleet *f = &a.fleet;
	fleet_open(f, a.o.server, a.o.ports);
	int64_t began = fleet_now_us();
	if (a.o.hellos)
		attack(&a, a.o.hellos, send_unproven, count_answer);
	else
		attack(&a, a.o.begin, send_first, begin);
	report(&a, (double)(fleet_now_us() - began) / 1e6);
	fleet_close(f);
	return 0;
}
