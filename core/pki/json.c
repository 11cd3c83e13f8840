#include "pki/json.h"

#include <openssl/crypto.h>
#include <string.h>

static void
skip_space(struct dt_span *s)
{
	while (s->len && s->data[0] && strchr(" \t\r\n", s->data[0])) {
		s->data++;
		s->len--;
	}
}

static struct dt_span
trim(struct dt_span s)
{
	skip_space(&s);
	while (s.len && s.data[s.len - 1] && strchr(" \t\r\n", s.data[s.len - 1]))
		s.len--;
	return s;
}

/* Bytes of the text that begins with this quote, both quotes included; 0: it has no end. */
static size_t
text_length(struct dt_span s)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.data[i] == '\\')
			i++;
		else if (s.data[i] == '"')
			return i + 1;
	}
	return 0;
}

/* Bytes of the value that begins here; 0: there is none, or it has no end. */
static size_t
value_length(struct dt_span s)
{
	size_t depth = 0;
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.data[i];
		if (depth == 0 && (c == ',' || c == ':' || c == '}' || c == ']'))
			return i;
		if (c == '"') {
			size_t n = text_length((struct dt_span){s.data + i, s.len - i});
			if (n == 0)
				return 0;
			i += n - 1;
		}
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
		if (depth == 0 && (c == '"' || c == '}' || c == ']'))
			return i + 1;
	}
	return 0;
}

struct dt_json
dt_json_open(struct dt_span value)
{
	struct dt_json j = {.first = true, .bad = true};
	value = trim(value);
	if (value.len < 2)
		return j;
	uint8_t open = value.data[0], close = value.data[value.len - 1];
	j.bad = !(open == '{' && close == '}') && !(open == '[' && close == ']');
	j.close = close;
	j.left = (struct dt_span){value.data + 1, value.len - 1};
	return j;
}

static bool
take(struct dt_json *j, uint8_t c)
{
	skip_space(&j->left);
	if (!j->left.len || j->left.data[0] != c)
		return false;
	j->left.data++;
	j->left.len--;
	return true;
}

static bool
take_value(struct dt_json *j, struct dt_span *value)
{
	skip_space(&j->left);
	size_t n = value_length(j->left);
	*value = trim((struct dt_span){j->left.data, n});
	j->left.data += n;
	j->left.len -= n;
	return value->len != 0;
}

bool
dt_json_next(struct dt_json *j, struct dt_span *key, struct dt_span *value)
{
	if (j->bad || j->ended)
		return false;
	if (take(j, j->close)) {
		j->bad = j->left.len != 0;
		j->ended = true;
		return false;
	}
	j->bad = !j->first && !take(j, ',');
	j->first = false;
	if (!j->bad && j->close == '}') {
		struct dt_span name;
		j->bad = !take_value(j, &name) || name.len < 2 || name.data[0] != '"' || !take(j, ':');
		if (!j->bad)
			*key = (struct dt_span){name.data + 1, name.len - 2};
	}
	j->bad = j->bad || !take_value(j, value);
	return !j->bad;
}

/* \uXXXX of ASCII; -1 for all else. */
static int
read_unicode(struct dt_span s)
{
	int v = 0;
	if (s.len < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		int digit = OPENSSL_hexchar2int(s.data[i]);
		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v > 0 && v < 128 ? v : -1;
}

bool
dt_json_text(struct dt_span value, uint8_t *out, size_t *len)
{
	static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	*len = 0;
	if (value.len < 2 || value.data[0] != '"' || text_length(value) != value.len)
		return false;
	for (size_t i = 1; i < value.len - 1; i++) {
		int c = value.data[i];
		if (c == '\\') {
			c = value.data[++i];
			const char *found = c ? strchr(escapes, c) : NULL;
			if (c == 'u') {
				c = read_unicode((struct dt_span){value.data + i + 1, value.len - i - 2});
				i += 4;
			} else {
				c = found ? meant[found - escapes] : -1;
			}
		}
		if (c < 0)
			return false;
		out[(*len)++] = (uint8_t)c;
	}
	return true;
}
