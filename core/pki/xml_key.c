#include "pki/xml_key.h"

#include "base/base64.h"
#include "base/mem.h"
#include "pki/lines.h"
#include "pki/numbers.h"

#include <limits.h>

enum number { MODULUS, EXPONENT, D, P, Q, NUMBERS };

static const char *const names[NUMBERS] = {"Modulus", "Exponent", "D", "P", "Q"};

struct xml {
	struct dt_span left;		/* not read yet */
	struct dt_span number[NUMBERS]; /* of the key that is open, as bytes */
	uint8_t *scratch;		/* owned, a secret: what the texts decode to */
	size_t used;
	bool in_key;
	struct dt_material *m; /* borrowed */
};

/* One tag and the text behind it. */
struct tag {
	struct dt_span name; /* without a prefix */
	bool closes, empty;
	struct dt_span text;
};

static bool
skip_blanks(struct dt_span *s)
{
	while (s->len && (s->data[0] == ' ' || (s->data[0] >= 9 && s->data[0] <= 13))) {
		s->data++;
		s->len--;
	}
	return s->len != 0;
}

static void
advance(struct dt_span *s, size_t n)
{
	s->data += n;
	s->len -= n;
}

/* Behind the next `end`; false when there is none. */
static bool
skip_to(struct dt_span *s, const char *end)
{
	const uint8_t *found = s->len ? memmem(s->data, s->len, end, strlen(end)) : NULL;
	if (!found)
		return false;
	advance(s, (size_t)(found - s->data) + strlen(end));
	return true;
}

/* Bytes up to the end of a tag, past attributes, in whose values a ">" may stand. */
static size_t
tag_length(struct dt_span s)
{
	uint8_t quote = 0;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.data[i];
		if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? 0 : c;
		else if (c == '>' && !quote)
			return i;
	}
	return s.len;
}

static struct dt_span
local_name(struct dt_span inside)
{
	size_t n = 0;
	while (n < inside.len && inside.data[n] > ' ' && inside.data[n] != '/')
		n++;
	struct dt_span name = {inside.data, n};
	const uint8_t *colon = n ? memchr(name.data, ':', n) : NULL;
	if (colon)
		advance(&name, (size_t)(colon + 1 - name.data));
	return name;
}

/* The next tag; false at the end, and *bad where there should be one. */
static bool
next_tag(struct dt_span *s, struct tag *out, bool *bad)
{
	for (;;) {
		*bad = false;
		if (!skip_blanks(s))
			return false;
		*bad = true;
		if (s->data[0] != '<')
			return false;
		if (dt_span_begins(*s, "<?")) {
			if (!skip_to(s, "?>"))
				return false;
		} else if (dt_span_begins(*s, "<!--")) {
			if (!skip_to(s, "-->"))
				return false;
		} else {
			break;
		}
	}
	advance(s, 1);
	out->closes = s->len && s->data[0] == '/';
	if (out->closes)
		advance(s, 1);
	size_t n = tag_length(*s);
	if (n == s->len || n == 0 || s->data[0] == '!')
		return false;
	out->name = local_name((struct dt_span){s->data, n});
	out->empty = s->data[n - 1] == '/';
	advance(s, n + 1);
	out->text.data = s->data;
	const uint8_t *end = s->len ? memchr(s->data, '<', s->len) : NULL;
	out->text.len = end ? (size_t)(end - s->data) : s->len;
	advance(s, out->text.len);
	*bad = out->name.len == 0;
	return !*bad;
}

static bool
decode(struct xml *x, struct dt_span text, struct dt_span *out)
{
	*out = (struct dt_span){x->scratch + x->used, 0};
	if (!dt_base64_decode(text, x->scratch + x->used, &out->len) || out->len == 0)
		return false;
	x->used += out->len;
	return true;
}

static enum dt_pki_fault
take_certificate(struct xml *x, struct dt_span text)
{
	struct dt_span der;
	const uint8_t *at;
	if (!decode(x, text, &der) || der.len > LONG_MAX)
		return DT_PKI_BAD_CERTIFICATE;
	at = der.data;
	X509 *cert = d2i_X509(NULL, &at, (long)der.len);
	return cert ? dt_material_add_certificate(x->m, cert) : DT_PKI_BAD_CERTIFICATE;
}

static enum dt_pki_fault
finish_key(struct xml *x)
{
	struct dt_rsa_numbers n = {x->number[MODULUS], x->number[EXPONENT], x->number[D],
	    x->number[P], x->number[Q]};
	EVP_PKEY *key;
	enum dt_pki_fault fault = dt_numbers_rsa(&n, &key);
	memset(x->number, 0, sizeof(x->number));
	x->in_key = false;
	return fault == DT_PKI_NONE ? dt_material_add_key(x->m, key, n.d.len != 0) : fault;
}

static enum dt_pki_fault
take_tag(struct xml *x, const struct tag *t)
{
	if (dt_span_is(t->name, "RSAKeyValue")) {
		if (t->closes == x->in_key && !t->empty) {
			x->in_key = !t->closes;
			return t->closes ? finish_key(x) : DT_PKI_NONE;
		}
		return DT_PKI_BAD_KEY;
	}
	if (t->closes || t->empty)
		return DT_PKI_NONE;
	if (dt_span_is(t->name, "DSAKeyValue") || dt_span_is(t->name, "ECKeyValue") ||
	    dt_span_is(t->name, "ECDSAKeyValue"))
		return DT_PKI_UNKNOWN_KEY;
	if (dt_span_is(t->name, "X509Certificate"))
		return take_certificate(x, t->text);
	for (size_t i = 0; x->in_key && i < NUMBERS; i++)
		if (dt_span_is(t->name, names[i]) && !decode(x, t->text, &x->number[i]))
			return DT_PKI_BAD_KEY;
	return DT_PKI_NONE;
}

/* An editor may have put a byte order mark before it. */
static struct dt_span
skip_mark(struct dt_span text)
{
	if (dt_span_begins(text, "\xef\xbb\xbf"))
		advance(&text, 3);
	return text;
}

bool
dt_xml_seen(struct dt_span text)
{
	text = skip_mark(text);
	return skip_blanks(&text) && text.data[0] == '<';
}

enum dt_pki_fault
dt_xml_read(struct dt_span text, struct dt_material *m)
{
	if (!dt_xml_seen(text))
		return DT_PKI_WRONG_TYPE;
	struct xml x = {.left = skip_mark(text), .m = m};
	struct tag tag;
	bool bad = false;
	size_t size = DT_BASE64_ROOM(text.len);
	x.scratch = dt_alloc(size);
	enum dt_pki_fault fault = x.scratch ? DT_PKI_NONE : DT_PKI_NOMEM;
	while (fault == DT_PKI_NONE && next_tag(&x.left, &tag, &bad))
		fault = take_tag(&x, &tag);
	if (fault == DT_PKI_NONE && (bad || x.in_key))
		fault = DT_PKI_WRONG_TYPE;
	dt_free_secret(x.scratch, size);
	return fault;
}
