#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "server/waiting.h"

#define CAP 4096u

static struct dt_udp_datagram
datagram(uint8_t *data, size_t len)
{
	return (struct dt_udp_datagram){.path.peer.port = (uint16_t)len, .data = data, .len = len, .capacity = CAP};
}

static enum dt_err
add(struct dt_waiting *w, void *socket, const char *text)
{
	struct dt_udp_datagram d = datagram((uint8_t *)(uintptr_t)text, strlen(text));
	return dt_waiting_add(w, socket, &d);
}

Test(waiting, who_came_first_is_given_first_with_its_socket_and_path)
{
	struct dt_waiting w;
	int a, b;
	void *socket;
	dt_waiting_init(&w, CAP);
	cr_assert(dt_waiting_empty(&w));
	cr_assert_eq(add(&w, &a, "one"), DT_OK);
	cr_assert_eq(add(&w, &b, "three"), DT_OK);
	cr_assert(!dt_waiting_empty(&w));

	const struct dt_udp_datagram *d = dt_waiting_next(&w, &socket);
	cr_assert_eq(socket, &a);
	cr_assert_eq(d->path.peer.port, 3);
	cr_assert_eq(d->len, 3);
	cr_assert_arr_eq(d->data, "one", 3);
	d = dt_waiting_next(&w, &socket);
	cr_assert_eq(socket, &b);
	cr_assert_arr_eq(d->data, "three", 5);
	cr_assert_eq(d->capacity, 5, "nobody may write behind what was copied");
	cr_assert_null(dt_waiting_next(&w, &socket));
	cr_assert_eq(w.bytes, 0);
	dt_waiting_fini(&w);
}

Test(waiting, the_bytes_are_a_copy)
{
	struct dt_waiting w;
	uint8_t data[] = {1, 2, 3};
	struct dt_udp_datagram d = datagram(data, sizeof(data));
	void *socket;
	dt_waiting_init(&w, CAP);
	cr_assert_eq(dt_waiting_add(&w, NULL, &d), DT_OK);
	memset(data, 9, sizeof(data));
	cr_assert_eq(dt_waiting_next(&w, &socket)->data[0], 1);
	dt_waiting_fini(&w);
}

Test(waiting, a_full_one_takes_nobody_and_loses_nobody)
{
	struct dt_waiting w;
	uint8_t data[CAP] = {0};
	void *socket;
	unsigned taken = 0;
	dt_waiting_init(&w, CAP);
	struct dt_udp_datagram large = datagram(data, CAP), d = datagram(data, 100);
	cr_assert_eq(dt_waiting_add(&w, NULL, &large), DT_ERR_FULL);
	while (dt_waiting_add(&w, NULL, &d) == DT_OK)
		taken++;
	cr_assert(w.bytes <= CAP);
	cr_assert_gt(taken, 10);
	cr_assert_not_null(dt_waiting_next(&w, &socket));
	cr_assert_eq(dt_waiting_add(&w, NULL, &d), DT_OK, "whoever left made room");
	while (dt_waiting_next(&w, &socket))
		taken--;
	cr_assert_eq(taken, 0);
	dt_waiting_fini(&w);
}

Test(waiting, without_memory_a_datagram_is_not_taken)
{
	struct dt_waiting w;
	void *socket;
	dt_waiting_init(&w, CAP);
	cr_assert_eq(add(&w, NULL, "first"), DT_OK);
	dt_mem_fail_nth(1);
	cr_assert_eq(add(&w, NULL, "second"), DT_ERR_NOMEM);
	cr_assert_eq(add(&w, NULL, "third"), DT_OK);
	cr_assert_eq(dt_waiting_next(&w, &socket)->data[0], 'f');
	cr_assert_eq(dt_waiting_next(&w, &socket)->data[0], 't');
	dt_waiting_fini(&w);
}

Test(waiting, whoever_still_waits_at_the_end_is_freed)
{
	struct dt_waiting w;
	dt_waiting_init(&w, CAP);
	cr_assert_eq(add(&w, NULL, "late"), DT_OK);
	cr_assert_eq(add(&w, NULL, "later"), DT_OK);
	dt_waiting_fini(&w);
	cr_assert(dt_waiting_empty(&w));
	cr_assert_eq(w.bytes, 0);
}
