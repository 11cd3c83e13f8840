/* Hellos by the hundred thousand, and handshakes that are begun, stuffed with lies and left. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <string.h>

#include "base/mem.h"
#include "dtls/cookie.h"
#include "forge.h"
#include "sim.h"

#define PSK_SUITE 0x00a8u   /* TLS_PSK_WITH_AES_128_GCM_SHA256: cheap to begin */
#define ECDSA_SUITE 0xc02bu /* TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SCALE 50u
#else
#define SCALE 1u
#endif

/* The attacker sees the cookies; all else that comes to it gets lost. */
struct attacker {
	struct sim *sim;
	uint8_t cookie[DT_COOKIE_LEN];
	bool got_cookie;
	uint64_t bytes_back;
};

static bool
take_cookie(void *arg, struct sim_packet *p)
{
	struct attacker *a = arg;
	if (p->to_server)
		return true;
	a->bytes_back += p->len;
	if (p->len == DT_HVR_LEN && p->bytes[13] == DT_HS_HELLO_VERIFY_REQUEST) {
		memcpy(a->cookie, p->bytes + DT_HVR_LEN - DT_COOKIE_LEN, DT_COOKIE_LEN);
		a->got_cookie = true;
	}
	return false;
}

static size_t
heap_used(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

static void
attacker_init(struct attacker *a, struct sim *sim)
{
	*a = (struct attacker){.sim = sim};
	sim->link.tap = take_cookie;
	sim->link.tap_arg = a;
}

static void
begin_handshake(struct attacker *a, uint32_t as, uint16_t suite)
{
	struct sim_server *s = &a->sim->server;
	uint8_t random[32], hello[SIM_HELLO_MAX];
	seeded_fill(&a->sim->random, random, sizeof(random));
	size_t len = sim_forge_hello(random, NULL, 0, suite, hello);
	a->got_cookie = false;
	sim_server_input(s, as, hello, len);
	cr_assert(a->got_cookie);
	len = sim_forge_hello(random, a->cookie, DT_COOKIE_LEN, suite, hello);
	sim_server_input(s, as, hello, len);
}

/* Parts of messages with claimed lengths up to 2^24, in every place, and early records. */
static void
stuff(struct attacker *a, uint32_t as, unsigned datagrams)
{
	struct seeded *r = &a->sim->random;
	static uint8_t d[1500];
	for (; datagrams; datagrams--) {
		struct sim_fragment f = {
		    .type = seeded_below(r, 3) ? 11 : (uint8_t)seeded_next(r),
		    .message_seq = (uint16_t)(2 + seeded_below(r, 12)),
		    .len = (uint32_t)seeded_below(r, 1400),
		};
		uint32_t most = seeded_below(r, 2) ? 0xffffff : 120000;
		f.claimed = f.len + (uint32_t)seeded_below(r, most - f.len);
		f.offset = (uint32_t)seeded_below(r, f.claimed - f.len + 1);
		/* The next in turn stays incomplete, else OpenSSL ends it all. */
		if (f.message_seq == 2 && f.offset == 0)
			f.offset = f.claimed - f.len;
		uint16_t epoch = seeded_below(r, 4) == 0;
		size_t len = sim_forge_fragment(&f, epoch, seeded_below(r, 1000), d);
		sim_server_input(&a->sim->server, as, d, len);
	}
}

struct flood {
	uint16_t suite;
	unsigned handshakes, at_least, datagrams;
	size_t cap; /* bytes for half-open peers */
};

static void
run_flood(const struct flood *f)
{
	struct sim_options o = sim_defaults("flood");
	o.psk = o.psk_only = f->suite == PSK_SUITE;
	o.chain_bytes = o.psk_only ? 0 : 5000;
	o.handshake_memory = f->cap;
	o.handshake_limit = o.connection_limit = 1000000;
	o.handshake_timeout = DT_SECONDS(5);
	struct sim *sim = sim_new(&o);
	struct attacker a;
	attacker_init(&a, sim);
	size_t most_charged = 0, most_used = 0, before = 0;
	for (unsigned i = 0; i < f->handshakes; i++) {
		if (i == 1000) { /* the tables have their size, the caches are warm */
			sim_run(sim, DT_SECONDS(30));
			sim_forget(&sim->server);
			cr_assert(dt_conns_count(sim->server.conns) == 0);
			before = heap_used();
		}
		begin_handshake(&a, i + 1, f->suite);
		stuff(&a, i + 1, f->datagrams);
		size_t charged = sim_handshake_memory(&sim->server);
		most_charged = charged > most_charged ? charged : most_charged;
		if (i % 64 == 0) {
			size_t used = heap_used();
			most_used = i > 1000 && used - before > most_used ? used - before : most_used;
			sim_forget(&sim->server);
			sim_run(sim, DT_MILLISECONDS(500));
		}
	}
	uint64_t begun = sim_counter(&sim->server, DT_COUNT_HANDSHAKES_STARTED);
	fprintf(stderr, "%u hellos with a cookie, %llu handshakes begun; at most %zu KiB charged, %zu KiB used, %zu KiB allowed\n",
	    f->handshakes, (unsigned long long)begun, most_charged / 1024, most_used / 1024, f->cap / 1024);
	cr_assert(begun >= f->at_least, "%llu", (unsigned long long)begun);
	cr_assert(most_charged <= f->cap + 64 * 1024);
	cr_assert(most_used <= f->cap + f->cap / 8, "more memory than it says");
	sim_run(sim, DT_SECONDS(30));
	cr_assert(dt_conns_count(sim->server.conns) == 0 && sim_handshake_memory(&sim->server) == 0);
	cr_assert(sim->server.tls->ssl_objects == 0);
	sim_free(sim);
}

Test(flood, a_hundred_thousand_handshakes_never_finished_stay_within_their_memory)
{
	run_flood(&(struct flood){PSK_SUITE, 110000 / SCALE, 100000 / SCALE, 10, 48 * 1024 * 1024});
}

Test(flood, so_do_handshakes_with_a_large_certificate)
{
	run_flood(&(struct flood){ECDSA_SUITE, 10000 / SCALE, 100, 10, 8 * 1024 * 1024});
}

Test(flood, and_handshakes_that_are_stuffed_to_the_brim)
{
	run_flood(&(struct flood){PSK_SUITE, 1500, 100, 300, 4 * 1024 * 1024});
}

Test(flood, hellos_without_a_cookie_cost_nothing_and_are_not_amplified)
{
	struct sim_options o = sim_defaults("hellos");
	struct sim *sim = sim_new(&o);
	struct attacker a;
	attacker_init(&a, sim);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	sim->link.tap = NULL;
	struct sim_client *in = sim_connect(sim, ctx);
	sim->link.tap = take_cookie;
	size_t before = heap_used();
	uint64_t allocations = dt_mem_count(), bytes_in = 0;
	unsigned total = 1000000 / SCALE;
	for (unsigned i = 0; i < total; i++) {
		uint8_t random[32], hello[SIM_HELLO_MAX], cookie[DT_COOKIE_LEN];
		seeded_fill(&sim->random, random, sizeof(random));
		seeded_fill(&sim->random, cookie, sizeof(cookie));
		size_t len = sim_forge_hello(random, cookie, i % 3 ? 0 : sizeof(cookie), ECDSA_SUITE, hello);
		sim_server_input(&sim->server, 1000 + (uint32_t)seeded_below(&sim->random, 100000), hello, len);
		bytes_in += len;
	}
	cr_assert(a.bytes_back <= bytes_in && a.bytes_back > 0);
	cr_assert(heap_used() <= before + 16 * 1024);
	cr_assert(dt_mem_count() == allocations, "the core allocated %llu times",
	    (unsigned long long)(dt_mem_count() - allocations));
	cr_assert(dt_conns_count(sim->server.conns) == 1);
	sim->link.tap = NULL;
	sim_check_echo(sim, in, "undisturbed");
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(flood, a_budget_for_each_network_bounds_the_cookies_it_gets)
{
	struct sim_options o = sim_defaults("budget");
	o.hellos_per_prefix = 100;
	struct sim *sim = sim_new(&o);
	struct attacker a;
	attacker_init(&a, sim);
	uint8_t random[32] = {0}, hello[SIM_HELLO_MAX];
	size_t len = sim_forge_hello(random, NULL, 0, ECDSA_SUITE, hello);
	for (unsigned i = 0; i < 2560; i++)
		sim_server_input(&sim->server, i, hello, len); /* ten networks of 256 */
	cr_assert(sim_counter(&sim->server, DT_COUNT_COOKIES_SENT) <= 1000);
	cr_assert(sim_counter(&sim->server, DT_COUNT_COOKIES_SENT) >= 900);
	cr_assert(sim_drops(&sim->server, DT_DROP_BUDGET) >= 1560);
	sim_free(sim);
}
