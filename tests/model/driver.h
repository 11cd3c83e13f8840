/* driver.h - the words of a command, and the commands that the model asks core/dtls.
 *
 * One command a line, one answer a line; bytes are hex, "-" stands for none. A command that is
 * not well formed is a mistake of the test, and ends the program.
 * Threads: none.
 */
#ifndef DT_TESTS_MODEL_DRIVER_H
#define DT_TESTS_MODEL_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "dtls/protect.h"

/* Bytes of a command, each in a block of its own, so that a sanitizer sees a step too far.
 * They live until the end of the command. */
struct bytes {
	uint8_t *data;
	size_t len;
};

void fail(const char *what) __attribute__((noreturn));
/* Zeroed; freed at the end of the command. */
void *take_memory(size_t size);

bool more(void); /* whether the command has further words */
const char *take_word(void);
uint64_t take_number(void);
struct bytes take_bytes(void);
struct bytes take_exactly(size_t len);
const struct dt_suite *take_suite(void);
struct dt_key take_key(const struct dt_suite *suite); /* two words: key, iv */

void put_bytes(const uint8_t *data, size_t len);

static inline struct dt_span
span_of(struct bytes b)
{
	return (struct dt_span){b.data, b.len};
}

/* The pool of all commands; it is small, so that contexts change their keys all the time. */
struct dt_aead_pool *pool(void);
/* A number that no key had before. */
uint64_t new_owner(void);

/* driver_records.c */
void do_suite(void);
void do_prf(void);
void do_derive(void);
void do_seal(void);
void do_open(void);
void do_session(void);
void do_number(void);
void do_replay(void);
void do_records(void);

/* driver_handshake.c */
void do_head(void);
void do_hello(void);
void do_cookie(void);
void do_verify(void);
void do_hvr(void);
void do_reassemble(void);
void do_flight(void);

#endif
