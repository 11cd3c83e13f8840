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

static bool
join(struct dt_suites *s, const char *member, char **list, const struct dtlsd_list *words,
    const char *(*translate)(const char *), char *error, size_t cap)
{
	for (uint32_t i = 0; i < words->count; i++) {
		const char *word = ((const char *const *)words->items)[i];
		const char *name = translate(word);
		char shown[80];
		snprintf(s->member, sizeof(s->member), "/tls/%s/%u", member, i);
		if (!name) {
			snprintf(error, cap,
			    "\"%s\" is not known to this OpenSSL, or not for DTLS 1.2",
			    dt_text_escape(word, strlen(word), shown, sizeof(shown)));
			return false;
		}
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
	if (join(s, "cipher_suites", &s->ciphers, &tls->cipher_suites, suite_word, error, cap) &&
	    join(s, "groups", &s->groups, &tls->groups, group_word, error, cap) &&
	    join(s, "signature_algorithms", &s->signatures, &tls->signature_algorithms,
		signature_word, error, cap))
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
