#include "fake_parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static struct fake_host *
host_of(const struct dtlsd_ctx *c)
{
	return (struct fake_host *)c->instance;
}

static struct fake_host *
host_on_worker(const struct dtlsd_ctx *c, const char *function)
{
	if (c->worker == UINT32_MAX)
		fake_fail("%s() called off the workers", function);
	return host_of(c);
}

static struct fake_conn *
own_conn(const struct dtlsd_ctx *c, uint64_t id, const char *function)
{
	struct fake_conn *p = fake_find_conn(host_on_worker(c, function), id);

	return p != NULL && p->worker == c->worker ? p : NULL;
}

static int32_t
host_send(const struct dtlsd_ctx *c, uint64_t conn, const void *data, size_t len)
{
	struct fake_host *h = host_of(c);
	struct fake_conn *p = fake_find_conn(h, conn);

	if (h->weather.send != DTLSD_OK)
		return h->weather.send;
	if (p == NULL || p->closing)
		return DTLSD_GONE;
	if (len > p->info.max_datagram)
		return DTLSD_TOO_LONG;
	struct fake_sent s = {conn, fake_allocate(len), len};
	if (len > 0)
		memcpy(s.data, data, len);
	h->sent = fake_grow(h->sent, h->sent_count, sizeof(h->sent[0]));
	h->sent[h->sent_count++] = s;
	return p->worker == c->worker ? DTLSD_OK : DTLSD_QUEUED;
}

static int32_t
host_disconnect(const struct dtlsd_ctx *c, uint64_t conn)
{
	struct fake_conn *p = fake_find_conn(host_of(c), conn);

	if (p == NULL)
		return DTLSD_GONE;
	p->closing = true;
	return p->worker == c->worker ? DTLSD_OK : DTLSD_QUEUED;
}

static void
host_log(const struct dtlsd_ctx *c, int32_t level, const char *text)
{
	if (level < DTLSD_LOG_ERROR || level > DTLSD_LOG_DEBUG)
		fake_fail("log level %d", level);
	fake_add_text(&host_of(c)->logged, text);
}

static uint64_t
host_now(const struct dtlsd_ctx *c)
{
	return host_of(c)->now;
}

static void
host_random(const struct dtlsd_ctx *c, void *out, size_t len)
{
	(void)c;
	if (getrandom(out, len, 0) != (ssize_t)len)
		fake_fail("getrandom");
}

static uint64_t
host_defer(const struct dtlsd_ctx *c)
{
	struct fake_host *h = host_on_worker(c, "defer");

	h->tokens = fake_grow(h->tokens, h->token_count, sizeof(h->tokens[0]));
	h->tokens[h->token_count++] = (struct fake_token){false, 0};
	return h->token_count;
}

static int32_t
host_resolve(
    const struct dtlsd_ctx *c, uint64_t token, uint32_t verdict, const void *key, size_t key_len)
{
	struct fake_host *h = host_of(c);

	if (token == 0 || token > h->token_count || h->tokens[token - 1].resolved)
		return DTLSD_GONE;
	if (verdict == DTLSD_DEFER || verdict > DTLSD_FOUND ||
	    (verdict == DTLSD_FOUND) != (key != NULL && key_len > 0))
		return DTLSD_INVALID;
	h->tokens[token - 1] = (struct fake_token){true, verdict};
	return c->worker == UINT32_MAX ? DTLSD_QUEUED : DTLSD_OK;
}

static int32_t
host_conn_info(const struct dtlsd_ctx *c, uint64_t conn, struct dtlsd_conn_info *info)
{
	struct fake_conn *p = own_conn(c, conn, "conn_info");

	if (info->size != sizeof(*info))
		fake_fail("conn_info() without the size");
	if (p == NULL)
		return DTLSD_GONE;
	*info = p->info;
	return DTLSD_OK;
}

static int32_t
host_peer_certificate(
    const struct dtlsd_ctx *c, uint64_t conn, const struct dtlsd_certificate **out)
{
	struct fake_conn *p = own_conn(c, conn, "peer_certificate");

	if (p == NULL || p->certificate == NULL)
		return DTLSD_GONE;
	*out = p->certificate;
	return DTLSD_OK;
}

static int32_t
host_set_conn_data(
    const struct dtlsd_ctx *c, uint64_t conn, void *data, void (*destroy)(void *data))
{
	struct fake_conn *p = own_conn(c, conn, "set_conn_data");

	if (p == NULL)
		return DTLSD_GONE;
	if (host_of(c)->weather.set_conn_data != DTLSD_OK)
		return host_of(c)->weather.set_conn_data;
	if (p->data != NULL && p->destroy != NULL)
		p->destroy(p->data);
	p->data = data;
	p->destroy = destroy;
	return DTLSD_OK;
}

static void *
host_conn_data(const struct dtlsd_ctx *c, uint64_t conn)
{
	struct fake_conn *p = own_conn(c, conn, "conn_data");

	return p != NULL ? p->data : NULL;
}

static void
host_for_each_conn(const struct dtlsd_ctx *c,
    void (*each)(const struct dtlsd_ctx *c, uint64_t conn, void *arg), void *arg)
{
	struct fake_host *h = host_on_worker(c, "for_each_conn");

	for (struct fake_conn *p = h->conns; p != NULL; p = p->next)
		if (p->worker == c->worker && p->info.established && !p->closing)
			each(c, p->id, arg);
}

static void
add_post(struct fake_host *h, const struct fake_post *model, const void *data)
{
	struct fake_post *p = fake_allocate(sizeof(*p));
	struct fake_post **end = &h->posts;

	*p = *model;
	p->data = fake_allocate(p->len);
	if (p->len > 0)
		memcpy(p->data, data, p->len);
	while (*end != NULL)
		end = &(*end)->next;
	*end = p;
}

static int32_t
host_post(const struct dtlsd_ctx *c, uint32_t worker,
    void (*call)(const struct dtlsd_ctx *c, void *data, size_t len), const void *data, size_t len)
{
	struct fake_host *h = host_of(c);

	if (h->weather.post != DTLSD_OK)
		return h->weather.post;
	if (len > 65536)
		return DTLSD_TOO_LONG;
	if (worker != UINT32_MAX && worker >= h->workers)
		return DTLSD_INVALID;
	for (uint32_t w = 0; w < h->workers; w++)
		if (worker == UINT32_MAX || worker == w)
			add_post(
			    h, &(struct fake_post){.worker = w, .call = call, .len = len}, data);
	return DTLSD_QUEUED;
}

static uint64_t
host_timer_start(const struct dtlsd_ctx *c, uint64_t delay_ns,
    void (*fired)(const struct dtlsd_ctx *c, void *arg), void *arg)
{
	struct fake_host *h = host_on_worker(c, "timer_start");
	struct fake_timer *t = h->timers;

	if (h->weather.no_timers)
		return 0;
	while (t != NULL && (t->worker != c->worker || t->fired != fired || t->arg != arg))
		t = t->next;
	if (t == NULL) {
		t = fake_allocate(sizeof(*t));
		*t = (struct fake_timer){h->timers, ++h->next_timer, 0, c->worker, fired, arg};
		h->timers = t;
	}
	t->at = h->now + delay_ns;
	return t->handle;
}

static int32_t
host_timer_stop(const struct dtlsd_ctx *c, uint64_t timer)
{
	struct fake_host *h = host_on_worker(c, "timer_stop");

	for (struct fake_timer **p = &h->timers; *p != NULL; p = &(*p)->next) {
		struct fake_timer *t = *p;
		if (t->handle != timer)
			continue;
		*p = t->next;
		free(t);
		return DTLSD_OK;
	}
	return DTLSD_GONE;
}

static int32_t
host_watch(const struct dtlsd_ctx *c, int fd,
    void (*ready)(const struct dtlsd_ctx *c, int fd, void *arg), void *arg)
{
	struct fake_host *h = host_on_worker(c, "watch");

	if (h->weather.watch != DTLSD_OK)
		return h->weather.watch;
	for (struct fake_watch *w = h->watches; w != NULL; w = w->next)
		if (w->fd == fd)
			fake_fail("descriptor %d is watched already", fd);
	struct fake_watch *w = fake_allocate(sizeof(*w));
	*w = (struct fake_watch){h->watches, fd, c->worker, ready, arg};
	h->watches = w;
	return DTLSD_OK;
}

static int32_t
host_unwatch(const struct dtlsd_ctx *c, int fd)
{
	struct fake_host *h = host_on_worker(c, "unwatch");

	for (struct fake_watch **p = &h->watches; *p != NULL; p = &(*p)->next) {
		struct fake_watch *w = *p;
		if (w->fd != fd)
			continue;
		*p = w->next;
		free(w);
		return DTLSD_OK;
	}
	return DTLSD_GONE;
}

static void
host_count(const struct dtlsd_ctx *c, uint32_t index, uint64_t n)
{
	struct fake_host *h = host_on_worker(c, "count");

	if (index >= h->module->counter_count)
		fake_fail("no counter %u", index);
	h->counters[index] += n;
}

const struct dtlsd_host fake_table = {
    .size = sizeof(struct dtlsd_host),
    .abi_major = DTLSD_ABI_MAJOR,
    .abi_minor = DTLSD_ABI_MINOR,
    .version = "fake",
    .send = host_send,
    .disconnect = host_disconnect,
    .log = host_log,
    .now = host_now,
    .random = host_random,
    .defer = host_defer,
    .resolve = host_resolve,
    .conn_info = host_conn_info,
    .peer_certificate = host_peer_certificate,
    .set_conn_data = host_set_conn_data,
    .conn_data = host_conn_data,
    .for_each_conn = host_for_each_conn,
    .post = host_post,
    .timer_start = host_timer_start,
    .timer_stop = host_timer_stop,
    .watch = host_watch,
    .unwatch = host_unwatch,
    .count = host_count,
};

/* ---- what the module did -------------------------------------------------------------------- */

bool
fake_alive(struct fake_host *h, uint64_t conn)
{
	return fake_find_conn(h, conn) != NULL;
}

size_t
fake_sent_count(const struct fake_host *h, uint64_t conn)
{
	size_t n = 0;

	for (size_t i = 0; i < h->sent_count; i++)
		n += h->sent[i].conn == conn;
	return n;
}

struct dtlsd_bytes
fake_sent(const struct fake_host *h, uint64_t conn, size_t n)
{
	for (size_t i = 0; i < h->sent_count; i++)
		if (h->sent[i].conn == conn && n-- == 0)
			return (struct dtlsd_bytes){h->sent[i].data, h->sent[i].len};
	fake_fail("that many datagrams were not sent");
}

uint64_t
fake_counter(const struct fake_host *h, const char *name)
{
	for (uint32_t i = 0; i < h->module->counter_count; i++)
		if (strcmp(h->module->counters[i].name, name) == 0)
			return h->counters[i];
	fake_fail("no counter \"%s\"", name);
}

size_t
fake_logged(const struct fake_host *h, const char *part)
{
	return fake_count_texts(&h->logged, part);
}

size_t
fake_watched(const struct fake_host *h)
{
	size_t n = 0;

	for (const struct fake_watch *w = h->watches; w != NULL; w = w->next)
		n++;
	return n;
}

size_t
fake_timers(const struct fake_host *h)
{
	size_t n = 0;

	for (const struct fake_timer *t = h->timers; t != NULL; t = t->next)
		n++;
	return n;
}

bool
fake_resolved(const struct fake_host *h, uint64_t token, uint32_t *verdict)
{
	if (token == 0 || token > h->token_count || !h->tokens[token - 1].resolved)
		return false;
	*verdict = h->tokens[token - 1].verdict;
	return true;
}

uint64_t
fake_last_token(const struct fake_host *h)
{
	return h->token_count;
}
