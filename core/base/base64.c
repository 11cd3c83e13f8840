#include "base/base64.h"

/* 0 to 63, -1 for what is no character of it. */
static int
value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool
dt_base64_decode(struct dt_span text, uint8_t *out, size_t *len)
{
	uint32_t bits = 0;
	size_t characters = 0, padding = 0;
	*len = 0;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];
		if (is_space(c))
			continue;
		if (c == '=') {
			padding++;
			continue;
		}
		int v = value_of(c);
		if (v < 0 || padding)
			return false;
		bits = bits << 6 | (uint32_t)v;
		/* Of four characters each but the first completes a byte. */
		size_t nth = characters++ % 4;
		if (nth)
			out[(*len)++] = (uint8_t)(bits >> (6 - 2 * nth));
	}
	return characters % 4 != 1 && (padding == 0 || (characters + padding) % 4 == 0) &&
	       padding <= 2;
}
