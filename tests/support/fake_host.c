#include "fake_parts.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

#define TAIL_ROOM 64u /* bytes behind a datagram that a module may grow into */
#define MAX_DATAGRAM 16384u

void
fake_fail(const char *format, ...)
{
	va_list args;

	fputs("fake host: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

void *
fake_allocate(size_t bytes)
{
	void *p = calloc(1, bytes > 0 ? bytes : 1);

	if (p == NULL)
		fake_fail("out of memory");
	return p;
}

void *
fake_grow(void *items, size_t count, size_t size)
{
	void *p = realloc(items, (count + 1) * size);

	if (p == NULL)
		fake_fail("out of memory");
	return p;
}

void *
fake_keep(struct fake_host *h, size_t bytes)
{
	struct fake_kept *k = fake_allocate(sizeof(*k) + bytes);

	k->next = h->kept;
	h->kept = k;
	return k->bytes;
}

void
fake_add_text(struct fake_texts *list, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		fake_fail("out of memory");
	list->items = fake_grow(list->items, list->count, sizeof(list->items[0]));
	list->items[list->count++] = copy;
}

size_t
fake_count_texts(const struct fake_texts *list, const char *part)
{
	size_t n = 0;

	for (size_t i = 0; i < list->count; i++)
		n += strstr(list->items[i], part) != NULL;
	return n;
}

static void
free_texts(struct fake_texts *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
}

/* ---- life of the instance ------------------------------------------------------------------- */

/* A new one for each call, as the host promises it for no longer. */
static struct dtlsd_ctx
make_ctx(struct fake_host *h, uint32_t worker, uint64_t conn)
{
	return (struct dtlsd_ctx){
	    .host = &fake_table,
	    .instance = (struct dtlsd_instance *)h,
	    .data = h->data,
	    .worker_data = worker < h->workers ? h->worker_data[worker] : NULL,
	    .config = h->config,
	    .conn = conn,
	    .worker = worker,
	    .worker_count = h->workers,
	};
}

struct fake_host *
fake_new(const char *module_file, uint32_t workers)
{
	struct fake_host *h = fake_allocate(sizeof(*h));
	void *file = dlopen(module_file, RTLD_NOW | RTLD_LOCAL);

	if (file == NULL)
		fake_fail("%s", dlerror());
	h->module = dlsym(file, "dtlsd_module");
	if (h->module == NULL || h->module->magic != DTLSD_MAGIC ||
	    h->module->size != sizeof(struct dtlsd_module))
		fake_fail("%s is no module of this ABI", module_file);
	h->workers = workers;
	h->worker_data = fake_allocate(workers * sizeof(h->worker_data[0]));
	h->counters = fake_allocate(h->module->counter_count * sizeof(h->counters[0]));
	h->now = 1000000000000;
	if (h->module->options != NULL)
		h->config = fake_keep(h, h->module->options->struct_size);
	fake_configure(h, "{}");
	return h;
}

void
fake_configure(struct fake_host *h, const char *json)
{
	if (h->open)
		fake_fail("configured after open");
	if (h->module->options != NULL)
		fake_fill_options(h, h->module->options, h->config, json);
}

const void *
fake_config(const struct fake_host *h)
{
	return h->config;
}

static void
complain(const struct dtlsd_check *check, const char *kind, const char *pointer, const char *text)
{
	struct fake_host *h = check->opaque;
	char line[1024];

	snprintf(line, sizeof(line), "%s %s: %s", kind, pointer, text);
	fake_add_text(&h->complaints, line);
}

static void
config_error(const struct dtlsd_check *check, const char *pointer, const char *text)
{
	complain(check, "error", pointer, text);
}

static void
config_warning(const struct dtlsd_check *check, const char *pointer, const char *text)
{
	complain(check, "warning", pointer, text);
}

size_t
fake_check(struct fake_host *h, int64_t connection_limit)
{
	struct dtlsd_check check = {
	    .size = sizeof(check),
	    .config = h->config,
	    .config_error = config_error,
	    .config_warning = config_warning,
	    .opaque = h,
	    .connection_limit = connection_limit,
	};

	free_texts(&h->complaints);
	h->complaints = (struct fake_texts){NULL, 0};
	if (h->module->check != NULL)
		h->module->check(&check);
	return fake_count_texts(&h->complaints, "error /") +
	       fake_count_texts(&h->complaints, "error : ");
}

size_t
fake_complaints(const struct fake_host *h, const char *part)
{
	return fake_count_texts(&h->complaints, part);
}

int32_t
fake_open(struct fake_host *h)
{
	int32_t answer = DTLSD_OK;
	h->main = make_ctx(h, UINT32_MAX, 0);

	if (h->module->open != NULL)
		answer = h->module->open(&h->main, &h->data);
	if (answer != DTLSD_OK)
		return answer;
	h->open = true;
	h->main.data = h->data;
	for (uint32_t w = 0; w < h->workers && h->module->worker_start != NULL; w++) {
		struct dtlsd_ctx c = make_ctx(h, w, 0);
		answer = h->module->worker_start(&c, &h->worker_data[w]);
		if (answer != DTLSD_OK)
			return answer;
		h->started = w + 1;
	}
	return DTLSD_OK;
}

struct fake_weather *
fake_weather(struct fake_host *h)
{
	return &h->weather;
}

static void
stop_instance(struct fake_host *h)
{
	while (h->conns != NULL)
		fake_disconnect(h, h->conns->id);
	if (h->watches != NULL)
		fake_fail("descriptor %d was left watched", h->watches->fd);
	for (uint32_t w = 0; w < h->started && h->module->worker_stop != NULL; w++) {
		struct dtlsd_ctx c = make_ctx(h, w, 0);
		h->module->worker_stop(&c);
	}
	if (h->module->close != NULL)
		h->module->close(&h->main);
}

void
fake_free(struct fake_host **slot)
{
	struct fake_host *h = *slot;

	if (h == NULL)
		return;
	*slot = NULL;
	if (h->open)
		stop_instance(h);
	for (struct fake_post *p = h->posts; p != NULL; p = h->posts) {
		h->posts = p->next;
		free(p->data);
		free(p);
	}
	for (struct fake_timer *t = h->timers; t != NULL; t = h->timers) {
		h->timers = t->next;
		free(t);
	}
	for (size_t i = 0; i < h->sent_count; i++)
		free(h->sent[i].data);
	for (struct fake_kept *k = h->kept; k != NULL; k = h->kept) {
		h->kept = k->next;
		free(k);
	}
	free_texts(&h->complaints);
	free_texts(&h->logged);
	free(h->sent);
	free(h->tokens);
	free(h->counters);
	free(h->worker_data);
	free(h->buffer);
	free(h);
}

/* ---- connections and hooks ------------------------------------------------------------------ */

struct dtlsd_address
fake_address(const char *text)
{
	struct dtlsd_address a;

	if (dt_addr_parse(text, &a) != DT_OK)
		fake_fail("no address: %s", text);
	return a;
}

static struct dtlsd_address
local_for(const struct dtlsd_address *peer)
{
	return fake_address(peer->family == DTLSD_IPV4 ? "127.0.0.1:5684" : "[::1]:5684");
}

struct fake_conn *
fake_find_conn(const struct fake_host *h, uint64_t id)
{
	for (struct fake_conn *p = h->conns; p != NULL; p = p->next)
		if (p->id == id)
			return p;
	return NULL;
}

static struct fake_conn *
need_conn(const struct fake_host *h, uint64_t id)
{
	struct fake_conn *p = fake_find_conn(h, id);

	if (p == NULL)
		fake_fail("no connection %llu", (unsigned long long)id);
	return p;
}

static void
remove_conn(struct fake_host *h, struct fake_conn *p)
{
	struct fake_conn **at = &h->conns;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	if (p->data != NULL && p->destroy != NULL)
		p->destroy(p->data);
	free(p);
}

void
fake_disconnect(struct fake_host *h, uint64_t conn)
{
	struct fake_conn *p = need_conn(h, conn);
	struct dtlsd_ctx c = make_ctx(h, p->worker, conn);
	struct dtlsd_disconnected event = {sizeof(event), 0, "OK"};

	p->closing = true;
	if (p->info.established && h->module->disconnected != NULL)
		h->module->disconnected(&c, &event);
	remove_conn(h, p);
}

/* What a hook asked for happens after it has returned. */
static void
settle(struct fake_host *h)
{
	struct fake_conn *p = h->conns;

	while (p != NULL) {
		struct fake_conn *next = p->next;
		if (p->closing)
			fake_disconnect(h, p->id);
		p = next;
	}
}

uint32_t
fake_request_with(struct fake_host *h, uint32_t worker, struct dtlsd_request *request)
{
	struct dtlsd_ctx c = make_ctx(h, worker, 0);

	request->size = sizeof(*request);
	if (h->module->connection_request == NULL)
		return DTLSD_NEXT;
	return h->module->connection_request(&c, request);
}

uint32_t
fake_request(struct fake_host *h, uint32_t worker, const char *peer)
{
	struct dtlsd_request request = {.peer = fake_address(peer)};

	request.local = local_for(&request.peer);
	return fake_request_with(h, worker, &request);
}

uint64_t
fake_handshake(struct fake_host *h, uint32_t worker, const char *peer)
{
	struct fake_conn *p = fake_allocate(sizeof(*p));

	if (worker >= h->workers)
		fake_fail("no worker %u", worker);
	p->id = ((uint64_t)worker << 48) | ++h->next_conn;
	p->worker = worker;
	p->info.size = sizeof(p->info);
	p->info.peer = fake_address(peer);
	p->info.local = local_for(&p->info.peer);
	p->info.max_datagram = MAX_DATAGRAM;
	p->next = h->conns;
	h->conns = p;
	return p->id;
}

uint32_t
fake_psk_lookup(struct fake_host *h, uint64_t conn, struct dtlsd_psk *psk)
{
	struct dtlsd_ctx c = make_ctx(h, need_conn(h, conn)->worker, conn);

	psk->size = sizeof(*psk);
	return h->module->psk_lookup != NULL ? h->module->psk_lookup(&c, psk) : DTLSD_NEXT;
}

uint32_t
fake_auth(struct fake_host *h, uint64_t conn, struct dtlsd_auth *auth)
{
	struct dtlsd_ctx c = make_ctx(h, need_conn(h, conn)->worker, conn);

	auth->size = sizeof(*auth);
	return h->module->client_auth != NULL ? h->module->client_auth(&c, auth) : DTLSD_NEXT;
}

uint32_t
fake_peer_moved(struct fake_host *h, uint64_t conn, const char *to)
{
	struct fake_conn *p = need_conn(h, conn);
	struct dtlsd_ctx c = make_ctx(h, p->worker, conn);
	struct dtlsd_peer_moved event = {sizeof(event), 0, p->info.peer, fake_address(to)};
	uint32_t verdict = h->module->peer_moved != NULL ? h->module->peer_moved(&c, &event) : DTLSD_NEXT;

	if (verdict == DTLSD_NEXT)
		p->info.peer = event.to;
	settle(h);
	return verdict;
}

void
fake_connected(struct fake_host *h, uint64_t conn, int32_t status)
{
	struct fake_conn *p = need_conn(h, conn);
	struct dtlsd_ctx c = make_ctx(h, p->worker, conn);
	struct dtlsd_connected event = {sizeof(event), status,
	    status == 0 ? "OK" : "the handshake failed", p->info.peer, p->info.local};

	p->info.established = status == 0;
	if (h->module->connected != NULL)
		h->module->connected(&c, &event);
	if (status != 0)
		remove_conn(h, p);
	settle(h);
}

uint64_t
fake_connect(struct fake_host *h, uint32_t worker, const char *peer)
{
	uint64_t id = fake_handshake(h, worker, peer);

	fake_connected(h, id, 0);
	return id;
}

uint32_t
fake_data_through(
    struct fake_host *h, uint64_t conn, const void *data, size_t len, struct dtlsd_bytes *out)
{
	struct fake_conn *p = need_conn(h, conn);
	struct dtlsd_ctx c = make_ctx(h, p->worker, conn);

	free(h->buffer);
	h->buffer = fake_allocate(len + TAIL_ROOM);
	if (len > 0)
		memcpy(h->buffer, data, len);
	struct dtlsd_datagram d = {.size = sizeof(d),
	    .len = (uint32_t)len,
	    .capacity = (uint32_t)(len + TAIL_ROOM),
	    .data = h->buffer};
	uint32_t verdict = h->module->data_in != NULL ? h->module->data_in(&c, &d) : DTLSD_NEXT;
	*out = (struct dtlsd_bytes){d.data, d.len};
	p->closing = p->closing || verdict == DTLSD_CLOSE;
	settle(h);
	return verdict;
}

uint32_t
fake_data(struct fake_host *h, uint64_t conn, const void *data, size_t len)
{
	struct dtlsd_bytes ignored;

	return fake_data_through(h, conn, data, len, &ignored);
}

struct dtlsd_conn_info *
fake_info(struct fake_host *h, uint64_t conn)
{
	return &need_conn(h, conn)->info;
}

void
fake_set_certificate(
    struct fake_host *h, uint64_t conn, const struct dtlsd_certificate *certificate)
{
	need_conn(h, conn)->certificate = certificate;
}

/* ---- the world around ----------------------------------------------------------------------- */

/* The first to fire; equal ones in the order of their start. */
static struct fake_timer *
next_timer(const struct fake_host *h)
{
	struct fake_timer *best = NULL;

	for (struct fake_timer *t = h->timers; t != NULL; t = t->next)
		if (best == NULL || t->at < best->at ||
		    (t->at == best->at && t->handle < best->handle))
			best = t;
	return best;
}

void
fake_advance(struct fake_host *h, uint64_t ns)
{
	uint64_t end = h->now + ns;
	struct fake_timer *t;

	while ((t = next_timer(h)) != NULL && t->at <= end) {
		struct fake_timer fired = *t;
		struct fake_timer **at = &h->timers;
		while (*at != t)
			at = &(*at)->next;
		*at = t->next;
		free(t);
		h->now = fired.at > h->now ? fired.at : h->now;
		struct dtlsd_ctx c = make_ctx(h, fired.worker, 0);
		fired.fired(&c, fired.arg);
		settle(h);
	}
	h->now = end;
}

static struct fake_watch *
find_watch(const struct fake_host *h, int fd)
{
	struct fake_watch *w = h->watches;

	while (w != NULL && w->fd != fd)
		w = w->next;
	return w;
}

size_t
fake_poll(struct fake_host *h, int timeout_ms)
{
	size_t count = fake_watched(h), i = 0, calls = 0;
	struct pollfd *fds = fake_allocate(count * sizeof(fds[0]));

	for (struct fake_watch *w = h->watches; w != NULL; w = w->next)
		fds[i++] = (struct pollfd){w->fd, POLLIN, 0};
	if (poll(fds, count, timeout_ms) < 0)
		fake_fail("poll: %s", strerror(errno));
	for (i = 0; i < count; i++) {
		struct fake_watch *w = find_watch(h, fds[i].fd);
		if ((fds[i].revents & POLLNVAL) != 0)
			fake_fail("descriptor %d was closed while it was watched", fds[i].fd);
		if (fds[i].revents == 0 || w == NULL)
			continue;
		struct dtlsd_ctx c = make_ctx(h, w->worker, 0);
		w->ready(&c, w->fd, w->arg);
		settle(h);
		calls++;
	}
	free(fds);
	return calls;
}

size_t
fake_run(struct fake_host *h)
{
	size_t calls = 0;

	for (struct fake_post *p = h->posts; p != NULL; p = h->posts) {
		struct dtlsd_ctx c = make_ctx(h, p->worker, 0);
		h->posts = p->next;
		p->call(&c, p->data, p->len);
		free(p->data);
		free(p);
		settle(h);
		calls++;
	}
	return calls;
}
