#include <criterion/criterion.h>
#include <string.h>

#include "conn/last_flight.h"
#include "fake_conns.h"
#include "seeded.h"

static struct dt_now
at_second(int64_t s)
{
	return (struct dt_now){{s * 1000000000}, {s}};
}

static void
keep(struct dt_conn *c, size_t len, int64_t at)
{
	uint8_t message[DT_HS_HEADER + 4096] = {14};
	struct dt_flight flight;
	dt_write_uint(message + 1, len, 3);
	dt_write_uint(message + 9, len, 3);
	dt_flight_init(&flight);
	cr_assert(dt_flight_add_message(&flight, 0, (struct dt_span){message, DT_HS_HEADER + len}) == DT_OK);
	dt_last_flight_keep(c, &flight, at_second(at));
	cr_assert(dt_flight_empty(&flight));
}

static bool
kept(const struct dt_conn *c)
{
	return !dt_flight_empty(&c->last_flight);
}

Test(last_flight, is_kept_for_240_seconds)
{
	struct fake_conns f;
	cr_assert(fake_conns_init(&f, 0, 100000) == DT_OK);
	struct dt_conn *a = fake_conn(&f, 1), *b = fake_conn(&f, 2);
	keep(a, 100, 10);
	keep(b, 100, 20);
	dt_last_flights_expire(f.conns, at_second(249).mono);
	cr_assert(kept(a) && kept(b));
	dt_last_flights_expire(f.conns, at_second(250).mono);
	cr_assert(!kept(a) && kept(b));
	dt_last_flights_expire(f.conns, at_second(1000).mono);
	cr_assert(!kept(b) && f.conns->last_flight_bytes == 0);
	fake_conns_fini(&f);
}

Test(last_flight, the_oldest_goes_when_memory_is_short)
{
	struct fake_conns f;
	cr_assert(fake_conns_init(&f, 0, 3 * (400 + 100)) == DT_OK);
	struct dt_conn *c[4];
	for (uint32_t i = 0; i < 4; i++) {
		c[i] = fake_conn(&f, i);
		keep(c[i], 400, i);
	}
	cr_assert(!kept(c[0]) && kept(c[1]) && kept(c[2]) && kept(c[3]));
	struct dt_conn *large = fake_conn(&f, 9);
	keep(large, 4000, 5);
	cr_assert(!kept(large) && kept(c[1]), "one that never fits throws nobody out");
	fake_conns_fini(&f);
}

Test(last_flight, bytes_add_up_whatever_happens)
{
	struct seeded r = seeded_begin("last_flight");
	struct fake_conns f;
	cr_assert(fake_conns_init(&f, 0, 20000) == DT_OK);
	struct dt_conn *c[50] = {NULL};
	for (int64_t step = 0; step < 5000; step++) {
		uint32_t i = (uint32_t)seeded_below(&r, 50);
		if (c[i] && seeded_below(&r, 3)) {
			fake_end(c[i]);
			c[i] = NULL;
		} else if (!c[i]) {
			c[i] = fake_conn(&f, i);
			keep(c[i], seeded_below(&r, 4000), step);
		} else {
			dt_last_flights_expire(f.conns, at_second(step - 100).mono);
		}
		size_t sum = 0;
		for (size_t k = 0; k < 50; k++)
			sum += c[k] ? c[k]->last_flight.bytes : 0;
		cr_assert(sum == f.conns->last_flight_bytes && sum <= 20000);
	}
	fake_conns_fini(&f);
}
