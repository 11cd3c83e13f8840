/* Stands in for Criterion's header where pieces of tests/sim are built into a fuzz target: there is
 * no runner that could note a failed test, so what they assert aborts, as a fuzzer wants it. */
#ifndef DT_TESTS_WITHOUT_CRITERION_H
#define DT_TESTS_WITHOUT_CRITERION_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define cr_assert(...) cr_check(__FILE__, __LINE__, #__VA_ARGS__, __VA_ARGS__)

/* The message of the test, if it has one, is left out: the text names the condition. */
static inline void
cr_check(const char *file, int line, const char *text, bool holds, ...)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: broken: %s\n", file, line, text);
	abort();
}

#endif
