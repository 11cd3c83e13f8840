#include "echo.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SIZE 1350u /* bytes, so that a record fits into the clients' MTU */
#define POOL_BYTES 65536u
#define WINDOW 64u		/* unanswered datagrams of one client, at most: bits of `answered` */
#define PATIENCE_US 2000000	/* without any answer: what is outstanding is lost */
#define SAMPLES_MAX 4000000u

struct speaker {
	struct client *client;
	uint32_t first, sent; /* numbers: the oldest unanswered one, the next one */
	uint64_t answered;    /* bit i: number first + i */
	int64_t sent_at;      /* of the last one */
};

struct talk {
	const struct echo_plan *plan;
	struct fleet *fleet;
	struct speaker *speakers; /* owned, by source, like all below */
	uint32_t count;
	uint32_t *speaking; /* indices of those who have more to say */
	uint32_t speaking_count, turn;
	uint32_t outstanding;
	uint32_t *samples; /* answer times, in order of arrival */
	size_t sample_count;
	uint8_t *pool; /* random bytes that all datagrams are cut from */
	struct echo_totals totals;
};

/* ---- content ---- */

/* splitmix64 */
static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint8_t *
content(const struct talk *t, uint32_t source, uint32_t number, size_t *len)
{
	uint64_t r = mix(t->plan->seed ^ mix((uint64_t)source << 32 | number));
	*len = 1 + (r >> 32) % t->plan->max_size;
	return t->pool + r % (POOL_BYTES - t->plan->max_size);
}

static struct talk
new_talk(struct client *clients, uint32_t count, const struct echo_plan *plan)
{
	struct talk t = {.plan = plan, .fleet = clients[0].fleet, .count = count};
	if (plan->max_size == 0 || plan->max_size > MAX_SIZE)
		fleet_die("a datagram has 1 to %u bytes", MAX_SIZE);
	t.speakers = calloc(count, sizeof(*t.speakers));
	t.speaking = calloc(count, sizeof(*t.speaking));
	t.samples = calloc(SAMPLES_MAX, sizeof(*t.samples));
	t.pool = malloc(POOL_BYTES);
	if (!t.speakers || !t.speaking || !t.samples || !t.pool)
		fleet_die("no memory");
	for (size_t i = 0; i < POOL_BYTES; i++)
		t.pool[i] = (uint8_t)mix(plan->seed + i);
	for (uint32_t i = 0; i < count; i++) {
		t.speakers[i].client = &clients[i];
		t.speaking[i] = i;
	}
	t.speaking_count = count;
	return t;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static struct echo_totals
end_talk(struct talk *t, int64_t began)
{
	t->totals.seconds = (double)(fleet_now_us() - began) / 1e6;
	if (t->sample_count) {
		qsort(t->samples, t->sample_count, sizeof(*t->samples), compare);
		t->totals.p50_us = t->samples[t->sample_count / 2];
		t->totals.p99_us = t->samples[t->sample_count * 99 / 100];
		t->totals.max_us = t->samples[t->sample_count - 1];
	}
	free(t->speakers);
	free(t->speaking);
	free(t->samples);
	free(t->pool);
	return t->totals;
}

/* ---- in and out ---- */

static void
say(struct talk *t, struct speaker *s)
{
	size_t len;
	const uint8_t *data = content(t, s->client->source, s->sent, &len);
	client_send(s->client, data, len);
	s->sent++;
	t->outstanding++;
	t->totals.sent++;
}

/* Which of the unanswered datagrams this is; WINDOW = none. */
static uint32_t
recognise(const struct talk *t, const struct speaker *s, const uint8_t *data, size_t len)
{
	for (uint32_t i = 0; s->first + i < s->sent; i++) {
		size_t expected_len;
		const uint8_t *expected = content(t, s->client->source, s->first + i, &expected_len);
		if (!(s->answered >> i & 1) && expected_len == len && memcmp(expected, data, len) == 0)
			return i;
	}
	return WINDOW;
}

static void
hear(void *arg, uint32_t source, uint8_t *datagram, size_t datagram_len)
{
	struct talk *t = arg;
	uint8_t data[FLEET_DATAGRAM];
	struct speaker *s = source < t->count ? &t->speakers[source] : NULL;
	size_t len = s ? client_read(s->client, datagram, datagram_len, data, sizeof(data)) : 0;
	if (len == 0)
		return;
	uint32_t i = recognise(t, s, data, len);
	if (i == WINDOW) {
		t->totals.wrong++;
		return;
	}
	t->totals.echoed++;
	t->outstanding--;
	if (s->sent_at && t->sample_count < SAMPLES_MAX)
		t->samples[t->sample_count++] = (uint32_t)(fleet_now_us() - s->sent_at);
	s->answered |= UINT64_C(1) << i;
	while (s->answered & 1) {
		s->answered >>= 1;
		s->first++;
	}
}

static void
give_up(struct talk *t, struct speaker *s)
{
	for (; s->first < s->sent; s->first++, s->answered >>= 1) {
		if (s->answered & 1)
			continue;
		t->totals.lost++;
		t->outstanding--;
	}
}

/* ---- as fast as it goes ---- */

/* The next one whose turn it is says something; false when nobody can. */
static bool
next_says(struct talk *t)
{
	for (uint32_t tried = 0; tried < t->speaking_count; tried++) {
		t->turn = (t->turn + 1) % t->speaking_count;
		struct speaker *s = &t->speakers[t->speaking[t->turn]];
		if (s->sent - s->first == WINDOW)
			continue;
		say(t, s);
		if (s->sent == t->plan->datagrams)
			t->speaking[t->turn] = t->speaking[--t->speaking_count];
		return true;
	}
	return false;
}

struct echo_totals
echo_run(struct client *clients, uint32_t count, const struct echo_plan *plan)
{
	struct talk t = new_talk(clients, count, plan);
	int64_t began = fleet_now_us();
	do {
		while (t.outstanding < plan->outstanding && t.speaking_count && next_says(&t))
			;
		fleet_flush(t.fleet);
		if (t.outstanding && fleet_receive(t.fleet, PATIENCE_US, hear, &t) == 0)
			for (uint32_t i = 0; i < count; i++)
				give_up(&t, &t.speakers[i]);
	} while (t.outstanding || t.speaking_count);
	return end_talk(&t, began);
}

/* ---- at a pace ---- */

static bool
input_ended(void)
{
	struct pollfd in = {.fd = 0, .events = POLLIN};
	char byte;
	return poll(&in, 1, 0) > 0 && read(0, &byte, 1) == 0;
}

/* One at a time: whoever still waits for an answer does not say the next thing. */
static void
say_at_pace(struct talk *t, struct speaker *s, int64_t now)
{
	if (s->first < s->sent && now - s->sent_at < PATIENCE_US)
		return;
	if (now - s->sent_at < t->plan->pace_us)
		return;
	give_up(t, s);
	s->sent_at = now;
	say(t, s);
}

struct echo_totals
echo_watch(struct client *clients, uint32_t count, const struct echo_plan *plan)
{
	struct talk t = new_talk(clients, count, plan);
	int64_t began = fleet_now_us(), now = began;
	while (!input_ended()) {
		for (uint32_t i = 0; i < count; i++)
			say_at_pace(&t, &t.speakers[i], now);
		fleet_flush(t.fleet);
		fleet_receive(t.fleet, plan->pace_us / 4, hear, &t);
		now = fleet_now_us();
	}
	while (t.outstanding && fleet_receive(t.fleet, PATIENCE_US, hear, &t))
		;
	for (uint32_t i = 0; i < count; i++)
		give_up(&t, &t.speakers[i]);
	return end_talk(&t, began);
}
