/* A library, and no module. */
#include <dtlsd/module.h>

extern DTLSD_EXPORT const int something_else;
const int something_else = 1;
