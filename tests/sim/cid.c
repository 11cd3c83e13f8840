#include "cid.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dtls/kdf.h"
#include "form.h"

#define HEADER 13u
#define TYPE_LAST SIM_RRC
#define FIRST_OTHER_ADDRESS 0x800000u

/* ---- the extensions ---- */

static int
add_heartbeat(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *len, X509 *x,
    size_t chain, int *alert, void *arg)
{
	static unsigned char mode;
	const struct sim_cid *own = ((const struct sim_client *)SSL_get_app_data(ssl))->cid;
	(void)type, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	if (!own || own->mode < 0)
		return 0;
	mode = (unsigned char)own->mode;
	*out = &mode;
	*len = 1;
	return 1;
}

static int
parse_heartbeat(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t len, X509 *x,
    size_t chain, int *alert, void *arg)
{
	struct sim_cid *own = ((struct sim_client *)SSL_get_app_data(ssl))->cid;
	(void)type, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	cr_assert(len == 1 && (in[0] == 1 || in[0] == 2));
	own->server_mode = in[0];
	return 1;
}

static int
add_rrc(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *len, X509 *x,
    size_t chain, int *alert, void *arg)
{
	static const unsigned char zeros[UINT8_MAX];
	const struct sim_cid *own = ((const struct sim_client *)SSL_get_app_data(ssl))->cid;
	(void)type, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	if (!own || !own->offers_rrc)
		return 0;
	*out = zeros;
	*len = own->rrc_len;
	return 1;
}

static int
parse_rrc(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t len, X509 *x,
    size_t chain, int *alert, void *arg)
{
	struct sim_cid *own = ((struct sim_client *)SSL_get_app_data(ssl))->cid;
	(void)type, (void)context, (void)in, (void)x, (void)chain, (void)alert, (void)arg;
	cr_assert(len == 0 && own->given, "an rrc extension with a body, or without a connection id");
	own->rrc = true;
	return 1;
}

static int
add_id(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *len, X509 *x,
    size_t chain, int *alert, void *arg)
{
	static unsigned char extension[256];
	const struct sim_cid *own = ((const struct sim_client *)SSL_get_app_data(ssl))->cid;
	(void)type, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	if (!own || !own->offers)
		return 0;
	extension[0] = own->id_len;
	memcpy(extension + 1, own->id, own->id_len);
	*out = own->raw ? own->raw : extension;
	*len = own->raw ? own->raw_len : 1u + own->id_len;
	return 1;
}

static int
parse_id(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t len, X509 *x, size_t chain,
    int *alert, void *arg)
{
	struct sim_cid *own = ((struct sim_client *)SSL_get_app_data(ssl))->cid;
	(void)type, (void)context, (void)x, (void)chain, (void)alert, (void)arg;
	cr_assert(len >= 1 && len == 1u + in[0], "a malformed connection_id extension");
	own->given = true;
	own->server_id_len = in[0];
	memcpy(own->server_id, in + 1, in[0]);
	return 1;
}

void
sim_cid_ctx(SSL_CTX *ctx)
{
	const unsigned where = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO;
	int ok = SSL_CTX_add_custom_ext(ctx, 15, where, add_heartbeat, NULL, NULL, parse_heartbeat, NULL);
	cr_assert(ok && SSL_CTX_add_custom_ext(ctx, 54, where, add_id, NULL, NULL, parse_id, NULL));
	cr_assert(SSL_CTX_add_custom_ext(ctx, 61, where, add_rrc, NULL, NULL, parse_rrc, NULL));
}

struct sim_cid *
sim_cid_add(struct sim_client *c, size_t id_len)
{
	cr_assert(id_len <= 255 && c->state == SIM_NEW && !c->cid);
	c->cid = calloc(1, sizeof(*c->cid));
	cr_assert(c->cid);
	c->cid->offers = true;
	c->cid->mode = c->cid->server_mode = -1;
	c->cid->says = 1;
	c->cid->id_len = (uint8_t)id_len;
	for (size_t i = 0; i < id_len; i++)
		c->cid->id[i] = (uint8_t)(0xa0 + i);
	return c->cid;
}

uint32_t
sim_cid_move(struct sim_client *c)
{
	c->number = FIRST_OTHER_ADDRESS + c->link->moves++;
	return c->number;
}

/* ---- records ---- */

static const SSL_CIPHER *
cipher_of(const struct sim_client *c)
{
	const SSL_CIPHER *cipher = SSL_get_pending_cipher(c->ssl);
	return cipher ? cipher : SSL_get_current_cipher(c->ssl);
}

static bool
is_ours(const struct sim_client *c)
{
	return dt_suite_find(SSL_CIPHER_get_protocol_id(cipher_of(c))) != NULL;
}

static void
need_keys(struct sim_client *c)
{
	struct sim_cid *x = c->cid;
	if (x->keyed)
		return;
	const SSL_CIPHER *cipher = cipher_of(c);
	struct dt_secrets s;
	size_t n = SSL_SESSION_get_master_key(SSL_get_session(c->ssl), s.master, sizeof(s.master));
	cr_assert(cipher && n == sizeof(s.master));
	SSL_get_client_random(c->ssl, s.client_random, sizeof(s.client_random));
	SSL_get_server_random(c->ssl, s.server_random, sizeof(s.server_random));
	x->suite = dt_suite_find(SSL_CIPHER_get_protocol_id(cipher));
	cr_assert(x->suite);
	const char *digest = EVP_MD_get0_name(SSL_CIPHER_get_handshake_digest(cipher));
	cr_assert(dt_derive_keys(digest, x->suite, &s, &x->client, &x->server) == DT_OK);
	x->keyed = true;
}

static void
next_number(struct sim_cid *x, struct sim_form *f)
{
	dt_write_uint(f->number, UINT64_C(1) << 48 | x->next++, 8);
}

size_t
sim_cid_seal_inner(struct sim_client *c, const void *inner, size_t len, uint8_t *out)
{
	struct sim_cid *x = c->cid;
	need_keys(c);
	struct sim_form f = {.type = SIM_TLS12_CID, .id = x->server_id, .id_len = x->server_id_len};
	next_number(x, &f);
	return sim_form_seal(x->suite, &x->client, &f, inner, len, out);
}

size_t
sim_cid_seal_plain(struct sim_client *c, uint8_t type, const void *data, size_t len, uint8_t *out)
{
	need_keys(c);
	struct sim_form f = {.type = type};
	next_number(c->cid, &f);
	return sim_form_seal(c->cid->suite, &c->cid->client, &f, data, len, out);
}

size_t
sim_cid_seal(struct sim_client *c, uint8_t type, const void *data, size_t len, uint8_t *out)
{
	struct sim_cid *x = c->cid;
	static uint8_t inner[SIM_RECORD_MAX];
	if (!x->given || x->server_id_len == 0 || x->keep_clear)
		return sim_cid_seal_plain(c, type, data, len, out);
	cr_assert(len + 1 + x->padding <= sizeof(inner));
	memcpy(inner, data, len);
	inner[len] = type;
	memset(inner + len + 1, 0, x->padding);
	return sim_cid_seal_inner(c, inner, len + 1 + x->padding, out);
}

void
sim_cid_send(struct sim_client *c, uint8_t type, const void *data, size_t len)
{
	static uint8_t out[SIM_RECORD_MAX + 600];
	size_t n = sim_cid_seal(c, type, data, len, out);
	sim_link_send(c->link, c->number, true, out, n);
}

size_t
sim_heartbeat(uint8_t type, size_t claimed, const void *payload, size_t len, size_t padding, uint8_t *out)
{
	out[0] = type;
	dt_write_uint(out + 1, claimed, 2);
	memcpy(out + 3, payload, len);
	memset(out + 3 + len, 0, padding);
	return 3 + len + padding;
}

static size_t
header_len(const uint8_t *record, size_t id_len)
{
	return HEADER + (record[0] == SIM_TLS12_CID ? id_len : 0);
}

static bool
well_framed(const uint8_t *record, size_t left, size_t id_len)
{
	size_t header = header_len(record, id_len);
	return left >= header && record[0] >= 20 && record[0] <= TYPE_LAST && record[1] == 0xfe &&
	    left - header >= ((size_t)record[header - 2] << 8 | record[header - 1]);
}

bool
sim_record_next(uint8_t *bytes, size_t len, size_t *at, size_t id_len, struct dt_record *out)
{
	if (*at == len)
		return false;
	uint8_t *start = bytes + *at;
	size_t header = header_len(start, id_len);
	cr_assert(well_framed(start, len - *at, id_len), "the server wrote no record");
	*out = (struct dt_record){
	    .type = start[0],
	    .version = (uint16_t)(start[1] << 8 | start[2]),
	    .epoch = (uint16_t)(start[3] << 8 | start[4]),
	    .cid = start[0] == SIM_TLS12_CID ? start + 11 : NULL,
	    .len = (size_t)start[header - 2] << 8 | start[header - 1],
	    .body = start + header,
	};
	for (size_t i = 5; i < 11; i++)
		out->seq = out->seq << 8 | start[i];
	*at += header + out->len;
	return true;
}

/* Whether both hellos and the secret are there. */
static bool
has_secret(const struct sim_client *c)
{
	static const uint8_t none[DT_RANDOM_LEN];
	uint8_t random[DT_RANDOM_LEN];
	SSL_SESSION *session = SSL_get_session(c->ssl);
	SSL_get_server_random(c->ssl, random, sizeof(random));
	return session && cipher_of(c) && SSL_SESSION_get_master_key(session, NULL, 0) == DT_MASTER_LEN &&
	    memcmp(random, none, sizeof(none)) != 0;
}

bool
sim_cid_can_seal(const struct sim_client *c)
{
	return has_secret(c) && is_ours(c);
}

/* False: not authentic. */
static bool
try_open(struct sim_client *c, const struct dt_record *rec, uint8_t *type, uint8_t **data, size_t *len)
{
	const struct sim_cid *x = c->cid;
	struct sim_form f = {.type = rec->type};
	bool with_id = x->given && x->id_len;
	if (!has_secret(c))
		return false;
	need_keys(c);
	if ((rec->type == SIM_TLS12_CID) != with_id || (with_id && memcmp(rec->cid, x->id, x->id_len) != 0))
		return false;
	f.id = with_id ? x->id : NULL;
	f.id_len = x->id_len;
	dt_write_uint(f.number, (uint64_t)rec->epoch << 48 | rec->seq, 8);
	*data = rec->body + x->suite->explicit_len;
	if (!sim_form_open(x->suite, &x->server, &f, rec->body, rec->len, *data, len))
		return false;
	while (with_id && *len && (*data)[*len - 1] == 0)
		--*len;
	cr_assert(!with_id || *len, "an inner plaintext without a type");
	*type = with_id ? (*data)[--*len] : rec->type;
	return true;
}

uint8_t
sim_cid_open(struct sim_client *c, const struct dt_record *rec, uint8_t **data, size_t *len)
{
	uint8_t type = 0;
	cr_assert(rec->epoch == 1 && rec->version == 0xfefd);
	cr_assert(try_open(c, rec, &type, data, len), "a record of type %u, not authentic or in the wrong form",
	    rec->type);
	return type;
}

/* ---- the transcoder ---- */

/* What OpenSSL's client wrote: opened with its own key. */
static size_t
open_own(struct sim_client *c, const struct dt_record *rec, uint8_t *out)
{
	const struct dt_suite *s = c->cid->suite;
	struct sim_form f = {.type = rec->type};
	dt_write_uint(f.number, (uint64_t)rec->epoch << 48 | rec->seq, 8);
	size_t len;
	cr_assert(sim_form_open(s, &c->cid->client, &f, rec->body, rec->len, out, &len));
	return len;
}

void
sim_cid_write(struct sim_client *c, const uint8_t *bytes, size_t len)
{
	static uint8_t in[65536], out[65536], plain[SIM_RECORD_MAX];
	struct dt_record rec;
	size_t at = 0, n = 0, start = 0;
	memcpy(in, bytes, len);
	for (; sim_record_next(in, len, &at, 0, &rec); start = at) {
		if (rec.epoch == 0 || !is_ours(c)) {
			memcpy(out + n, in + start, at - start);
			n += at - start;
			continue;
		}
		need_keys(c);
		size_t plain_len = open_own(c, &rec, plain);
		if (c->cid->spoils_finished && rec.type == DT_HANDSHAKE)
			plain[plain_len - 1] ^= 1;
		n += sim_cid_seal(c, rec.type, plain, plain_len, out + n);
	}
	if (c->cid->roams)
		sim_cid_move(c);
	sim_link_send(c->link, c->number, true, out, n);
}

static void
take_heartbeat(struct sim_client *c, const uint8_t *message, size_t len)
{
	struct sim_cid *x = c->cid;
	static uint8_t answer[SIM_RECORD_MAX];
	cr_assert(len >= 3 && len <= sizeof(x->heard));
	size_t claimed = (size_t)message[1] << 8 | message[2];
	cr_assert(message[0] == 1 || message[0] == 2);
	cr_assert(claimed + 3 + 16 <= len, "the server's heartbeat is malformed");
	memcpy(x->heard, message, len);
	x->heard_len = len;
	if (message[0] == 2) {
		x->responses++;
		return;
	}
	x->requests++;
	if (!x->deaf)
		sim_cid_send(c, SIM_HEARTBEAT, answer, sim_heartbeat(2, claimed, message + 3, claimed, 16, answer));
}

static void
take_path_check(struct sim_client *c, const uint8_t *message, size_t len)
{
	struct sim_cid *x = c->cid;
	uint8_t answer[SIM_RRC_LEN] = {x->says};
	cr_assert(x->rrc && len == SIM_RRC_LEN && message[0] <= 1, "the server's path check is malformed");
	if (message[0] == 1) {
		x->path_responses++;
		return;
	}
	x->challenges++;
	memcpy(answer + 1, message + 1, len - 1);
	if (!x->deaf)
		sim_cid_send(c, SIM_RRC, answer, sizeof(answer));
}

/* For OpenSSL: the record as it would have come in the plain form. The copy stays here. */
static size_t
seal_as_server(struct sim_client *c, const struct dt_record *rec, uint8_t type, const uint8_t *data, size_t len,
    uint8_t *out)
{
	struct sim_form f = {.type = type};
	dt_write_uint(f.number, (uint64_t)rec->epoch << 48 | rec->seq, 8);
	return sim_form_seal(c->cid->suite, &c->cid->server, &f, data, len, out);
}

static bool
next_in(const struct sim_client *c, struct sim_packet *p, size_t *at, struct dt_record *out)
{
	size_t id_len = c->cid->id_len;
	if (c->lenient && *at < p->len && !well_framed(p->bytes + *at, p->len - *at, id_len))
		return false;
	return sim_record_next(p->bytes, p->len, at, id_len, out);
}

bool
sim_cid_read(struct sim_client *c, struct sim_packet *p, size_t *at, struct dt_span *out)
{
	static uint8_t record[SIM_RECORD_MAX];
	struct dt_record rec;
	for (size_t start = *at; next_in(c, p, at, &rec); start = *at) {
		if (rec.epoch == 0 || (has_secret(c) && !is_ours(c))) {
			*out = (struct dt_span){p->bytes + start, *at - start};
			return true;
		}
		uint8_t *data, type;
		size_t len;
		if (!try_open(c, &rec, &type, &data, &len)) {
			cr_assert(c->lenient, "a record of type %u, not authentic or in the wrong form", rec.type);
			continue;
		}
		if (type == SIM_HEARTBEAT) {
			take_heartbeat(c, data, len);
		} else if (type == SIM_RRC) {
			take_path_check(c, data, len);
		} else {
			*out = (struct dt_span){record, seal_as_server(c, &rec, type, data, len, record)};
			return true;
		}
	}
	return false;
}
