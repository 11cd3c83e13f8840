#include "server.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "conn/conn_state.h"

struct reply {
	struct dt_list node;
	uint64_t id;
	size_t len;
	uint8_t bytes[];
};

/* ---- events ---- */

static struct sim_diary *
diary_of(struct sim_server *s, struct dt_conn *c)
{
	struct sim_diary *d = dt_conn_user(c);
	if (!d) {
		d = calloc(1, sizeof(*d));
		cr_assert(d);
		d->server = s;
		d->id = dt_conn_id(c);
		dt_list_append(&s->diaries, &d->node);
		dt_conn_set_user(c, d);
	}
	cr_assert(d->id == dt_conn_id(c) && d->released == 0, "an event after the last one");
	return d;
}

static void
maybe_close(struct sim_server *s, struct dt_conn *c, enum sim_place here)
{
	if (s->closes == here)
		dt_conn_close(c, DT_CLOSE_MODULE, sim_now());
}

static enum dt_gate
answer(enum sim_verdict v, bool inherited)
{
	switch (v) {
	case SIM_INHERIT:
		return inherited ? DT_GATE_ACCEPT : DT_GATE_REJECT;
	case SIM_ACCEPT:
		return DT_GATE_ACCEPT;
	case SIM_REJECT:
		return DT_GATE_REJECT;
	case SIM_WAIT:
		return DT_GATE_WAIT;
	}
	return DT_GATE_REJECT;
}

static enum dt_gate
on_request(void *arg, struct dt_conn *c, struct dtlsd_request *r)
{
	struct sim_server *s = arg;
	struct sim_diary *d = diary_of(s, c);
	cr_assert(d->asked++ == 0 && d->connected == 0);
	r->alert = s->alert;
	maybe_close(s, c, SIM_IN_REQUEST);
	return answer(s->request, true);
}

static enum dt_gate
on_psk(void *arg, struct dt_conn *c, struct dtlsd_psk *psk)
{
	struct sim_server *s = arg;
	struct sim_diary *d = diary_of(s, c);
	cr_assert(d->identities++ == 0 && d->connected == 0);
	snprintf(d->identity, sizeof(d->identity), "%.*s", (int)psk->identity_len, (const char *)psk->identity);
	if (s->psk == SIM_ACCEPT && s->key) {
		psk->key_len = (uint32_t)strlen(s->key);
		memcpy(psk->key, s->key, psk->key_len);
	}
	maybe_close(s, c, SIM_IN_PSK);
	return answer(s->psk, true);
}

static void
note_subject(struct sim_diary *d, const struct dtlsd_certificate *cert)
{
	d->subject[0] = '\0';
	if (cert)
		snprintf(d->subject, sizeof(d->subject), "%s", cert->subject);
}

static enum dt_gate
on_auth(void *arg, struct dt_conn *c, struct dtlsd_auth *a)
{
	struct sim_server *s = arg;
	struct sim_diary *d = diary_of(s, c);
	cr_assert(d->auths++ == 0 && d->connected == 0);
	note_subject(d, a->certificate);
	d->verify_code = a->verify_code;
	d->chain_count = a->chain_count;
	d->resumed = a->resumed;
	d->recommended = a->recommended == DTLSD_ACCEPT;
	a->alert = s->alert;
	maybe_close(s, c, SIM_IN_AUTH);
	return answer(s->auth, d->recommended);
}

static void
on_connected(void *arg, struct dt_conn *c, int32_t status, const char *text)
{
	struct sim_server *s = arg;
	struct sim_diary *d = diary_of(s, c);
	cr_assert(d->asked == 1, "connected without a request");
	cr_assert(d->connected++ == 0, "connected twice");
	d->connected_as = ++s->events_told;
	d->status = status;
	snprintf(d->text, sizeof(d->text), "%s", text);
	if (status == 0)
		d->export_err = dt_conn_export(c, SIM_LABEL, (struct dt_span){(const uint8_t *)"ctx", 3},
		    d->exported, sizeof(d->exported));
	maybe_close(s, c, SIM_IN_CONNECTED);
}

static void
on_data(void *arg, struct dt_conn *c, uint8_t *data, size_t len, size_t capacity)
{
	struct sim_server *s = arg;
	struct sim_diary *d = diary_of(s, c);
	cr_assert(d->connected == 1 && d->status == 0 && d->disconnected == 0);
	cr_assert(len > 0 && len <= capacity);
	d->datagrams++;
	d->bytes += len;
	if (d->datagrams == s->pauses_at)
		dt_conn_pause_ahead(c);
	if (s->mute)
		return;
	struct reply *r = malloc(sizeof(*r) + len);
	cr_assert(r);
	r->id = d->id;
	r->len = len;
	memcpy(r->bytes, data, len);
	memset(data, 0xa5, capacity); /* ours to scribble on */
	dt_list_append(&s->replies, &r->node);
	maybe_close(s, c, SIM_IN_DATA);
}

static bool
on_peer_moved(void *arg, struct dt_conn *c, const struct dt_path *to)
{
	const struct sim_server *s = arg;
	struct sim_diary *d = diary_of(arg, c);
	cr_assert(d->connected == 1 && d->disconnected == 0 && !dt_path_equal(to, dt_conn_path(c)));
	d->moves++;
	d->moved_to = *to;
	return !s->forbids_moves;
}

static void
on_disconnected(void *arg, struct dt_conn *c, int32_t status, const char *text)
{
	struct sim_server *s = arg;
	struct sim_diary *d = diary_of(s, c);
	cr_assert(d->connected == 1 && d->status == 0 && d->disconnected++ == 0);
	d->disconnected_as = ++s->events_told;
	d->end_status = status;
	snprintf(d->end_text, sizeof(d->end_text), "%s", text);
}

static void
on_released(void *arg, struct dt_conn *c)
{
	struct sim_diary *d = diary_of(arg, c);
	cr_assert(d->connected == 0 || d->status != 0 || d->disconnected == 1);
	d->released++;
}

static void
on_error(void *arg, struct dt_conn *c, int32_t code, const char *text)
{
	struct sim_diary *d = diary_of(arg, c);
	cr_assert(code > 0 && text[0]);
	d->errors++;
	d->error = code;
	snprintf(d->error_text, sizeof(d->error_text), "%s", text);
}

static void
on_status(void *arg, struct dt_conn *c, const struct dtlsd_tls_status *e)
{
	/* Cookie, Hello, Resumed, Flight, again, cert (x), Key exchange, Finished, Established, alert
	 * Out, alert In, failed (!) */
	static const char letters[] = "?CHRFaxKfEOI!";
	struct sim_diary *d = diary_of(arg, c);
	size_t n = strlen(d->steps);
	cr_assert(e->size == sizeof(*e) && e->text && e->text[0] && e->step >= 1 && e->step <= DTLSD_TLS_RECORD);
	if (e->step != DTLSD_TLS_RECORD) {
		cr_assert(n + 1 < sizeof(d->steps));
		d->steps[n] = letters[e->step];
		snprintf(d->step_text, sizeof(d->step_text), "%s", e->text);
		return;
	}
	d->records_in += !e->outgoing;
	d->records_out += e->outgoing;
	if (e->outgoing && e->epoch == 1) {
		cr_assert(d->last_out == 0 || e->sequence == d->last_out + 1);
		d->last_out = e->sequence;
	}
}

static bool
on_data_out(void *arg, struct dt_conn *c, uint8_t *data, size_t *len, size_t capacity)
{
	const struct sim_server *s = arg;
	(void)c;
	if (!s->rewrites)
		return true;
	*len = strlen(s->rewrites);
	cr_assert(*len <= capacity);
	memcpy(data, s->rewrites, *len);
	return *len > 0;
}

static const struct dt_conn_events events = {.request = on_request,
    .psk_lookup = on_psk,
    .client_auth = on_auth,
    .connected = on_connected,
    .data_in = on_data,
    .peer_moved = on_peer_moved,
    .disconnected = on_disconnected,
    .released = on_released,
    .error = on_error,
    .tls_status = on_status,
    .data_out = on_data_out};

/* ---- what the service is made of ---- */

static int
verify(void *arg, X509 *leaf, STACK_OF(X509) *untrusted, struct dt_wall now)
{
	const struct sim_server *s = arg;
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE *store = s->trust;
	cr_assert(ctx && X509_STORE_CTX_init(ctx, store, leaf, untrusted));
	X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(p, (time_t)now.s);
	X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN);
	X509_verify_cert(ctx);
	int code = X509_STORE_CTX_get_error(ctx);
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return code;
}

static int
verify_leaf(void *arg, X509 *leaf, struct dt_wall now)
{
	return verify(arg, leaf, NULL, now);
}

static STACK_OF(X509) *
padding_chain(size_t bytes)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	while (bytes) {
		size_t n = bytes < 5000 ? bytes : 5000;
		struct sim_identity id;
		sim_identity_make(&id, &(struct sim_cert_wish){.name = "padding", .ca = true, .comment = n});
		cr_assert(X509_up_ref(id.cert) && sk_X509_push(chain, id.cert));
		sim_identity_free(&id);
		bytes -= n;
	}
	return chain;
}

static void
make_tls(struct sim_server *s, const struct sim_options *o)
{
	struct sim_identity id = {0};
	STACK_OF(X509) *chain = padding_chain(o->chain_bytes);
	if (!o->psk_only && !o->identity)
		sim_identity_make(&id, &(struct sim_cert_wish){.name = "server", .rsa = o->rsa});
	const struct sim_identity *own = o->identity ? o->identity : &id;
	struct dt_tls_certificate cert = {.leaf = own->cert, .key = own->key, .chain = chain};
	s->trust = X509_STORE_new();
	if (o->client_ca)
		X509_STORE_add_cert(s->trust, o->client_ca);
	struct dt_tls_settings settings = {
	    .certificates = &cert,
	    .certificate_count = o->psk_only ? 0 : 1,
	    .suites = o->suites,
	    .client_auth = o->client_auth,
	    .verifier = {s, verify, verify_leaf},
	    .trust_id = {o->trust_id},
	    .tickets = o->tickets,
	    .ticket_lifetime = o->ticket_lifetime,
	    .ticket_secret = {1, 2, 3},
	    .psk = o->psk,
	    .key_log = sim_link_key,
	    .key_log_arg = s->link,
	    .heartbeat = o->heartbeat,
	    .records_per_key = o->records_per_key,
	    .forgeries_per_key = o->forgeries_per_key,
	    .record_size_limit = o->record_size_limit,
	    .mtu = o->mtu,
	    .initial_timer = DT_SECONDS(1),
	    .max_timer = DT_SECONDS(60),
	};
	char error[256];
	enum dt_err err = dt_tls_new(&settings, &s->tls, error, sizeof(error));
	cr_assert(err == DT_OK, "%s", error);
	sk_X509_pop_free(chain, X509_free);
	sim_identity_free(&id);
}

/* ---- the wire ---- */

struct dt_path
sim_path(uint32_t client)
{
	struct dt_path p = {
	    .peer = {.family = DTLSD_IPV4, .port = 40000},
	    .local = {.family = DTLSD_IPV4, .port = 4433, .ip = {192, 0, 2, 1}},
	};
	dt_write_uint(p.peer.ip, UINT32_C(10) << 24 | client, 4);
	return p;
}

static uint8_t *
reserve(void *arg, void *socket, const struct dt_path *path, size_t cap)
{
	struct sim_server *s = arg;
	cr_assert(socket == s && cap > 0 && cap <= sizeof(s->out));
	s->out_path = *path;
	s->out_cap = cap;
	return s->out;
}

static void
commit(void *arg, size_t len)
{
	struct sim_server *s = arg;
	struct dt_reader r = dt_reader(s->out_path.peer.ip, 4);
	cr_assert(len > 0 && len <= s->out_cap);
	if (s->kernel_mtu && len > s->kernel_mtu) {
		cr_assert(s->refused_count < 64);
		s->refused[s->refused_count++] = len;
		return;
	}
	s->sent++;
	s->sent_bytes += len;
	sim_link_send(s->link, (uint32_t)dt_read_uint(&r, 4) & 0xffffff, false, s->out, len);
}

void
sim_server_init(struct sim_server *s, struct sim_link *link, const struct sim_options *o)
{
	memset(s, 0, sizeof(*s));
	s->link = link;
	dt_list_init(&s->diaries);
	dt_list_init(&s->replies);
	dt_wheel_init(&s->wheel, sim_now().mono);
	make_tls(s, o);
	s->events = events;
	s->events.arg = s;
	s->service = (struct dt_service){
	    .name = "sim",
	    .events = &s->events,
	    .tls = s->tls,
	    .idle_timeout = o->idle_timeout,
	    .keep_alive = o->keep_alive,
	    .connection_id = o->connection_id,
	    .move_policy = o->move_policy,
	    .pause_queue = o->pause_queue,
	    .tls_records = o->tls_records,
	    .exporter = o->exporter,
	    .handshake_timeout = o->handshake_timeout,
	    .load = &s->load,
	    .connection_limit = o->connection_limit,
	    .handshake_limit = o->handshake_limit,
	    .hellos_per_prefix = o->hellos_per_prefix,
	    .hellos_window_ns = 1000000000,
	    .listening = true,
	};
	s->listener = (struct dt_listener){&s->service, s};
	static const uint8_t secret[DT_COOKIE_SECRET_LEN] = {42};
	struct dt_conns_config config = {
	    .worker = 3,
	    .wheel = &s->wheel,
	    .counters = &s->counters,
	    .out = {s, reserve, commit},
	    .cookie_secret = secret,
	    .hash_key = {1, 2},
	    .handshake_memory = o->handshake_memory,
	    .last_flight_memory = o->last_flight_memory,
	    .pause_memory = o->pause_memory,
	};
	cr_assert(dt_conns_new(&config, &s->conns) == DT_OK);
}

static void
check_accounts(const struct sim_server *s)
{
	uint64_t accounted = sim_counter(s, DT_COUNT_HANDLED);
	for (unsigned i = 0; i < DT_DROPS; i++)
		if (dt_drop_infos[i].kind == DT_DROP_KIND_DATAGRAM)
			accounted += sim_drops(s, i);
	cr_assert(accounted == s->received, "%llu datagrams came, %llu are accounted for",
	    (unsigned long long)s->received, (unsigned long long)accounted);
}

void
sim_server_end(struct sim_server *s)
{
	dt_conns_close_all(s->conns, NULL, DT_CLOSE_DRAIN, sim_now());
	check_accounts(s);
	cr_assert(dt_conns_count(s->conns) == 0);
	cr_assert(s->load.connections == 0 && s->load.handshakes == 0);
	cr_assert(sim_handshake_memory(s) == 0, "%zu bytes stay charged", sim_handshake_memory(s));
	cr_assert(sim_last_flight_bytes(s) == 0);
	cr_assert(s->conns->pause_bytes == 0);
	cr_assert(s->tls->ssl_objects == 0);
	cr_assert(dt_wheel_next(&s->wheel).ns == DT_NEVER.ns, "a timer stays armed");
	sim_forget(s);
	cr_assert(dt_list_empty(&s->diaries), "a connection was not released");
}

void
sim_server_fini(struct sim_server *s)
{
	sim_server_end(s);
	DT_LIST_EACH (node, next, &s->replies)
		free(DT_CONTAINER(node, struct reply, node));
	dt_conns_free(&s->conns);
	dt_tls_free(&s->tls);
	X509_STORE_free(s->trust);
}

/* As udp_out does at the end of a turn. The tests that want this have one client. */
static void
tell_refused(struct sim_server *s)
{
	for (size_t i = 0; i < s->refused_count; i++)
		dt_conns_too_long(s->conns, &s->out_path, s->refused[i]);
	s->refused_count = 0;
}

static void
send_replies(struct sim_server *s)
{
	DT_LIST_EACH (node, next, &s->replies) {
		struct reply *r = DT_CONTAINER(node, struct reply, node);
		struct dt_conn *c = dt_conns_find(s->conns, r->id);
		dt_list_remove(node);
		enum dt_err err = c ? dt_conn_send(c, r->bytes, r->len, sim_now()) : DT_ERR_GONE;
		bool too_long = c && err == DT_ERR_TOO_LONG && r->len > dt_conn_max_datagram(c);
		cr_assert(err == DT_OK || err == DT_ERR_GONE || too_long || (err == DT_ERR_AGAIN && c->move));
		s->held_back += err == DT_ERR_AGAIN;
		free(r);
	}
	tell_refused(s);
}

void
sim_server_input(struct sim_server *s, uint32_t client, const uint8_t *bytes, size_t len)
{
	/* Exactly as long, so that a sanitizer sees a byte that is read behind it. */
	uint8_t *space = malloc(len ? len : 1);
	struct dt_path path = sim_path(client);
	cr_assert(space);
	memcpy(space, bytes, len);
	s->received++;
	dt_conns_input(s->conns, &s->listener, &path, space, len, len, sim_now());
	free(space);
	send_replies(s);
}

struct dt_mono
sim_server_next(struct sim_server *s)
{
	return dt_wheel_next(&s->wheel);
}

void
sim_server_timers(struct sim_server *s)
{
	dt_wheel_run(&s->wheel, sim_now());
	send_replies(s);
}

/* ---- for the tests ---- */

struct sim_diary *
sim_newest(struct sim_server *s)
{
	return dt_list_empty(&s->diaries) ? NULL : DT_CONTAINER(s->diaries.prev, struct sim_diary, node);
}

size_t
sim_diary_count(const struct sim_server *s)
{
	size_t n = 0;
	DT_LIST_EACH (node, next, &s->diaries)
		n++;
	return n;
}

void
sim_forget(struct sim_server *s)
{
	DT_LIST_EACH (node, next, &s->diaries) {
		struct sim_diary *d = DT_CONTAINER(node, struct sim_diary, node);
		if (!d->released)
			continue;
		dt_list_remove(node);
		free(d);
	}
}

static struct dt_conn *
newest_conn(struct sim_server *s)
{
	struct sim_diary *d = sim_newest(s);
	cr_assert(d);
	struct dt_conn *c = dt_conns_find(s->conns, d->id);
	cr_assert(c, "the connection is gone");
	return c;
}

void
sim_verdict(struct sim_server *s, enum dt_gate_kind kind, bool accept, uint8_t alert, const char *key)
{
	struct dt_conn *c = newest_conn(s);
	cr_assert(dt_conn_waiting(c, kind));
	struct dt_span k = {(const uint8_t *)key, key ? strlen(key) : 0};
	dt_conn_verdict(c, kind, accept, alert, k, sim_now());
	send_replies(s);
}

enum dt_err
sim_server_send(struct sim_server *s, const void *data, size_t len)
{
	enum dt_err err = dt_conn_send(newest_conn(s), data, len, sim_now());
	tell_refused(s);
	return err;
}

void
sim_server_close(struct sim_server *s, enum dt_close why)
{
	dt_conn_close(newest_conn(s), why, sim_now());
}

void
sim_pause(struct sim_server *s)
{
	dt_conn_pause(newest_conn(s));
}

void
sim_process(struct sim_server *s)
{
	dt_conn_process(newest_conn(s));
	send_replies(s);
}

uint64_t
sim_counter(const struct sim_server *s, enum dt_counter which)
{
	return s->counters.count[which];
}

uint64_t
sim_drops(const struct sim_server *s, enum dt_drop why)
{
	return s->counters.drop[why];
}

size_t
sim_handshake_memory(const struct sim_server *s)
{
	return s->conns->handshake_memory.used;
}

size_t
sim_last_flight_bytes(const struct sim_server *s)
{
	return s->conns->last_flight_bytes;
}
