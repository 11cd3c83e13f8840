/* abi.h - whether the bytes behind the symbol `dtlsd_module` are a module that we can run.
 *
 * Reads the frozen prefix first and nothing behind it until it matches; then looks whether what
 * the table says about itself can be true. Pure. Threads: any.
 */
#ifndef DT_PLUGIN_ABI_H
#define DT_PLUGIN_ABI_H

#include <dtlsd/module.h>
#include <stddef.h>

#include "base/err.h"

#define DT_ABI_WHY 256u	    /* bytes of a message, with NUL */
/* A hook that came after 0.1: NULL for a module whose table ends before it. */
#define DT_ABI_HOOK(module, hook)                                                                  \
	((module)->size >= offsetof(struct dtlsd_module, hook) + sizeof((module)->hook)            \
		? (module)->hook                                                           \
		: NULL)

#define DT_ABI_NAME_MAX 63u /* characters of a module's name */

/* `size`: bytes that the symbol has in its file. DT_ERR_REFUSED: `why` says what was found and
 * what was wanted. */
enum dt_err dt_abi_check(const void *symbol, size_t size, char why[DT_ABI_WHY]) DT_MUST_USE;

#endif
