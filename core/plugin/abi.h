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
#define DT_ABI_NAME_MAX 63u /* characters of a module's name */

/* `size`: bytes that the symbol has in its file. DT_ERR_REFUSED: `why` says what was found and
 * what was wanted. */
enum dt_err dt_abi_check(const void *symbol, size_t size, char why[DT_ABI_WHY]) DT_MUST_USE;

#endif
