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

static const char *
suite_word(const char *word)
{
	return strcmp(word, "*") == 0 ? ALL_SUITES : dt_tls_suite_name(word);
}

static bool
join(char **list, const struct dtlsd_list *words, const char *(*translate)(const char *), char *error,
    size_t cap)
{
	for (uint32_t i = 0; i < words->count; i++) {
		const char *word = ((const char *const *)words->items)[i];
		const char *name = translate(word);
		char shown[80];
		if (!name) {
			snprintf(error, cap, "\"%s\" is not known to this OpenSSL",
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
	s->member = "/tls/cipher_suites";
	bool good = join(&s->ciphers, &tls->cipher_suites, suite_word, error, cap);
	if (good) {
		s->member = "/tls/groups";
		good = join(&s->groups, &tls->groups, group_word, error, cap);
	}
	if (good) {
		s->member = "/tls/signature_algorithms";
		good = join(&s->signatures, &tls->signature_algorithms, signature_word, error, cap);
	}
	if (!good)
		dt_suites_fini(s);
	return good;
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
