#include "dtls/heartbeat.h"

#include "seeded.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST (UINT16_MAX + DT_HEARTBEAT_OVERHEAD)

Test(heartbeat, each_message_has_its_verdict)
{
	static const struct {
		uint8_t type;
		uint16_t claimed;
		size_t len; /* of the whole message */
		bool ok;
	} table[] = {
	    {1, 0, 0, false}, {1, 0, 1, false}, {1, 0, 2, false}, {1, 0, 3, false}, {1, 0, 18, false},
	    {1, 0, 19, true}, {1, 0, 20, true}, {1, 0, 16384, true}, {1, 1, 19, false}, {1, 1, 20, true},
	    {1, 65535, 19, false}, {1, 65535, 16384, false}, {1, 16365, 16384, true}, {1, 16366, 16384, false},
	    {1, 16384, 16384, false}, {2, 0, 19, true}, {2, 5, 24, true}, {2, 5, 23, false}, {0, 0, 19, false},
	    {3, 0, 19, false}, {255, 0, 19, false},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		/* Exactly as long as it is: a sanitizer sees each byte too many. */
		uint8_t *m = malloc(table[i].len + !table[i].len);
		memset(m, 'm', table[i].len);
		if (table[i].len)
			m[0] = table[i].type;
		if (table[i].len >= 3)
			dt_write_uint(m + 1, table[i].claimed, 2);
		struct dt_heartbeat_message out;
		bool ok = dt_heartbeat_read((struct dt_span){m, table[i].len}, &out);
		cr_assert(ok == table[i].ok, "row %zu", i);
		cr_assert(!ok || (out.type == m[0] && out.payload.data == m + 3 && out.payload.len == table[i].claimed));
		free(m);
	}
}

Test(heartbeat, random_messages_are_read_as_the_text_of_the_rfc_has_it)
{
	struct seeded s = seeded_begin("heartbeat messages");
	for (int i = 0; i < 100000; i++) {
		size_t len = seeded_below(&s, 60);
		uint8_t m[60];
		seeded_fill(&s, m, len);
		m[0] = (uint8_t)seeded_below(&s, 4);
		m[1] = (uint8_t)(seeded_below(&s, 8) == 0);
		m[2] = (uint8_t)seeded_below(&s, 50);
		size_t claimed = (size_t)m[1] << 8 | m[2];
		/* RFC 6520 4: the padding takes what type, length and payload leave, 16 bytes at least. */
		bool want = len >= 1 + 2 + claimed + 16 && (m[0] == 1 || m[0] == 2);
		struct dt_heartbeat_message out;
		cr_assert(dt_heartbeat_read((struct dt_span){m, len}, &out) == want, "%zu bytes", len);
	}
}

Test(heartbeat, what_is_written_is_read_again_at_every_length)
{
	uint8_t *payload = malloc(UINT16_MAX), *out = malloc(LONGEST + 1);
	struct seeded s = seeded_begin("heartbeat lengths");
	seeded_fill(&s, payload, UINT16_MAX);
	for (size_t len = 0; len <= UINT16_MAX; len += len < 300 ? 1 : 4099) {
		out[len + DT_HEARTBEAT_OVERHEAD] = 0xee;
		size_t n = dt_heartbeat_write(DT_HEARTBEAT_RESPONSE, (struct dt_span){payload, len}, out);
		cr_assert(n == 1 + 2 + len + 16 && out[n] == 0xee);
		struct dt_heartbeat_message m;
		cr_assert(dt_heartbeat_read((struct dt_span){out, n}, &m) && m.type == DT_HEARTBEAT_RESPONSE);
		cr_assert(m.payload.len == len && memcmp(m.payload.data, payload, len) == 0);
	}
	free(payload);
	free(out);
}

Test(heartbeat, the_payload_may_stand_in_its_place_already)
{
	uint8_t out[100] = "...in its place";
	size_t n = dt_heartbeat_write(DT_HEARTBEAT_REQUEST, (struct dt_span){out + 3, 12}, out);
	cr_assert(n == 31 && out[0] == 1 && out[1] == 0 && out[2] == 12 && memcmp(out + 3, "in its place", 12) == 0);
}

Test(heartbeat, padding_is_random)
{
	uint8_t a[40], b[40];
	dt_heartbeat_write(DT_HEARTBEAT_REQUEST, (struct dt_span){(const uint8_t *)"x", 1}, a);
	dt_heartbeat_write(DT_HEARTBEAT_REQUEST, (struct dt_span){(const uint8_t *)"x", 1}, b);
	cr_assert(memcmp(a, b, 4) == 0 && memcmp(a + 4, b + 4, DT_HEARTBEAT_PADDING) != 0);
}

Test(heartbeat, a_payload_longer_than_its_field_is_a_programmer_error, .signal = SIGABRT)
{
	static uint8_t payload[UINT16_MAX + 1], out[LONGEST + 1];
	dt_heartbeat_write(DT_HEARTBEAT_REQUEST, (struct dt_span){payload, sizeof(payload)}, out);
}
