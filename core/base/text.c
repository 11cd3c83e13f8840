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

/* A third of a word may be wrong, and three letters at most. */
const char *
dt_text_nearest(
    const char *text, const char *(*word)(const void *arg, size_t i), const void *arg, size_t count)
{
	const char *best = NULL;
	size_t len = strlen(text);
	unsigned limit = len < 3 ? 1 : len > 9 ? 3 : (unsigned)(len / 3);
	for (size_t i = 0; i < count; i++) {
		const char *w = word(arg, i);
		unsigned d = dt_text_distance(text, w, limit);
		if (d > limit)
			continue;
		best = w;
		if (d == 0)
			break;
		limit = d - 1;
	}
	return best;
}

/* RFC 3629 4: what the second byte may be depends on the first; all later ones are 80..BF. */
static const struct {
	unsigned char first, last; /* of the first byte  */
	unsigned char from, to;	   /* of the second byte */
	unsigned char len;	   /* bytes              */
} sequences[] = {
    {0x00, 0x7f, 0, 0, 1},
    {0xc2, 0xdf, 0x80, 0xbf, 2},
    {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4},
    {0xf4, 0xf4, 0x80, 0x8f, 4},
};

size_t
dt_text_character(const void *text, size_t left)
{
	const unsigned char *p = text;
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		if (p[0] < sequences[i].first || p[0] > sequences[i].last)
			continue;
		size_t len = sequences[i].len;
		if (len > left)
			return 0;
		if (len > 1 && (p[1] < sequences[i].from || p[1] > sequences[i].to))
			return 0;
		for (size_t k = 2; k < len; k++) {
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		}
		return len;
	}
	return 0;
}
