/* test_control_watch.c - events told as they happen, whoever reads them or not. */
#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "desk.h"

static void
begin(void)
{
	desk_begin(2);
}

TestSuite(control_watch, .init = begin, .fini = desk_end);

/* Begins to watch. */
static int
watch(const char *arguments)
{
	char request[256];
	int fd = desk_reach(desk.path);
	snprintf(
	    request, sizeof(request), "{'id':5,'command':'watch','arguments':{%s}}\n", arguments);
	desk_say(fd, request);
	cr_assert_str_eq(
	    desk_hear_until(fd, "\n"), "{\"id\":5,\"row\":{\"event\":\"watching\"}}\n");
	return fd;
}

static void
connect_one(struct client *c)
{
	struct dtlsd_address a = world_address(desk.server);
	client_init(c, &a, NULL);
	cr_assert(client_connect(c, PATIENCE));
}

static const char *
id_in(const char *row)
{
	static char id[17];
	const char *at = strstr(row, "\"id\":\"");
	cr_assert(at, "%s", row);
	memcpy(id, at + 6, 16);
	return id;
}

Test(control_watch, what_happens_is_told)
{
	struct client c;
	char end[128];
	int fd = watch("'events':['connected','disconnected','data_in','data_out']");
	connect_one(&c);
	const char *said = desk_hear_until(fd, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
	SAYS(said, "{\"id\":5,\"row\":{\"event\":\"connected\",\"time\":\"20");
	SAYS(said, "\"server\":\"s\",\"peer\":\"127.0.0.1:");
	snprintf(end, sizeof(end), "%s", id_in(said));
	cr_assert(client_echo(&c, 77));
	said = desk_hear_until(fd, "\"data_out\"");
	SAYS(said, "\"event\":\"data_in\"");
	SAYS(said, "\"identity\":null,\"bytes\":77,\"text\":null}}\n");
	SAYS(said, end);
	client_close(&c);
	SAYS(desk_hear_until(fd, "\"disconnected\""), "closed by the client");
	client_fini(&c);
	close(fd);
}

Test(control_watch, filters_hold_for_events)
{
	struct client a, b;
	char only[64];
	connect_one(&a);
	connect_one(&b);
	int list = desk_reach(desk.path);
	const char *said =
	    desk_ask(list, "{'id':1,'command':'connections','arguments':{'columns':'id'}}\n");
	snprintf(only, sizeof(only), "'events':'data_in','id':'%s'", id_in(said + 8));
	int one = watch(only), other = watch("'server':'t'"), far = watch("'peer':'10.0.0.0/8'");
	for (int i = 0; i < 3; i++)
		cr_assert(client_echo(&a, 10) && client_echo(&b, 10));
	said = desk_hear_lines(one, 3);
	cr_assert_eq(desk_count(said, "data_in"), 3);
	client_close(&a);
	client_close(&b);
	said = desk_hear_lines(one, 0);
	cr_assert_str_eq(said, "");
	cr_assert_str_eq(desk_hear_lines(other, 0), "");
	cr_assert_str_eq(desk_hear_lines(far, 0), "");
	client_fini(&a);
	client_fini(&b);
	close(list);
	close(one);
	close(other);
	close(far);
}

Test(control_watch, what_cannot_be_watched_is_refused)
{
	int fd = desk_reach(desk.path);
	SAYS(desk_ask(fd, "{'id':1,'command':'watch','arguments':{'server':'u'}}\n"), "not_found");
	SAYS(desk_ask(fd, "{'id':1,'command':'watch','arguments':{'id':'x'}}\n"), "not_found");
	SAYS(desk_ask(fd, "{'id':1,'command':'watch','arguments':{'events':['conected']}}\n"),
	    "did you mean \\\"connected\\\"?");
	close(fd);
}

Test(control_watch, a_watcher_that_does_not_read_misses_what_is_counted)
{
	enum { ECHOES = 6000 };
	struct client c;
	uint64_t told = 0, missed = 0;
	int fd = watch("'events':['data_in','data_out']");
	connect_one(&c);
	for (int i = 0; i < ECHOES; i++) {
		cr_assert(client_echo(&c, 10));
		if (i % 100 == 0)
			desk_turn_once();
	}
	while (told + missed < 2 * ECHOES) {
		const char *said = desk_hear_lines(fd, 1);
		told += desk_count(said, "data_in") + desk_count(said, "data_out");
		for (const char *p = said; (p = strstr(p, "\"count\":")) != NULL; p++)
			missed += strtoull(p + 8, NULL, 10);
	}
	cr_assert_eq(told + missed, 2 * ECHOES);
	cr_assert_gt(missed, 0);
	cr_assert_gt(told, 1000);
	client_fini(&c);
	close(fd);
}

Test(control_watch, those_who_leave_are_forgotten_and_the_rest_goes_on)
{
	struct client c;
	int fds[20];
	for (size_t i = 0; i < 20; i++)
		fds[i] = watch("'events':['connected','data_in']");
	for (size_t i = 1; i < 20; i++)
		close(fds[i]);
	connect_one(&c);
	cr_assert(client_echo(&c, 10));
	SAYS(desk_hear_until(fds[0], "data_in"), "\"connected\"");
	close(fds[0]);
	desk_turn();
	cr_assert(client_echo(&c, 10));
	client_fini(&c);
}

Test(control_watch, the_server_may_stop_while_it_is_watched)
{
	struct client c;
	int fd = watch("'events':['connected','disconnected','data_in']");
	connect_one(&c);
	cr_assert(client_echo(&c, 10));
	dt_control_close(desk.control); /* desk_end() stops the server */
	cr_assert(desk_is_over(fd));
	client_fini(&c);
	close(fd);
}

/* ---- a worker whose mailbox is full ---- */

static sem_t held, freed;

static void
hold(void *arg, void *data, size_t len)
{
	(void)arg;
	(void)data;
	(void)len;
	sem_post(&held);
	sem_wait(&freed);
}

static void
nothing(void *arg, void *data, size_t len)
{
	(void)arg;
	(void)data;
	(void)len;
}

Test(control_watch, a_worker_that_has_no_time_is_asked_again_later)
{
	struct client clients[8];
	struct dt_mailbox *box = dt_server_mailbox(desk.server, 0);
	int watcher = watch(""), fd = desk_reach(desk.path);
	sem_init(&held, 0, 0);
	sem_init(&freed, 0, 0);
	cr_assert_eq(dt_mailbox_post(box, hold, NULL, 0), DT_OK);
	sem_wait(&held);
	while (dt_mailbox_post(box, nothing, NULL, 0) == DT_OK)
		;
	SAYS(desk_ask(fd, "{'id':1,'command':'connections'}\n"),
	    "\"code\":\"busy\",\"text\":\"worker 0: not now");
	SAYS(desk_ask(fd, "{'id':1,'command':'watch'}\n"), "\"code\":\"busy\"");
	close(watcher); /* the worker cannot be told that it is gone */
	desk_turn();
	sem_post(&freed);
	for (size_t i = 0; i < 8; i++) /* it finds out by itself */
		connect_one(&clients[i]);
	SAYS(desk_ask(fd, "{'id':2,'command':'connections'}\n"), "\"connections\":8}");
	for (size_t i = 0; i < 8; i++)
		client_fini(&clients[i]);
	close(fd);
}
