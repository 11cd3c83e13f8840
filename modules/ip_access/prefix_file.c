#include "prefix_file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLANKS " \t\r\n\v\f"
#define BAD_LINES_TOLD 10u
#define SHOWN 48 /* bytes of a bad line that are repeated */

static bool
parse_bits(const char *text, unsigned most, uint16_t *out)
{
	size_t len = strlen(text);
	if (len == 0 || len > 3 || strspn(text, "0123456789") != len)
		return false;
	unsigned long bits = strtoul(text, NULL, 10);
	if (bits > most)
		return false;
	*out = (uint16_t)bits;
	return true;
}

static bool
has_bits_behind(const struct dtlsd_cidr *c, unsigned total)
{
	for (unsigned i = c->bits; i < total; i++)
		if (c->ip[i / 8] & (0x80u >> (i % 8)))
			return true;
	return false;
}

const char *
prefix_parse(const char *text, struct dtlsd_cidr *out)
{
	char ip[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "/");
	if (len >= sizeof(ip))
		return "not an address or prefix";
	memcpy(ip, text, len);
	ip[len] = '\0';

	bool is_v6 = strchr(ip, ':') != NULL;
	unsigned total = is_v6 ? 128 : 32;
	memset(out, 0, sizeof(*out));
	out->family = is_v6 ? DTLSD_IPV6 : DTLSD_IPV4;
	out->bits = (uint16_t)total;
	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, ip, out->ip) != 1)
		return "not an address or prefix";
	if (text[len] && !parse_bits(text + len + 1, total, &out->bits))
		return is_v6 ? "the prefix length is not 0 to 128"
			     : "the prefix length is not 0 to 32";
	if (has_bits_behind(out, total))
		return "bits behind the prefix are not 0";
	return NULL;
}

static void __attribute__((format(printf, 2, 3)))
complain(const struct prefix_reader *r, const char *form, ...)
{
	char text[4096 + 256]; /* a path and some words */
	va_list args;
	va_start(args, form);
	vsnprintf(text, sizeof(text), form, args);
	va_end(args);
	r->complain(r->arg, text);
}

/* Cuts comment and blanks away, in place; what is left begins at the result. */
static char *
trim(char *line)
{
	line[strcspn(line, "#")] = '\0';
	line += strspn(line, BLANKS);
	size_t len = strlen(line);
	while (len && strchr(BLANKS, line[len - 1]))
		line[--len] = '\0';
	return line;
}

/* A binary file by mistake must not reach a terminal. */
static void
make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

struct position {
	const char *path;
	unsigned line; /* counted from 1 */
	unsigned bad;
};

/* False: the reader has had enough. */
static bool
read_line(char *line, size_t len, struct position *at, const struct prefix_reader *r)
{
	struct dtlsd_cidr cidr;
	const char *wrong = NULL;
	if (strlen(line) != len)
		wrong = "a NUL byte";
	char *word = trim(line);
	if (!wrong && !*word)
		return true;
	if (!wrong)
		wrong = prefix_parse(word, &cidr);
	if (!wrong)
		return r->prefix(r->arg, &cidr);

	if (at->bad++ < BAD_LINES_TOLD) {
		make_printable(word);
		complain(r, "%.4000s:%u: %s: \"%.*s\"", at->path, at->line, wrong, SHOWN, word);
	}
	return true;
}

static bool
read_lines(FILE *f, const char *path, const struct prefix_reader *r)
{
	struct position at = {.path = path};
	char *line = NULL;
	size_t room = 0;
	bool going = true;
	ssize_t len;
	while (going && (len = getline(&line, &room, f)) >= 0) {
		at.line++;
		going = read_line(line, (size_t)len, &at, r);
	}
	free(line);

	if (going && !feof(f)) {
		complain(r, "%.4000s: %s", path, strerror(errno));
		return false;
	}
	if (at.bad > BAD_LINES_TOLD)
		complain(r, "%.4000s: %u more bad lines", path, at.bad - BAD_LINES_TOLD);
	return going && !at.bad;
}

bool
prefix_file_read(const char *path, const struct prefix_reader *r)
{
	/* O_NONBLOCK: opening a FIFO would wait for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		complain(r, "%.4000s: %s", path, strerror(errno));
		return false;
	}
	struct stat st;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		complain(r, "%.4000s: not a regular file", path);
		close(fd);
		return false;
	}
	FILE *f = fdopen(fd, "r");
	if (!f) {
		complain(r, "%.4000s: %s", path, strerror(errno));
		close(fd);
		return false;
	}
	bool good = read_lines(f, path, r);
	fclose(f);
	return good;
}
