#include "pki/jwk.h"

#include "base/base64.h"
#include "base/mem.h"
#include "pki/json.h"
#include "pki/lines.h"
#include "pki/numbers.h"

#include <limits.h>

enum member { KTY, CRV, N, E, D, P, Q, X, Y, X5C, KEYS, MEMBERS };

static const char *const names[MEMBERS] = {
    "kty", "crv", "n", "e", "d", "p", "q", "x", "y", "x5c", "keys"};

struct jwk {
	struct dt_span raw[MEMBERS]; /* as written; empty = absent */
	uint8_t *scratch;	     /* owned, a secret: what the members decode to */
	size_t used, size;
	bool bad;
};

static enum dt_pki_fault
collect(struct jwk *k, struct dt_span text)
{
	struct dt_json j = dt_json_open(text);
	struct dt_span key, value;
	while (dt_json_next(&j, &key, &value))
		for (size_t i = 0; i < MEMBERS; i++)
			if (dt_span_is(key, names[i]))
				k->raw[i] = value;
	return j.bad || j.close == ']' ? DT_PKI_WRONG_TYPE : DT_PKI_NONE;
}

/* The text of a member, in the scratch; empty when it is absent. */
static struct dt_span
text_of(struct jwk *k, struct dt_span raw)
{
	size_t len;
	uint8_t *to = k->scratch + k->used;
	if (raw.len == 0)
		return (struct dt_span){NULL, 0};
	if (!dt_json_text(raw, to, &len)) {
		k->bad = true;
		return (struct dt_span){NULL, 0};
	}
	k->used += len;
	return (struct dt_span){to, len};
}

/* Its bytes; a member that is there is not empty. */
static struct dt_span
bytes_of(struct jwk *k, struct dt_span raw)
{
	struct dt_span text = text_of(k, raw);
	uint8_t *to = k->scratch + k->used;
	size_t len = 0;
	if (text.len == 0 || !dt_base64_decode(text, to, &len) || len == 0)
		k->bad = k->bad || raw.len != 0;
	k->used += len;
	return (struct dt_span){to, k->bad ? 0 : len};
}

static enum dt_pki_fault
make_rsa(struct jwk *k, EVP_PKEY **out)
{
	struct dt_rsa_numbers n = {
	    .n = bytes_of(k, k->raw[N]),
	    .e = bytes_of(k, k->raw[E]),
	    .d = bytes_of(k, k->raw[D]),
	    .p = bytes_of(k, k->raw[P]),
	    .q = bytes_of(k, k->raw[Q]),
	};
	return k->bad ? DT_PKI_BAD_KEY : dt_numbers_rsa(&n, out);
}

static enum dt_pki_fault
make_ec(struct jwk *k, EVP_PKEY **out)
{
	struct dt_point p = {.name = text_of(k, k->raw[CRV]), .priv = bytes_of(k, k->raw[D])};
	struct dt_span x = bytes_of(k, k->raw[X]), y = bytes_of(k, k->raw[Y]);
	if (k->bad || !x.len || x.len != y.len)
		return DT_PKI_BAD_KEY;
	uint8_t *point = k->scratch + k->used;
	k->used += 1 + x.len + y.len;
	point[0] = 4;
	memcpy(point + 1, x.data, x.len);
	memcpy(point + 1 + x.len, y.data, y.len);
	p.pub = (struct dt_span){point, 1 + x.len + y.len};
	return dt_numbers_ec(&p, out);
}

static enum dt_pki_fault
make_okp(struct jwk *k, EVP_PKEY **out)
{
	struct dt_point p = {.name = text_of(k, k->raw[CRV]),
	    .pub = bytes_of(k, k->raw[X]),
	    .priv = bytes_of(k, k->raw[D])};
	return k->bad || !p.pub.len ? DT_PKI_BAD_KEY : dt_numbers_edwards(&p, out);
}

/* RFC 7517 4.7: DER in the plain alphabet of Base64. */
static enum dt_pki_fault
take_certificates(struct jwk *k, struct dt_material *m)
{
	struct dt_json j = dt_json_open(k->raw[X5C]);
	struct dt_span item;
	enum dt_pki_fault fault = DT_PKI_NONE;
	while (fault == DT_PKI_NONE && dt_json_next(&j, &item, &item)) {
		struct dt_span der = bytes_of(k, item);
		const uint8_t *at = der.data;
		X509 *x = der.len && der.len <= LONG_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
		if (!x)
			return DT_PKI_BAD_CERTIFICATE;
		fault = dt_material_add_certificate(m, x);
	}
	return fault == DT_PKI_NONE && (j.bad || j.close == '}') ? DT_PKI_BAD_CERTIFICATE : fault;
}

static enum dt_pki_fault
take_key(struct jwk *k, struct dt_material *m)
{
	static const struct {
		const char *type;
		enum dt_pki_fault (*make)(struct jwk *k, EVP_PKEY **out);
	} types[] = {{"RSA", make_rsa}, {"EC", make_ec}, {"OKP", make_okp}};
	struct dt_span type = text_of(k, k->raw[KTY]);
	enum dt_pki_fault fault = type.len ? DT_PKI_UNKNOWN_KEY : DT_PKI_BAD_KEY;
	EVP_PKEY *key = NULL;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (dt_span_is(type, types[i].type))
			fault = types[i].make(k, &key);
	if (fault == DT_PKI_NONE)
		fault = dt_material_add_key(m, key, k->raw[D].len != 0);
	return fault == DT_PKI_NONE && k->raw[X5C].len ? take_certificates(k, m) : fault;
}

static enum dt_pki_fault
take_one(struct dt_span text, struct dt_material *m)
{
	struct jwk k = {.size = 4 * text.len + 64};
	enum dt_pki_fault fault = collect(&k, text);
	if (fault != DT_PKI_NONE)
		return fault;
	/* Each member is at most twice in it, as text and as bytes, and a point once more. */
	k.scratch = dt_alloc(k.size);
	if (!k.scratch)
		return DT_PKI_NOMEM;
	fault = take_key(&k, m);
	dt_free_secret(k.scratch, k.size);
	return fault;
}

bool
dt_jwk_seen(struct dt_span text)
{
	size_t i = 0;
	while (i < text.len && text.data[i] && strchr(" \t\r\n", text.data[i]))
		i++;
	return i < text.len && text.data[i] == '{';
}

enum dt_pki_fault
dt_jwk_read(struct dt_span text, struct dt_material *m)
{
	struct jwk set = {0};
	enum dt_pki_fault fault = collect(&set, text);
	if (fault != DT_PKI_NONE || !set.raw[KEYS].len)
		return fault == DT_PKI_NONE ? take_one(text, m) : fault;
	struct dt_json j = dt_json_open(set.raw[KEYS]);
	struct dt_span item;
	while (fault == DT_PKI_NONE && dt_json_next(&j, &item, &item)) {
		fault = take_one(item, m);
		/* RFC 7517 5: keys of kinds that we do not know are passed over. */
		if (fault == DT_PKI_UNKNOWN_KEY)
			fault = DT_PKI_NONE;
	}
	return fault == DT_PKI_NONE && (j.bad || j.close == '}') ? DT_PKI_BAD_KEY : fault;
}
