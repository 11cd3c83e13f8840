/* Threads of a module against a worker: each verdict once, nothing lost, nothing twice.
 *
 * The test's thread is worker 0. Meant for the thread sanitizer as well.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "world.h"

#define ROUNDS 1000u
#define RESOLVERS 3u

static struct world w;
static const struct dtlsd_ctx *open_ctx; /* what a module's thread has */
static _Atomic uint64_t token;
static _Atomic uint64_t talker; /* id of an established connection */
static atomic_bool over;
static atomic_uint wins, sends, posts;
static unsigned posts_run;

static int32_t
mt_open(const struct dtlsd_ctx *c, void **data)
{
	(void)data;
	open_ctx = c;
	return DTLSD_OK;
}

static uint32_t
mt_request(const struct dtlsd_ctx *c, struct dtlsd_request *request)
{
	(void)request;
	atomic_store(&token, c->host->defer(c)); /* a verdict may come before this returns */
	return DTLSD_DEFER;
}

static const struct dtlsd_module threaded = {DTLSD_MODULE_PREFIX, .name = "threaded",
    .version = "1", .open = mt_open, .connection_request = mt_request};

static void *
resolve_tokens(void *arg)
{
	const struct dtlsd_host *h = open_ctx->host;
	uint64_t last = 0;
	(void)arg;
	while (!atomic_load(&over)) {
		uint64_t t = atomic_load(&token);
		if (t == last)
			continue;
		int32_t code = h->resolve(open_ctx, t, DTLSD_ACCEPT, NULL, 0);
		if (code == DTLSD_AGAIN)
			continue;
		cr_assert(code == DTLSD_QUEUED || code == DTLSD_GONE, "%d", code);
		atomic_fetch_add(&wins, code == DTLSD_QUEUED);
		last = t;
	}
	return NULL;
}

static void
count_post(const struct dtlsd_ctx *c, void *data, size_t len)
{
	(void)c;
	(void)data;
	(void)len;
	posts_run++; /* on the worker only */
}

static void *
make_noise(void *arg)
{
	const struct dtlsd_host *h = open_ctx->host;
	(void)arg;
	while (!atomic_load(&over)) {
		atomic_fetch_add(
		    &sends, h->send(open_ctx, atomic_load(&talker), "x", 1) == DTLSD_QUEUED);
		atomic_fetch_add(
		    &posts, h->post(open_ctx, 0, count_post, "abc", 3) == DTLSD_QUEUED);
		cr_assert_eq(
		    h->defer(open_ctx), 0, "a worker function, from a thread of the module");
		cr_assert_gt(h->now(open_ctx), 0);
		dt_plugin_deferred(w.plugin);
	}
	return NULL;
}

static void
drain_until_decided(const struct dt_conn *c)
{
	struct pollfd p = {.fd = w.mailbox[0].fd, .events = POLLIN};
	while (!c->verdict.given) {
		cr_assert_gt(poll(&p, 1, 10000), 0, "nothing came in ten seconds");
		dt_mailbox_drain(&w.mailbox[0], NULL, 16);
	}
}

Test(threads, verdicts_and_calls_from_other_threads_arrive_once_each, .timeout = 120)
{
	struct dt_chain_entry entry = {
	    .module = &threaded, .name = "threaded", .defer_timeout = DT_SECONDS(60)};
	pthread_t threads[RESOLVERS + 1];
	world_open_entries(&w, &entry, 1);
	struct dt_conn *talking = world_established(&w, 0);
	atomic_store(&talker, talking->id);
	for (size_t i = 0; i < RESOLVERS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, resolve_tokens, NULL), 0);
	cr_assert_eq(pthread_create(&threads[RESOLVERS], NULL, make_noise, NULL), 0);

	for (unsigned round = 1; round <= ROUNDS; round++) {
		struct dt_conn *c = world_conn(&w, 0);
		struct dtlsd_request request = {0};
		cr_assert_eq(fake_ask_request(c, &request), DT_GATE_WAIT);
		drain_until_decided(c);
		cr_assert(c->verdict.accept);
		if (round % 2)
			dt_conn_close(c, DT_CLOSE_PEER, w.now);
	}
	atomic_store(&over, true);
	for (size_t i = 0; i <= RESOLVERS; i++)
		pthread_join(threads[i], NULL);
	dt_mailbox_drain(&w.mailbox[0], NULL, SIZE_MAX);
	cr_assert_eq(atomic_load(&wins), ROUNDS, "%u", atomic_load(&wins));
	cr_assert_eq(talking->sent_count, atomic_load(&sends));
	cr_assert_eq(posts_run, atomic_load(&posts));
	LOGGED("the module called defer() outside of a hook");
	world_close(&w);
}
