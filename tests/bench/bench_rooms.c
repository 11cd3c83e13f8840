/* bench_rooms.c - what the pieces of the datagram path cost each, on one core, without sockets.
 *
 * One line for each piece: the best of several rounds, since whatever disturbs a round makes it
 * longer. Figures of two runs are compared as ratios, on one machine.
 */
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/assert.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/siphash.h"
#include "dtls/cookie.h"
#include "dtls/protect.h"
#include "dtls/replay.h"
#include "io/clock.h"
#include "io/wheel.h"

#define ROUNDS 5
#define POOL_CONTEXTS 16u
#define TIMERS 1000000u

/* Does the work `n` times. */
typedef void (*work)(void *arg, size_t n);

static void
measure(const char *name, size_t n, work run, void *arg)
{
	int64_t best = INT64_MAX;
	for (int i = 0; i < ROUNDS; i++) {
		struct dt_mono begin = dt_clock_now().mono;
		run(arg, n);
		int64_t ns = dt_mono_diff(begin, dt_clock_now().mono).ns;
		best = ns < best ? ns : best;
	}
	printf("%-60s %8.1f ns\n", name, (double)best / (double)n);
}

static volatile uint64_t sink; /* so that no result is unused */

static void
hash_path(void *arg, size_t n)
{
	struct dt_path *path = arg;
	const struct dt_siphash_key key = {1, 2};
	for (size_t i = 0; i < n; i++) {
		path->peer.port = (uint16_t)i;
		sink = dt_siphash(&key, path, sizeof(*path));
	}
}

static void
accept_in_order(void *arg, size_t n)
{
	struct dt_replay w = {0};
	(void)arg;
	for (uint64_t seq = 0; seq < n; seq++)
		if (dt_replay_check(&w, seq) == DT_REPLAY_FRESH)
			dt_replay_commit(&w, seq);
	sink = w.next;
}

struct cookies {
	struct dt_cookie_jar *jar;
	struct dt_path path;
	struct dt_hello_head head;
};

static void
make_cookies(void *arg, size_t n)
{
	struct cookies *c = arg;
	uint8_t cookie[DT_COOKIE_LEN];
	for (size_t i = 0; i < n; i++)
		DT_ASSERT(dt_cookie_make(c->jar, (struct dt_wall){1000}, &c->path, &c->head, cookie) ==
		    DT_OK);
}

struct echo {
	struct dt_aead_pool *pool;
	struct dt_key key;
	const struct dt_suite *suite;
	size_t len; /* bytes of plaintext */
};

/* Seals a datagram as one side and opens it as the other. */
static void
seal_and_open(void *arg, size_t n)
{
	struct echo *e = arg;
	const struct dt_key_ref to = {1, DT_WRITE, e->suite, &e->key, {NULL, 0}};
	const struct dt_key_ref from = {1, DT_READ, e->suite, &e->key, {NULL, 0}};
	uint8_t plain[2048] = {0}, wire[4096];
	for (uint64_t seq = 0; seq < n; seq++) {
		size_t len = dt_seal(e->pool, &to, DT_APPLICATION_DATA, 1, seq, plain, e->len, wire);
		size_t at = 0, opened;
		struct dt_record rec;
		uint8_t *out;
		DT_ASSERT(dt_record_next(wire, len, &at, &rec) == DT_RECORD_OK);
		DT_ASSERT(dt_open(e->pool, &from, &rec, &out, &opened) == DT_OPEN_OK);
	}
	dt_aead_pool_forget(e->pool, 1); /* the next round counts from 0 again, under the same key */
}

/* An earlier row protects records in the same way. */
static bool
seen_before(size_t row)
{
	const struct dt_suite *s = dt_suite_at(row);
	for (size_t i = 0; i < row; i++) {
		const struct dt_suite *other = dt_suite_at(i);
		if (strcmp(other->cipher, s->cipher) == 0 && other->tag_len == s->tag_len)
			return true;
	}
	return false;
}

static void
bench_suites(void)
{
	static const size_t lengths[] = {64, 1200};
	struct echo e = {0};
	DT_ASSERT(dt_aead_pool_new(POOL_CONTEXTS, &e.pool) == DT_OK);
	memset(&e.key, 0x5a, sizeof(e.key));
	for (size_t i = 0; (e.suite = dt_suite_at(i)) != NULL; i++) {
		if (seen_before(i))
			continue;
		for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
			char name[96];
			e.len = lengths[j];
			snprintf(name, sizeof(name), "seal and open %zu B, %s, tag of %u", e.len,
			    e.suite->cipher, e.suite->tag_len);
			measure(name, 200000, seal_and_open, &e);
		}
	}
	dt_aead_pool_free(&e.pool);
}

struct timers {
	struct dt_wheel wheel;
	struct dt_timer *all; /* owned */
};

static void
never_fires(struct dt_timer *t, struct dt_now now)
{
	(void)t, (void)now;
}

/* What a datagram does to an idle timer among a million others. */
static void
move_timers(void *arg, size_t n)
{
	struct timers *t = arg;
	for (size_t i = 0; i < n; i++) {
		int64_t at = 60000000000 + (int64_t)(i * 7919 % 1000000007);
		dt_timer_arm(&t->wheel, &t->all[i * 48271 % TIMERS], (struct dt_mono){at});
	}
}

static void
bench_timers(void)
{
	struct timers t;
	t.all = dt_alloc_array(TIMERS, sizeof(*t.all));
	if (!t.all)
		return;
	dt_wheel_init(&t.wheel, (struct dt_mono){0});
	for (size_t i = 0; i < TIMERS; i++)
		dt_timer_init(&t.all[i], never_fires);
	measure("move one of 1,000,000 timers", 2 * TIMERS, move_timers, &t);
	dt_free(t.all);
}

static void
bench_cookies(const struct dt_path *path)
{
	static const uint8_t secret[DT_COOKIE_SECRET_LEN], random[32];
	struct cookies c = {.path = *path, .head = {.version = 0xfefd, .random = {random, 32}}};
	DT_ASSERT(dt_cookie_jar_new(secret, &c.jar) == DT_OK);
	measure("make a cookie", 500000, make_cookies, &c);
	dt_cookie_jar_free(&c.jar);
}

int
main(void)
{
	struct dt_path path = {0};
	DT_ASSERT(dt_addr_parse("192.0.2.1:40000", &path.peer) == DT_OK);
	DT_ASSERT(dt_addr_parse("192.0.2.2:5684", &path.local) == DT_OK);
	measure("hash a path (48 B)", 5000000, hash_path, &path);
	measure("replay window, numbers in order", 20000000, accept_in_order, NULL);
	bench_cookies(&path);
	bench_timers();
	bench_suites();
	return 0;
}
