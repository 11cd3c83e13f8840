#include "server/suites.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define WORDS_MAX 4

/* The words of `text`, apart by spaces, as an option has them. */
struct words {
	char copy[256];
	const char *items[WORDS_MAX];
	struct dtlsd_list list;
};

static void
split(struct words *w, const char *text)
{
	w->list = (struct dtlsd_list){w->items, 0, sizeof(w->items[0])};
	snprintf(w->copy, sizeof(w->copy), "%s", text);
	for (char *word = strtok(w->copy, " "); word; word = strtok(NULL, " "))
		w->items[w->list.count++] = word;
}

enum which { SUITES, GROUPS, SIGNATURES };

static bool
translate(enum which which, const char *text, struct dt_suites *s, char error[256])
{
	struct words w;
	struct dt_config_tls tls = {0};
	split(&w, text);
	struct dtlsd_list *lists[] = {&tls.cipher_suites, &tls.groups, &tls.signature_algorithms};
	*lists[which] = w.list;
	bool good = dt_suites_init(s, &tls, error, 256);
	cr_expect_eq(ERR_peek_error(), 0ul, "%s: an error is left behind", text);
	return good;
}

Test(suites, names_become_openssls)
{
	static const struct {
		enum which which;
		const char *words, *list;
	} rows[] = {
	    {SUITES, "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
	    {SUITES, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
	    {SUITES, "TLS_PSK_WITH_AES_128_CCM_8", "PSK-AES128-CCM8"},
	    {SUITES, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
	    {SUITES, "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"},
	    {SUITES, "AES128-SHA TLS_PSK_WITH_AES_128_CCM_8", "AES128-SHA:PSK-AES128-CCM8"},
	    {GROUPS, "X25519 P-256 secp384r1", "X25519:P-256:secp384r1"},
	    {SIGNATURES, "ECDSA+SHA256 rsa_pss_rsae_sha256", "ECDSA+SHA256:rsa_pss_rsae_sha256"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_suites s;
		char error[256] = "";
		cr_expect(translate(rows[i].which, rows[i].words, &s, error), "%s: %s", rows[i].words, error);
		const char *lists[] = {s.ciphers, s.groups, s.signatures};
		for (enum which w = SUITES; w <= SIGNATURES; w++) {
			if (w != rows[i].which)
				cr_expect_null(lists[w], "%s", rows[i].words);
			else if (lists[w])
				cr_expect_str_eq(lists[w], rows[i].list);
		}
		dt_suites_fini(&s);
	}
}

Test(suites, none_named_is_the_default_of_the_room_below)
{
	struct dt_suites s;
	char error[256];
	cr_assert(translate(SUITES, "", &s, error));
	cr_assert(!s.ciphers && !s.groups && !s.signatures);
	dt_suites_fini(&s);
}

Test(suites, what_is_no_single_known_name_is_refused_at_its_place)
{
	static const struct {
		enum which which;
		const char *words, *member, *shown;
	} rows[] = {
	    {SUITES, "AES128-SHA:!aNULL", "/tls/cipher_suites/0", "\"AES128-SHA:!aNULL\""},
	    {SUITES, "AES128-SHA AES128-SHA:NULL-SHA", "/tls/cipher_suites/1", "\"AES128-SHA:NULL-SHA\""},
	    {SUITES, "@SECLEVEL=0", "/tls/cipher_suites/0", "@SECLEVEL=0"},
	    {SUITES, "ALL", "/tls/cipher_suites/0", "\"ALL\""},
	    {SUITES, "eNULL", "/tls/cipher_suites/0", "\"eNULL\""},
	    {SUITES, "!x", "/tls/cipher_suites/0", "\"!x\""},
	    {SUITES, "aes128-sha", "/tls/cipher_suites/0", "\"aes128-sha\""},
	    {SUITES, "**", "/tls/cipher_suites/0", "\"**\""},
	    {SUITES, "TLS_AES_128_GCM_SHA256", "/tls/cipher_suites/0", "not for DTLS 1.2"},
	    {SUITES, "TLS_NONSENSE\x1b", "/tls/cipher_suites/0", "TLS_NONSENSE\\x1b"},
	    {GROUPS, "X25519:P-256", "/tls/groups/0", "\"X25519:P-256\""},
	    {GROUPS, "X25519 P-257", "/tls/groups/1", "\"P-257\""},
	    {SIGNATURES, "ECDSA+SHA256:RSA+SHA1", "/tls/signature_algorithms/0", "ECDSA+SHA256:RSA+SHA1"},
	    {SIGNATURES, "ECDSA+SHA257", "/tls/signature_algorithms/0", "\"ECDSA+SHA257\""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_suites s;
		char error[256] = "";
		cr_expect_not(translate(rows[i].which, rows[i].words, &s, error), "%s", rows[i].words);
		cr_expect_str_eq(s.member, rows[i].member);
		cr_expect(strstr(error, rows[i].shown), "%s: %s", rows[i].words, error);
		cr_expect(!s.ciphers && !s.groups && !s.signatures, "%s", rows[i].words);
		dt_suites_fini(&s);
	}
}

Test(suites, an_empty_word_is_no_name)
{
	const char *empty = "";
	struct dtlsd_list list = {&empty, 1, sizeof(empty)};
	const struct dt_config_tls rows[] = {
	    {.cipher_suites = list}, {.groups = list}, {.signature_algorithms = list}};
	for (size_t i = 0; i < 3; i++) {
		struct dt_suites s;
		char error[256];
		cr_expect_not(dt_suites_init(&s, &rows[i], error, sizeof(error)), "row %zu", i);
	}
}

/* "All there are" means all that authenticate and encrypt. */
Test(suites, a_star_holds_nothing_open)
{
	struct dt_suites s;
	char error[256];
	cr_assert(translate(SUITES, "*", &s, error));
	SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());
	SSL_CTX_set_security_level(ctx, 0);
	cr_assert(SSL_CTX_set_cipher_list(ctx, s.ciphers));
	STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(ctx);
	cr_assert_gt(sk_SSL_CIPHER_num(list), 40);
	for (int i = 0; i < sk_SSL_CIPHER_num(list); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(list, i);
		cr_expect_neq(SSL_CIPHER_get_cipher_nid(c), NID_undef, "%s", SSL_CIPHER_get_name(c));
		cr_expect_neq(SSL_CIPHER_get_auth_nid(c), NID_auth_null, "%s", SSL_CIPHER_get_name(c));
	}
	SSL_CTX_free(ctx);
	dt_suites_fini(&s);
}

Test(suites, without_memory_nothing_is_left)
{
	for (uint64_t n = 1;; n++) {
		struct dt_suites s;
		char error[256] = "";
		dt_mem_fail_nth(n);
		bool good = translate(SUITES, "AES128-SHA AES256-SHA AES128-GCM-SHA256", &s, error);
		dt_mem_fail_nth(0);
		dt_suites_fini(&s);
		if (good)
			break;
		cr_assert_str_eq(error, "out of memory");
		cr_assert_lt(n, 100);
	}
}

Test(suites, the_digest_is_sha_256)
{
	uint8_t ours[32], theirs[32];
	dt_suites_digest("abc", 3, ours);
	SHA256((const unsigned char *)"abc", 3, theirs);
	cr_assert_arr_eq(ours, theirs, 32);
	dt_suites_digest("", 0, ours);
	SHA256((const unsigned char *)"", 0, theirs);
	cr_assert_arr_eq(ours, theirs, 32);
}
