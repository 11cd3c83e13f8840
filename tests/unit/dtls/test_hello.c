#include "dtls/hello.h"

#include "hex.h"
#include "seeded.h"

#include <criterion/criterion.h>
#include <openssl/ssl.h>
#include <string.h>

#define SPACE 70000u

/* ---- a hello, put together field by field ---- */

struct bytes {
	uint8_t *data;
	size_t len;
};

struct parts {
	uint16_t version;
	size_t session_id_len, cookie_len; /* bytes */
	const char *suites, *compressions;  /* hex, their lengths are added */
	const char *extensions;		    /* hex of type and body without length, by spaces; NULL = no block */
};

static const struct parts plain = {0xfefd, 0, 20, "c02bc0a8", "00", ""};

static void
put(struct bytes *b, uint64_t v, size_t n)
{
	dt_write_uint(b->data + b->len, v, n);
	b->len += n;
}

static void
put_hex(struct bytes *b, const char *hex, size_t hex_len, size_t len_bytes)
{
	char text[8192];
	cr_assert(hex_len < sizeof(text));
	memcpy(text, hex, hex_len);
	text[hex_len] = '\0';
	put(b, hex_len / 2, len_bytes);
	b->len += from_hex(text, b->data + b->len);
}

static void
put_fill(struct bytes *b, uint8_t fill, size_t n)
{
	memset(b->data + b->len, fill, n);
	b->len += n;
}

static struct bytes
build(const struct parts *p)
{
	struct bytes b = {calloc(1, SPACE), 0};
	put(&b, p->version, 2);
	put_fill(&b, 0x77, 32);
	put(&b, p->session_id_len, 1);
	put_fill(&b, 0x55, p->session_id_len);
	put(&b, p->cookie_len, 1);
	put_fill(&b, 0xcc, p->cookie_len);
	put_hex(&b, p->suites, strlen(p->suites), 2);
	put_hex(&b, p->compressions, strlen(p->compressions), 1);
	if (!p->extensions)
		return b;
	size_t block = b.len;
	put(&b, 0, 2);
	for (const char *at = p->extensions; *at;) {
		size_t n = strcspn(at, " ");
		char type[5] = {0};
		memcpy(type, at, 4);
		put(&b, strtoul(type, NULL, 16), 2);
		put_hex(&b, at + 4, n - 4, 2);
		at += n + (at[n] == ' ');
	}
	dt_write_uint(b.data + block, b.len - block - 2, 2);
	return b;
}

/* Reads from a block of exactly that size, so that the sanitizer sees a byte too many. */
static enum dt_hello_verdict
read_exact(const uint8_t *data, size_t len, struct dt_hello *out)
{
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, data, len);
	enum dt_hello_verdict v = dt_hello_read((struct dt_span){copy, len}, out);
	if (v == DT_HELLO_OK && out->alpn.data)
		cr_assert(out->alpn.data >= copy && out->alpn.data + out->alpn.len <= copy + len);
	free(copy);
	return v;
}

static enum dt_hello_verdict
read_parts(const struct parts *p, struct dt_hello *out)
{
	struct bytes b = build(p);
	enum dt_hello_verdict v = read_exact(b.data, b.len, out);
	free(b.data);
	return v;
}

static enum dt_hello_verdict
read_extensions(const char *extensions, struct dt_hello *out)
{
	struct parts p = plain;
	p.extensions = extensions;
	return read_parts(&p, out);
}

/* ---- fragments ---- */

Test(hello, a_fragment_is_read_and_the_reader_stands_behind_it)
{
	uint8_t d[40];
	struct dt_fragment f;
	size_t n = from_hex("01" "000064" "0001" "00000a" "000003" "aabbcc" "0e", d);
	struct dt_reader r = dt_reader(d, n);
	cr_assert(dt_fragment_read(&r, &f));
	cr_assert(f.type == 1 && f.length == 100 && f.message_seq == 1 && f.offset == 10);
	cr_assert(f.bytes.len == 3 && f.bytes.data == d + DT_HS_HEADER && r.left == 1);
}

Test(hello, a_fragment_stays_inside_its_record_and_its_message)
{
	static const struct {
		const char *hex;
		bool good;
	} rows[] = {
	    {"010000030000000000000003aabbcc", true},
	    {"010000030000000001000002aabb", true},
	    {"010000030000000003000000", true},
	    {"0e0000000000000000000000", true},
	    {"010000030000000000000003aabb", false},
	    {"010000030000000001000003aabbcc", false},
	    {"010000030000000004000000", false},
	    {"0100000300000000000000", false},
	    {"01ffffff0000ffffff000001aa", false},
	    {"01ffffff0000fffffe000001aa", true},
	    {"", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t d[40];
		struct dt_fragment f;
		struct dt_reader r = dt_reader(d, from_hex(rows[i].hex, d));
		cr_assert_eq(dt_fragment_read(&r, &f), rows[i].good, "row %zu", i);
	}
}

/* ---- the head ---- */

Test(hello, the_head_is_read_from_a_hello_cut_off_behind_its_cookie)
{
	struct parts p = plain;
	p.session_id_len = 32;
	p.cookie_len = 255;
	struct bytes b = build(&p);
	const size_t head_len = 2 + 32 + 1 + 32 + 1 + 255;
	struct dt_hello_head head;
	for (size_t len = 0; len <= b.len; len++) {
		uint8_t *copy = malloc(len ? len : 1);
		memcpy(copy, b.data, len);
		cr_assert_eq(dt_hello_read_head((struct dt_span){copy, len}, &head),
		    len >= head_len, "%zu bytes", len);
		free(copy);
	}
	cr_assert(dt_hello_read_head((struct dt_span){b.data, head_len}, &head));
	cr_assert(head.version == 0xfefd && head.random.data == b.data + 2);
	cr_assert(head.random.len == 32 && head.session_id.len == 32 && head.cookie.len == 255);
	cr_assert_eq(head.cookie.data[0], 0xcc);
	free(b.data);
}

Test(hello, a_cookie_length_that_runs_past_the_message_is_refused)
{
	struct parts p = plain;
	struct bytes b = build(&p);
	struct dt_hello_head head;
	const size_t at = 2 + 32 + 1, left = b.len - at - 1;
	for (size_t len = 0; len < 256; len++) {
		b.data[at] = (uint8_t)len;
		cr_assert_eq(dt_hello_read_head((struct dt_span){b.data, b.len}, &head), len <= left);
	}
	free(b.data);
}

Test(hello, a_session_id_is_no_longer_than_32_bytes)
{
	struct dt_hello h;
	struct parts p = plain;
	p.session_id_len = 32;
	cr_assert_eq(read_parts(&p, &h), DT_HELLO_OK);
	p.session_id_len = 33;
	cr_assert_eq(read_parts(&p, &h), DT_HELLO_MALFORMED);
}

/* ---- the whole hello ---- */

Test(hello, what_offers_dtls_1_2_is_told_by_the_version)
{
	static const struct {
		uint16_t version;
		enum dt_hello_verdict want;
	} rows[] = {{0xfefd, DT_HELLO_OK}, {0xfefc, DT_HELLO_OK}, {0xfe00, DT_HELLO_OK},
	    {0xfefe, DT_HELLO_VERSION}, {0xfeff, DT_HELLO_VERSION}, {0x0303, DT_HELLO_VERSION},
	    {0xfdfd, DT_HELLO_VERSION}, {0x0100, DT_HELLO_VERSION}, {0xffff, DT_HELLO_VERSION}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_hello h;
		struct parts p = plain;
		p.version = rows[i].version;
		cr_assert_eq(read_parts(&p, &h), rows[i].want, "%#x", rows[i].version);
	}
}

Test(hello, suites_and_compressions_are_checked)
{
	static const struct {
		const char *suites, *compressions;
		enum dt_hello_verdict want;
	} rows[] = {
	    {"c02b", "00", DT_HELLO_OK},
	    {"c02b00ff0a0a", "0100", DT_HELLO_OK},
	    {"", "00", DT_HELLO_MALFORMED},
	    {"c0", "00", DT_HELLO_MALFORMED},
	    {"c02bc0", "00", DT_HELLO_MALFORMED},
	    {"c02b", "", DT_HELLO_MALFORMED},
	    {"c02b", "01", DT_HELLO_MALFORMED},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_hello h;
		struct parts p = plain;
		p.suites = rows[i].suites;
		p.compressions = rows[i].compressions;
		cr_assert_eq(read_parts(&p, &h), rows[i].want, "row %zu", i);
	}
}

Test(hello, suites_are_given_as_offered_and_the_first_256_of_them)
{
	static const size_t counts[] = {1, 255, 256, 257, 2000};
	char hex[8001];
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (size_t n = 0; n < counts[i]; n++)
			snprintf(hex + 4 * n, 5, "%04x", (unsigned)(0x1000 + n));
		struct parts p = plain;
		struct dt_hello h;
		p.suites = hex;
		cr_assert_eq(read_parts(&p, &h), DT_HELLO_OK);
		cr_assert_eq(h.suite_count, counts[i] < 256 ? counts[i] : 256);
		for (size_t n = 0; n < h.suite_count; n++)
			cr_assert_eq(h.suites[n], 0x1000 + n);
	}
}

Test(hello, one_without_a_block_of_extensions_is_valid)
{
	struct dt_hello h;
	cr_assert_eq(read_extensions(NULL, &h), DT_HELLO_OK);
	cr_assert_eq(read_extensions("", &h), DT_HELLO_OK);
	cr_assert(h.server_name[0] == '\0' && h.alpn.data == NULL && !h.offers_ticket);
}

Test(hello, each_extension_has_its_verdict)
{
	static const struct {
		const char *extensions;
		enum dt_hello_verdict want;
	} rows[] = {
	    {"0017", DT_HELLO_OK},		  /* extended_master_secret */
	    {"001700", DT_HELLO_MALFORMED},
	    {"0016", DT_HELLO_OK},		  /* encrypt_then_mac */
	    {"001601", DT_HELLO_MALFORMED},
	    {"000f01", DT_HELLO_OK},		  /* heartbeat */
	    {"000f", DT_HELLO_MALFORMED},
	    {"000f0101", DT_HELLO_MALFORMED},
	    {"003600", DT_HELLO_OK},		  /* connection_id */
	    {"003602aabb", DT_HELLO_OK},
	    {"0036", DT_HELLO_MALFORMED},
	    {"003602aa", DT_HELLO_MALFORMED},
	    {"003602aabbcc", DT_HELLO_MALFORMED},
	    {"0023", DT_HELLO_OK},		  /* session_ticket */
	    {"0023aabbccdd", DT_HELLO_OK},
	    {"000a0002001d", DT_HELLO_OK},	  /* supported_groups */
	    {"000a0000", DT_HELLO_MALFORMED},
	    {"000a000100", DT_HELLO_MALFORMED},
	    {"000a0003001d00", DT_HELLO_MALFORMED},
	    {"000a0002001d00", DT_HELLO_MALFORMED},
	    {"000a0004001d", DT_HELLO_MALFORMED},
	    {"000d00020403", DT_HELLO_OK},	  /* signature_algorithms */
	    {"000d", DT_HELLO_MALFORMED},
	    {"00100003026832", DT_HELLO_OK},	  /* alpn */
	    {"0010000702683203782f31", DT_HELLO_OK},
	    {"00100000", DT_HELLO_MALFORMED},
	    {"0010000100", DT_HELLO_MALFORMED},
	    {"00100003036832", DT_HELLO_MALFORMED},
	    {"0010000302683200", DT_HELLO_MALFORMED},
	    {"000000060000036f6e65", DT_HELLO_OK},	  /* server_name "one" */
	    {"0000", DT_HELLO_MALFORMED},
	    {"00000000", DT_HELLO_MALFORMED},
	    {"00000003000000", DT_HELLO_MALFORMED},
	    {"000000060000046f6e65", DT_HELLO_MALFORMED},
	    {"000000050000036f6e65", DT_HELLO_MALFORMED},
	    {"000000070000036f6e6500", DT_HELLO_MALFORMED},
	    {"0000000c0000036f6e650000036f6e65", DT_HELLO_MALFORMED}, /* two names */
	    {"0000000a0700016f0000036f6e65", DT_HELLO_OK},	      /* another type */
	    {"ffff aaaa00 1234deadbeef", DT_HELLO_OK},		      /* unknown */
	    {"0017 0017", DT_HELLO_MALFORMED},
	    {"ffff 0017 ffff", DT_HELLO_MALFORMED},
	    {"0a0a 1a1a", DT_HELLO_OK},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dt_hello h;
		cr_assert_eq(read_extensions(rows[i].extensions, &h), rows[i].want, "%s",
		    rows[i].extensions);
	}
}

Test(hello, what_the_client_offers_is_told)
{
	struct dt_hello h;
	cr_assert_eq(read_extensions("003600", &h), DT_HELLO_OK);
	cr_assert(h.offers_connection_id && !h.offers_heartbeat);
	cr_assert_eq(read_extensions("000f01 0017", &h), DT_HELLO_OK);
	cr_assert(h.offers_heartbeat && h.offers_extended_master_secret && !h.offers_ticket);
	cr_assert_eq(read_extensions("0023 0016", &h), DT_HELLO_OK);
	cr_assert(h.offers_ticket && h.offers_encrypt_then_mac && !h.offers_connection_id);
}

Test(hello, alpn_is_given_as_on_the_wire)
{
	struct parts p = plain;
	p.extensions = "00100003026832";
	struct bytes b = build(&p);
	struct dt_hello h;
	cr_assert_eq(dt_hello_read((struct dt_span){b.data, b.len}, &h), DT_HELLO_OK);
	cr_assert(h.alpn.len == 5 && memcmp(h.alpn.data, "\x00\x03\x02h2", 5) == 0);
	free(b.data);
}

static void
expect_name(const char *given, size_t len, const char *want)
{
	char hex[2100] = "0000";
	snprintf(hex + 4, 11, "%04x00%04x", (unsigned)(len + 3), (unsigned)len);
	for (size_t i = 0; i < len; i++)
		snprintf(hex + 14 + 2 * i, 3, "%02x", (unsigned)(uint8_t)given[i]);
	struct dt_hello h;
	enum dt_hello_verdict v = read_extensions(hex, &h);
	cr_assert_eq(v, want ? DT_HELLO_OK : DT_HELLO_MALFORMED);
	if (want)
		cr_assert_str_eq(h.server_name, want);
}

Test(hello, a_server_name_comes_in_lower_case_and_a_strange_one_counts_as_none)
{
	char longest[257];
	memset(longest, 'a', sizeof(longest) - 1);
	longest[256] = '\0';
	expect_name("Coap.Example-1.ORG", 18, "coap.example-1.org");
	expect_name("a_b", 3, "a_b");
	expect_name("::1", 3, "");
	expect_name("evil\nname", 9, "");
	expect_name("evil\0name", 9, "");
	expect_name("caf\xc3\xa9", 5, "");
	expect_name("", 0, NULL);
	expect_name(longest, 255, longest + 1);
	expect_name(longest, 256, NULL);
}

/* ---- the fingerprint ---- */

static void
fingerprint(const char *suites, const char *extensions, uint8_t out[32])
{
	struct parts p = plain;
	struct dt_hello h;
	p.suites = suites;
	p.extensions = extensions;
	cr_assert_eq(read_parts(&p, &h), DT_HELLO_OK);
	memcpy(out, h.fingerprint, 32);
}

Test(hello, the_fingerprint_tells_software_apart_and_nothing_else)
{
	static const struct {
		const char *suites, *extensions;
		bool same;
	} rows[] = {
	    {"c02bc0a8", "000a0004001d0017 000d00020403 0017", true},
	    {"c02bc0a8", "0017 000d00020403 000a0004001d0017", true},	       /* shuffled */
	    {"0a0ac02bfafac0a8", "000a0004001d0017 000d00020403 0017", true},  /* GREASE */
	    {"c02bc0a8", "000a00065a5a001d0017 2a2a 000d00020403 0017 4a4a00", true},
	    {"c02bc0a8", "000a0004001d0017 000d00020403 0017 001500000000", true}, /* padding */
	    {"c02bc0a8", "000000060000036f6e65 000a0004001d0017 000d00020403 0017", true},
	    {"c0a8c02b", "000a0004001d0017 000d00020403 0017", false},
	    {"c02b", "000a0004001d0017 000d00020403 0017", false},
	    {"c02bc0a8", "000a00040017001d 000d00020403 0017", false},
	    {"c02bc0a8", "000a0004001d0017 000d00020503 0017", false},
	    {"c02bc0a8", "000a0004001d0017 000d00020403", false},
	    {"c02bc0a8", "000a0004001d0017 000d00020403 0017 003600", false},
	    {"c02bc0a8", "000a00020017 000d0004001d0403 0017", false}, /* lists kept apart */
	    {"c02bc0a81a2a", "000a0004001d0017 000d00020403 0017", false}, /* not GREASE */
	};
	uint8_t first[32], other[32];
	fingerprint(rows[0].suites, rows[0].extensions, first);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fingerprint(rows[i].suites, rows[i].extensions, other);
		cr_assert_eq(memcmp(first, other, 32) == 0, rows[i].same, "row %zu", i);
	}
}

Test(hello, the_fingerprint_is_this_one_for_good)
{
	/* sha256 of fefd c02b c0a8 0a0a 000a 000d 0017 0a0a 001d 0017 0a0a 0403 0a0a */
	uint8_t got[32];
	fingerprint("c02bc0a8", "000a0004001d0017 000d00020403 0017", got);
	expect_bytes(got, "0740cba1b56a94f3b103b5aab272bbb3044a233022e842e4d5259ae8054e1686", "fingerprint");
}

/* ---- hellos of OpenSSL, cut and broken ---- */

static struct bytes
hello_of_openssl(void)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_client_method());
	SSL *ssl = SSL_new(ctx);
	BIO *out = BIO_new(BIO_s_mem()), *in = BIO_new(BIO_s_mem());
	SSL_set_bio(ssl, in, out);
	SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(ssl, 1400);
	cr_assert_eq(SSL_set_tlsext_host_name(ssl, "Device.example"), 1);
	cr_assert_eq(SSL_set_alpn_protos(ssl, (const uint8_t *)"\x04" "coap", 5), 0);
	SSL_connect(ssl);
	char *data;
	long n = BIO_get_mem_data(out, &data);
	cr_assert(n > 13 + 12);
	struct bytes b = {malloc((size_t)n - 25), (size_t)n - 25};
	memcpy(b.data, data + 25, b.len);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return b;
}

Test(hello, one_of_openssl_is_understood)
{
	struct bytes b = hello_of_openssl();
	struct dt_hello h;
	cr_assert_eq(dt_hello_read((struct dt_span){b.data, b.len}, &h), DT_HELLO_OK);
	cr_assert_str_eq(h.server_name, "device.example");
	cr_assert(h.alpn.len == 7 && memcmp(h.alpn.data + 2, "\x04" "coap", 5) == 0);
	cr_assert(h.offers_extended_master_secret && h.offers_ticket && h.suite_count > 3);
	free(b.data);
}

Test(hello, every_cut_of_a_valid_one_is_refused)
{
	struct bytes b = hello_of_openssl();
	struct dt_hello h;
	/* Cut right before its extensions a hello is whole again: RFC 5246 7.4.1.2. */
	size_t suites_at = 2 + 32 + 1 + 1, no_extensions;
	size_t suites = (size_t)(b.data[suites_at] << 8 | b.data[suites_at + 1]);
	no_extensions = suites_at + 2 + suites + 2;
	for (size_t len = 0; len < b.len; len++)
		cr_assert_eq(read_exact(b.data, len, &h),
		    len == no_extensions ? DT_HELLO_OK : DT_HELLO_MALFORMED, "%zu bytes", len);
	cr_assert_eq(read_exact(b.data, b.len, &h), DT_HELLO_OK);
	free(b.data);
}

Test(hello, a_byte_behind_a_valid_one_is_refused)
{
	struct bytes b = hello_of_openssl();
	struct dt_hello h;
	b.data = realloc(b.data, b.len + 1);
	b.data[b.len] = 0;
	cr_assert_eq(read_exact(b.data, b.len + 1, &h), DT_HELLO_MALFORMED);
	free(b.data);
}

static void
expect_sane(const struct dt_hello *h)
{
	cr_assert(h->suite_count >= 1 && h->suite_count <= DT_HELLO_SUITES_MAX);
	cr_assert(h->head.session_id.len <= 32 && h->head.cookie.len <= 255);
	cr_assert(strlen(h->server_name) <= DT_SERVER_NAME_MAX);
	for (const char *c = h->server_name; *c; c++)
		cr_assert(strchr("abcdefghijklmnopqrstuvwxyz0123456789.-_", *c));
}

Test(hello, random_damage_never_leads_outside)
{
	struct seeded s = seeded_begin("hello");
	struct bytes b = hello_of_openssl();
	uint8_t *d = malloc(b.len);
	for (int run = 0; run < 30000; run++) {
		size_t len = seeded_below(&s, 3) ? b.len : seeded_below(&s, b.len + 1);
		memcpy(d, b.data, len);
		for (size_t n = seeded_below(&s, 4); len && n--;)
			d[seeded_below(&s, len)] = (uint8_t)(
			    seeded_below(&s, 2) ? seeded_next(&s) : seeded_below(&s, 4));
		struct dt_hello h;
		if (read_exact(d, len, &h) == DT_HELLO_OK)
			expect_sane(&h);
	}
	free(d);
	free(b.data);
}
