/* test_start.c - starts that fail: each says why, and leaves nothing behind. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/mem.h"
#include "io/udp.h"
#include "server/server.h"
#include "world.h"

static enum dt_err
try_start(struct world *w, struct dt_server **s)
{
	*s = NULL;
	return dt_server_start(w->config, true, &w->logger, s, &w->report);
}

static void
nothing_is_left(const struct dt_server *s, size_t descriptors)
{
	cr_assert_null(s);
	cr_assert_eq(probe.opens, probe.closes, "%d opened, %d closed", probe.opens, probe.closes);
	cr_assert_eq(
	    probe.starts, probe.stops, "%d started, %d stopped", probe.starts, probe.stops);
	cr_assert_eq(world_descriptors(), descriptors);
}

static struct dt_udp
hold_port(bool reuse_port)
{
	struct dt_udp u;
	struct dt_udp_options o = {.reuse_port = reuse_port};
	cr_assert_eq(dt_addr_parse("127.0.0.1:0", &o.address), DT_OK);
	cr_assert_eq(dt_udp_open(&u, &o), DT_OK);
	return u;
}

Test(start, a_port_in_use_is_told_with_its_holder_before_a_module_opens)
{
	for (unsigned workers = 1; workers <= 2; workers++) {
		struct world w;
		struct dt_server *s;
		char config[512], said[128];
		/* Of our own user and with SO_REUSEPORT: the kernel alone would let us share it. */
		struct dt_udp holder = hold_port(true);
		unsigned port = holder.local.port;
		const char *keys = world_path("keys");
		snprintf(config, sizeof(config),
		    "{'workers':%u,'servers':[{'listen':['127.0.0.1:0','127.0.0.1:%u'],'chain':['"
		    "probe'],"
		    "'tls':{'key_log_file':'%s'}}]}",
		    workers, port, keys);
		world_open(&w, config);
		size_t descriptors = world_descriptors();
		cr_assert_eq(try_start(&w, &s), DT_ERR_CONFIG);
		snprintf(said, sizeof(said),
		    "cannot listen on 127.0.0.1:%u: Address already in use, held by ", port);
		REPORTED(&w, said);
		snprintf(said, sizeof(said), "(pid %d)", (int)getpid());
		REPORTED(&w, said);
		REPORTED(&w, "(/servers/0/listen/1)");
		nothing_is_left(s, descriptors);
		cr_assert_eq(probe.opens, 0);
		cr_assert_neq(access(keys, F_OK), 0);
		dt_udp_close(&holder);
		world_close(&w);
	}
}

Test(start, all_addresses_that_cannot_be_had_are_told)
{
	struct world w;
	struct dt_server *s;
	world_open(&w,
	    "{'servers':[{'listen':['192.0.2.1:4433','127.0.0.1:0','[2001:db8::1]:4433'],"
	    "'chain':['probe']}]}");
	cr_assert_eq(try_start(&w, &s), DT_ERR_CONFIG);
	cr_assert_eq(w.report.errors, 2, "%s", world_report(&w));
	REPORTED(&w, "cannot listen on 192.0.2.1:4433: Cannot assign requested address");
	REPORTED(&w, "(/servers/0/listen/0)");
	REPORTED(&w, "(/servers/0/listen/2)");
	world_close(&w);
}

Test(start, two_servers_without_a_port_of_their_own_get_different_ones)
{
	struct world a, b;
	struct dt_server *first, *second;
	world_open(&a, "{'workers':2,'servers':[{'listen':'127.0.0.1:0','chain':['probe']}]}");
	world_open(&b,
	    "{'workers':2,'servers':[{'listen':['127.0.0.1:0','127.0.0.1:0'],'chain':['probe']}]}");
	cr_assert_eq(try_start(&a, &first), DT_OK);
	cr_assert_eq(try_start(&b, &second), DT_OK);
	cr_assert_neq(world_address(first).port, world_address(second).port);
	dt_server_stop(&first);
	dt_server_stop(&second);
	world_close(&a);
	world_close(&b);
}

Test(start, a_shared_port_is_shared)
{
	struct world w;
	struct dt_server *s;
	char config[256];
	struct dt_udp holder = hold_port(true);
	snprintf(config, sizeof(config),
	    "{'workers':2,'servers':[{'listen':'127.0.0.1:%u','chain':['probe'],'socket':{'share_"
	    "port':true}}]}",
	    holder.local.port);
	world_open(&w, config);
	cr_assert_eq(try_start(&w, &s), DT_OK, "%s", world_report(&w));
	dt_server_stop(&s);
	dt_udp_close(&holder);
	world_close(&w);
}

#define THREE_PLACES                                                                               \
	"{'workers':2,'servers':["                                                                 \
	"{'listen':'127.0.0.1:0','chain':['probe',{'use':'probe','name':'again'}]},"               \
	"{'listen':'127.0.0.1:0','chain':['probe']}]}"

Test(start, an_open_that_refuses_closes_those_before_it)
{
	for (int nth = 1; nth <= 3; nth++) {
		struct world w;
		struct dt_server *s;
		world_open(&w, THREE_PLACES);
		size_t descriptors = world_descriptors();
		atomic_store(&probe.opens, 0);
		atomic_store(&probe.closes, 0);
		probe.refuse_open = nth;
		cr_assert_eq(try_start(&w, &s), DT_ERR_CONFIG);
		REPORTED(&w, "refused to start: open returned -4");
		static const char *const places[] = {
		    "(/servers/0/chain/0)", "(/servers/0/chain/1)", "(/servers/1/chain/0)"};
		REPORTED(&w, places[nth - 1]);
		cr_assert_eq(probe.opens, nth - 1);
		nothing_is_left(s, descriptors);
		world_close(&w);
	}
}

Test(start, a_worker_that_cannot_start_stops_the_others_before_they_serve)
{
	for (int worker = 0; worker < 4; worker++) {
		struct world w;
		struct dt_server *s;
		world_open(&w, "{'workers':4,'servers':[{'listen':'127.0.0.1:0','chain':['probe']},"
			       "{'listen':'127.0.0.1:0','chain':['probe']}]}");
		size_t descriptors = world_descriptors();
		probe.refuse_worker = worker;
		probe.posts = true;
		cr_assert_eq(try_start(&w, &s), DT_ERR_REFUSED);
		char said[128];
		snprintf(said, sizeof(said), "worker_start returned -6 on worker %d", worker);
		LOGGED(&w, said);
		cr_assert_eq(w.report.errors, 0);
		nothing_is_left(s, descriptors);
		world_close(&w);
	}
}

Test(start, a_user_who_is_not_there_is_told_before_anything_is_opened)
{
	struct world w;
	struct dt_server *s;
	world_open(&w,
	    "{'user':'no-such-user-here','servers':[{'listen':'127.0.0.1:0','chain':['probe']}]}");
	cr_assert_eq(try_start(&w, &s), DT_ERR_CONFIG);
	REPORTED(&w, "there is no user \"no-such-user-here\" (/user)");
	cr_assert_eq(probe.opens, 0);
	world_close(&w);
}

Test(start, who_may_not_become_the_user_is_told)
{
	struct world w;
	struct dt_server *s;
	const char *to = geteuid() == 0 ? "nobody" : "root";
	char config[256];
	snprintf(config, sizeof(config),
	    "{'workers':2,'user':'%s','servers':[{'listen':'127.0.0.1:0','chain':['probe']}]}", to);
	world_open(&w, config);
	size_t descriptors = world_descriptors();
	if (geteuid() == 0) {
		cr_assert_eq(try_start(&w, &s), DT_OK, "%s", world_report(&w));
		cr_assert_neq(geteuid(), 0);
		dt_server_stop(&s);
	} else {
		cr_assert_eq(try_start(&w, &s), DT_ERR_CONFIG);
		REPORTED(&w, "cannot become \"root\": Operation not permitted (/user)");
	}
	nothing_is_left(s, descriptors);
	world_close(&w);
}

Test(start, a_key_log_that_cannot_be_opened_is_told)
{
	struct world w;
	struct dt_server *s;
	char config[512];
	snprintf(config, sizeof(config),
	    "{'servers':[{'listen':'127.0.0.1:0','chain':['probe'],'tls':{'key_log_file':'%s'}}]}",
	    world_path("missing/keys"));
	world_open(&w, config);
	size_t descriptors = world_descriptors();
	cr_assert_eq(try_start(&w, &s), DT_ERR_CONFIG);
	REPORTED(&w, "missing/keys: No such file or directory (/servers/0/tls/key_log_file)");
	nothing_is_left(s, descriptors);
	world_close(&w);
}

#define TORTURED                                                                                   \
	"{'workers':2,'servers':[{'listen':['127.0.0.1:0','[::1]:0'],'chain':['probe','keys']},"   \
	"{'listen':'127.0.0.1:0','chain':['probe']}]}"

/* Each allocation of the main thread fails in its turn. */
Test(start, without_memory_a_start_fails_with_a_word_and_leaves_nothing)
{
	size_t descriptors = 0;
	uint64_t n = 1;
	for (bool done = false; !done; n++) {
		struct world w;
		struct dt_server *s;
		world_open(&w, TORTURED);
		if (n == 1)
			descriptors = world_descriptors();
		dt_mem_fail_nth(n);
		enum dt_err err = try_start(&w, &s);
		dt_mem_fail_nth(0);
		done = err == DT_OK;
		if (done)
			dt_server_stop(&s);
		else
			cr_assert(err == DT_ERR_NOMEM || w.report.errors > 0, "allocation %llu: %d",
			    (unsigned long long)n, err);
		nothing_is_left(s, descriptors);
		world_close(&w);
		cr_assert_lt(n, 5000);
	}
	cr_assert_gt(n, 50);
}

static void
fail_next(void)
{
	dt_mem_fail_nth(1);
}

/* The next allocation of the worker's own thread is for the chain of the second server. */
Test(start, a_worker_without_memory_says_so_and_stops_the_others)
{
	struct world w;
	struct dt_server *s;
	world_open(&w, TORTURED);
	size_t descriptors = world_descriptors();
	probe.on_start = fail_next;
	cr_assert_eq(try_start(&w, &s), DT_ERR_REFUSED);
	LOGGED(&w, "error: worker 0 cannot start: out of memory");
	nothing_is_left(s, descriptors);
	world_close(&w);
}

Test(start, to_stop_needs_no_memory)
{
	struct world w;
	struct dt_server *s;
	world_open(&w, TORTURED);
	size_t descriptors = world_descriptors();
	cr_assert_eq(try_start(&w, &s), DT_OK);
	uint64_t before = dt_mem_count();
	dt_server_stop(&s);
	cr_assert_eq(dt_mem_count(), before);
	nothing_is_left(s, descriptors);
	world_close(&w);
}

/* Each descriptor is the one too many in its turn. */
Test(start, without_descriptors_a_start_fails_with_a_word_and_leaves_nothing)
{
	struct rlimit r;
	size_t descriptors = 0;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
	rlim_t free_number = (rlim_t)dup(0);
	close((int)free_number);
	bool done = false;
	for (rlim_t n = 0; !done; n++) {
		struct world w;
		struct dt_server *s;
		world_open(&w, TORTURED);
		if (n == 0)
			descriptors = world_descriptors();
		r.rlim_cur = free_number + n;
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
		enum dt_err err = try_start(&w, &s);
		r.rlim_cur = r.rlim_max;
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
		done = err == DT_OK;
		if (done)
			dt_server_stop(&s);
		else
			cr_assert(world_logged(&w, "Too many open files") ||
				      world_reported(&w, "Too many open files"),
			    "%d: %s%s", err, world_report(&w), w.log);
		nothing_is_left(s, descriptors);
		world_close(&w);
		cr_assert_lt(n, 200);
	}
}
