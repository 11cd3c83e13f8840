/* What the server draws for a handshake never comes twice: not in a process, not in its child. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dtls/engine.h"
#include "dtls/tls.h"

#define HELLOS 20000u /* of each process */

/* A ClientHello for TLS_PSK_WITH_AES_128_GCM_SHA256: the cheapest that is answered. */
static const uint8_t hello[] = {
    1, 0, 0, 45, 0, 1, 0, 0, 0, 0, 0, 45, /* message_seq 1 */
    0xfe, 0xfd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
    28, 29, 30, 31, 32, 0, 1, 0xcc, 0, 4, 0, 0xa8, 0, 0xff, 1, 0, /* no session, a cookie; suites */
};

static struct dt_tls *
new_tls(void)
{
	struct dt_tls_settings s = {
	    .tickets = true, .psk = true, .ticket_lifetime = DT_SECONDS(3600), .mtu = 1400, .initial_timer = DT_SECONDS(1),
	    .max_timer = DT_SECONDS(60),
	};
	struct dt_tls *tls;
	char error[200];
	cr_assert(dt_tls_new(&s, &tls, error, sizeof(error)) == DT_OK, "%s", error);
	return tls;
}

static void
draw(struct dt_tls *tls, uint8_t random[32])
{
	struct dt_engine *e;
	struct dt_record rec;
	struct dt_span raw;
	size_t at = 0;
	cr_assert(dt_engine_new(tls, false, &e) == DT_OK);
	cr_assert(dt_engine_hello(e, (struct dt_span){hello, sizeof(hello)}));
	cr_assert(dt_engine_run(e) == DT_ENGINE_WANTS_MORE && dt_engine_next_out(e, &at, &rec, &raw));
	cr_assert(rec.len > 12 + 34 && rec.body[0] == 2, "no ServerHello");
	memcpy(random, rec.body + 12 + 2, 32);
	dt_engine_free(&e);
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

static void
draw_all(struct dt_tls *tls, uint8_t (*out)[32])
{
	for (unsigned i = 0; i < HELLOS; i++)
		draw(tls, out[i]);
}

Test(randomness, no_random_of_a_server_comes_twice_also_not_after_a_fork)
{
	struct dt_tls *tls = new_tls();
	uint8_t(*all)[32] = mmap(NULL, 2 * HELLOS * 32, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert(all != MAP_FAILED);
	uint8_t first[32];
	draw(tls, first); /* the generator has its seed when the process forks */
	pid_t child = fork();
	cr_assert(child >= 0);
	draw_all(tls, child ? all : all + HELLOS);
	if (child == 0)
		_exit(0);
	int status;
	cr_assert(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	qsort(all, 2 * HELLOS, 32, compare);
	unsigned differ[32] = {0};
	for (unsigned i = 1; i < 2 * HELLOS; i++) {
		cr_assert(memcmp(all[i - 1], all[i], 32) != 0, "a random came twice");
		for (unsigned k = 0; k < 32; k++)
			differ[k] += all[i][k] != all[i - 1][k];
	}
	/* Sorted, neighbours share their first bytes; none of the others stands still. */
	for (unsigned k = 4; k < 32; k++)
		cr_assert(differ[k] > HELLOS, "byte %u", k);
	munmap(all, 2 * HELLOS * 32);
	dt_tls_free(&tls);
}
