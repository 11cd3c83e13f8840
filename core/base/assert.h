/* assert.h - promises of our own code, checked in release builds too.
 *
 * A broken one ends the process with file, line and expression: going on with
 * keys and counters that are not what we believe is worse than a restart.
 * Never for peer bytes, never for what an operator wrote.
 */
#ifndef DT_BASE_ASSERT_H
#define DT_BASE_ASSERT_H

#define DT_ASSERT(expr)                                                                            \
	(__builtin_expect(!!(expr), 1) ? (void)0 : dt_assert_failed(__FILE__, __LINE__, #expr))

/* Objects that cross rooms begin with `uint32_t magic`, checked on entry. */
#define DT_CHECK_MAGIC(ptr, value) DT_ASSERT((ptr) && (ptr)->magic == (value))

_Noreturn void dt_assert_failed(const char *file, int line, const char *expr);

#endif
