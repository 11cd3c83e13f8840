/* hex.h - bytes written as hex in a test's table. */
#ifndef DT_TESTS_DTLS_HEX_H
#define DT_TESTS_DTLS_HEX_H

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Returns the bytes written to `out`. */
static inline size_t
from_hex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;
	for (size_t i = 0; i < n; i++) {
		unsigned byte = 0;
		cr_assert_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return n;
}

static inline void
expect_bytes(const uint8_t *got, const char *hex, const char *what)
{
	uint8_t want[256];
	size_t n = from_hex(hex, want);
	cr_assert_eq(memcmp(got, want, n), 0, "%s", what);
}

#endif
