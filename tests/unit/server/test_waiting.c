#include "server/waiting.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "seeded.h"

static struct dt_udp_datagram
datagram(uint8_t *bytes, size_t len, uint16_t port)
{
	struct dt_udp_datagram d = {.data = bytes, .len = len, .capacity = 4096};
	d.path.peer.port = port;
	return d;
}

Test(waiting, the_first_to_come_is_the_first_to_go)
{
	struct dt_waiting w;
	int sockets[2];
	void *socket = NULL;
	uint8_t bytes[4] = "abc";
	dt_waiting_init(&w, 4096);
	cr_assert(dt_waiting_empty(&w));
	for (uint16_t i = 0; i < 4; i++) {
		struct dt_udp_datagram d = datagram(bytes, 4, i);
		bytes[0] = (uint8_t)('0' + i);
		cr_assert_eq(dt_waiting_add(&w, &sockets[i % 2], &d), DT_OK);
	}
	memset(bytes, 0, sizeof(bytes)); /* it has copies */
	for (uint16_t i = 0; i < 4; i++) {
		const struct dt_udp_datagram *d = dt_waiting_next(&w, &socket);
		cr_assert(d);
		cr_assert(d->path.peer.port == i && d->len == 4 && d->capacity == 4);
		cr_assert(d->data[0] == '0' + i && d->data[1] == 'b');
		cr_assert_eq(socket, &sockets[i % 2]);
		d->data[3] = 'x'; /* may be rewritten */
	}
	cr_assert_null(dt_waiting_next(&w, &socket));
	cr_assert_null(dt_waiting_next(&w, &socket));
	cr_assert_eq(w.bytes, 0);
	dt_waiting_fini(&w);
	dt_waiting_fini(&w);
}

Test(waiting, without_memory_nothing_is_taken)
{
	struct dt_waiting w;
	uint8_t bytes[8] = {0};
	struct dt_udp_datagram d = datagram(bytes, 8, 1);
	dt_waiting_init(&w, 4096);
	dt_mem_fail_nth(1);
	cr_assert_eq(dt_waiting_add(&w, NULL, &d), DT_ERR_NOMEM);
	cr_assert(dt_waiting_empty(&w) && w.bytes == 0);
	dt_waiting_fini(&w);
}

#define OLDEST 4096

/* Against an array: which datagrams are there, and how many fit. */
Test(waiting, random_runs_match_an_array)
{
	struct seeded r = seeded_begin("waiting");
	static uint8_t bytes[2048];
	static struct {
		uint16_t port;
		size_t len;
	} oracle[OLDEST];
	size_t first = 0, end = 0, held = 0;
	struct dt_waiting w;
	uint8_t lone[1] = {0};
	struct dt_udp_datagram one = datagram(lone, 0, 0);
	dt_waiting_init(&w, 65536);
	cr_assert_eq(dt_waiting_add(&w, NULL, &one), DT_OK);
	size_t overhead = w.bytes;
	void *socket;
	dt_waiting_next(&w, &socket);
	for (uint16_t i = 1; end < OLDEST; i++) {
		if (seeded_below(&r, 5) > 1) {
			size_t len = seeded_below(&r, sizeof(bytes));
			bytes[0] = (uint8_t)i;
			struct dt_udp_datagram d = datagram(bytes, len, i);
			bool fits = held + overhead + len <= 65536;
			cr_assert_eq(dt_waiting_add(&w, NULL, &d), fits ? DT_OK : DT_ERR_FULL);
			if (fits) {
				oracle[end].port = i;
				oracle[end++].len = len;
				held += overhead + len;
			}
			continue;
		}
		const struct dt_udp_datagram *d = dt_waiting_next(&w, &socket);
		cr_assert_eq(d == NULL, first == end);
		if (d) {
			cr_assert(
			    d->path.peer.port == oracle[first].port && d->len == oracle[first].len);
			cr_assert(d->len == 0 || d->data[0] == (uint8_t)oracle[first].port);
			held -= overhead + oracle[first++].len;
		}
		cr_assert_eq(w.bytes, held);
	}
	dt_waiting_fini(&w); /* with what is left in it */
}
