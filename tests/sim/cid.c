#include "cid.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "dtls/kdf.h"

#define HEADER 13u
#define TLS12_CID 25u
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
	static uint32_t next = FIRST_OTHER_ADDRESS;
	c->number = next++;
	return c->number;
}

/* ---- RFC 9146 5, RFC 5246 6.2.3.3, RFC 5288, 6655, 7905 ---- */

/* What stands before the bytes of a record, and how it is protected. */
struct form {
	uint8_t type;	      /* outer */
	const uint8_t *id;    /* of who receives it; NULL = the plain form */
	size_t id_len;
	uint8_t number[8];    /* epoch || seq */
};

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

/* additional_data = seq_num_placeholder + tls12_cid + cid_length + tls12_cid + version + epoch +
 *                   sequence_number + cid + length_of_DTLSInnerPlaintext */
static size_t
write_aad(const struct form *f, size_t len, uint8_t out[300])
{
	static const uint8_t version[] = {0xfe, 0xfd};
	size_t n = 0;
	if (!f->id) {
		memcpy(out, f->number, 8);
		out[8] = f->type;
		memcpy(out + 9, version, 2);
		n = 11;
	} else {
		memset(out, 0xff, 8);
		out[8] = TLS12_CID;
		out[9] = (uint8_t)f->id_len;
		out[10] = TLS12_CID;
		memcpy(out + 11, version, 2);
		memcpy(out + 13, f->number, 8);
		memcpy(out + 21, f->id, f->id_len);
		n = 21 + f->id_len;
	}
	out[n] = (uint8_t)(len >> 8);
	out[n + 1] = (uint8_t)len;
	return n + 2;
}

/* One AEAD call. `tag` is written when sealing, compared when opening: false = a forgery. */
static bool
crypt(const struct dt_suite *suite, const struct dt_key *key, bool seal, const uint8_t explicit_part[8],
    const struct form *f, const uint8_t *in, size_t len, uint8_t *out, uint8_t *tag)
{
	uint8_t nonce[12] = {0}, aad[300], rest[16];
	size_t aad_len = write_aad(f, len, aad);
	memcpy(nonce + 4, suite->explicit_len ? explicit_part : f->number, 8);
	for (size_t i = 0; i < suite->iv_len; i++)
		nonce[i] ^= key->iv[i];
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, suite->cipher, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	cr_assert(cipher && ctx);
	int n = 0, ccm = suite->is_ccm;
	bool ok = EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, seal, NULL) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL) > 0 &&
	    ((seal && !ccm) ||
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, suite->tag_len, seal ? NULL : tag) > 0) &&
	    EVP_CipherInit_ex2(ctx, NULL, key->key, nonce, seal, NULL) == 1 &&
	    (!ccm || EVP_CipherUpdate(ctx, NULL, &n, NULL, (int)len) == 1) &&
	    EVP_CipherUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1;
	cr_assert(ok, "the test's own AEAD does not start");
	ok = EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 && (size_t)n == len;
	ok = ok && EVP_CipherFinal_ex(ctx, rest, &n) == 1;
	if (seal)
		ok = ok && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, suite->tag_len, tag) > 0;
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return ok;
}

static size_t
seal_form(struct sim_client *c, const struct dt_key *key, const struct form *f, const uint8_t *in, size_t len,
    uint8_t *out)
{
	const struct dt_suite *s = c->cid->suite;
	uint8_t *at = out;
	size_t inside = (size_t)s->explicit_len + len + s->tag_len;
	*at++ = f->type;
	*at++ = 0xfe;
	*at++ = 0xfd;
	memcpy(at, f->number, 8);
	at += 8;
	if (f->id) {
		memcpy(at, f->id, f->id_len);
		at += f->id_len;
	}
	*at++ = (uint8_t)(inside >> 8);
	*at++ = (uint8_t)inside;
	memcpy(at, f->number, s->explicit_len);
	at += s->explicit_len;
	cr_assert(crypt(s, key, true, f->number, f, in, len, at, at + len));
	return (size_t)(at - out) + len + s->tag_len;
}

static void
next_number(struct sim_cid *x, struct form *f)
{
	dt_write_uint(f->number, UINT64_C(1) << 48 | x->next++, 8);
}

size_t
sim_cid_seal_inner(struct sim_client *c, const void *inner, size_t len, uint8_t *out)
{
	struct sim_cid *x = c->cid;
	need_keys(c);
	struct form f = {.type = TLS12_CID, .id = x->server_id, .id_len = x->server_id_len};
	next_number(x, &f);
	return seal_form(c, &x->client, &f, inner, len, out);
}

size_t
sim_cid_seal_plain(struct sim_client *c, uint8_t type, const void *data, size_t len, uint8_t *out)
{
	need_keys(c);
	struct form f = {.type = type};
	next_number(c->cid, &f);
	return seal_form(c, &c->cid->client, &f, data, len, out);
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

bool
sim_record_next(uint8_t *bytes, size_t len, size_t *at, size_t id_len, struct dt_record *out)
{
	if (*at == len)
		return false;
	uint8_t *start = bytes + *at;
	size_t header = HEADER + (start[0] == TLS12_CID ? id_len : 0);
	cr_assert(len - *at >= header, "the server wrote half a header");
	*out = (struct dt_record){
	    .type = start[0],
	    .version = (uint16_t)(start[1] << 8 | start[2]),
	    .epoch = (uint16_t)(start[3] << 8 | start[4]),
	    .cid = start[0] == TLS12_CID ? start + 11 : NULL,
	    .len = (size_t)start[header - 2] << 8 | start[header - 1],
	    .body = start + header,
	};
	for (size_t i = 5; i < 11; i++)
		out->seq = out->seq << 8 | start[i];
	cr_assert(out->type >= 20 && out->type <= TYPE_LAST && start[1] == 0xfe);
	cr_assert(len - *at - header >= out->len, "the server wrote a bad length");
	*at += header + out->len;
	return true;
}

uint8_t
sim_cid_open(struct sim_client *c, const struct dt_record *rec, uint8_t **data, size_t *len)
{
	struct sim_cid *x = c->cid;
	need_keys(c);
	const struct dt_suite *s = x->suite;
	struct form f = {.type = rec->type};
	bool with_id = x->given && x->id_len;
	cr_assert(rec->epoch == 1 && rec->version == 0xfefd && (rec->type == TLS12_CID) == with_id,
	    "a record of type %u, in the wrong form", rec->type);
	if (with_id) {
		cr_assert(memcmp(rec->cid, x->id, x->id_len) == 0);
		f.id = x->id;
		f.id_len = x->id_len;
	}
	dt_write_uint(f.number, (uint64_t)rec->epoch << 48 | rec->seq, 8);
	cr_assert(rec->len >= (size_t)s->explicit_len + s->tag_len);
	*data = rec->body + s->explicit_len;
	*len = rec->len - s->explicit_len - s->tag_len;
	cr_assert(crypt(s, &x->server, false, rec->body, &f, *data, *len, *data, *data + *len), "not authentic");
	if (!with_id)
		return rec->type;
	while (*len && (*data)[*len - 1] == 0)
		--*len;
	cr_assert(*len, "an inner plaintext without a type");
	return (*data)[--*len];
}

/* ---- the transcoder ---- */

/* What OpenSSL's client wrote: opened with its own key. */
static size_t
open_own(struct sim_client *c, const struct dt_record *rec, uint8_t *out)
{
	const struct dt_suite *s = c->cid->suite;
	struct form f = {.type = rec->type};
	dt_write_uint(f.number, (uint64_t)rec->epoch << 48 | rec->seq, 8);
	size_t len = rec->len - s->explicit_len - s->tag_len;
	uint8_t tag[16], *body = rec->body + s->explicit_len;
	memcpy(tag, body + len, s->tag_len);
	cr_assert(crypt(s, &c->cid->client, false, rec->body, &f, body, len, out, tag));
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
	struct form f = {.type = type};
	dt_write_uint(f.number, (uint64_t)rec->epoch << 48 | rec->seq, 8);
	return seal_form(c, &c->cid->server, &f, data, len, out);
}

/* Of a resumption the server's Finished may overtake its hello. */
static bool
hello_seen(const struct sim_client *c)
{
	return c->state == SIM_UP || SSL_get_pending_cipher(c->ssl);
}

bool
sim_cid_read(struct sim_client *c, struct sim_packet *p, size_t *at, struct dt_span *out)
{
	static uint8_t record[SIM_RECORD_MAX];
	struct dt_record rec;
	for (size_t start = *at; sim_record_next(p->bytes, p->len, at, c->cid->id_len, &rec); start = *at) {
		if (rec.epoch && !hello_seen(c))
			continue; /* it will come again */
		if (rec.epoch == 0 || !is_ours(c)) {
			*out = (struct dt_span){p->bytes + start, *at - start};
			return true;
		}
		uint8_t *data;
		size_t len;
		uint8_t type = sim_cid_open(c, &rec, &data, &len);
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
