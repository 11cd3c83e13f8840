/* many_clients.c - opens many DTLS clients towards an echo server, from as many addresses.
 *
 *     many_clients --server 127.0.0.1:4433 --clients 500 --datagrams 10000
 *
 * Prints what happened as one line of JSON. Exits 0 when every handshake was completed and every
 * answer was right; what was lost is for the caller to judge. With --idle or --watch it says
 * {"ready": true} first, and ends when its standard input does.
 */
#include "echo.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TICK_US 100000
#define PATIENCE_US 20000000 /* for all handshakes together, since the last one was done */

struct options {
	const char *server, *ciphers;
	uint32_t clients, concurrency, ports;
	bool resume, idle, watch, close;
	struct echo_plan plan;
};

struct crowd {
	struct options o;
	struct fleet fleet;
	struct client_kind kind;
	struct client *clients; /* owned */
	SSL_SESSION *session;	/* owned; what the others resume, NULL = none */
	uint32_t started, pending, ready, resumed, failed;
	uint64_t kernel_drops;
	char cipher[64];
};

/* ---- options ---- */

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
    {"clients", required_argument, NULL, 'n'},
    {"datagrams", required_argument, NULL, 'd'},
    {"concurrency", required_argument, NULL, 'h'}, /* handshakes at a time */
    {"outstanding", required_argument, NULL, 'o'}, /* unanswered datagrams at a time */
    {"ports", required_argument, NULL, 'p'},
    {"max-size", required_argument, NULL, 'm'},
    {"seed", required_argument, NULL, 'r'},
    {"ciphers", required_argument, NULL, 'c'},
    {"resume", no_argument, NULL, 'R'}, /* one full handshake, all others resume its session */
    {"idle", no_argument, NULL, 'I'},
    {"watch", required_argument, NULL, 'W'}, /* an echo of each client every so many us */
    {"close", no_argument, NULL, 'C'},	     /* with close_notify at the end */
    {NULL, 0, NULL, 0},
};

static struct options
read_options(int argc, char **argv)
{
	struct options o = {.clients = 1, .concurrency = 32, .ports = 1};
	/* So many fit into the least that Linux grants who asks for a large buffer (416 KiB), even if
	 * all of them wait at one socket. */
	o.plan = (struct echo_plan){.seed = 1, .max_size = 1200, .outstanding = 128};
	int name;
	while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (name) {
		case 's': o.server = optarg; break;
		case 'n': o.clients = number(optarg); break;
		case 'd': o.plan.datagrams = number(optarg); break;
		case 'h': o.concurrency = number(optarg); break;
		case 'o': o.plan.outstanding = number(optarg); break;
		case 'p': o.ports = number(optarg); break;
		case 'm': o.plan.max_size = number(optarg); break;
		case 'r': o.plan.seed = number(optarg); break;
		case 'c': o.ciphers = optarg; break;
		case 'R': o.resume = true; break;
		case 'I': o.idle = true; break;
		case 'W': o.watch = true; o.plan.pace_us = number(optarg); break;
		case 'C': o.close = true; break;
		default: exit(2);
		}
	}
	if (!o.server || optind != argc || !o.clients || !o.concurrency || !o.plan.outstanding)
		fleet_die("--server ADDRESS:PORT, and no number may be 0");
	return o;
}

/* ---- handshakes ---- */

static void
handshake_done(struct crowd *w, struct client *c)
{
	w->pending--;
	w->ready++;
	w->resumed += SSL_session_reused(c->ssl) ? 1 : 0;
	snprintf(w->cipher, sizeof(w->cipher), "%s", SSL_get_cipher(c->ssl));
	if (w->o.resume && !w->session)
		w->session = SSL_get1_session(c->ssl);
	if (w->o.idle)
		client_forget(c);
}

static void
hear(void *arg, uint32_t source, uint8_t *data, size_t len)
{
	struct crowd *w = arg;
	struct client *c = source < w->o.clients ? &w->clients[source] : NULL;
	if (!c || c->state != CLIENT_HANDSHAKE)
		return;
	client_handshake(c, data, len);
	if (c->state == CLIENT_READY) {
		handshake_done(w, c);
	} else if (c->state == CLIENT_FAILED) {
		w->pending--;
		w->failed++;
		client_forget(c);
	}
}

static void
tick_all(struct crowd *w)
{
	for (uint32_t i = 0; i < w->started; i++)
		client_tick(&w->clients[i]);
}

static bool
may_start(const struct crowd *w)
{
	if (w->started == w->o.clients)
		return false;
	if (w->o.resume && !w->session)
		return w->started == 0;
	return w->pending < w->o.concurrency;
}

static void
do_handshakes(struct crowd *w)
{
	int64_t last_done = fleet_now_us(), last_tick = last_done, now;
	while (w->started < w->o.clients || w->pending) {
		uint32_t before = w->ready;
		while (may_start(w)) {
			struct client *c = &w->clients[w->started];
			c->source = w->started++;
			w->pending++;
			client_start(c, &w->kind, w->session);
		}
		fleet_flush(&w->fleet);
		fleet_receive(&w->fleet, TICK_US, hear, w);
		now = fleet_now_us();
		if (w->ready > before)
			last_done = now;
		if (now - last_done > PATIENCE_US)
			break;
		if (now - last_tick > TICK_US) {
			last_tick = now;
			tick_all(w);
		}
	}
	fleet_flush(&w->fleet); /* what the last ones answered */
	w->failed += w->pending;
}

/* ---- the whole ---- */

static void
say_ready(void)
{
	printf("{\"ready\": true}\n");
	fflush(stdout);
}

static void
wait_for_end_of_input(void)
{
	char byte;
	while (read(0, &byte, 1) > 0)
		;
}

static struct echo_totals
talk(struct crowd *w)
{
	struct echo_totals none = {0};
	if (w->ready != w->o.clients)
		return none;
	if (w->o.watch || w->o.idle)
		say_ready();
	if (w->o.watch)
		return echo_watch(w->clients, w->o.clients, &w->o.plan);
	if (w->o.idle)
		wait_for_end_of_input();
	return w->o.plan.datagrams ? echo_run(w->clients, w->o.clients, &w->o.plan) : none;
}

static void
report(const struct crowd *w, double handshake_seconds, const struct echo_totals *t)
{
	printf("{\"clients\": %u, \"ready\": %u, \"resumed\": %u, \"failed\": %u, "
	       "\"handshake_seconds\": %.3f, \"cipher\": \"%s\", \"sent\": %ju, \"echoed\": %ju, "
	       "\"lost\": %ju, \"wrong\": %ju, \"echo_seconds\": %.3f, \"p50_us\": %u, "
	       "\"p99_us\": %u, \"max_us\": %u, \"kernel_drops\": %ju}\n",
	    w->o.clients, w->ready, w->resumed, w->failed, handshake_seconds, w->cipher,
	    (uintmax_t)t->sent, (uintmax_t)t->echoed, (uintmax_t)t->lost, (uintmax_t)t->wrong,
	    t->seconds, t->p50_us, t->p99_us, t->max_us, (uintmax_t)w->kernel_drops);
}

int
main(int argc, char **argv)
{
	struct crowd w = {.o = read_options(argc, argv)};
	fleet_open(&w.fleet, w.o.server, w.o.ports);
	client_kind_init(&w.kind, &w.fleet, w.o.ciphers);
	w.clients = calloc(w.o.clients, sizeof(*w.clients));
	if (!w.clients)
		fleet_die("no memory");

	int64_t began = fleet_now_us();
	do_handshakes(&w);
	double handshake_seconds = (double)(fleet_now_us() - began) / 1e6;
	struct echo_totals totals = talk(&w);
	w.kernel_drops = fleet_kernel_drops(&w.fleet); /* nobody listens for answers to what follows */
	for (uint32_t i = 0; i < w.started; i++) {
		if (w.o.close)
			client_close_notify(&w.clients[i]);
		client_forget(&w.clients[i]);
	}
	fleet_flush(&w.fleet);
	report(&w, handshake_seconds, &totals);

	SSL_SESSION_free(w.session);
	free(w.clients);
	client_kind_fini(&w.kind);
	fleet_close(&w.fleet);
	return w.ready == w.o.clients && totals.wrong == 0 ? 0 : 1;
}
