/* lines.h - text by lines, whichever way they end. Threads: none. */
#ifndef DT_PKI_LINES_H
#define DT_PKI_LINES_H

#include <string.h>

#include "base/span.h"

/* The next line of *text without its end, which *text loses; false at the end of the text. */
static inline bool
dt_line_next(struct dt_span *text, struct dt_span *line)
{
	if (text->len == 0)
		return false;
	size_t n = 0;
	while (n < text->len && text->data[n] != '\n' && text->data[n] != '\r')
		n++;
	*line = (struct dt_span){text->data, n};
	if (n < text->len)
		n += n + 1 < text->len && text->data[n] == '\r' && text->data[n + 1] == '\n' ? 2 : 1;
	text->data += n;
	text->len -= n;
	return true;
}

static inline bool
dt_span_begins(struct dt_span s, const char *with)
{
	size_t len = strlen(with);
	return s.len >= len && memcmp(s.data, with, len) == 0;
}

static inline bool
dt_span_is(struct dt_span s, const char *text)
{
	return s.len == strlen(text) && dt_span_begins(s, text);
}

#endif
