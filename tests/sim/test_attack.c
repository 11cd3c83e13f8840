/* What others try: forged, replayed, early, repeated and misplaced records. */
#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/hmac.h>
#include <string.h>

#include "dtls/alert.h"
#include "dtls/kdf.h"
#include "forge.h"
#include "sim.h"

#define GCM "ECDHE-ECDSA-AES128-GCM-SHA256"
#define KEPT 64u

/* Keeps copies of what the clients send. */
struct recorder {
	struct {
		size_t len;
		uint8_t bytes[2048];
	} kept[KEPT];
	size_t count;
	bool muted; /* loses what it keeps */
};

static bool
keep_packet(void *arg, struct sim_packet *p)
{
	struct recorder *r = arg;
	if (p->to_server && r->count < KEPT && p->len <= sizeof(r->kept[0].bytes)) {
		r->kept[r->count].len = p->len;
		memcpy(r->kept[r->count++].bytes, p->bytes, p->len);
		return !r->muted;
	}
	return true;
}

static void
play_again(struct sim *sim, const struct recorder *r, size_t i, uint32_t as)
{
	sim_server_input(&sim->server, as, r->kept[i].bytes, r->kept[i].len);
}

static struct recorder *
record(struct sim *sim)
{
	struct recorder *r = calloc(1, sizeof(*r));
	cr_assert(r);
	sim->link.tap = keep_packet;
	sim->link.tap_arg = r;
	return r;
}

Test(attack, a_hello_without_a_cookie_on_a_live_path_does_nothing)
{
	struct sim_options o = sim_defaults("spoofed hello");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	struct recorder *r = record(sim);
	struct sim_client *other = sim_add_client(sim, ctx);
	sim_client_start(other);
	sim_settle(sim);
	uint64_t before = sim->server.sent_bytes;
	for (int i = 0; i < 1000; i++) {
		play_again(sim, r, 0, c->number);
		sim_settle(sim);
	}
	cr_assert(sim->server.sent_bytes - before <= 1000 * r->kept[0].len);
	sim_check_echo(sim, c, "undisturbed");
	cr_assert(dt_conns_count(sim->server.conns) == 2);
	/* The other one's hello with its cookie is not good here either. */
	play_again(sim, r, 1, c->number);
	sim_check_echo(sim, c, "undisturbed");
	cr_assert(dt_conns_count(sim->server.conns) == 2);
	SSL_CTX_free(ctx);
	sim_free(sim);
	free(r);
}

Test(attack, a_replay_of_the_own_hello_changes_nothing)
{
	struct sim_options o = sim_defaults("replayed hello");
	struct sim *sim = sim_new(&o);
	struct recorder *r = record(sim);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	uint64_t sent = sim->server.sent;
	for (int i = 0; i < 100; i++)
		play_again(sim, r, 1, c->number);
	cr_assert(sim->server.sent == sent, "an established connection answered it");
	sim_check_echo(sim, c, "undisturbed");
	cr_assert(sim_diary_count(&sim->server) == 1);
	SSL_CTX_free(ctx);
	sim_free(sim);
	free(r);
}

Test(attack, a_replayed_hello_gets_one_flight_in_an_interval)
{
	struct sim_options o = sim_defaults("amplifier");
	o.chain_bytes = 10000;
	struct sim *sim = sim_new(&o);
	struct recorder *r = record(sim);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_add_client(sim, ctx);
	sim_client_start(c);
	sim_run(sim, DT_MILLISECONDS(15)); /* the second hello has just come */
	r->muted = true;
	cr_assert(dt_conns_count(sim->server.conns) == 1);
	uint64_t flight = sim->server.sent - 1;
	for (int i = 0; i < 1000; i++)
		play_again(sim, r, 1, c->number);
	cr_assert(sim->server.sent - 1 <= 2 * flight);
	sim_clock_move(dt_mono_add(sim_now().mono, DT_MILLISECONDS(900)));
	for (int i = 0; i < 1000; i++)
		play_again(sim, r, 1, c->number);
	cr_assert(sim->server.sent - 1 <= 2 * flight);
	SSL_CTX_free(ctx);
	sim_free(sim);
	free(r);
}

Test(attack, a_cookie_is_good_for_its_address_and_for_two_minutes)
{
	struct sim_options o = sim_defaults("cookie");
	struct sim *sim = sim_new(&o);
	struct recorder *r = record(sim);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	sim_client_close(c);
	sim_settle(sim);
	cr_assert(dt_conns_count(sim->server.conns) == 0);
	play_again(sim, r, 1, 77);
	cr_assert(dt_conns_count(sim->server.conns) == 0);
	sim_run(sim, DT_SECONDS(121));
	play_again(sim, r, 1, c->number);
	cr_assert(dt_conns_count(sim->server.conns) == 0);
	cr_assert(sim_counter(&sim->server, DT_COUNT_COOKIES_SENT) == 3);
	SSL_CTX_free(ctx);
	sim_free(sim);
	free(r);
}

Test(attack, a_new_client_on_the_same_path_replaces_the_old_one)
{
	struct sim_options o = sim_defaults("replaced");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	sim_check_echo(sim, c, "old");
	struct sim_diary *old = sim_newest(&sim->server);
	sim_drop_client(sim, c); /* it crashed */
	c = sim_add_client(sim, ctx);
	c->number--;
	sim_client_start(c);
	sim_settle(sim);
	cr_assert(c->state == SIM_UP);
	cr_assert(old->disconnected == 1 && old->end_status == ECONNRESET && old->released == 1);
	cr_assert(sim_newest(&sim->server) != old && dt_conns_count(sim->server.conns) == 1);
	sim_check_echo(sim, c, "new");
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(attack, a_new_hello_with_a_cookie_replaces_a_handshake)
{
	struct sim_options o = sim_defaults("replaced handshake");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	sim->server.request = SIM_WAIT;
	struct sim_client *c = sim_connect(sim, ctx);
	sim_drop_client(sim, c);
	struct sim_diary *old = sim_newest(&sim->server);
	sim->server.request = SIM_ACCEPT;
	c = sim_add_client(sim, ctx);
	c->number--;
	sim_client_start(c);
	sim_settle(sim);
	cr_assert(c->state == SIM_UP && old->released == 1 && old->connected == 0);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* ---- established ---- */

Test(attack, records_are_delivered_once_and_forgeries_never)
{
	static const char *const suites[] = {NULL, "ECDHE-ECDSA-AES128-SHA256"};
	for (size_t k = 0; k < 2; k++) {
		struct sim_options o = sim_defaults("replayed records");
		o.suites = suites[k];
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(NULL);
		struct sim_client *c = sim_connect(sim, ctx);
		struct recorder *r = record(sim);
		for (int i = 0; i < 10; i++)
			sim_check_echo(sim, c, "once");
		struct sim_diary *d = sim_newest(&sim->server);
		for (size_t i = 0; i < r->count; i++)
			play_again(sim, r, i, c->number);
		cr_assert(d->datagrams == 10);
		r->muted = true;
		size_t before = r->count;
		for (int i = 0; i < 3; i++)
			sim_client_send(c, "forged on its way", 17);
		for (size_t i = before; i < r->count; i++)
			for (size_t byte = 3; byte < r->kept[i].len; byte++) {
				r->kept[i].bytes[byte] ^= 1;
				play_again(sim, r, i, c->number);
				r->kept[i].bytes[byte] ^= 1;
				cr_assert(d->disconnected == 0, "kind %zu, byte %zu: %s", k, byte, d->end_text);
			}
		cr_assert(d->datagrams == 10);
		cr_assert(sim_drops(&sim->server, DT_DROP_BAD_TAG) > 100);
		for (size_t i = before; i < r->count; i++)
			play_again(sim, r, i, c->number);
		cr_assert(d->datagrams == 13, "a forgery shut out the real one");
		sim_settle(sim);
		r->muted = false;
		sim_check_echo(sim, c, "still alive");
		SSL_CTX_free(ctx);
		sim_free(sim);
		free(r);
	}
}

Test(attack, plaintext_after_the_handshake_is_dropped)
{
	static const char *const suites[] = {NULL, "ECDHE-ECDSA-AES128-SHA256"};
	for (size_t k = 0; k < 2; k++) {
		struct sim_options o = sim_defaults("plaintext");
		o.suites = suites[k];
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(NULL);
		struct sim_client *c = sim_connect(sim, ctx);
		uint64_t sent = sim->server.sent;
		for (unsigned type = 0; type < 256; type++)
			for (uint16_t epoch = 0; epoch < 4; epoch++)
				for (size_t len = 0; len < 40; len += len < 4 ? 1 : 9) {
					uint8_t d[64] = {0};
					dt_record_write_header(d, (uint8_t)type, DT_VERSION_12, epoch, 1000, len);
					memset(d + 13, DT_ALERT_FATAL, len);
					sim_server_input(&sim->server, c->number, d, 13 + len);
					struct sim_diary *diary = sim_newest(&sim->server);
					cr_assert(diary->disconnected == 0, "type %u, epoch %u, %zu bytes: %s",
					    type, epoch, len, diary->end_text);
				}
		struct sim_diary *d = sim_newest(&sim->server);
		cr_assert(d->datagrams == 0 && d->disconnected == 0, "%s", d->end_text);
		cr_assert(sim->server.sent == sent);
		sim_check_echo(sim, c, "still alive");
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(attack, an_empty_record_is_accepted_and_delivers_nothing)
{
	struct sim_options o = sim_defaults("empty record");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(GCM);
	struct sim_client *c = sim_connect(sim, ctx);
	struct sim_forge f;
	sim_forge_init(&f, c);
	uint8_t d[256];
	uint64_t handled = sim_counter(&sim->server, DT_COUNT_HANDLED);
	size_t len = sim_forge_seal(&f, DT_APPLICATION_DATA, 7, "", 0, d);
	sim_server_input(&sim->server, c->number, d, len);
	cr_assert(sim_counter(&sim->server, DT_COUNT_HANDLED) == handled + 1);
	for (uint8_t type = DT_CHANGE_CIPHER_SPEC; type <= DT_HEARTBEAT; type++) {
		if (type == DT_APPLICATION_DATA)
			continue;
		len = sim_forge_seal(&f, type, 20u + type, "", 0, d);
		sim_server_input(&sim->server, c->number, d, len);
	}
	cr_assert(sim_counter(&sim->server, DT_COUNT_HANDLED) == handled + 1);
	struct sim_diary *diary = sim_newest(&sim->server);
	cr_assert(diary->datagrams == 0 && diary->disconnected == 0);
	sim_forge_fini(&f);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* A record of the client's without content, on AES-128-CBC with encrypt_then_mac. */
static size_t
seal_nothing_cbc(const struct sim_client *c, uint64_t number, uint8_t *out)
{
	enum { MAC = 32, KEY = 16, IV = 16, BLOCK = 16 };
	uint8_t master[48], seed[64], block[2 * MAC + KEY];
	SSL_SESSION_get_master_key(SSL_get_session(c->ssl), master, sizeof(master));
	SSL_get_server_random(c->ssl, seed, 32);
	SSL_get_client_random(c->ssl, seed + 32, 32);
	cr_assert(dt_prf("SHA256", (struct dt_span){master, 48}, "key expansion", (struct dt_span){seed, 64},
		      block, sizeof(block)) == DT_OK);
	uint8_t padding[BLOCK], *iv = out + DT_RECORD_HEADER, covered[13 + IV + BLOCK];
	memset(padding, BLOCK - 1, sizeof(padding));
	memset(iv, 7, IV);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	EVP_EncryptInit_ex(ctx, EVP_aes_128_cbc(), NULL, block + 2 * MAC, iv);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	EVP_EncryptUpdate(ctx, iv + IV, &n, padding, BLOCK);
	EVP_CIPHER_CTX_free(ctx);
	dt_record_write_header(out, DT_APPLICATION_DATA, DT_VERSION_12, 1, number, IV + BLOCK + MAC);
	memcpy(covered, out + 3, 8);
	memcpy(covered + 8, out, 3);
	dt_write_uint(covered + 11, IV + BLOCK, 2);
	memcpy(covered + 13, iv, IV + BLOCK);
	HMAC(EVP_sha256(), block, MAC, covered, sizeof(covered), iv + IV + BLOCK, NULL);
	return DT_RECORD_HEADER + IV + BLOCK + MAC;
}

Test(attack, an_empty_record_is_accepted_on_a_cbc_suite_too)
{
	struct sim_options o = sim_defaults("empty cbc record");
	o.suites = "ECDHE-ECDSA-AES128-SHA256";
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	uint8_t d[256];
	uint64_t handled = sim_counter(&sim->server, DT_COUNT_HANDLED);
	size_t len = seal_nothing_cbc(c, 9, d);
	sim_server_input(&sim->server, c->number, d, len);
	struct sim_diary *diary = sim_newest(&sim->server);
	cr_assert(sim_counter(&sim->server, DT_COUNT_HANDLED) == handled + 1);
	cr_assert(diary->datagrams == 0 && diary->disconnected == 0, "%s", diary->end_text);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* ---- early data ---- */

struct early {
	struct sim *sim;
	struct sim_client *client;
	bool same_datagram, before;
	bool done;
};

static bool
holds_finished(const struct sim_packet *p)
{
	struct dt_record rec;
	size_t at = 0;
	uint8_t copy[4096];
	if (!p->to_server || p->len > sizeof(copy))
		return false;
	memcpy(copy, p->bytes, p->len);
	while (dt_record_next(copy, p->len, &at, &rec) == DT_RECORD_OK)
		if (rec.epoch == 1 && rec.type == DT_HANDSHAKE)
			return true;
	return false;
}

/* Sends application data beside the client's Finished. */
static bool
add_early(void *arg, struct sim_packet *p)
{
	struct early *e = arg;
	if (e->done || !holds_finished(p))
		return true;
	e->done = true;
	struct sim_forge f;
	sim_forge_init(&f, e->client);
	uint8_t d[4096];
	size_t at = 0;
	if (e->same_datagram && !e->before) {
		memcpy(d, p->bytes, p->len);
		at = p->len;
	}
	at += sim_forge_seal(&f, DT_APPLICATION_DATA, 9, "early", 5, d + at);
	if (e->same_datagram && e->before) {
		memcpy(d + at, p->bytes, p->len);
		at += p->len;
	}
	sim_link_send(e->sim->server.link, e->client->number, true, d, at);
	sim_forge_fini(&f);
	return !e->same_datagram;
}

Test(early, data_before_or_beside_the_finished_is_delivered_once_after_connected)
{
	for (int row = 0; row < 8; row++) {
		struct sim_options o = sim_defaults("early data");
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(GCM);
		struct early e = {.sim = sim, .same_datagram = row & 1, .before = row & 2};
		sim->server.auth = row & 4 ? SIM_WAIT : SIM_ACCEPT;
		sim->link.tap = add_early;
		sim->link.tap_arg = &e;
		e.client = sim_add_client(sim, ctx);
		sim_client_start(e.client);
		sim_settle(sim);
		struct sim_diary *d = sim_newest(&sim->server);
		if (row & 4) {
			cr_assert(d->datagrams == 0 && d->connected == 0);
			sim_verdict(&sim->server, DT_GATE_AUTH, true, 0, NULL);
			sim_settle(sim);
		}
		cr_assert(e.done && e.client->state == SIM_UP, "row %d", row);
		cr_assert(d->datagrams == 1 && sim_client_got(e.client, "early"), "row %d", row);
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(early, data_of_a_refused_client_reaches_nobody)
{
	struct sim_options o = sim_defaults("refused early data");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(GCM);
	struct early e = {.sim = sim, .same_datagram = true};
	sim->server.auth = SIM_REJECT;
	sim->link.tap = add_early;
	sim->link.tap_arg = &e;
	e.client = sim_add_client(sim, ctx);
	sim_client_start(e.client);
	sim_settle(sim);
	cr_assert(e.done && e.client->state == SIM_FAILED && sim_newest(&sim->server)->datagrams == 0);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* ---- while the handshake lasts ---- */

static size_t
handshake_record(uint8_t *out, uint16_t epoch, uint8_t type, uint16_t seq, uint32_t claimed, uint32_t offset, uint32_t len)
{
	struct sim_fragment f = {type, 0x41, seq, claimed, offset, len};
	return sim_forge_fragment(&f, epoch, 500, out);
}

/* Things that a stranger can write, none of which may hurt. */
static void
inject_noise(struct sim *sim, uint32_t as)
{
	uint8_t d[256];
	size_t len;
	static const uint8_t ccs[] = {1};
	for (uint8_t alert = 0; alert < 130; alert++) {
		dt_record_write_header(d, DT_ALERT, DT_VERSION_12, 0, 400, 2);
		d[13] = DT_ALERT_FATAL;
		d[14] = alert;
		sim_server_input(&sim->server, as, d, 15);
	}
	for (int i = 0; i < 3; i++) {
		dt_record_write_header(d, DT_CHANGE_CIPHER_SPEC, DT_VERSION_12, 0, 401, 1);
		d[13] = ccs[0];
		sim_server_input(&sim->server, as, d, 14);
	}
	len = handshake_record(d, 0, 20, 2, 12, 0, 12); /* Finished in the clear */
	sim_server_input(&sim->server, as, d, len);
	for (int type = 0; type < 256; type++) { /* far ahead */
		len = handshake_record(d, 0, (uint8_t)type, 700, 40, 0, 40);
		sim_server_input(&sim->server, as, d, len);
	}
	len = handshake_record(d, 0, 16, 2, 0xffffff, 5, 0); /* says nothing */
	sim_server_input(&sim->server, as, d, len);
	for (uint16_t epoch = 1; epoch < 4; epoch++) {
		len = handshake_record(d, epoch, 20, 5, 12, 0, 12); /* forged */
		sim_server_input(&sim->server, as, d, len);
	}
}

Test(attack, noise_of_strangers_does_not_hurt_a_handshake)
{
	static const char *const suites[] = {NULL, "ECDHE-ECDSA-AES128-SHA256"};
	for (size_t k = 0; k < 2; k++) {
		struct sim_options o = sim_defaults("noise");
		o.suites = suites[k];
		struct sim *sim = sim_new(&o);
		SSL_CTX *ctx = sim_client_ctx(NULL);
		struct sim_client *c = sim_add_client(sim, ctx);
		sim_client_start(c);
		for (int i = 0; i < 30; i++) {
			inject_noise(sim, c->number);
			sim_run(sim, DT_MILLISECONDS(2));
		}
		sim_run(sim, DT_SECONDS(10));
		cr_assert(c->state == SIM_UP);
		inject_noise(sim, c->number);
		sim_check_echo(sim, c, "undisturbed");
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}

Test(attack, an_alert_in_the_clear_is_named_when_the_handshake_stalls)
{
	struct sim_options o = sim_defaults("named alert");
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_add_client(sim, ctx);
	sim_client_start(c);
	sim_run(sim, DT_MILLISECONDS(16));
	sim_drop_client(sim, c);
	const uint8_t alert[] = {DT_ALERT, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, DT_ALERT_UNKNOWN_CA};
	sim_server_input(&sim->server, 1, alert, sizeof(alert));
	sim_run(sim, DT_SECONDS(61));
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(d->connected == 1 && d->status != 0 && strstr(d->text, "unknown_ca"), "%s", d->text);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

/* Takes the CertificateVerify out of the client's flight, and closes the gap in the numbers. */
struct thief {
	struct sim_client *client;
	unsigned stolen;
};

static bool
steal_proof(void *arg, struct sim_packet *p)
{
	struct thief *t = arg;
	uint8_t out[8192];
	size_t at = 0, used = 0;
	struct dt_record rec;
	if (!p->to_server || p->len > sizeof(out))
		return true;
	while (dt_record_next(p->bytes, p->len, &at, &rec) == DT_RECORD_OK) {
		if (rec.epoch == 0 && rec.type == DT_HANDSHAKE && rec.body[0] == 15) {
			t->stolen++;
			continue;
		}
		if (rec.epoch == 1) {
			struct sim_forge f;
			uint8_t *plain;
			size_t len;
			sim_forge_init(&f, t->client);
			sim_forge_open(&f, &rec, &plain, &len);
			plain[5]--; /* message_seq */
			used += sim_forge_seal(&f, rec.type, rec.seq, plain, len, out + used);
			sim_forge_fini(&f);
			continue;
		}
		memcpy(out + used, rec.body - DT_RECORD_HEADER, DT_RECORD_HEADER + rec.len);
		used += DT_RECORD_HEADER + rec.len;
	}
	cr_assert(used <= p->len);
	memcpy(p->bytes, out, used);
	p->len = used;
	return used != 0;
}

Test(attack, a_certificate_without_its_proof_is_refused_and_no_gate_sees_it)
{
	struct sim_identity ca, id;
	sim_identity_make(&ca, &(struct sim_cert_wish){.name = "CA", .ca = true});
	sim_identity_make(&id, &(struct sim_cert_wish){.name = "stolen", .issuer = &ca});
	struct sim_options o = sim_defaults("no proof");
	o.client_auth = DT_CLIENT_AUTH_REQUIRED;
	o.client_ca = ca.cert;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(GCM);
	SSL_CTX_use_certificate(ctx, id.cert);
	SSL_CTX_use_PrivateKey(ctx, id.key);
	struct sim_client *c = sim_add_client(sim, ctx);
	struct thief t = {.client = c};
	sim->link.tap = steal_proof;
	sim->link.tap_arg = &t;
	sim_client_start(c);
	sim_settle(sim);
	struct sim_diary *d = sim_newest(&sim->server);
	cr_assert(t.stolen == 1 && c->state == SIM_FAILED && c->alert == DT_ALERT_UNEXPECTED_MESSAGE,
	    "stolen %u, state %d, alert %d", t.stolen, (int)c->state, c->alert);
	cr_assert(d->auths == 0 && d->connected == 1 && d->status == 403);
	SSL_CTX_free(ctx);
	sim_free(sim);
	sim_identity_free(&id);
	sim_identity_free(&ca);
}

/* ---- tombstones ---- */

Test(attack, a_refused_client_that_repeats_itself_is_told_again_for_some_seconds)
{
	struct sim_options o = sim_defaults("tombstone");
	o.client_auth = DT_CLIENT_AUTH_REQUIRED;
	struct sim *sim = sim_new(&o);
	struct recorder *r = record(sim);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	struct sim_client *c = sim_connect(sim, ctx);
	cr_assert(c->state == SIM_FAILED && c->alert == DT_ALERT_HANDSHAKE_FAILURE);
	cr_assert(dt_conns_count(sim->server.conns) == 0);
	unsigned repeated = 0;
	for (int i = 0; i < 200; i++) { /* 20 s */
		sim_run(sim, DT_MILLISECONDS(100));
		uint64_t sent = sim->server.sent, bytes = sim->server.sent_bytes;
		play_again(sim, r, r->count - 1, c->number);
		cr_assert(sim->server.sent - sent <= 1);
		cr_assert(sim->server.sent_bytes - bytes <= r->kept[r->count - 1].len);
		repeated += (unsigned)(sim->server.sent - sent);
	}
	cr_assert(repeated >= 8 && repeated <= 10, "%u times", repeated);
	cr_assert(sim_counter(&sim->server, DT_COUNT_ALERTS_REPEATED) == repeated);
	play_again(sim, r, r->count - 1, 99);
	cr_assert(sim_drops(&sim->server, DT_DROP_UNKNOWN_PEER) >= 1);
	SSL_CTX_free(ctx);
	sim_free(sim);
	free(r);
}

/* ---- whatever ---- */

struct mutator {
	struct seeded random;
};

static bool
mutate(void *arg, struct sim_packet *p)
{
	struct mutator *m = arg;
	if (!p->to_server || seeded_below(&m->random, 3))
		return true;
	for (uint64_t n = 1 + seeded_below(&m->random, 3); n; n--)
		p->bytes[seeded_below(&m->random, p->len)] = (uint8_t)seeded_next(&m->random);
	if (seeded_below(&m->random, 4) == 0)
		p->len = 1 + seeded_below(&m->random, p->len);
	return true;
}

Test(attack, mutated_datagrams_break_at_most_their_own_handshake)
{
	static const char *const suites[] = {NULL, "ECDHE-ECDSA-AES128-SHA256", "PSK-AES128-CCM8"};
	for (size_t k = 0; k < 3; k++) {
		SSL_CTX *ctx = sim_client_ctx(suites[k]);
		struct sim_options o = sim_defaults("mutations");
		o.suites = suites[k];
		o.psk = o.psk_only = k == 2;
		o.tickets = true;
		struct sim *sim = sim_new(&o);
		struct mutator m = {.random = {seeded_next(&sim->random)}};
		sim->server.key = "k";
		sim->server.psk = SIM_ACCEPT;
		struct sim_client *good = sim_add_client(sim, ctx);
		good->psk_identity = "good";
		good->psk_key = "k";
		sim_client_start(good);
		sim_settle(sim);
		cr_assert(good->state == SIM_UP);
		sim->link.tap = mutate;
		sim->link.tap_arg = &m;
		for (int i = 0; i < 150; i++) {
			struct sim_client *c = sim_add_client(sim, ctx);
			c->psk_identity = "bad";
			c->psk_key = "k";
			sim_client_start(c);
			sim_run(sim, DT_SECONDS(3));
			if (c->state == SIM_UP)
				sim_client_send(c, "x", 1);
			sim_run(sim, DT_SECONDS(1));
			sim_drop_client(sim, c);
		}
		sim->link.tap = NULL;
		sim_settle(sim);
		cr_assert(good->state == SIM_CLOSED, "the idle one was told to go");
		SSL_CTX_free(ctx);
		sim_free(sim);
	}
}
