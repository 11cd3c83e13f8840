/* words.c - from the words of the command line to a command and its arguments. */
#include "server/ctl/ctl.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES 16384u /* no datagram has more */

void
dt_ctl_complain(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("dtlsctl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

static bool __attribute__((format(printf, 1, 2))) wrong(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("dtlsctl: ", stderr);
	vfprintf(stderr, format, args);
	fputs("\nTry \"dtlsctl help\".\n", stderr);
	va_end(args);
	return false;
}

/* ---- which command ---- */

const struct dt_control_command *
dt_ctl_words_command(const char *const *words, int *used)
{
	char both[128];
	const char *near;
	*used = 2;
	if (!words[0])
		return NULL;
	if (words[1]) {
		snprintf(both, sizeof(both), "%s %s", words[0], words[1]);
		const struct dt_control_command *c = dt_control_find(both, &near);
		if (c)
			return c;
	}
	*used = 1;
	return dt_control_find(words[0], &near);
}

static bool
find_command(struct dt_ctl_words *w, char ***words)
{
	static const char *const own[] = {"help", "completion"};
	const char *near = NULL;
	char **at = *words;
	int used;
	if (!*at)
		return w->help || w->version || wrong("a command is wanted");
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(*at, own[i]) == 0)
			w->own = own[i];
	if (w->own) {
		for (int i = 0; i < 2 && at[1]; i++)
			w->about[i] = *++at;
		*words = at + 1;
		return true;
	}
	const char *pair[3] = {at[0], at[1], NULL};
	w->command = dt_ctl_words_command(pair, &used);
	*words += used;
	if (w->command)
		return true;
	(void)dt_control_find(pair[0], &near);
	return near ? wrong("there is no command \"%s\"; did you mean \"%s\"?", pair[0], near)
		    : wrong("there is no command \"%s\"", pair[0]);
}

/* ---- its arguments ---- */

static const char *
nth_argument(const void *arg, size_t i)
{
	const struct dtlsd_options *t = arg;
	return t->items[i].name;
}

/* "server-name" is "server_name" to a table. */
static const struct dtlsd_option *
find_argument(const struct dtlsd_options *t, const char *name, size_t len)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const char *have = t->items[i].name;
		size_t k = 0;
		while (k < len && have[k] &&
		       (have[k] == name[k] || (have[k] == '_' && name[k] == '-')))
			k++;
		if (k == len && !have[k])
			return &t->items[i];
	}
	return NULL;
}

/* A number where the table wants one and it looks like one; the server judges it. */
static json_t *
make_value(const struct dtlsd_option *o, const char *text, size_t len)
{
	char *end, digits[24];
	if (o->type == DTLSD_OPT_INTEGER && len > 0 && len < sizeof(digits)) {
		memcpy(digits, text, len);
		digits[len] = '\0';
		errno = 0;
		long long n = strtoll(digits, &end, 10);
		if (!*end && errno == 0)
			return json_integer(n);
	}
	return json_stringn(text, len);
}

static bool
set_argument(json_t *arguments, const struct dtlsd_option *o, const char *text)
{
	if (!(o->flags & DTLSD_OPT_LIST)) {
		if (json_object_get(arguments, o->name))
			return wrong("\"%s\" is given twice", o->name);
		json_t *v = make_value(o, text, strlen(text));
		return (v && json_object_set_new(arguments, o->name, v) == 0) ||
		       wrong("\"%s\" is not UTF-8", o->name);
	}
	json_t *list = json_object_get(arguments, o->name);
	if (!list) {
		list = json_array();
		json_object_set_new(arguments, o->name, list);
	}
	for (;;) {
		size_t len = strcspn(text, ",");
		if (json_array_append_new(list, make_value(o, text, len)) != 0)
			return wrong("\"%s\" is not UTF-8", o->name);
		if (!text[len])
			return true;
		text += len + 1;
	}
}

/* The bytes of a file as base64. */
static bool
set_from_file(json_t *arguments, const char *path)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char bytes[FILE_MAX_BYTES + 3] = {0};
	char text[(FILE_MAX_BYTES + 2) / 3 * 4 + 1], *out = text;
	FILE *f = fopen(path, "re");
	size_t len = f ? fread(bytes, 1, FILE_MAX_BYTES + 1, f) : 0;
	bool good = f && !ferror(f);
	if (f)
		fclose(f);
	if (!good)
		return wrong("%s: %s", path, strerror(errno));
	if (len > FILE_MAX_BYTES)
		return wrong("%s: more than %u bytes", path, FILE_MAX_BYTES);
	for (size_t i = 0; i < len; i += 3) {
		unsigned v = (unsigned)(bytes[i] << 16 | bytes[i + 1] << 8 | bytes[i + 2]);
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = len - i > 1 ? digits[v >> 6 & 63] : '=';
		*out++ = len - i > 2 ? digits[v & 63] : '=';
	}
	*out = '\0';
	return json_object_set_new(arguments, DT_CONTROL_FROM_FILE, json_string(text)) == 0;
}

static bool
refuse_option(const struct dtlsd_options *t, const char *word, size_t len)
{
	char name[64];
	snprintf(name, sizeof(name), "%.*s", (int)len, word);
	const char *near = dt_text_nearest(name, nth_argument, t, t->count);
	return near ? wrong("unknown option --%s; did you mean --%s?", name, near)
		    : wrong("unknown option --%s", name);
}

/* `word`: behind the two hyphens. */
static bool
take_option(struct dt_ctl_words *w, const char *word, char ***words)
{
	const struct dtlsd_options *t = w->command->arguments;
	size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : NULL;
	bool file = len == 4 && memcmp(word, "file", 4) == 0 &&
		    find_argument(t, DT_CONTROL_FROM_FILE, strlen(DT_CONTROL_FROM_FILE));
	const struct dtlsd_option *o = file ? NULL : find_argument(t, word, len);
	if (!file && !o)
		return refuse_option(t, word, len);
	if (o && o->type == DTLSD_OPT_BOOLEAN)
		return value ? wrong("--%.*s takes no value", (int)len, word)
			     : json_object_set_new(w->arguments, o->name, json_true()) == 0;
	if (!value && !**words)
		return wrong("--%s wants a value", word);
	if (!value)
		value = *(*words)++;
	return file ? set_from_file(w->arguments, value) : set_argument(w->arguments, o, value);
}

static bool
take_arguments(struct dt_ctl_words *w, char **words)
{
	const struct dtlsd_options *t = w->command->arguments;
	uint32_t plain = 0;
	bool options = true;
	while (*words) {
		const char *word = *words++;
		if (options && strcmp(word, "--") == 0) {
			options = false;
		} else if (options && strcmp(word, "--json") == 0) {
			w->json = true;
		} else if (options && strcmp(word, "--help") == 0) {
			w->help = true;
			w->about[0] = w->command->name;
		} else if (options && word[0] == '-' && word[1] == '-') {
			if (!take_option(w, word + 2, &words))
				return false;
		} else if (plain == w->command->words) {
			return wrong("unexpected word \"%s\"", word);
		} else if (!set_argument(w->arguments, &t->items[plain++], word)) {
			return false;
		}
	}
	return true;
}

/* What stands before the command. */
static bool
take_globals(struct dt_ctl_words *w, char ***words)
{
	while (**words && (**words)[0] == '-') {
		const char *word = *(*words)++;
		bool socket = strcmp(word, "-s") == 0 || strcmp(word, "--socket") == 0;
		bool config = strcmp(word, "-c") == 0 || strcmp(word, "--config") == 0;
		if ((socket || config) && !**words)
			return wrong("%s wants a path", word);
		if (socket)
			w->socket = *(*words)++;
		else if (config)
			w->config = *(*words)++;
		else if (strcmp(word, "--json") == 0)
			w->json = true;
		else if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
			w->help = true;
		else if (strcmp(word, "--version") == 0)
			w->version = true;
		else
			return wrong("unknown option %s", word);
	}
	return true;
}

bool
dt_ctl_words_read(struct dt_ctl_words *w, char **words)
{
	*w = (struct dt_ctl_words){.arguments = json_object()};
	if (!w->arguments)
		return wrong("out of memory");
	if (!take_globals(w, &words) || !find_command(w, &words))
		return false;
	if (w->command)
		return take_arguments(w, words);
	return !*words || w->help || w->version || wrong("unexpected word \"%s\"", *words);
}
