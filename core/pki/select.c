#include "pki/select.h"

#include "base/mem.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

struct thumbprint {
	uint8_t bytes[32];
	size_t len; /* 16, 20 or 32 */
};

static bool
parse_thumbprint(const char *text, struct thumbprint *out)
{
	size_t digits = 0;
	for (; *text; text++) {
		int v = OPENSSL_hexchar2int((unsigned char)*text);
		if (*text == ':' || *text == ' ')
			continue;
		if (v < 0 || digits == 2 * sizeof(out->bytes))
			return false;
		uint8_t *to = &out->bytes[digits++ / 2];
		*to = (uint8_t)(digits % 2 ? v << 4 : *to | v);
	}
	out->len = digits / 2;
	return digits == 32 || digits == 40 || digits == 64;
}

bool
dt_select_is_thumbprint(const char *text)
{
	struct thumbprint t;
	return parse_thumbprint(text, &t);
}

static bool
has_thumbprint(X509 *x, const struct thumbprint *t)
{
	const EVP_MD *md = t->len == 16 ? EVP_md5() : t->len == 20 ? EVP_sha1() : EVP_sha256();
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;
	return X509_digest(x, md, digest, &len) && len == t->len &&
	       memcmp(digest, t->bytes, len) == 0;
}

/* ---- subjects ---- */

static size_t
shorten_field(const char *at, const char **name)
{
	static const struct {
		const char *from, *to;
	} fields[] = {{"emailaddress=", "e="}, {"st=", "s="}};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strncasecmp(at, fields[i].from, strlen(fields[i].from)) == 0) {
			*name = fields[i].to;
			return strlen(fields[i].from);
		}
	}
	return 0;
}

/* The form in which subjects are compared: ",cn=x,o=y,". dt_free() it; NULL without memory. */
static char *
normalize(const char *text, size_t len)
{
	char *out = dt_alloc(len + 3), *to = out;
	if (!out)
		return NULL;
	*to++ = ',';
	for (size_t i = 0; i < len; i++) {
		const char *name;
		bool first = to[-1] == ',';
		size_t skip = first ? shorten_field(text + i, &name) : 0;
		if (skip) {
			to = stpcpy(to, name);
			i += skip - 1;
		} else if (text[i] != '"' && text[i] != '\\' && !(text[i] == ' ' && first)) {
			*to++ = (char)tolower((unsigned char)text[i]);
		}
	}
	*to++ = ',';
	return out;
}

/* The subject in one of the two orders; dt_free() it. */
static char *
subject_of(const X509 *x, unsigned long flags)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL, *out = NULL;
	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, flags) >= 0) {
		long len = BIO_get_mem_data(bio, &text);
		char *copy = dt_copy(text, (size_t)len);
		out = copy ? normalize(copy, (size_t)len) : NULL;
		dt_free(copy);
	}
	BIO_free(bio);
	return out;
}

enum match { NO_MATCH, CONTAINED, EXACT, NO_MEMORY };

/* `wanted` is normalized: a comma, its text, a comma. */
static enum match
compare(const char *subject, const char *wanted)
{
	size_t len = strlen(wanted);
	char inner[1024];
	if (strcmp(subject, wanted) == 0)
		return EXACT;
	if (strncmp(wanted, ",cn=", 4) == 0 && strstr(subject, wanted))
		return EXACT;
	if (len - 2 >= sizeof(inner))
		return NO_MATCH;
	memcpy(inner, wanted + 1, len - 2);
	inner[len - 2] = '\0';
	return strstr(subject, inner) ? CONTAINED : NO_MATCH;
}

static enum match
match_subject(const X509 *x, const char *wanted)
{
	const unsigned long reversed = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
	const unsigned long orders[] = {reversed, reversed & ~(unsigned long)XN_FLAG_DN_REV};
	enum match best = NO_MATCH;
	for (size_t i = 0; i < 2; i++) {
		char *subject = subject_of(x, orders[i]);
		enum match m = subject ? compare(subject, wanted) : NO_MEMORY;
		dt_free(subject);
		best = m > best ? m : best;
	}
	return best;
}

static enum dt_pki_fault
keep(STACK_OF(X509) *to, X509 *x)
{
	return X509_add_cert(to, x, X509_ADD_FLAG_UP_REF) ? DT_PKI_NONE : DT_PKI_NOMEM;
}

static enum dt_pki_fault
select_subject(const STACK_OF(X509) *certs, const char *subject, STACK_OF(X509) *out)
{
	char *wanted = normalize(subject, strlen(subject));
	enum dt_pki_fault fault = wanted ? DT_PKI_NONE : DT_PKI_NOMEM;
	for (int level = EXACT; fault == DT_PKI_NONE && level >= CONTAINED; level--) {
		for (int i = 0; fault == DT_PKI_NONE && i < sk_X509_num(certs); i++) {
			X509 *x = sk_X509_value(certs, i);
			enum match m = match_subject(x, wanted);
			if (m == NO_MEMORY)
				fault = DT_PKI_NOMEM;
			else if ((int)m >= level)
				fault = keep(out, x);
		}
		if (sk_X509_num(out))
			break;
	}
	dt_free(wanted);
	return fault;
}

static enum dt_pki_fault
select_thumbprint(const STACK_OF(X509) *certs, const char *text, STACK_OF(X509) *out)
{
	struct thumbprint t;
	enum dt_pki_fault fault = DT_PKI_NONE;
	if (!parse_thumbprint(text, &t))
		return DT_PKI_THUMBPRINT;
	for (int i = 0; fault == DT_PKI_NONE && i < sk_X509_num(certs); i++)
		if (has_thumbprint(sk_X509_value(certs, i), &t))
			fault = keep(out, sk_X509_value(certs, i));
	return fault;
}

static enum dt_pki_fault
select_all(const STACK_OF(X509) *certs, STACK_OF(X509) *out)
{
	enum dt_pki_fault fault = DT_PKI_NONE;
	for (int i = 0; fault == DT_PKI_NONE && i < sk_X509_num(certs); i++)
		fault = keep(out, sk_X509_value(certs, i));
	return fault;
}

enum dt_pki_fault
dt_select(const STACK_OF(X509) *certs, const char *subject, const char *thumbprint,
    STACK_OF(X509) **out)
{
	static const char prefix[] = "thumbprint=";
	enum dt_pki_fault fault;
	*out = sk_X509_new_null();
	if (!*out)
		return DT_PKI_NOMEM;
	if (!thumbprint && subject && strncasecmp(subject, prefix, sizeof(prefix) - 1) == 0)
		thumbprint = subject + sizeof(prefix) - 1;
	if (thumbprint)
		fault = select_thumbprint(certs, thumbprint, *out);
	else if (subject && strcmp(subject, "*") != 0)
		fault = select_subject(certs, subject, *out);
	else
		fault = select_all(certs, *out);
	if (fault == DT_PKI_NONE && sk_X509_num(*out) == 0 && sk_X509_num(certs))
		fault = DT_PKI_NOT_FOUND;
	if (fault != DT_PKI_NONE) {
		sk_X509_pop_free(*out, X509_free);
		*out = NULL;
	}
	return fault;
}
