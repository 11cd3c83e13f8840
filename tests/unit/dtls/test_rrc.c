#include "dtls/rrc.h"

#include "seeded.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(rrc, each_message_has_its_verdict)
{
	static const struct {
		uint8_t type;
		size_t len; /* of the whole message */
		enum dt_rrc_verdict verdict;
	} table[] = {
	    {0, 0, DT_RRC_BAD}, {0, 1, DT_RRC_BAD}, {0, 8, DT_RRC_BAD}, {0, 9, DT_RRC_OK}, {0, 10, DT_RRC_BAD},
	    {0, 16384, DT_RRC_BAD}, {1, 1, DT_RRC_BAD}, {1, 8, DT_RRC_BAD}, {1, 9, DT_RRC_OK}, {1, 10, DT_RRC_BAD},
	    {2, 1, DT_RRC_BAD}, {2, 8, DT_RRC_BAD}, {2, 9, DT_RRC_OK}, {2, 10, DT_RRC_BAD}, {3, 1, DT_RRC_UNKNOWN},
	    {3, 9, DT_RRC_UNKNOWN}, {3, 16384, DT_RRC_UNKNOWN}, {255, 1, DT_RRC_UNKNOWN}, {255, 9, DT_RRC_UNKNOWN},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		/* Exactly as long as it is: a sanitizer sees each byte too many. */
		uint8_t *m = malloc(table[i].len + !table[i].len);
		memset(m, 'm', table[i].len);
		if (table[i].len)
			m[0] = table[i].type;
		struct dt_rrc_message out;
		cr_assert(dt_rrc_read((struct dt_span){m, table[i].len}, &out) == table[i].verdict, "row %zu", i);
		if (table[i].verdict == DT_RRC_OK)
			cr_assert(out.type == m[0] && out.cookie.data == m + 1 && out.cookie.len == 8, "row %zu", i);
		free(m);
	}
}

Test(rrc, random_messages_are_read_as_the_text_of_the_rfc_has_it)
{
	struct seeded s = seeded_begin("path checks");
	for (int i = 0; i < 100000; i++) {
		uint8_t m[24];
		size_t len = seeded_below(&s, sizeof(m));
		seeded_fill(&s, m, sizeof(m));
		m[0] = seeded_below(&s, 8) ? (uint8_t)seeded_below(&s, 4) : m[0];
		/* RFC 9853 4: uint8 msg_type, then for each of the three known ones uint64 Cookie. */
		enum dt_rrc_verdict want = len == 9 ? DT_RRC_OK : DT_RRC_BAD;
		if (len && m[0] != 0 && m[0] != 1 && m[0] != 2)
			want = DT_RRC_UNKNOWN;
		struct dt_rrc_message out;
		cr_assert(dt_rrc_read((struct dt_span){m, len}, &out) == want, "%zu bytes, type %u", len, m[0]);
	}
}

Test(rrc, what_is_written_is_read_again)
{
	for (int type = DT_RRC_CHALLENGE; type <= DT_RRC_DROP; type++) {
		uint8_t cookie[DT_RRC_COOKIE] = "\0\1\2\3\4\5\6\xff", out[DT_RRC_LEN];
		struct dt_rrc_message m;
		dt_rrc_write((enum dt_rrc_type)type, cookie, out);
		cr_assert(dt_rrc_read((struct dt_span){out, sizeof(out)}, &m) == DT_RRC_OK);
		cr_assert(m.type == (enum dt_rrc_type)type && memcmp(m.cookie.data, cookie, sizeof(cookie)) == 0);
	}
}
