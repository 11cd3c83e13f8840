/* A ClientHello: whatever is read lies within the message and keeps what the header promises. */
#include "fuzz.h"

#include "base/assert.h"
#include "dtls/hello.h"

#include <string.h>

static void
check_within(struct dt_span inner, struct dt_span outer)
{
	if (inner.len)
		DT_ASSERT(inner.data >= outer.data &&
		    inner.data + inner.len <= outer.data + outer.len);
}

static void
check_head(const struct dt_hello_head *head, struct dt_span message)
{
	DT_ASSERT(head->random.len == 32 && head->session_id.len <= 32 && head->cookie.len <= 255);
	check_within(head->random, message);
	check_within(head->session_id, message);
	check_within(head->cookie, message);
}

static void
check_fragments(struct dt_span bytes)
{
	struct dt_reader r = dt_reader(bytes.data, bytes.len);
	struct dt_fragment f;
	while (r.left && dt_fragment_read(&r, &f)) {
		check_within(f.bytes, bytes);
		DT_ASSERT(f.offset + f.bytes.len <= f.length);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct dt_span message = {data, len};
	struct dt_hello_head head;
	bool has_head = dt_hello_read_head(message, &head);
	if (has_head)
		check_head(&head, message);

	struct dt_hello h;
	if (dt_hello_read(message, &h) == DT_HELLO_OK) {
		DT_ASSERT(has_head);
		check_head(&h.head, message);
		check_within(h.alpn, message);
		DT_ASSERT(h.suite_count > 0 && h.suite_count <= DT_HELLO_SUITES_MAX);
		DT_ASSERT(memchr(h.server_name, 0, sizeof(h.server_name)));
		DT_ASSERT(h.server_name[strspn(h.server_name,
			      "abcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0');
	}
	check_fragments(message);
	return 0;
}
