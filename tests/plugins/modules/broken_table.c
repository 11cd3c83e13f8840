/* A table that lies about itself; built several times, each with another lie. */
#include <dtlsd/module.h>

#ifndef MAGIC
#define MAGIC DTLSD_MAGIC
#endif
#ifndef MAJOR
#define MAJOR DTLSD_ABI_MAJOR
#endif
#ifndef MINOR
#define MINOR DTLSD_ABI_MINOR
#endif
#ifndef SIZE
#define SIZE sizeof(struct dtlsd_module)
#endif
#ifndef NAME
#define NAME "broken"
#endif

DTLSD_EXTERN_C DTLSD_EXPORT const struct dtlsd_module dtlsd_module;
const struct dtlsd_module dtlsd_module = {
    MAGIC, MAJOR, MINOR, SIZE, 0, .name = NAME, .version = "1"};
