#include <criterion/criterion.h>
#include <string.h>

#include "base/base64.h"

static const struct {
	const char *text, *bytes; /* NULL: it is no Base64 */
} rows[] = {
    /* RFC 4648 10 */
    {"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYg==", "foob"},
    {"Zm9vYmE=", "fooba"}, {"Zm9vYmFy", "foobar"},
    /* without padding, in lines, of both alphabets */
    {"Zg", "f"}, {"Zm8", "fo"}, {" Zm\r\n9v\tYg = =\n", "foob"}, {"+/-_", "\xfb\xff\xbf"},
    {"=", NULL}, {"Z", NULL}, {"Zm9vY", NULL}, {"Zg=", NULL}, {"Zg===", NULL}, {"Zm9v=", NULL},
    {"Zg==Zg==", NULL}, {"Zm9v====", NULL}, {"Zm.v", NULL}, {"Zm\xc3\xa4v", NULL},
};

Test(base64, each_text_is_its_bytes_or_refused)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t out[64];
		size_t n = strlen(rows[i].text), len;
		memset(out, 0x55, sizeof(out));
		cr_assert_lt(DT_BASE64_ROOM(n), sizeof(out));
		bool good = dt_base64_decode((struct dt_span){(const uint8_t *)rows[i].text, n}, out, &len);
		cr_assert_eq(good, rows[i].bytes != NULL, "\"%s\"", rows[i].text);
		cr_assert_eq(out[DT_BASE64_ROOM(n)], 0x55, "\"%s\" wrote too far", rows[i].text);
		if (good) {
			cr_assert_eq(len, strlen(rows[i].bytes), "\"%s\"", rows[i].text);
			cr_assert_arr_eq(out, rows[i].bytes, len, "\"%s\"", rows[i].text);
		}
	}
}
