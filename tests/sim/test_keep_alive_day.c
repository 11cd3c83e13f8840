/* A day of idle clients: who is asked how often, who is closed when and why, and what it costs. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "cid_world.h"
#include "conn/conn_state.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CLIENTS 100u
#else
#define CLIENTS 1000u
#endif

#define AT_ONCE 20u /* begin at the same time */
#define HOUR 3600
#define ASKED_EVERY 900 /* seconds */
#define RETRIES 3u
#define IDLE_HOURS 20
#define LAST_DEATH 18 /* hour */

/* All answer what they are asked. */
enum role {
	MORTAL, /* until an hour of its own */
	TALKER, /* and says something at ten */
	SILENT, /* and nothing more: the idle timeout's business */
};

struct inhabitant {
	struct sim_client *client;
	struct sim_diary *diary; /* stays: nobody forgets any */
};

struct day {
	struct cid_world w;
	struct sim *sim;
	struct inhabitant all[CLIENTS];
	int64_t begun; /* ns: when the first was up */
};

static enum role
role_of(size_t i)
{
	static const enum role of_ten[] = {MORTAL, TALKER, TALKER, TALKER, TALKER, SILENT, SILENT, SILENT, SILENT, SILENT};
	return of_ten[i % 10];
}

/* From then on a MORTAL is deaf. */
static int
death_of(size_t i)
{
	return 1 + (int)(i / 10) % LAST_DEATH;
}

static void
run_until(struct day *d, int hour, int seconds)
{
	struct dt_mono to = {d->begun + (hour * (int64_t)HOUR + seconds) * 1000000000};
	sim_run(d->sim, (struct dt_dur){to.ns - sim_now().mono.ns});
}

static size_t
count_timers(const struct dt_wheel *w)
{
	size_t n = 0;
	DT_LIST_EACH (node, next, (struct dt_list *)(uintptr_t)&w->due)
		n++;
	for (size_t i = 0; i < DT_WHEEL_LEVELS * DT_WHEEL_SLOTS; i++)
		DT_LIST_EACH (node, next, (struct dt_list *)(uintptr_t)&w->slot[i / DT_WHEEL_SLOTS][i % DT_WHEEL_SLOTS])
			n++;
	return n;
}

/* How many ended so; the rest of this role is up. */
static unsigned
count_ended(const struct day *d, enum role role, int status, const char *text)
{
	unsigned n = 0;
	for (size_t i = 0; i < CLIENTS; i++) {
		const struct sim_diary *diary = d->all[i].diary;
		if (role_of(i) != role || !diary->disconnected)
			continue;
		cr_assert(diary->end_status == status && d->all[i].client->state == SIM_CLOSED);
		cr_assert_str_eq(diary->end_text, text);
		n++;
	}
	return n;
}

static unsigned
count_due(int hour)
{
	unsigned n = 0;
	for (size_t i = 0; i < CLIENTS; i++)
		n += role_of(i) == MORTAL && death_of(i) <= hour;
	return n;
}

static void
check(const struct day *d, unsigned dead, unsigned idle)
{
	cr_assert(count_ended(d, MORTAL, ETIMEDOUT, "no answer to keep-alive") == dead);
	cr_assert(count_ended(d, SILENT, ETIMEDOUT, "idle timeout") == idle);
	cr_assert(count_ended(d, TALKER, 0, "") == 0);
	size_t left = dt_conns_count(d->sim->server.conns);
	cr_assert(left == CLIENTS - dead - idle, "%zu connections", left);
	cr_assert(count_timers(&d->sim->server.wheel) == left, "a timer for each connection, and no other");
}

static void
day_init(struct day *d)
{
	struct sim_options o = cid_options("a day");
	o.heartbeat = DT_HEARTBEAT_PEER_MAY_SEND;
	o.keep_alive = (struct dt_keep_alive_config){true, DT_SECONDS(ASKED_EVERY), DT_SECONDS(2), RETRIES};
	o.idle_timeout = DT_SECONDS(IDLE_HOURS * HOUR);
	cid_world_init(&d->w, o.test, &o);
	d->sim = d->w.sim;
	for (size_t i = 0; i < CLIENTS; i++) {
		struct sim_client *c = cid_add(&d->w, 8);
		c->cid->offers = i / 10 % 2;
		c->cid->mode = 1;
		d->all[i].client = c;
		sim_client_start(c);
		if (i % AT_ONCE == AT_ONCE - 1) {
			sim_settle(d->sim);
			sim_run(d->sim, DT_MILLISECONDS(77));
		}
	}
	size_t i = 0;
	DT_LIST_EACH (node, next, &d->sim->server.diaries)
		d->all[i++].diary = DT_CONTAINER(node, struct sim_diary, node);
	d->begun = sim_now().mono.ns;
}

static void
one_hour(struct day *d, int hour)
{
	run_until(d, hour, 0);
	check(d, count_due(hour - 1), 0);
	for (size_t i = 0; i < CLIENTS; i++) {
		struct sim_client *c = d->all[i].client;
		if (role_of(i) == MORTAL && death_of(i) == hour)
			c->cid->deaf = true;
		if (role_of(i) == TALKER && hour == 10)
			sim_client_send(c, "still here", 10);
	}
	/* Asked at most so long after, then as often as it is repeated. */
	run_until(d, hour, ASKED_EVERY + 2 * ((int)RETRIES + 1) + 1);
	check(d, count_due(hour), 0);
}

static void
check_requests(const struct day *d)
{
	uint64_t asked = 0;
	for (size_t i = 0; i < CLIENTS; i++) {
		unsigned n = d->all[i].client->cid->requests;
		int hours = role_of(i) == MORTAL ? death_of(i) : role_of(i) == SILENT ? IDLE_HOURS : 24;
		/* One every quarter of an hour; the way there and back, and a datagram of its own, may cost one. To the
		 * deaf one more, and its repetitions. */
		unsigned most = (unsigned)(hours * HOUR / ASKED_EVERY), deaf = role_of(i) == MORTAL ? 1 + RETRIES : 0;
		cr_assert(n <= most + deaf && n + 2 >= most + deaf, "%zu: %u requests in %d hours", i, n, hours);
		asked += n;
	}
	cr_assert(asked == sim_counter(&d->sim->server, DT_COUNT_HEARTBEATS_ASKED));
	fprintf(stderr, "%u clients, %llu questions\n", CLIENTS, (unsigned long long)asked);
}

Test(keep_alive, a_day_of_a_thousand_idle_clients)
{
	static struct day d;
	day_init(&d);
	check(&d, 0, 0);
	for (int hour = 1; hour <= LAST_DEATH; hour++)
		one_hour(&d, hour);
	unsigned mortals = count_due(24), silent = CLIENTS / 2;
	/* Answers to questions do not feed the idle timeout. The first was up some seconds before the last. */
	run_until(&d, IDLE_HOURS, -10);
	check(&d, mortals, 0);
	run_until(&d, IDLE_HOURS, 1);
	check(&d, mortals, silent);
	uint64_t allocations = dt_mem_count();
	run_until(&d, 24, 0);
	check(&d, mortals, silent);
	cr_assert(dt_mem_count() == allocations, "to be idle takes no memory");
	check_requests(&d);
	sim_check_echo(d.sim, d.all[1].client, "good morning");
	cid_world_fini(&d.w);
}
