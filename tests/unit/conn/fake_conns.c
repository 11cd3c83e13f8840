#include "fake_conns.h"

#include <string.h>

enum dt_err
fake_conns_init(struct fake_conns *f, uint32_t worker, size_t last_flight_memory)
{
	static const uint8_t secret[DT_COOKIE_SECRET_LEN] = {1};
	memset(f, 0, sizeof(*f));
	dt_wheel_init(&f->wheel, (struct dt_mono){0});
	f->service = (struct dt_service){.name = "fake", .load = &f->load, .connection_limit = UINT32_MAX};
	f->listener.service = &f->service;
	struct dt_conns_config config = {
	    .worker = worker,
	    .wheel = &f->wheel,
	    .counters = &f->counters,
	    .cookie_secret = secret,
	    .handshake_memory = 1024 * 1024,
	    .last_flight_memory = last_flight_memory,
	};
	return dt_conns_new(&config, &f->conns);
}

static void
end_each(struct dt_conn *c, void *arg)
{
	(void)arg;
	fake_end(c);
}

void
fake_conns_fini(struct fake_conns *f)
{
	dt_conns_each(f->conns, end_each, NULL);
	dt_conns_free(&f->conns);
}

struct dt_path
fake_path(uint32_t number)
{
	struct dt_path p = {.peer = {.family = DTLSD_IPV4, .port = 1}, .local = {.family = DTLSD_IPV4}};
	dt_write_uint(p.peer.ip, number, 4);
	return p;
}

struct dt_conn *
fake_conn(struct fake_conns *f, uint32_t path)
{
	struct dt_path p = fake_path(path);
	struct dt_conn *c;
	return dt_conns_add(f->conns, &f->listener, &p, (struct dt_now){0}, &c) == DT_OK ? c : NULL;
}

void
fake_end(struct dt_conn *c)
{
	struct dt_conns *conns = c->conns;
	dt_conns_enter(conns);
	dt_conns_bury(c);
	dt_conns_release(c);
	dt_conns_leave(conns);
}
