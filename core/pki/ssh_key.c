#include "pki/ssh_key.h"

#include "base/base64.h"
#include "base/mem.h"
#include "pki/lines.h"
#include "pki/numbers.h"

#define TEXT_MAX 65536u /* bytes of a public key as text */
#define EDWARDS_MAX 57u /* bytes of an Ed448 key */

static const char rfc4716_begin[] = "---- BEGIN SSH2 PUBLIC KEY ----";
static const char rfc4716_end[] = "---- END SSH2 PUBLIC KEY ----";

/* ---- blobs ---- */

/* A positive number; its sign byte is cut off. */
static struct dt_span
read_number(struct dt_reader *r)
{
	struct dt_span s = dt_read_vector(r, 4);
	if (s.len == 0 || (s.data[0] & 0x80))
		r->bad = true;
	while (s.len && s.data[0] == 0) {
		s.data++;
		s.len--;
	}
	return s;
}

static enum dt_pki_fault
make_rsa(const char *name, struct dt_reader *pub, struct dt_reader *priv, EVP_PKEY **out)
{
	(void)name;
	struct dt_rsa_numbers n = {0};
	bool whole = priv->left != 0;
	n.e = read_number(pub);
	n.n = read_number(pub);
	if (whole) {
		n.d = read_number(priv);
		n.p = read_number(priv);
		n.q = read_number(priv);
		(void)read_number(priv); /* q^-1 mod p, which numbers.c makes itself */
	}
	if (pub->bad || pub->left || (whole && (priv->bad || !n.d.len || !n.p.len || !n.q.len)))
		return DT_PKI_BAD_KEY;
	return dt_numbers_rsa(&n, out);
}

static enum dt_pki_fault
make_ec(const char *name, struct dt_reader *pub, struct dt_reader *priv, EVP_PKEY **out)
{
	struct dt_point p = {.name = {(const uint8_t *)name, strlen(name)}};
	bool whole = priv->left != 0;
	(void)dt_read_vector(pub, 4); /* the curve once more */
	p.pub = dt_read_vector(pub, 4);
	if (whole)
		p.priv = read_number(priv);
	if (pub->bad || pub->left || (whole && (priv->bad || !p.priv.len)))
		return DT_PKI_BAD_KEY;
	return dt_numbers_ec(&p, out);
}

/* PuTTY writes the private half as a little-endian number: zeros at its end are missing. */
static enum dt_pki_fault
make_edwards(const char *name, struct dt_reader *pub, struct dt_reader *priv, EVP_PKEY **out)
{
	struct dt_point p = {.name = {(const uint8_t *)name, strlen(name)}};
	uint8_t padded[EDWARDS_MAX] = {0};
	bool whole = priv->left != 0;
	p.pub = dt_read_vector(pub, 4);
	struct dt_span s = whole ? dt_read_vector(priv, 4) : (struct dt_span){NULL, 0};
	if (pub->bad || pub->left || p.pub.len > sizeof(padded) ||
	    (whole && (priv->bad || s.len > p.pub.len)))
		return DT_PKI_BAD_KEY;
	if (s.len)
		memcpy(padded, s.data, s.len);
	p.priv = (struct dt_span){padded, whole ? p.pub.len : 0};
	enum dt_pki_fault fault = dt_numbers_edwards(&p, out);
	dt_wipe(padded, sizeof(padded));
	return fault;
}

static const struct {
	const char *type, *name;
	enum dt_pki_fault (*make)(
	    const char *name, struct dt_reader *pub, struct dt_reader *priv, EVP_PKEY **out);
} types[] = {
    {"ssh-rsa", NULL, make_rsa},
    {"ecdsa-sha2-nistp256", "P-256", make_ec},
    {"ecdsa-sha2-nistp384", "P-384", make_ec},
    {"ecdsa-sha2-nistp521", "P-521", make_ec},
    {"ssh-ed25519", "Ed25519", make_edwards},
    {"ssh-ed448", "Ed448", make_edwards},
};
#define TYPES (sizeof(types) / sizeof(types[0]))

enum dt_pki_fault
dt_ssh_key(struct dt_span pub, struct dt_span priv, EVP_PKEY **out)
{
	*out = NULL;
	struct dt_reader r = dt_reader(pub.data, pub.len), s = dt_reader(priv.data, priv.len);
	struct dt_span type = dt_read_vector(&r, 4);
	if (r.bad)
		return DT_PKI_BAD_KEY;
	for (size_t i = 0; i < TYPES; i++)
		if (dt_span_is(type, types[i].type))
			return types[i].make(types[i].name, &r, &s, out);
	return DT_PKI_UNKNOWN_KEY;
}

/* ---- text ---- */

static struct dt_span
skip_blank_lines(struct dt_span text)
{
	while (text.len && (text.data[0] == '\n' || text.data[0] == '\r' || text.data[0] == ' ')) {
		text.data++;
		text.len--;
	}
	return text;
}

bool
dt_ssh_seen(struct dt_span text)
{
	text = skip_blank_lines(text);
	return dt_span_begins(text, rfc4716_begin) || dt_span_begins(text, "ssh-") ||
	       dt_span_begins(text, "ecdsa-sha2-");
}

/* "type base64 comment": the Base64 of it. */
static bool
find_in_line(struct dt_span text, struct dt_span *out)
{
	struct dt_span line;
	if (!dt_line_next(&text, &line))
		return false;
	const uint8_t *blank = memchr(line.data, ' ', line.len);
	if (!blank)
		return false;
	out->data = blank + 1;
	out->len = (size_t)(line.data + line.len - out->data);
	const uint8_t *end = memchr(out->data, ' ', out->len);
	if (end)
		out->len = (size_t)(end - out->data);
	return true;
}

/* Behind the header lines of RFC 4716 3.3, which have a colon and may go on behind a backslash. */
static bool
find_in_block(struct dt_span text, struct dt_span *out)
{
	struct dt_span line;
	bool goes_on = false, header = true;
	(void)dt_line_next(&text, &line); /* the first marker */
	*out = (struct dt_span){NULL, 0};
	while (dt_line_next(&text, &line)) {
		if (dt_span_is(line, rfc4716_end))
			return out->data != NULL;
		header = goes_on || (header && memchr(line.data, ':', line.len));
		goes_on = header && line.len && line.data[line.len - 1] == '\\';
		if (!header && !out->data)
			out->data = line.data;
		if (!header)
			out->len = (size_t)(line.data + line.len - out->data);
	}
	return false;
}

enum dt_pki_fault
dt_ssh_read(struct dt_span text, struct dt_material *m)
{
	struct dt_span base64;
	if (!dt_ssh_seen(text))
		return DT_PKI_WRONG_TYPE;
	text = skip_blank_lines(text);
	bool found = dt_span_begins(text, rfc4716_begin) ? find_in_block(text, &base64)
							  : find_in_line(text, &base64);
	if (!found || base64.len > TEXT_MAX)
		return DT_PKI_BAD_KEY;
	uint8_t *blob = dt_alloc(DT_BASE64_ROOM(base64.len));
	if (!blob)
		return DT_PKI_NOMEM;
	EVP_PKEY *key = NULL;
	size_t len;
	enum dt_pki_fault fault = DT_PKI_BAD_KEY;
	if (dt_base64_decode(base64, blob, &len))
		fault = dt_ssh_key((struct dt_span){blob, len}, (struct dt_span){NULL, 0}, &key);
	dt_free(blob);
	return fault == DT_PKI_NONE ? dt_material_add_key(m, key, false) : fault;
}
