#include "base/text.h"

#include "base/assert.h"

#include <ctype.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

char *
dt_text_escape(const void *data, size_t len, char *out, size_t cap)
{
	DT_ASSERT(cap >= 8);
	const unsigned char *p = data;
	size_t used = 0;
	for (size_t i = 0; i < len; i++) {
		int plain = p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\';
		if (used + (plain ? 1 : 4) + 4 > cap) {
			memcpy(out + used, "...", 3);
			used += 3;
			break;
		}
		if (plain) {
			out[used++] = (char)p[i];
			continue;
		}
		out[used++] = '\\';
		out[used++] = 'x';
		out[used++] = digits[p[i] >> 4];
		out[used++] = digits[p[i] & 15];
	}
	out[used] = '\0';
	return out;
}

char *
dt_text_hex(const void *data, size_t len, char *out)
{
	const unsigned char *p = data;
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * len] = '\0';
	return out;
}

#define WORD_MAX 63

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

unsigned
dt_text_distance(const char *a, const char *b, unsigned limit)
{
	size_t la = strlen(a), lb = strlen(b);
	if (la > WORD_MAX || lb > WORD_MAX)
		return strcmp(a, b) ? limit + 1 : 0;

	unsigned rows[3][WORD_MAX + 1]; /* row i of the table stands in rows[i % 3] */
	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);
			row[j] = min3(row[j - 1] + 1, above[j] + 1, above[j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]) && rows[(i - 2) % 3][j - 2] + 1 < row[j])
				row[j] = rows[(i - 2) % 3][j - 2] + 1;
		}
	}
	unsigned d = rows[la % 3][lb];
	return d <= limit ? d : limit + 1;
}
