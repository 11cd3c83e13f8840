#include "server/server.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "client.h"
#include "world.h"

#define PATIENCE                                                                                   \
	20000 /* ms: longer than anything good takes, under a sanitizer on a busy machine */

#define SERVER(members) "{'name':'s','listen':'127.0.0.1:0','chain':['probe']" members "}"

static struct dt_server *
start(struct world *w, const char *config)
{
	struct dt_server *s;
	world_open(w, config);
	enum dt_err err = dt_server_start(w->config, true, &w->logger, &s, &w->report);
	cr_assert_eq(err, DT_OK, "%d %s%s", err, world_report(w), w->log);
	return s;
}

static const char *
with_workers(unsigned workers, const char *servers)
{
	static char text[2048];
	snprintf(text, sizeof(text), "{'workers':%u,'servers':[%s]}", workers, servers);
	return text;
}

Test(server, starts_and_stops_with_any_number_of_workers)
{
	static const unsigned rows[] = {1, 2, 4, 8};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;
		size_t descriptors = world_descriptors();
		int before = probe.starts;
		struct dt_server *s = start(&w, with_workers(rows[i], SERVER("")));
		cr_assert_eq(probe.starts - before, (int)rows[i]);
		dt_server_stop(&s);
		cr_assert_null(s);
		cr_assert_eq(probe.starts, probe.stops);
		cr_assert_eq(probe.opens, probe.closes);
		cr_assert_eq(world_descriptors(), descriptors);
		LOGGED(&w, "info: counters: none\n");
		LOGGED(&w, "info: dropped: none\n");
		world_close(&w);
	}
}

/* The kernel chooses the worker by the client's port: with enough of them each is met. */
static void
echo_through_every_worker(unsigned workers)
{
	struct world w;
	struct client clients[64];
	unsigned count = 0, met = 0;
	struct dt_server *s = start(&w, with_workers(workers, SERVER("")));
	struct dtlsd_address a = world_address(s);
	while (met < workers && count < 64) {
		struct client *c = &clients[count++];
		client_init(c, &a, NULL);
		cr_assert(client_connect(c, PATIENCE), "client %u", count);
		cr_assert(client_echo(c, count));
		cr_assert(client_echo(c, 1200));
		met = 0;
		for (unsigned i = 0; i < workers; i++)
			met += probe.on_worker[i] > 0;
	}
	cr_assert_eq(met, workers);
	for (unsigned i = 0; i < count; i++)
		cr_assert(client_echo(&clients[i], 700), "an older connection still works");
	dt_server_stop(&s);
	for (unsigned i = 0; i < count; i++) {
		cr_assert_eq(client_wait(&clients[i], PATIENCE), CLIENT_CLOSED, "close_notify");
		client_fini(&clients[i]);
	}
	cr_assert_eq(probe.connected, (int)count);
	cr_assert_eq(probe.disconnected, (int)count);
	char line[64];
	snprintf(line, sizeof(line), "s [probe]: counters: echoed=%u\n", 3 * count);
	LOGGED(&w, line);
	snprintf(line, sizeof(line), "open: connections=%u handshakes=0 ssl_objects=0\n", count);
	LOGGED(&w, line);
	snprintf(line, sizeof(line), " connections_closed=%u", count);
	LOGGED(&w, line);
	world_close(&w);
}

Test(server, one_worker_serves)
{
	echo_through_every_worker(1);
}

Test(server, each_of_two_workers_serves)
{
	echo_through_every_worker(2);
}

Test(server, each_of_four_workers_serves)
{
	echo_through_every_worker(4);
}

struct addresses {
	size_t count;
	struct dtlsd_address a[8];
	char server[8]; /* the first letter of its name */
};

static void
add_address(void *arg, const char *server, const struct dtlsd_address *address)
{
	struct addresses *list = arg;
	cr_assert_lt(list->count, 8);
	list->a[list->count] = *address;
	list->server[list->count++] = server[0];
}

Test(server, serves_ipv6_and_several_addresses_and_servers)
{
	struct world w;
	struct dt_server *s = start(&w, "{'workers':2,'servers':[{'name':'a','listen':['127.0.0.1:"
					"0','[::1]:0','127.0.0.2:0'],'chain':['probe']},"
					"{'name':'b','listen':'127.0.0.3:0','chain':['keys'],'tls':"
					"{'cipher_suites':'PSK-AES128-CCM8'}}]}");
	struct addresses list = {0};
	dt_server_addresses(s, add_address, &list);
	cr_assert_eq(list.count, 4);
	for (size_t i = 0; i < list.count; i++) {
		struct client c;
		client_init(&c, &list.a[i], NULL);
		bool psk = list.server[i] == 'b';
		cr_assert_eq(client_connect(&c, psk ? 10 : PATIENCE), !psk, "address %zu", i);
		if (!psk)
			cr_assert(client_echo(&c, 100));
		client_fini(&c);
	}
	dt_server_stop(&s);
	world_close(&w);
}

static unsigned
know_psk(
    SSL *ssl, const char *hint, char *identity, unsigned cap, unsigned char *key, unsigned key_cap)
{
	(void)ssl;
	(void)hint;
	snprintf(identity, cap, "device");
	cr_assert_geq(key_cap, 16);
	memset(key, 'k', 16);
	return 16;
}

Test(server, serves_pre_shared_keys_without_any_certificate)
{
	struct world w;
	struct client c;
	struct dt_server *s = start(&w, "{'servers':[{'listen':'127.0.0.1:0','chain':['keys']}]}");
	struct dtlsd_address a = world_address(s);
	client_init(&c, &a, "PSK-AES128-CCM8");
	SSL_set_psk_client_callback(c.ssl, know_psk);
	cr_assert(client_connect(&c, PATIENCE));
	cr_assert(client_echo(&c, 100));
	client_fini(&c);
	dt_server_stop(&s);
	world_close(&w);
}

/* ---- limits ---- */

#define LIMIT 5
#define RIVALS 12

struct rival {
	struct dtlsd_address server;
	pthread_barrier_t *barrier;
	pthread_t thread;
	bool in;
};

static void *
compete(void *arg)
{
	struct rival *r = arg;
	struct client c;
	client_init(&c, &r->server, NULL);
	pthread_barrier_wait(r->barrier);
	/* Whoever is left over tries for as long as it takes to send a hello once more. */
	for (int left = 12; left > 0 && !r->in; left -= probe.connected >= LIMIT)
		r->in = client_connect(&c, 100);
	pthread_barrier_wait(r->barrier); /* nobody leaves before everybody has tried */
	client_fini(&c);
	return NULL;
}

Test(server, the_limit_of_connections_is_exact_over_all_workers)
{
	struct world w;
	struct rival rivals[RIVALS];
	pthread_barrier_t barrier;
	struct dt_server *s = start(&w, with_workers(4, SERVER(",'limits':{'connections':5}")));
	pthread_barrier_init(&barrier, NULL, RIVALS);
	for (size_t i = 0; i < RIVALS; i++) {
		rivals[i] = (struct rival){.server = world_address(s), .barrier = &barrier};
		cr_assert_eq(pthread_create(&rivals[i].thread, NULL, compete, &rivals[i]), 0);
	}
	size_t in = 0;
	for (size_t i = 0; i < RIVALS; i++) {
		pthread_join(rivals[i].thread, NULL);
		in += rivals[i].in;
	}
	cr_assert_eq(in, LIMIT);
	cr_assert_eq(probe.connected, LIMIT);
	dt_server_stop(&s);
	LOGGED(&w, " datagrams.connection_limit=");
	pthread_barrier_destroy(&barrier);
	world_close(&w);
}

Test(server, a_place_that_becomes_free_is_given_again)
{
	struct world w;
	struct client first, second;
	struct dt_server *s = start(&w, with_workers(2, SERVER(",'limits':{'connections':1}")));
	struct dtlsd_address a = world_address(s);
	client_init(&first, &a, NULL);
	client_init(&second, &a, NULL);
	cr_assert(client_connect(&first, PATIENCE));
	cr_assert_not(client_connect(&second, 300));
	client_close(&first);
	cr_assert_eq(client_wait(&first, PATIENCE), CLIENT_CLOSED);
	cr_assert(client_connect(&second, PATIENCE));
	cr_assert(client_echo(&second, 10));
	client_fini(&first);
	client_fini(&second);
	dt_server_stop(&s);
	world_close(&w);
}

/* However small the limit and however many share it, a handshake is possible. */
Test(server, the_smallest_memory_for_handshakes_lets_clients_in)
{
	struct world w;
	struct dt_server *s =
	    start(&w, with_workers(8, SERVER(",'limits':{'handshake_memory':'64KiB'}")));
	struct dtlsd_address a = world_address(s);
	for (int i = 0; i < 8; i++) {
		struct client c;
		client_init(&c, &a, NULL);
		cr_assert(client_connect(&c, PATIENCE));
		client_fini(&c);
	}
	dt_server_stop(&s);
	world_close(&w);
}

/* ---- the end ---- */

struct talker {
	struct dtlsd_address server;
	pthread_barrier_t *barrier;
	pthread_t thread;
	bool connected;
	enum client_event end;
};

static void *
talk(void *arg)
{
	struct talker *t = arg;
	struct client c;
	client_init(&c, &t->server, NULL);
	t->connected = client_connect(&c, PATIENCE);
	pthread_barrier_wait(t->barrier);
	do { /* datagrams in flight, both ways, while the server ends */
		size_t n;
		(void)SSL_write_ex(c.ssl, "hello", 5, &n);
		t->end = client_wait(&c, PATIENCE);
	} while (t->end == CLIENT_DATA);
	client_fini(&c);
	return NULL;
}

Test(server, stopping_under_load_tells_every_client)
{
	enum { TALKERS = 6 };
	struct world w;
	struct talker talkers[TALKERS];
	pthread_barrier_t barrier;
	probe.posts = true;
	struct dt_server *s = start(&w, with_workers(4, SERVER("")));
	pthread_barrier_init(&barrier, NULL, TALKERS + 1);
	for (size_t i = 0; i < TALKERS; i++) {
		talkers[i] = (struct talker){.server = world_address(s), .barrier = &barrier};
		cr_assert_eq(pthread_create(&talkers[i].thread, NULL, talk, &talkers[i]), 0);
	}
	pthread_barrier_wait(&barrier);
	dt_server_stop(&s);
	for (size_t i = 0; i < TALKERS; i++) {
		pthread_join(talkers[i].thread, NULL);
		cr_assert(talkers[i].connected);
		cr_assert_eq(
		    talkers[i].end, CLIENT_CLOSED, "talker %zu: %d", i, (int)talkers[i].end);
	}
	cr_assert_eq(probe.disconnected, TALKERS);
	cr_assert_eq(probe.starts, probe.stops);
	pthread_barrier_destroy(&barrier);
	world_close(&w);
}

/* Hands the client's messages to its socket; what comes back is the caller's to hand on. */
static void
send_what_it_says(struct client *c, BIO *out)
{
	char *bytes;
	cr_assert_neq(SSL_do_handshake(c->ssl), 1);
	long len = BIO_get_mem_data(out, &bytes);
	cr_assert_eq(send(c->fd, bytes, (size_t)len, 0), len);
	(void)BIO_reset(out);
}

static size_t
receive(struct client *c, uint8_t *buf, size_t cap)
{
	struct pollfd p = {c->fd, POLLIN, 0};
	cr_assert_eq(poll(&p, 1, PATIENCE), 1);
	ssize_t n = recv(c->fd, buf, cap, 0);
	cr_assert_gt(n, 0);
	return (size_t)n;
}

#define TYPE_ALERT 21

Test(server, clients_in_the_middle_of_a_handshake_are_told_too)
{
	struct world w;
	struct client c;
	uint8_t buf[2048];
	struct dt_server *s = start(&w, with_workers(1, SERVER("")));
	struct dtlsd_address a = world_address(s);
	client_init(&c, &a, NULL);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(c.ssl, in, out);
	send_what_it_says(&c, out);
	size_t len = receive(&c, buf, sizeof(buf));
	BIO_write(in, buf, (int)len);
	send_what_it_says(&c, out);
	receive(&c, buf, sizeof(buf)); /* a flight that is not answered */
	dt_server_stop(&s);
	do
		receive(&c, buf, sizeof(buf));
	while (buf[0] != TYPE_ALERT);
	LOGGED(&w, "open: connections=1 handshakes=1 ssl_objects=1\n");
	LOGGED(&w, " handshakes_failed=1");
	cr_assert_eq(probe.connected, 0);
	client_fini(&c);
	world_close(&w);
}

Test(server, what_modules_post_at_the_end_is_run_or_dropped_but_never_lost_memory)
{
	struct world w;
	probe.posts = true;
	struct dt_server *s = start(&w, with_workers(4, SERVER("")));
	dt_server_stop(&s);
	cr_assert_leq(probe.posts_run, 4 * (4 + 4 + 1));
	cr_assert_eq(probe.closes, 1);
	world_close(&w);
}
