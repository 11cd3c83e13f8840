#include "dtls/cookie.h"
#include "base/mem.h"
#include "dtls/record.h"

#include <criterion/criterion.h>
#include <string.h>

static const uint8_t secret[DT_COOKIE_SECRET_LEN] = "a secret that all workers share";
static const uint8_t random_bytes[32] = "the random of a client, 32 bytes";
static const uint8_t session_bytes[32] = "a session that is to be resumed";

static struct dt_cookie_jar *
new_jar(void)
{
	struct dt_cookie_jar *jar = NULL;
	cr_assert_eq(dt_cookie_jar_new(secret, &jar), DT_OK);
	return jar;
}

static struct dt_path
some_path(void)
{
	struct dt_path p = {{DTLSD_IPV4, 40000, 0, {192, 0, 2, 1}},
	    {DTLSD_IPV4, 5684, 0, {198, 51, 100, 7}}};
	return p;
}

static struct dt_hello_head
some_head(void)
{
	return (struct dt_hello_head){
	    0xfefd, {random_bytes, 32}, {session_bytes, 32}, {NULL, 0}};
}

#define AT(seconds) ((struct dt_wall){seconds})

/* Makes a cookie at 120 s, the start of a generation. */
static void
make(struct dt_cookie_jar *jar, uint8_t out[DT_COOKIE_LEN])
{
	const struct dt_path path = some_path();
	const struct dt_hello_head head = some_head();
	cr_assert_eq(dt_cookie_make(jar, AT(120), &path, &head, out), DT_OK);
}

Test(cookie, the_client_it_was_made_for_is_let_in)
{
	struct dt_cookie_jar *jar = new_jar();
	uint8_t cookie[DT_COOKIE_LEN];
	make(jar, cookie);
	const struct dt_path path = some_path();
	struct dt_hello_head head = some_head();
	head.cookie = (struct dt_span){cookie, sizeof(cookie)};
	for (int i = 0; i < 3; i++)
		cr_assert(dt_cookie_verify(jar, AT(121), &path, &head));
	dt_cookie_jar_free(&jar);
}

Test(cookie, it_is_good_for_its_generation_and_the_next)
{
	static const struct {
		int64_t at;
		bool good;
	} rows[] = {{0, false}, {119, false}, {120, true}, {179, true}, {180, true}, {239, true},
	    {240, false}, {299, false}, {120 + 256 * 60, false}, {100000, false}, {121, true}};
	struct dt_cookie_jar *jar = new_jar();
	uint8_t cookie[DT_COOKIE_LEN];
	make(jar, cookie);
	const struct dt_path path = some_path();
	struct dt_hello_head head = some_head();
	head.cookie = (struct dt_span){cookie, sizeof(cookie)};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_eq(dt_cookie_verify(jar, AT(rows[i].at), &path, &head), rows[i].good,
		    "at %d s", (int)rows[i].at);
	dt_cookie_jar_free(&jar);
}

Test(cookie, anybody_else_is_refused)
{
	struct dt_cookie_jar *jar = new_jar();
	uint8_t cookie[DT_COOKIE_LEN], other_random[32], other_session[32];
	make(jar, cookie);
	memcpy(other_random, random_bytes, 32);
	other_random[31] ^= 1;
	memcpy(other_session, session_bytes, 32);
	other_session[0] ^= 0x80;
	for (int change = 0; change < 10; change++) {
		struct dt_path path = some_path();
		struct dt_hello_head head = some_head();
		head.cookie = (struct dt_span){cookie, sizeof(cookie)};
		switch (change) {
		case 1: path.peer.ip[3] ^= 1; break;
		case 2: path.peer.port ^= 1; break;
		case 3: path.local.ip[0] ^= 1; break;
		case 4: path.local.port ^= 1; break;
		case 5: path.peer.scope = 2; break;
		case 6: head.version = 0xfefc; break;
		case 7: head.random.data = other_random; break;
		case 8: head.session_id.data = other_session; break;
		case 9: head.session_id.len = 31; break;
		}
		cr_assert_eq(
		    dt_cookie_verify(jar, AT(120), &path, &head), change == 0, "change %d", change);
	}
	dt_cookie_jar_free(&jar);
}

Test(cookie, every_flipped_bit_and_every_other_length_is_refused)
{
	struct dt_cookie_jar *jar = new_jar();
	uint8_t cookie[256] = {0};
	make(jar, cookie);
	const struct dt_path path = some_path();
	struct dt_hello_head head = some_head();
	for (size_t bit = 0; bit < 8 * DT_COOKIE_LEN; bit++) {
		cookie[bit / 8] ^= (uint8_t)(1u << bit % 8);
		head.cookie = (struct dt_span){cookie, DT_COOKIE_LEN};
		cr_assert_not(dt_cookie_verify(jar, AT(120), &path, &head), "bit %zu", bit);
		cookie[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < 256; len++) {
		head.cookie = (struct dt_span){cookie, len};
		cr_assert_eq(dt_cookie_verify(jar, AT(120), &path, &head), len == DT_COOKIE_LEN);
	}
	dt_cookie_jar_free(&jar);
}

Test(cookie, two_workers_with_one_secret_agree_and_another_secret_does_not)
{
	static const uint8_t other[DT_COOKIE_SECRET_LEN] = "a secret that nobody here shares";
	struct dt_cookie_jar *one = new_jar(), *two = new_jar(), *three = NULL;
	cr_assert_eq(dt_cookie_jar_new(other, &three), DT_OK);
	uint8_t cookie[DT_COOKIE_LEN];
	make(one, cookie);
	const struct dt_path path = some_path();
	struct dt_hello_head head = some_head();
	head.cookie = (struct dt_span){cookie, sizeof(cookie)};
	cr_assert(dt_cookie_verify(two, AT(239), &path, &head));
	cr_assert_not(dt_cookie_verify(three, AT(120), &path, &head));
	dt_cookie_jar_free(&one);
	dt_cookie_jar_free(&two);
	dt_cookie_jar_free(&three);
}

Test(cookie, a_jar_without_memory_leaves_nothing_behind)
{
	struct dt_cookie_jar *jar = NULL;
	dt_mem_fail_nth(1);
	cr_assert_eq(dt_cookie_jar_new(secret, &jar), DT_ERR_NOMEM);
	cr_assert_null(jar);
	dt_cookie_jar_free(&jar);
}

Test(cookie, the_hello_verify_request_mirrors_the_record_number_of_the_hello)
{
	uint8_t cookie[DT_COOKIE_LEN], out[DT_HVR_LEN];
	memset(cookie, 0xcc, sizeof(cookie));
	cr_assert_eq(dt_hvr_write(0x010203040506, cookie, out), DT_HVR_LEN);
	static const uint8_t head[] = {22, 0xfe, 0xff, 0, 0, 1, 2, 3, 4, 5, 6, 0, 35, 3, 0, 0, 23,
	    0, 0, 0, 0, 0, 0, 0, 23, 0xfe, 0xff, DT_COOKIE_LEN};
	cr_assert_eq(memcmp(out, head, sizeof(head)), 0);
	cr_assert_eq(sizeof(head) + DT_COOKIE_LEN, DT_HVR_LEN);
	cr_assert_eq(memcmp(out + sizeof(head), cookie, DT_COOKIE_LEN), 0);
}

Test(cookie, the_hello_verify_request_is_a_record_and_a_message_that_we_can_read)
{
	uint8_t cookie[DT_COOKIE_LEN] = {1}, out[DT_HVR_LEN];
	size_t n = dt_hvr_write(DT_SEQ_MAX, cookie, out), at = 0;
	struct dt_record rec;
	struct dt_fragment f;
	cr_assert_eq(dt_record_next(out, n, &at, &rec), DT_RECORD_OK);
	cr_assert(rec.seq == DT_SEQ_MAX && rec.version == DT_VERSION_10 && at == n);
	struct dt_reader r = dt_reader(rec.body, rec.len);
	cr_assert(dt_fragment_read(&r, &f) && r.left == 0);
	cr_assert(f.type == DT_HS_HELLO_VERIFY_REQUEST && f.length == f.bytes.len);
}
