/* The right name, and nothing behind it. */
#include <dtlsd/module.h>

extern DTLSD_EXPORT const uint64_t dtlsd_module;
const uint64_t dtlsd_module = DTLSD_MAGIC;
