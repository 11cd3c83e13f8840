/* fuzz.h - what a fuzz target is: a function over bytes that returns only when all promises held.
 *
 * libFuzzer calls it in the fuzz preset; replay.c calls it for the kept inputs in all others, so
 * that an input that once broke something is a test from then on.
 */
#ifndef DT_TESTS_FUZZ_H
#define DT_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif
