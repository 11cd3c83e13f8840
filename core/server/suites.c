#include "server/suites.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/text.h"
#include "dtls/tls.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define ALL_SUITES "ALL:!aNULL:!eNULL:!aSRP"

/* Appends ":word" to *list, which is made anew. */
static bool
append(char **list, const char *word)
{
	size_t old = *list ? strlen(*list) : 0;
	char *bigger = dt_resize(*list, old + strlen(word) + 2);
	if (!bigger)
		return false;
	snprintf(bigger + old, strlen(word) + 2, "%s%s", old ? ":" : "", word);
	*list = bigger;
	return true;
}

/* What people write; OpenSSL cannot list them. */
static const char *const groups[] = {"X25519", "X448", "P-256", "P-384", "P-521", "prime256v1",
    "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", NULL};
static const char *const signatures[] = {"ECDSA+SHA256", "ECDSA+SHA384", "ECDSA+SHA512",
    "RSA+SHA256", "RSA+SHA384", "RSA+SHA512", "RSA-PSS+SHA256", "RSA-PSS+SHA384", "RSA-PSS+SHA512",
    "ed25519", "ed448", NULL};

/* At most a third of the letters may differ. */
static const char *
nearest(const char *word, const char *const *names)
{
	const char *near = NULL;
	unsigned best = (unsigned)(strlen(word) / 3) + 1;
	for (; *names; names++) {
		unsigned d = dt_text_distance(word, *names, best);
		if (d < best) {
			best = d;
			near = *names;
		}
	}
	return near;
}

static const char *
near_group(const char *word)
{
	return nearest(word, groups);
}

static const char *
near_signature(const char *word)
{
	return nearest(word, signatures);
}

static const char *
group_word(const char *word)
{
	return dt_tls_group_known(word) ? word : NULL;
}

static const char *
signature_word(const char *word)
{
	return dt_tls_signature_known(word) ? word : NULL;
}

/* OpenSSL's own names begin with "TLS_" for suites of TLS 1.3 only: DTLS 1.2 has none of them. */
static const char *
suite_word(const char *word)
{
	const char *name = strcmp(word, "*") == 0 ? ALL_SUITES : dt_tls_suite_name(word);
	return name && strncmp(name, "TLS_", 4) != 0 ? name : NULL;
}

static const struct kind {
	const char *member;
	const char *(*translate)(const char *word); /* NULL: not known */
	const char *(*near)(const char *word);
} suite_kind = {"cipher_suites", suite_word, dt_tls_suite_near},
  group_kind = {"groups", group_word, near_group},
  signature_kind = {"signature_algorithms", signature_word, near_signature};

static bool
refuse(struct dt_suites *s, const struct kind *kind, const char *word, char *error, size_t cap)
{
	char shown[80];
	const char *near = kind->near(word);
	if (near)
		snprintf(s->suggestion, sizeof(s->suggestion), "\"%s\"", near);
	snprintf(error, cap, "\"%s\" is not known to this OpenSSL, or not for DTLS 1.2",
	    dt_text_escape(word, strlen(word), shown, sizeof(shown)));
	return false;
}

static bool
join(struct dt_suites *s, const struct kind *kind, char **list, const struct dtlsd_list *words,
    char *error, size_t cap)
{
	for (uint32_t i = 0; i < words->count; i++) {
		const char *word = ((const char *const *)words->items)[i];
		const char *name = kind->translate(word);
		snprintf(s->member, sizeof(s->member), "/tls/%s/%u", kind->member, i);
		if (!name)
			return refuse(s, kind, word, error, cap);
		if (!append(list, name)) {
			snprintf(error, cap, "out of memory");
			return false;
		}
	}
	return true;
}

bool
dt_suites_init(struct dt_suites *s, const struct dt_config_tls *tls, char *error, size_t cap)
{
	memset(s, 0, sizeof(*s));
	if (join(s, &suite_kind, &s->ciphers, &tls->cipher_suites, error, cap) &&
	    join(s, &group_kind, &s->groups, &tls->groups, error, cap) &&
	    join(s, &signature_kind, &s->signatures, &tls->signature_algorithms, error, cap))
		return true;
	dt_suites_fini(s);
	return false;
}

void
dt_suites_fini(struct dt_suites *s)
{
	dt_free(s->ciphers);
	dt_free(s->groups);
	dt_free(s->signatures);
	s->ciphers = s->groups = s->signatures = NULL;
}

void
dt_suites_digest(const void *data, size_t len, uint8_t out[32])
{
	unsigned n = 32;
	DT_ASSERT(EVP_Digest(data, len, out, &n, EVP_sha256(), NULL) && n == 32);
}
