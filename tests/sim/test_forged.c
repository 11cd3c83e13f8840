/* A client that misuses its own keys: empty, early, missing and spoilt records. */
#include <criterion/criterion.h>
#include <openssl/hmac.h>
#include <string.h>

#include "dtls/alert.h"
#include "dtls/kdf.h"
#include "forge.h"
#include "sim.h"

#define GCM "ECDHE-ECDSA-AES128-GCM-SHA256"

/* ---- empty records ---- */

Test(forged, an_empty_record_is_accepted_and_delivers_nothing)
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

Test(forged, an_empty_record_is_accepted_on_a_cbc_suite_too)
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

Test(forged, data_before_or_beside_the_finished_is_delivered_once_after_connected)
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

Test(forged, data_of_a_refused_client_reaches_nobody)
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

/* ---- the Finished, and what comes before it ---- */

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

Test(forged, a_certificate_without_its_proof_is_refused_and_no_gate_sees_it)
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

/* Spoils what the client's Finished says, under its own key. */
static bool
spoil_finished(void *arg, struct sim_packet *p)
{
	struct sim_client **c = arg;
	struct dt_record rec;
	size_t at = 0, len;
	uint8_t *plain, copy[256];
	while (p->to_server && dt_record_next(p->bytes, p->len, &at, &rec) == DT_RECORD_OK) {
		if (rec.epoch != 1 || rec.type != DT_HANDSHAKE)
			continue;
		struct sim_forge f;
		sim_forge_init(&f, *c);
		sim_forge_open(&f, &rec, &plain, &len);
		memcpy(copy, plain, len);
		copy[len - 1] ^= 1;
		sim_forge_seal(&f, rec.type, rec.seq, copy, len, rec.body - DT_RECORD_HEADER);
		sim_forge_fini(&f);
	}
	return true;
}

Test(forged, a_wrong_finished_is_told_so_in_the_epoch_that_the_client_reads)
{
	struct sim_options o = sim_defaults("wrong Finished");
	o.tickets = true;
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(GCM);
	struct sim_client *c = sim_connect(sim, ctx);
	SSL_SESSION *session = SSL_get1_session(c->ssl);
	sim->link.tap = spoil_finished;
	sim->link.tap_arg = &c;
	for (int resumed = 0; resumed < 2; resumed++) {
		c = sim_add_client(sim, ctx);
		if (resumed)
			SSL_set_session(c->ssl, session);
		sim_client_start(c);
		sim_settle(sim);
		cr_assert(SSL_session_reused(c->ssl) == resumed);
		cr_assert(c->state == SIM_FAILED && c->alert == DT_ALERT_DECRYPT_ERROR, "resumed %d: state %d, alert %d",
		    resumed, (int)c->state, c->alert);
		cr_assert(sim_newest(&sim->server)->status == 403);
	}
	SSL_SESSION_free(session);
	SSL_CTX_free(ctx);
	sim_free(sim);
}
