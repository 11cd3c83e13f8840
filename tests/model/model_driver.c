/* model_driver.c - core/dtls on a line of commands: what the model in this directory talks to. */
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define BLOCKS 4096u
#define CONTEXTS 6u

static const struct {
	const char *name;
	void (*run)(void);
} commands[] = {
    {"suite", do_suite},
    {"prf", do_prf},
    {"derive", do_derive},
    {"seal", do_seal},
    {"open", do_open},
    {"session", do_session},
    {"number", do_number},
    {"replay", do_replay},
    {"records", do_records},
    {"head", do_head},
    {"hello", do_hello},
    {"cookie", do_cookie},
    {"verify", do_verify},
    {"hvr", do_hvr},
    {"reassemble", do_reassemble},
    {"flight", do_flight},
};

static char *words; /* borrowed: the rest of the line */
static void *blocks[BLOCKS];
static size_t block_count;
static struct dt_aead_pool *aead;
static uint64_t owners;

void
fail(const char *what)
{
	fprintf(stderr, "model_driver: %s\n", what);
	exit(2);
}

void *
take_memory(size_t size)
{
	void *p = block_count < BLOCKS ? calloc(1, size) : NULL;
	if (!p && (size || block_count == BLOCKS))
		fail("no memory");
	blocks[block_count++] = p;
	return p;
}

bool
more(void)
{
	return words != NULL;
}

const char *
take_word(void)
{
	const char *word = strsep(&words, " ");
	if (!word)
		fail("a word is missing");
	return word;
}

uint64_t
take_number(void)
{
	char *end;
	const char *word = take_word();
	uint64_t n = strtoull(word, &end, 0);
	if (end == word || *end)
		fail("no number");
	return n;
}

static uint8_t
nibble(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;
	if (!at)
		fail("no hex");
	return (uint8_t)(at - digits);
}

struct bytes
take_bytes(void)
{
	const char *word = take_word();
	size_t len = strcmp(word, "-") == 0 ? 0 : strlen(word) / 2;
	struct bytes b = {take_memory(len), len};
	for (size_t i = 0; i < len; i++)
		b.data[i] = (uint8_t)(nibble(word[2 * i]) << 4 | nibble(word[2 * i + 1]));
	return b;
}

struct bytes
take_exactly(size_t len)
{
	struct bytes b = take_bytes();
	if (b.len != len)
		fail("a wrong number of bytes");
	return b;
}

const struct dt_suite *
take_suite(void)
{
	const struct dt_suite *suite = dt_suite_find((uint16_t)take_number());
	if (!suite)
		fail("no such suite");
	return suite;
}

struct dt_key
take_key(const struct dt_suite *suite)
{
	struct dt_key k = {0};
	memcpy(k.key, take_exactly(suite->key_len).data, suite->key_len);
	memcpy(k.iv, take_exactly(suite->iv_len).data, suite->iv_len);
	return k;
}

void
put_bytes(const uint8_t *data, size_t len)
{
	if (len == 0)
		putchar('-');
	for (size_t i = 0; i < len; i++) {
		putchar("0123456789abcdef"[data[i] >> 4]);
		putchar("0123456789abcdef"[data[i] & 15]);
	}
}

struct dt_aead_pool *
pool(void)
{
	return aead;
}

uint64_t
new_owner(void)
{
	return ++owners;
}

static void
run_line(char *line)
{
	words = line;
	const char *name = take_word();
	size_t i = 0;
	while (i < sizeof(commands) / sizeof(commands[0]) && strcmp(commands[i].name, name) != 0)
		i++;
	if (i == sizeof(commands) / sizeof(commands[0]))
		fail("no such command");
	commands[i].run();
	if (more())
		fail("a word too many");
	putchar('\n');
	while (block_count)
		free(blocks[--block_count]);
}

int
main(void)
{
	if (dt_aead_pool_new(CONTEXTS, &aead) != DT_OK)
		fail("no pool");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	while ((len = getline(&line, &cap, stdin)) > 0) {
		line[len - 1] = '\0';
		run_line(line);
	}
	free(line);
	dt_aead_pool_free(&aead);
	return fflush(stdout) == 0 ? 0 : 1;
}
