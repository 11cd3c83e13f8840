/* Keys: where they are while they are needed, and that they are nowhere afterwards. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "dtls/alert.h"
#include "dtls/kdf.h"
#include "dtls/openssl_memory.h"
#include "sim.h"

#define CBC "ECDHE-ECDSA-AES128-SHA256"
#define MASK 0x5au

/* As main() does. */
__attribute__((constructor)) static void
wipe_from_the_start(void)
{
	DT_ASSERT(dt_openssl_memory_wiped());
}

/* ---- the memory of this process ---- */

/* A secret to look for, kept so that the search does not find itself. */
struct needle {
	uint8_t masked[48];
	size_t len;
};

static void
hide(struct needle *n, uint8_t *secret, size_t len)
{
	cr_assert(len <= sizeof(n->masked));
	for (size_t i = 0; i < len; i++)
		n->masked[i] = secret[i] ^ MASK;
	n->len = len;
	dt_wipe(secret, len);
}

__attribute__((no_sanitize("address", "undefined", "thread"))) static unsigned
count_in(const volatile uint8_t *from, const volatile uint8_t *to, const struct needle *n)
{
	unsigned found = 0;
	const uint8_t first = n->masked[0];
	for (const volatile uint8_t *p = from; p + n->len <= to; p++) {
		size_t i = 0;
		if ((*p ^ MASK) != first)
			continue;
		while (i < n->len && (p[i] ^ MASK) == n->masked[i])
			i++;
		found += i == n->len;
	}
	return found;
}

/* In everything that this process may write. What is longer is a sanitizer's own. */
static unsigned
count_everywhere(const struct needle *n)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	unsigned found = 0;
	cr_assert(maps);
	while (fgets(line, sizeof(line), maps)) {
		uintptr_t from, to;
		char rights[5];
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &from, &to, rights) != 3)
			continue;
		if (rights[0] == 'r' && rights[1] == 'w' && to - from < 256u * 1024 * 1024)
			found += count_in((const volatile uint8_t *)from, (const volatile uint8_t *)to, n);
	}
	fclose(maps);
	return found;
}

/* ---- a connection's keys ---- */

enum { MASTER, CLIENT_KEY, SERVER_KEY, NEEDLES };

struct way {
	const char *suite;
	bool psk, resumed;
	enum sim_verdict auth; /* SIM_REJECT: it fails when all keys are there */
};

/* From what the client knows. The keys of CBC come behind those of its MACs. */
static void
take_needles(const struct sim_client *c, struct needle needles[NEEDLES])
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(c->ssl);
	struct dt_secrets s;
	uint8_t seed[64], block[200];
	size_t mac = SSL_CIPHER_is_aead(cipher) ? 0 : 32;
	size_t key = (size_t)SSL_CIPHER_get_bits(cipher, NULL) / 8;
	const char *digest = EVP_MD_get0_name(SSL_CIPHER_get_handshake_digest(cipher));
	size_t n = SSL_SESSION_get_master_key(SSL_get_session(c->ssl), s.master, sizeof(s.master));
	cr_assert(n == sizeof(s.master));
	SSL_get_server_random(c->ssl, seed, 32);
	SSL_get_client_random(c->ssl, seed + 32, 32);
	cr_assert(dt_prf(digest, (struct dt_span){s.master, 48}, "key expansion", (struct dt_span){seed, 64}, block,
		      2 * (mac + key)) == DT_OK);
	hide(&needles[CLIENT_KEY], block + 2 * mac, key);
	hide(&needles[SERVER_KEY], block + 2 * mac + key, key);
	hide(&needles[MASTER], s.master, sizeof(s.master));
	dt_wipe(block, sizeof(block));
}

static struct sim_client *
connect_way(struct sim *sim, SSL_CTX *ctx, const struct way *w, SSL_SESSION *session)
{
	struct sim_client *c = sim_add_client(sim, ctx);
	if (w->psk) {
		c->psk_identity = "device";
		c->psk_key = "key";
	}
	if (session)
		SSL_set_session(c->ssl, session);
	sim_client_start(c);
	sim_settle(sim);
	return c;
}

static void
check_way(const struct way *w)
{
	struct needle needles[NEEDLES];
	struct sim_options o = sim_defaults("secrets");
	o.suites = w->suite;
	o.psk = o.psk_only = w->psk;
	o.tickets = w->resumed;
	struct sim *sim = sim_new(&o);
	sim->link.unaudited = true;
	sim->server.psk = SIM_ACCEPT;
	sim->server.key = "key";
	SSL_CTX *ctx = sim_client_ctx(w->suite);
	SSL_SESSION *session = NULL;
	if (w->resumed) {
		struct sim_client *first = connect_way(sim, ctx, w, NULL);
		session = SSL_get1_session(first->ssl);
		sim_client_close(first);
		sim_settle(sim);
		sim_drop_client(sim, first);
	}
	sim->server.auth = w->auth;
	struct sim_client *c = connect_way(sim, ctx, w, session);
	take_needles(c, needles);
	for (unsigned i = 0; i < NEEDLES; i++)
		cr_assert(count_everywhere(&needles[i]) > 0, "%s: the search finds nothing", w->suite);
	if (w->auth == SIM_ACCEPT)
		sim_check_echo(sim, c, "with these keys");
	SSL_SESSION_free(session);
	sim_drop_client(sim, c);

	bool ours = strcmp(w->suite, CBC) != 0 && w->auth == SIM_ACCEPT;
	/* What has secrets derived from it is not kept, once they are. */
	cr_assert(!ours || count_everywhere(&needles[MASTER]) == 0, "%s: the master secret stays", w->suite);
	cr_assert(!ours || count_everywhere(&needles[SERVER_KEY]) > 0);
	dt_conns_close_all(sim->server.conns, NULL, DT_CLOSE_LOCAL, sim_now());
	sim_settle(sim);
	for (unsigned i = 0; i < NEEDLES; i++)
		cr_assert(count_everywhere(&needles[i]) == 0, "%s: secret %u stays after the end", w->suite, i);
	SSL_CTX_free(ctx);
	sim_free(sim);
}

Test(secrets, no_key_is_left_in_memory_when_its_connection_has_ended)
{
	static const struct way ways[] = {
	    {"ECDHE-ECDSA-AES128-GCM-SHA256", false, false, SIM_ACCEPT},
	    {"ECDHE-ECDSA-AES256-GCM-SHA384", false, true, SIM_ACCEPT},
	    {"ECDHE-ECDSA-CHACHA20-POLY1305", false, false, SIM_ACCEPT},
	    {"PSK-AES128-CCM8", true, false, SIM_ACCEPT},
	    {CBC, false, false, SIM_ACCEPT},
	    {"ECDHE-ECDSA-AES128-GCM-SHA256", false, false, SIM_REJECT},
	    {CBC, false, false, SIM_REJECT},
	};
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		check_way(&ways[i]);
}

/* ---- tickets ---- */

enum { NAME = 16, IV = 16, MAC = 32 };

static bool
mac_fits(const uint8_t *key, const uint8_t *ticket, size_t len)
{
	uint8_t mac[MAC];
	HMAC(EVP_sha256(), key, 32, ticket, len - MAC, mac, NULL);
	return memcmp(mac, ticket + len - MAC, MAC) == 0;
}

/* RFC 5077 4, and how OpenSSL fills it. */
static void
check_ticket(const SSL_SESSION *s, uint8_t name[NAME])
{
	static const uint8_t zero[32];
	const unsigned char *ticket;
	size_t len;
	SSL_SESSION_get0_ticket(s, &ticket, &len);
	cr_assert(len > NAME + IV + MAC && memcmp(ticket, zero, NAME) != 0);
	cr_assert(!mac_fits(zero, ticket, len), "authenticated by nothing");
	uint8_t plain[2048], master[48];
	int n;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	cr_assert(len < sizeof(plain));
	EVP_DecryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, zero, ticket + NAME);
	EVP_DecryptUpdate(ctx, plain, &n, ticket + NAME + IV, (int)(len - NAME - IV - MAC));
	EVP_CIPHER_CTX_free(ctx);
	SSL_SESSION_get_master_key(s, master, sizeof(master));
	cr_assert(!memmem(plain, (size_t)n, master, sizeof(master)), "encrypted by nothing");
	cr_assert(!memmem(ticket, len, master, sizeof(master)));
	memcpy(name, ticket, NAME);
}

Test(secrets, the_key_of_a_ticket_is_never_zero_and_does_not_last)
{
	enum { VISITS = 8 };
	uint8_t names[VISITS][NAME];
	struct sim_options o = sim_defaults("ticket keys");
	o.tickets = true;
	o.ticket_lifetime = DT_SECONDS(3600);
	struct sim *sim = sim_new(&o);
	SSL_CTX *ctx = sim_client_ctx(NULL);
	for (unsigned i = 0; i < VISITS; i++) { /* the first one right after the start */
		struct sim_client *c = sim_connect(sim, ctx);
		check_ticket(SSL_get_session(c->ssl), names[i]);
		for (unsigned k = 0; k < i; k++)
			cr_assert(memcmp(names[i], names[k], NAME) != 0, "%u and %u", i, k);
		sim_client_close(c);
		sim_run(sim, DT_SECONDS(1800)); /* a key is used for half a lifetime */
	}
	SSL_CTX_free(ctx);
	sim_free(sim);
}
