/* The audit of nonces finds what it is there to find: servers that are broken on purpose. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "cid_world.h"
#include "conn/conn_state.h"

static const struct {
	const char *suite;
	size_t id_len; /* of the client's connection id; 0 = the plain form */
} kinds[] = {
    {"ECDHE-ECDSA-AES128-GCM-SHA256", 0},
    {"ECDHE-ECDSA-AES256-GCM-SHA384", 8},
    {"ECDHE-ECDSA-AES128-CCM", 0},
    {"ECDHE-ECDSA-AES256-CCM8", 1},
    {"ECDHE-ECDSA-CHACHA20-POLY1305", 0},
    {"ECDHE-ECDSA-CHACHA20-POLY1305", 255},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* What the server sent to its one client. */
struct tape {
	struct sim_packet *packets[20]; /* owned */
	size_t count;
};

struct scene {
	struct cid_world w;
	struct sim_client *client;
	struct tape tape;
	struct sim_audit *audit;
};

static bool
record_packet(void *arg, struct sim_packet *p)
{
	struct tape *t = arg;
	if (p->to_server)
		return true;
	struct sim_packet *copy = malloc(sizeof(*p) + p->len);
	cr_assert(copy && t->count < 20);
	memcpy(copy, p, sizeof(*p) + p->len);
	t->packets[t->count++] = copy;
	return true;
}

/* A handshake and two echoes. */
static void
scene_init(struct scene *s, const char *suite, size_t id_len)
{
	struct sim_options o = cid_options("audit");
	o.suites = suite;
	*s = (struct scene){0};
	cid_world_init(&s->w, o.test, &o);
	SSL_CTX_set_cipher_list(s->w.ctx, suite);
	s->w.sim->link.tap = record_packet;
	s->w.sim->link.tap_arg = &s->tape;
	s->audit = &s->w.sim->link.audit;
	s->client = cid_connect(&s->w, id_len);
	sim_check_echo(s->w.sim, s->client, "one");
	sim_check_echo(s->w.sim, s->client, "two");
}

static void
scene_fini(struct scene *s)
{
	for (size_t i = 0; i < s->tape.count; i++)
		free(s->tape.packets[i]);
	cid_world_fini(&s->w);
}

static enum sim_fault
resend(struct scene *s, size_t i)
{
	const struct sim_packet *p = s->tape.packets[i];
	return sim_audit_sent(s->audit, p->client, p->bytes, p->len);
}

/* A record as the server would seal it, under a number of our choice. */
static enum sim_fault
send_numbered(struct scene *s, uint64_t seq, const char *text)
{
	const struct sim_cid *x = s->client->cid;
	struct dt_key_ref ref = {1, DT_WRITE, x->suite, &x->server, {x->id, x->id_len}};
	struct dt_aead_pool *pool;
	uint8_t out[400];
	cr_assert(dt_aead_pool_new(2, &pool) == DT_OK);
	size_t n = dt_seal(
	    pool, &ref, DT_APPLICATION_DATA, 1, seq, (const uint8_t *)text, strlen(text), out);
	dt_aead_pool_free(&pool);
	return sim_audit_sent(s->audit, s->client->number, out, n);
}

Test(audit, all_that_is_sealed_is_counted)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct scene s;
		scene_init(&s, kinds[i].suite, kinds[i].id_len);
		cr_assert(s.audit->key_count == 1 && s.audit->sealed == 3, "a Finished and two echoes");
		cr_assert(s.audit->with_cid == (kinds[i].id_len ? 3 : 0) && s.audit->plain > 0);
		cr_assert(send_numbered(&s, 1000, "next") == SIM_CLEAN);
		cr_assert(s.audit->sealed == 4);
		scene_fini(&s);
	}
}

Test(audit, the_same_datagram_twice_is_a_fault)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct scene s;
		scene_init(&s, kinds[i].suite, kinds[i].id_len);
		cr_assert(resend(&s, 0) == SIM_CLEAN, "in the clear there is no nonce");
		cr_assert(resend(&s, s.tape.count - 1) == SIM_NUMBER_TWICE);
		cr_assert(resend(&s, s.tape.count - 2) == SIM_NUMBER_TWICE);
		scene_fini(&s);
	}
}

Test(audit, so_it_is_where_openssl_has_the_records)
{
	static const char *const suites[] = {"ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA"};
	for (size_t i = 0; i < 2; i++) {
		struct scene s;
		scene_init(&s, suites[i], 0);
		cr_assert(s.audit->sealed == 3 && resend(&s, s.tape.count - 1) == SIM_NUMBER_TWICE);
		scene_fini(&s);
	}
}

Test(audit, a_used_number_is_a_fault_with_other_content_too)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct scene s;
		scene_init(&s, kinds[i].suite, kinds[i].id_len);
		cr_assert(send_numbered(&s, 2, "other") == SIM_NUMBER_TWICE);
		cr_assert(send_numbered(&s, 0, "other") == SIM_NUMBER_TWICE);
		cr_assert(send_numbered(&s, UINT64_C(1) << 40, "far") == SIM_CLEAN);
		cr_assert(send_numbered(&s, UINT64_C(1) << 40, "farther") == SIM_NUMBER_TWICE);
		scene_fini(&s);
	}
}

/* AES-GCM with an explicit part of the sender's choice, as a sender with a poor random one would. */
static enum sim_fault
send_with_nonce(struct scene *s, uint64_t seq, const char explicit_part[8])
{
	const struct dt_key *key = &s->client->cid->server;
	uint8_t out[13 + 8 + 4 + 16], nonce[12], aad[13];
	dt_record_write_header(out, DT_APPLICATION_DATA, DT_VERSION_12, 1, seq, 28);
	memcpy(out + 13, explicit_part, 8);
	memcpy(nonce, key->iv, 4);
	memcpy(nonce + 4, explicit_part, 8);
	memcpy(aad, out + 3, 8);
	memcpy(aad + 8, out, 3);
	dt_write_uint(aad + 11, 4, 2);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	cr_assert(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key->key, nonce) == 1 &&
	    EVP_EncryptUpdate(ctx, NULL, &n, aad, 13) == 1 &&
	    EVP_EncryptUpdate(ctx, out + 21, &n, (const uint8_t *)"text", 4) == 1 &&
	    EVP_EncryptFinal_ex(ctx, out + 25, &n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, out + 25) == 1);
	EVP_CIPHER_CTX_free(ctx);
	return sim_audit_sent(s->audit, s->client->number, out, sizeof(out));
}

Test(audit, the_nonce_is_what_stands_on_the_wire_and_not_the_number)
{
	struct scene s;
	scene_init(&s, kinds[0].suite, 0);
	cr_assert(send_with_nonce(&s, 10, "constant") == SIM_CLEAN);
	cr_assert(send_with_nonce(&s, 11, "constant") == SIM_NONCE_TWICE);
	cr_assert(send_with_nonce(&s, 12, "another!") == SIM_CLEAN);
	cr_assert(send_with_nonce(&s, 12, "constant") == SIM_NUMBER_TWICE);
	scene_fini(&s);
}

Test(audit, a_record_of_no_known_key_does_not_go_by)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct scene s;
		scene_init(&s, kinds[i].suite, kinds[i].id_len);
		struct sim_packet *p = s.tape.packets[s.tape.count - 1];
		p->bytes[p->len - 1] ^= 1;
		cr_assert(resend(&s, s.tape.count - 1) == SIM_BAD_RECORD);
		p->len--;
		cr_assert(resend(&s, s.tape.count - 1) == SIM_BAD_RECORD);
		p->len = 12;
		cr_assert(resend(&s, s.tape.count - 1) == SIM_BAD_RECORD);
		scene_fini(&s);
	}
}

/* What one client was sent goes to another whose handshake has the same randoms and secret. */
Test(audit, two_handshakes_with_one_key_are_a_fault)
{
	struct scene s;
	scene_init(&s, kinds[0].suite, 0);
	char line[14 + 64 + 1 + 96 + 1] = "CLIENT_RANDOM ";
	uint8_t bytes[80];
	SSL_get_client_random(s.client->ssl, bytes, 32);
	SSL_SESSION_get_master_key(SSL_get_session(s.client->ssl), bytes + 32, 48);
	for (size_t i = 0; i < 80; i++)
		sprintf(line + strlen(line), i == 31 ? "%02x " : "%02x", bytes[i]);
	sim_audit_secret(s.audit, line);
	enum sim_fault fault = SIM_CLEAN;
	for (size_t i = 0; i < s.tape.count && fault == SIM_CLEAN; i++) {
		s.tape.packets[i]->client = 77;
		fault = resend(&s, i);
	}
	cr_assert(fault == SIM_KEY_TWICE, "%s", sim_fault_texts[fault]);
	scene_fini(&s);
}

/* Says something else in place of the client's Finished. */
static bool
lie(void *arg, struct sim_packet *p)
{
	struct scene *s = arg;
	if (!p->to_server || p->bytes[0] != DT_CHANGE_CIPHER_SPEC)
		return true;
	static const uint8_t finished[24] = {20, 0, 0, 12, 0, 2, 0, 0, 0, 0, 0, 12};
	uint8_t d[200];
	s->w.sim->link.tap = NULL;
	memcpy(d, p->bytes, 14);
	size_t n = 14 + sim_cid_seal(s->client, DT_HANDSHAKE, finished, sizeof(finished), d + 14);
	sim_server_input(&s->w.sim->server, p->client, d, n);
	return false;
}

static void
fail_handshake(size_t id_len)
{
	struct scene s = {0};
	struct sim_options o = cid_options("alert");
	o.tickets = true;
	cid_world_init(&s.w, o.test, &o);
	struct sim_client *first = cid_connect(&s.w, id_len);
	s.client = cid_add(&s.w, id_len);
	SSL_set_session(s.client->ssl, SSL_get_session(first->ssl));
	s.w.sim->link.tap = lie;
	s.w.sim->link.tap_arg = &s;
	sim_client_start(s.client);
	sim_settle(s.w.sim);
	cr_assert(s.client->alert == SSL_AD_DECRYPT_ERROR);
	sim_run(s.w.sim, DT_SECONDS(2));
	uint8_t d[200] = {0};
	size_t n = sim_cid_seal_plain(s.client, DT_HANDSHAKE, d, 100, d);
	sim_server_input(&s.w.sim->server, s.client->number, d, n);
	cr_assert(sim_counter(&s.w.sim->server, DT_COUNT_ALERTS_REPEATED) == 1);
	cr_assert(s.w.sim->link.audit.copies == 1);
	cid_world_fini(&s.w);
}

Test(audit, the_sealed_alert_of_a_failed_handshake_comes_again_as_the_same_bytes)
{
	fail_handshake(0);
	fail_handshake(4);
}

/* The core itself, with its counter set back. */
static void
break_server(size_t kind)
{
	struct scene s;
	scene_init(&s, kinds[kind].suite, kinds[kind].id_len);
	dt_conns_find(s.w.sim->server.conns, sim_newest(&s.w.sim->server)->id)->session.state.next_sealed--;
	sim_client_send(s.client, "three", 5);
	sim_settle(s.w.sim);
}

Test(audit, a_server_that_goes_back_in_its_numbers_ends_the_test, .signal = SIGABRT)
{
	break_server(0);
}

Test(audit, so_does_one_with_connection_ids, .signal = SIGABRT)
{
	break_server(5);
}
