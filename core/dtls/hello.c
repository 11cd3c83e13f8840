#include "dtls/hello.h"

#include <string.h>

#include <openssl/evp.h>

#include "dtls/record.h"

#define SESSION_ID_MAX 32u /* bytes */
#define SEEN_WORDS (65536u / 64u)

enum extension {
	EXT_SERVER_NAME = 0,
	EXT_GROUPS = 10,
	EXT_SIGNATURE_ALGORITHMS = 13,
	EXT_HEARTBEAT = 15,
	EXT_ALPN = 16,
	EXT_PADDING = 21,
	EXT_ENCRYPT_THEN_MAC = 22,
	EXT_EXTENDED_MASTER_SECRET = 23,
	EXT_TICKET = 35,
	EXT_PRE_SHARED_KEY = 41,
	EXT_EARLY_DATA = 42,
	EXT_COOKIE = 44,
	EXT_CONNECTION_ID = 54,
};

/* What is read of a hello, on its way to struct dt_hello. */
struct reading {
	struct dt_hello *out;	 /* borrowed */
	struct dt_span suites;	 /* 16-bit numbers, each */
	struct dt_span groups;	 /* {NULL, 0} = absent   */
	struct dt_span schemes;	 /* {NULL, 0} = absent   */
	uint64_t seen[SEEN_WORDS]; /* bit per extension type */
};

bool
dt_fragment_read(struct dt_reader *r, struct dt_fragment *out)
{
	out->type = (uint8_t)dt_read_uint(r, 1);
	out->length = (uint32_t)dt_read_uint(r, 3);
	out->message_seq = (uint16_t)dt_read_uint(r, 2);
	out->offset = (uint32_t)dt_read_uint(r, 3);
	out->bytes = dt_read_vector(r, 3);
	return !r->bad && out->bytes.len + out->offset <= out->length;
}

static bool
read_head(struct dt_reader *r, struct dt_hello_head *out)
{
	out->version = (uint16_t)dt_read_uint(r, 2);
	out->random = dt_read_bytes(r, 32);
	out->session_id = dt_read_vector(r, 1);
	out->cookie = dt_read_vector(r, 1);
	return !r->bad && out->session_id.len <= SESSION_ID_MAX;
}

bool
dt_hello_read_head(struct dt_span bytes, struct dt_hello_head *out)
{
	struct dt_reader r = dt_reader(bytes.data, bytes.len);
	return read_head(&r, out);
}

/* The client's highest version; the numbers of DTLS count down. RFC 6347 4.1. */
static bool
offers_dtls_12(uint16_t version)
{
	return version >> 8 == 0xfe && version <= DT_VERSION_12;
}

/* A vector with its length in two bytes that fills all of `bytes`, of 16-bit numbers. */
static bool
read_numbers(struct dt_span bytes, struct dt_span *out)
{
	struct dt_reader r = dt_reader(bytes.data, bytes.len);
	*out = dt_read_vector(&r, 2);
	return !r.bad && r.left == 0 && out->len >= 2 && out->len % 2 == 0;
}

static uint16_t
number_at(struct dt_span numbers, size_t i)
{
	return (uint16_t)(numbers.data[2 * i] << 8 | numbers.data[2 * i + 1]);
}

/* Lower case into out; "" for a name with characters that no host name has. */
static void
take_host_name(struct dt_span name, char out[DT_SERVER_NAME_MAX + 1])
{
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.data[i];
		if (c >= 'A' && c <= 'Z')
			c = (uint8_t)(c - 'A' + 'a');
		bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
			    c == '-' || c == '_';
		if (!fits) {
			out[0] = '\0';
			return;
		}
		out[i] = (char)c;
	}
	out[name.len] = '\0';
}

/* RFC 6066 3: one name of a type at most; host_name (0) is the only type there is. */
static bool
read_server_name(struct reading *h, struct dt_span body)
{
	struct dt_reader all = dt_reader(body.data, body.len);
	struct dt_span list = dt_read_vector(&all, 2);
	if (all.bad || all.left != 0 || list.len == 0)
		return false;

	struct dt_reader r = dt_reader(list.data, list.len);
	bool named = false;
	while (r.left != 0) {
		uint64_t type = dt_read_uint(&r, 1);
		struct dt_span name = dt_read_vector(&r, 2);
		if (r.bad)
			return false;
		if (type != 0)
			continue;
		if (named || name.len == 0 || name.len > DT_SERVER_NAME_MAX)
			return false;
		named = true;
		take_host_name(name, h->out->server_name);
	}
	return true;
}

static bool
read_alpn(struct reading *h, struct dt_span body)
{
	struct dt_reader all = dt_reader(body.data, body.len);
	struct dt_span list = dt_read_vector(&all, 2);
	if (all.bad || all.left != 0 || list.len == 0)
		return false;

	struct dt_reader r = dt_reader(list.data, list.len);
	while (r.left != 0)
		if (dt_read_vector(&r, 1).len == 0)
			return false;
	h->out->alpn = body;
	return true;
}

static bool
read_groups(struct reading *h, struct dt_span body)
{
	return read_numbers(body, &h->groups);
}

static bool
read_schemes(struct reading *h, struct dt_span body)
{
	return read_numbers(body, &h->schemes);
}

static bool
read_heartbeat(struct reading *h, struct dt_span body)
{
	h->out->offers_heartbeat = true;
	return body.len == 1;
}

static bool
read_connection_id(struct reading *h, struct dt_span body)
{
	struct dt_reader r = dt_reader(body.data, body.len);
	dt_read_vector(&r, 1);
	h->out->offers_connection_id = true;
	return !r.bad && r.left == 0;
}

static bool
read_encrypt_then_mac(struct reading *h, struct dt_span body)
{
	h->out->offers_encrypt_then_mac = true;
	return body.len == 0;
}

static bool
read_extended_master_secret(struct reading *h, struct dt_span body)
{
	h->out->offers_extended_master_secret = true;
	return body.len == 0;
}

static bool
read_ticket(struct reading *h, struct dt_span body)
{
	(void)body; /* empty, or a ticket: any bytes */
	h->out->offers_ticket = true;
	return true;
}

static const struct {
	uint16_t type;
	bool (*read)(struct reading *h, struct dt_span body);
} known[] = {
    {EXT_SERVER_NAME, read_server_name},
    {EXT_GROUPS, read_groups},
    {EXT_SIGNATURE_ALGORITHMS, read_schemes},
    {EXT_HEARTBEAT, read_heartbeat},
    {EXT_ALPN, read_alpn},
    {EXT_ENCRYPT_THEN_MAC, read_encrypt_then_mac},
    {EXT_EXTENDED_MASTER_SECRET, read_extended_master_secret},
    {EXT_TICKET, read_ticket},
    {EXT_CONNECTION_ID, read_connection_id},
};

static bool
has_seen(const struct reading *h, uint16_t type)
{
	return h->seen[type / 64] >> (type % 64) & 1;
}

static bool
read_extension(struct reading *h, uint16_t type, struct dt_span body)
{
	if (has_seen(h, type))
		return false;
	h->seen[type / 64] |= UINT64_C(1) << (type % 64);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].type == type)
			return known[i].read(h, body);
	return true;
}

/* An old client may end its hello before the extensions. */
static bool
read_extensions(struct reading *h, struct dt_reader *message)
{
	if (message->left == 0)
		return true;
	struct dt_span all = dt_read_vector(message, 2);
	if (message->bad || message->left != 0)
		return false;

	struct dt_reader r = dt_reader(all.data, all.len);
	while (r.left != 0) {
		uint16_t type = (uint16_t)dt_read_uint(&r, 2);
		struct dt_span body = dt_read_vector(&r, 2);
		if (r.bad || !read_extension(h, type, body))
			return false;
	}
	return true;
}

static bool
read_suites(struct reading *h, struct dt_reader *message)
{
	h->suites = dt_read_vector(message, 2);
	struct dt_span compressions = dt_read_vector(message, 1);
	if (message->bad || h->suites.len < 2 || h->suites.len % 2 != 0)
		return false;
	if (compressions.len == 0 || !memchr(compressions.data, 0, compressions.len))
		return false; /* "null" must be among them: RFC 5246 7.4.1.2 */

	size_t count = h->suites.len / 2;
	if (count > DT_HELLO_SUITES_MAX)
		count = DT_HELLO_SUITES_MAX;
	for (size_t i = 0; i < count; i++)
		h->out->suites[i] = number_at(h->suites, i);
	h->out->suite_count = (uint32_t)count;
	return true;
}

/* RFC 8701: numbers that a client draws anew for each hello. */
static bool
is_grease(uint16_t n)
{
	return (n & 0x0f0f) == 0x0a0a && n >> 8 == (n & 0xff);
}

/* What depends on the occasion and not on the software: where to, how long, seen before or not. */
static bool
is_occasional(uint16_t type)
{
	return type == EXT_SERVER_NAME || type == EXT_PADDING || type == EXT_PRE_SHARED_KEY ||
	       type == EXT_EARLY_DATA || type == EXT_COOKIE;
}

static bool
hash_number(EVP_MD_CTX *hash, uint16_t n)
{
	uint8_t bytes[2];
	dt_write_uint(bytes, n, 2);
	return is_grease(n) || EVP_DigestUpdate(hash, bytes, 2) == 1;
}

/* Each list ends with the number of GREASE 0x0a0a, which none of them holds any more. */
static bool
hash_end(EVP_MD_CTX *hash)
{
	return EVP_DigestUpdate(hash, "\x0a\x0a", 2) == 1;
}

static bool
hash_list(EVP_MD_CTX *hash, struct dt_span numbers)
{
	bool ok = true;
	for (size_t i = 0; i < numbers.len / 2; i++)
		ok = ok && hash_number(hash, number_at(numbers, i));
	return ok && hash_end(hash);
}

/* Sorted: some clients shuffle their extensions for each hello. */
static bool
hash_extensions(EVP_MD_CTX *hash, const struct reading *h)
{
	bool ok = true;
	for (uint32_t word = 0; word < SEEN_WORDS; word++) {
		/* Nearly all are empty: looking at every bit would cost more than the signature. */
		for (uint64_t left = h->seen[word]; left; left &= left - 1) {
			uint16_t type = (uint16_t)(word * 64 + (uint32_t)__builtin_ctzll(left));
			if (!is_occasional(type))
				ok = ok && hash_number(hash, type);
		}
	}
	return ok && hash_end(hash);
}

static bool
take_fingerprint(const struct reading *h)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool ok = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
		  hash_number(hash, h->out->head.version) && hash_list(hash, h->suites) &&
		  hash_extensions(hash, h) && hash_list(hash, h->groups) &&
		  hash_list(hash, h->schemes) &&
		  EVP_DigestFinal_ex(hash, h->out->fingerprint, NULL) == 1;
	EVP_MD_CTX_free(hash);
	return ok;
}

enum dt_hello_verdict
dt_hello_read(struct dt_span message, struct dt_hello *out)
{
	memset(out, 0, sizeof(*out));
	struct dt_reader r = dt_reader(message.data, message.len);
	if (!read_head(&r, &out->head))
		return DT_HELLO_MALFORMED;
	if (!offers_dtls_12(out->head.version))
		return DT_HELLO_VERSION;

	struct reading h = {.out = out};
	if (!read_suites(&h, &r) || !read_extensions(&h, &r))
		return DT_HELLO_MALFORMED;
	/* Only the machine can fail here; without a fingerprint a rule on it would not hold. */
	return take_fingerprint(&h) ? DT_HELLO_OK : DT_HELLO_MALFORMED;
}
